#include "actors/webhook/schedule.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace tiketi::webhook {
namespace {

using namespace std::chrono_literals;

constexpr time_point start = from_millis(1'771'754'400'000);

webhook_id hook(int n) {
  webhook_id id;
  id.value.bytes[15] = static_cast<std::uint8_t>(n);
  return id;
}

using lane_name = std::pair<webhook_id, std::string>;

/// What the store does, and what it must be asked for: order in each lane.
class world {
public:
  explicit world(schedule_options o) : options(o), schedule(o) {}

  void queue(webhook_id id, const std::string& key) {
    auto& lane = lanes[{id, key}];
    if (lane.waiting.empty())
      lane.due = now;
    lane.waiting.push_back(++last);
    schedule.poke(id);
  }

  void ask() {
    for (const auto& r : schedule.reads(now)) {
      EXPECT_GT(r.limit, 0u);
      EXPECT_LE(r.limit, options.per_webhook_max * 2);
      asked.push_back({r, std::nullopt});
    }
    check();
  }

  struct page {
    std::vector<delivery_schedule::head> due;
    std::optional<time_point> next;
  };

  /// The store reads at some moment between question and answer.
  void look(std::size_t i) {
    auto& [r, seen] = asked.at(i);
    if (seen)
      return;
    seen.emplace();
    std::vector<std::pair<time_point, delivery_schedule::head>> ready;
    for (const auto& [name, lane] : lanes) {
      if (name.first != r.hook || lane.waiting.empty())
        continue;
      if (lane.due <= now)
        ready.push_back({lane.due, {name.second, lane.waiting.front()}});
      else
        seen->next = seen->next ? std::min(*seen->next, lane.due) : lane.due;
    }
    std::stable_sort(ready.begin(), ready.end(), [](const auto& a, const auto& b) {
      return std::pair{a.first, a.second.sequence} < std::pair{b.first, b.second.sequence};
    });
    for (std::size_t n = 0; n < ready.size() && n < r.limit; ++n)
      seen->due.push_back(ready[n].second);
  }

  void answer(std::size_t i) {
    look(i);
    const auto [r, seen] = asked.at(i);
    asked.erase(asked.begin() + static_cast<std::ptrdiff_t>(i));
    for (const auto n : schedule.page(r.hook, seen->due, seen->next, now)) {
      const auto& h = seen->due.at(n);
      const lane_name name{r.hook, h.key};
      EXPECT_FALSE(flying.contains(name)) << "two of one lane at once";
      ASSERT_FALSE(lanes[name].waiting.empty()) << "nothing waits there any more";
      EXPECT_EQ(lanes[name].waiting.front(), h.sequence) << "out of order";
      flying[name] = h.sequence;
    }
    check();
  }

  /// The outcome becomes durable, the schedule does not know yet.
  void store(lane_name name, bool success, milliseconds retry) { // a copy: it goes from `flying`
    auto& lane = lanes[name];
    ASSERT_EQ(lane.waiting.front(), flying.at(name));
    if (success) {
      done.push_back({name, lane.waiting.front()});
      lane.waiting.pop_front();
      lane.due = now;
    } else {
      lane.due = now + retry;
    }
    flying.erase(name);
    stored.insert(name);
  }

  void settle(lane_name name) { // a copy, as above
    stored.erase(name);
    schedule.settled(name.first, name.second);
    check();
  }

  void check() const {
    std::map<webhook_id, std::size_t> per_hook;
    for (const auto& f : flying)
      ++per_hook[f.first.first];
    for (const auto& s : stored)
      ++per_hook[s.first];
    std::size_t shared = 0;
    std::size_t all = 0;
    for (const auto& [id, n] : per_hook) {
      EXPECT_LE(n, options.per_webhook_max);
      EXPECT_EQ(n, schedule.in_flight(id));
      shared += n - 1;
      all += n;
    }
    EXPECT_LE(shared, options.shared_max);
    EXPECT_EQ(all, schedule.in_flight());
  }

  std::size_t waiting() const {
    std::size_t n = 0;
    for (const auto& l : lanes)
      n += l.second.waiting.size();
    return n;
  }

  /// Everything succeeds from here on.
  void drain() {
    for (int i = 0; i < 100'000 && waiting() > 0; ++i) {
      while (!stored.empty())
        settle(*stored.begin());
      while (!flying.empty())
        store(flying.begin()->first, true, 0ms);
      while (!stored.empty())
        settle(*stored.begin());
      ask();
      const auto idle = asked.empty();
      while (!asked.empty())
        answer(0);
      if (idle)
        now += 100ms;
    }
    EXPECT_EQ(waiting(), 0u) << "something is never sent";
  }

  struct lane_state {
    std::deque<std::int64_t> waiting;
    time_point due;
  };

  schedule_options options;
  delivery_schedule schedule;
  time_point now = start;
  std::int64_t last = 0;
  std::map<lane_name, lane_state> lanes;
  std::vector<std::pair<delivery_schedule::read, std::optional<page>>> asked;
  std::map<lane_name, std::int64_t> flying;
  std::set<lane_name> stored; ///< durable, and the schedule does not know
  std::vector<std::pair<lane_name, std::int64_t>> done;
};

void expect_ordered(const world& w) {
  std::map<lane_name, std::int64_t> last;
  for (const auto& [name, sequence] : w.done) {
    EXPECT_LT(last[name], sequence);
    last[name] = sequence;
  }
}

/// Every order in which questions, looks, answers and outcomes can happen, to the end.
void explore(const world& w, int failures, std::size_t& ends) {
  if (::testing::Test::HasFailure())
    return;
  bool moved = false;
  const auto branch = [&](auto step, int left) {
    auto next = w;
    step(next);
    moved = true;
    explore(next, left, ends);
  };
  {
    auto next = w;
    next.ask();
    if (!next.asked.empty() && next.asked.size() > w.asked.size()) {
      moved = true;
      explore(next, failures, ends);
    }
  }
  for (std::size_t i = 0; i < w.asked.size(); ++i) {
    if (!w.asked[i].second)
      branch([i](world& n) { n.look(i); }, failures);
    else
      branch([i](world& n) { n.answer(i); }, failures);
  }
  for (const auto& f : w.flying) {
    branch([name = f.first](world& n) { n.store(name, true, 0ms); }, failures);
    if (failures > 0)
      branch([name = f.first](world& n) { n.store(name, false, 0ms); }, failures - 1);
  }
  for (const auto& s : w.stored)
    branch([name = s](world& n) { n.settle(name); }, failures);
  if (moved)
    return;
  ++ends;
  EXPECT_EQ(w.waiting(), 0u) << "nothing can happen, and something waits";
  expect_ordered(w);
}

TEST(delivery_schedule_test, every_order_of_few_steps_keeps_the_order_and_ends) {
  std::size_t ends = 0;
  world w{{.per_webhook_max = 2, .shared_max = 1}};
  w.schedule.open(hook(1));
  for (const char* key : {"a", "a", "b"})
    w.queue(hook(1), key);
  explore(w, 0, ends);
  EXPECT_GT(ends, 100u);
  // A delivery fails once: another one behind it, and beside it.
  for (const char* second : {"a", "b"}) {
    std::size_t again = 0;
    world repeated{{.per_webhook_max = 2, .shared_max = 1}};
    repeated.schedule.open(hook(1));
    repeated.queue(hook(1), "a");
    repeated.queue(hook(1), second);
    explore(repeated, 1, again);
    EXPECT_GE(again, 3u);
  }
  // Two webhooks that share nothing.
  std::size_t more = 0;
  world two{{.per_webhook_max = 1, .shared_max = 0}};
  for (const int n : {1, 2}) {
    two.schedule.open(hook(n));
    two.queue(hook(n), "a");
  }
  explore(two, 0, more);
  EXPECT_GT(more, 20u);
}

TEST(delivery_schedule_test, random_histories_keep_order_and_bounds) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 chance{seed};
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(chance() % n); };
    world w{{.per_webhook_max = 1 + below(4), .shared_max = below(6)}};
    const int hooks = 1 + static_cast<int>(below(5));
    std::set<int> closed;
    for (int n = 1; n <= hooks; ++n)
      w.schedule.open(hook(n));
    for (int step = 0; step < 400; ++step) {
      const int n = 1 + static_cast<int>(below(static_cast<std::size_t>(hooks)));
      switch (below(10)) {
      case 0:
      case 1:
        w.queue(hook(n), std::string(1, static_cast<char>('a' + below(5))));
        break;
      case 2:
        w.ask();
        break;
      case 3:
        if (!w.asked.empty())
          w.look(below(w.asked.size()));
        break;
      case 4:
      case 5:
        if (!w.asked.empty())
          w.answer(below(w.asked.size()));
        break;
      case 6:
        if (!w.flying.empty()) {
          auto at = w.flying.begin();
          std::advance(at, static_cast<std::ptrdiff_t>(below(w.flying.size())));
          w.store(at->first, below(3) > 0, milliseconds{below(500)});
        }
        break;
      case 7:
        if (!w.stored.empty()) {
          auto at = w.stored.begin();
          std::advance(at, static_cast<std::ptrdiff_t>(below(w.stored.size())));
          w.settle(*at);
        }
        break;
      case 8:
        w.now += milliseconds{below(300)};
        break;
      case 9:
        if (below(4) == 0)
          w.schedule.hold(hook(n), w.now + milliseconds{below(400)});
        else if (below(4) == 0 && closed.insert(n).second)
          w.schedule.close(hook(n));
        else if (closed.erase(n) > 0)
          w.schedule.open(hook(n));
        else if (!w.asked.empty() && below(3) == 0) {
          w.schedule.read_failed(w.asked.back().first.hook, w.now + 50ms);
          w.asked.pop_back();
        }
        break;
      }
      ASSERT_FALSE(HasFailure());
    }
    for (const int n : closed)
      w.schedule.open(hook(n));
    w.drain();
    expect_ordered(w);
    ASSERT_FALSE(HasFailure());
  }
}

TEST(delivery_schedule_test, a_receiver_that_never_answers_leaves_the_others_their_places) {
  world w{{.per_webhook_max = 8, .shared_max = 8}};
  for (int n = 1; n <= 4; ++n)
    w.schedule.open(hook(n));
  for (int i = 0; i < 30; ++i)
    w.queue(hook(1), "slow" + std::to_string(i));
  for (int i = 0; i < 30; ++i)
    w.queue(hook(2), "slow too" + std::to_string(i));
  w.ask();
  while (!w.asked.empty())
    w.answer(0);
  EXPECT_EQ(w.schedule.in_flight(hook(1)), 8u);
  EXPECT_EQ(w.schedule.in_flight(hook(2)), 2u) << "its own place and the last shared one";
  // Everything shared is taken by two that never answer.
  for (int n = 3; n <= 4; ++n)
    for (int i = 0; i < 20; ++i)
      w.queue(hook(n), std::to_string(i));
  std::size_t before = 0;
  for (int round = 0; round < 20; ++round) {
    w.ask();
    while (!w.asked.empty())
      w.answer(0);
    for (const int n : {3, 4}) {
      ASSERT_GE(w.schedule.in_flight(hook(n)), 1u);
      const auto f = w.flying.lower_bound({hook(n), ""});
      const auto name = f->first;
      w.store(name, true, 0ms);
      w.settle(name);
    }
    EXPECT_EQ(w.done.size(), before + 2);
    before = w.done.size();
  }
}

TEST(delivery_schedule_test, a_closed_or_held_webhook_starts_nothing) {
  world w{{}};
  w.schedule.open(hook(1));
  w.queue(hook(1), "a");
  w.schedule.close(hook(1));
  w.ask();
  EXPECT_TRUE(w.asked.empty());
  w.schedule.open(hook(1));
  w.schedule.hold(hook(1), w.now + 1s);
  w.ask();
  EXPECT_TRUE(w.asked.empty());
  w.now += 1s;
  w.ask();
  ASSERT_EQ(w.asked.size(), 1u);
  // Closed while the store is asked.
  w.schedule.close(hook(1));
  w.answer(0);
  EXPECT_TRUE(w.flying.empty());
  w.schedule.open(hook(1));
  w.drain();
}

TEST(delivery_schedule_test, what_waits_for_its_time_is_woken_then_and_not_asked_for_before) {
  world w{{}};
  w.schedule.open(hook(1));
  w.queue(hook(1), "a");
  w.ask();
  w.answer(0);
  const auto name = w.flying.begin()->first;
  w.store(name, false, 5000ms);
  w.settle(name);
  w.ask();
  w.answer(0);
  for (int i = 0; i < 49; ++i) {
    w.now += 100ms;
    w.ask();
    ASSERT_TRUE(w.asked.empty()) << i;
  }
  w.now += 100ms;
  w.ask();
  ASSERT_EQ(w.asked.size(), 1u);
  w.answer(0);
  EXPECT_EQ(w.flying.size(), 1u);
}

TEST(delivery_schedule_test, a_forgotten_webhook_takes_its_places_with_it) {
  world w{{.per_webhook_max = 8, .shared_max = 2}};
  w.schedule.open(hook(1));
  for (int i = 0; i < 5; ++i)
    w.queue(hook(1), std::to_string(i));
  w.ask();
  w.answer(0);
  EXPECT_EQ(w.schedule.in_flight(), 3u);
  w.schedule.forget(hook(1));
  EXPECT_EQ(w.schedule.in_flight(), 0u);
  w.schedule.settled(hook(1), "0");
  w.schedule.poke(hook(1));
  EXPECT_TRUE(w.schedule.reads(w.now).empty());
  EXPECT_TRUE(w.schedule.page(hook(1), {{"0", 1}}, std::nullopt, w.now).empty());
}

} // namespace
} // namespace tiketi::webhook
