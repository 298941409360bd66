#include "tests/sim/simulated_redis.hpp"

#include <algorithm>
#include <utility>

namespace tiketi::sim {

namespace {

redis::reply number(std::int64_t value) {
  redis::reply out;
  out.what = redis::reply::kind::integer;
  out.integer = value;
  return out;
}

redis::reply list() {
  redis::reply out;
  out.what = redis::reply::kind::list;
  return out;
}

std::int64_t to_number(const std::string& text) {
  return std::stoll(text);
}

} // namespace

class simulated_redis::connection final : public redis::client {
public:
  connection(simulated_redis& redis, std::function<bool()> reached)
      : redis_(redis), reached_(std::move(reached)) {}

  void start(redis::call c, done_fn done) override {
    if (redis_.away_ || (reached_ && !reached_())) {
      done({redis::call_error::unavailable, {}, "away"});
      return;
    }
    auto& world = redis_.world_;
    const auto there = milliseconds{1} + redis_.slow_ / 2;
    const auto back = milliseconds{1} + redis_.slow_ / 2;
    const auto deadline = c.deadline;
    const bool in_time = there + back <= deadline;
    world.after(there, [this, c = std::move(c), done, back, in_time] {
      // Away or empty by now is another Redis than the one that was called.
      if (redis_.away_)
        return done({redis::call_error::lost, {}, "lost"});
      auto answer = redis_.run(c);
      if (in_time)
        redis_.world_.after(back, [done, answer] { done({redis::call_error::none, answer, {}}); });
    });
    if (!in_time)
      world.after(deadline, [done] { done({redis::call_error::timed_out, {}, "late"}); });
  }

  redis::client_status status() const override { return {1, redis_.away_ ? 0U : 1U, {}}; }
  void shutdown() override {}

private:
  simulated_redis& redis_;
  std::function<bool()> reached_;
};

std::shared_ptr<redis::client> simulated_redis::connect(std::function<bool()> reached) {
  return std::make_shared<connection>(*this, std::move(reached));
}

redis::reply simulated_redis::run(const redis::call& c) {
  if (c.run != nullptr && c.run->name == "seat_acquire")
    return acquire(c);
  if (c.run != nullptr && c.run->name == "seat_release")
    return release(c);
  return {};
}

redis::reply simulated_redis::acquire(const redis::call& c) {
  auto out = list();
  const auto argument = [&](std::size_t i) -> const std::string& { return c.words[c.keys + i]; };
  const auto now = to_number(argument(0));
  const auto life = to_number(argument(1));
  std::size_t key = 0;
  for (std::size_t at = 3; c.keys + at < c.words.size();) {
    const auto& reservation = argument(at);
    const auto& user = argument(at + 1);
    const auto count = static_cast<std::size_t>(to_number(argument(at + 2)));
    auto granted = list();
    auto busy = list();
    granted.items.push_back(number(1));
    busy.items.push_back(number(0));
    for (std::size_t i = 0; i < count; ++i) {
      const auto floor = to_number(argument(at + 3 + i));
      std::int64_t last = 0;
      if (const auto found = seats_.find(c.words[key + i]); found != seats_.end()) {
        last = found->second.token;
        if (last > floor && found->second.till > now && found->second.user != user)
          busy.items.push_back(number(static_cast<std::int64_t>(i + 1)));
      }
      granted.items.push_back(number(std::max(last, floor) + 1));
    }
    if (busy.items.size() > 1) {
      out.items.push_back(busy);
    } else {
      for (std::size_t i = 0; i < count; ++i)
        seats_[c.words[key + i]] = {granted.items[i + 1].integer, now + life, reservation, user};
      out.items.push_back(granted);
    }
    key += count;
    at += 3 + count;
  }
  return out;
}

redis::reply simulated_redis::release(const redis::call& c) {
  std::int64_t dropped = 0;
  const auto& reservation = c.words[c.keys];
  for (std::size_t i = 0; i < c.keys; ++i) {
    const auto given = to_number(c.words[c.keys + 2 + i]);
    auto& one = seats_[c.words[i]];
    if (one.token < given || (one.token == given && one.reservation == reservation)) {
      dropped += one.token == given ? 1 : 0;
      one = {given, 0, {}, {}};
    }
  }
  return number(dropped);
}

} // namespace tiketi::sim
