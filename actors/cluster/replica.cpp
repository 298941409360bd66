#include "actors/cluster/replica.hpp"

#include <utility>

namespace tiketi::cluster {

std::optional<milliseconds> replica_clock::age(time_point now) const {
  if (!as_of_)
    return std::nullopt;
  return now - *as_of_;
}

bool replica_clock::fresh(time_point now) {
  last_read_ = now;
  if (!as_of_)
    return false;
  const auto old = now - *as_of_;
  if (rules_.age_max.count() > 0 && old <= rules_.age_max) {
    if (old > rules_.age_max / 2 && !asking_)
      ask(now);
    return true;
  }
  return late(now) && usable_stale(now);
}

void replica_clock::wait(time_point now, bool next, use_fn use) {
  last_read_ = now;
  if (waiting_.size() >= rules_.waiting_max) {
    const failure full{errc::overloaded};
    use(&full);
    return;
  }
  waiting_.push_back({now, asked_, next, std::move(use)});
  if (!asking_)
    ask(now);
}

void replica_clock::answered(time_point now) {
  asking_ = false;
  as_of_ = asked_at_;
  // Who is called may come again.
  for (auto& one : std::exchange(waiting_, {})) {
    if (served(one))
      one.use(nullptr);
    else
      waiting_.push_back(std::move(one));
  }
  if (!waiting_.empty() && !asking_)
    ask(now);
}

void replica_clock::failed(const failure& why, time_point now) {
  asking_ = false;
  release(&why, usable_stale(now));
}

void replica_clock::hurry(std::uint64_t n, time_point now) {
  if (asking_ && n == asked_ && late(now) && usable_stale(now))
    release(nullptr, true);
}

void replica_clock::ask(time_point now) {
  asking_ = true;
  asked_at_ = now;
  ask_(++asked_);
}

bool replica_clock::late(time_point now) const {
  return asking_ && now - asked_at_ >= rules_.hurry;
}

bool replica_clock::usable_stale(time_point now) const {
  return as_of_ && rules_.stale_max.count() > 0 && now - *as_of_ <= rules_.stale_max;
}

bool replica_clock::served(const reader& r) const {
  if (asked_ > r.after)
    return true;
  return !r.next && rules_.age_max.count() > 0 && r.came - *as_of_ <= rules_.age_max;
}

/// `stale`: what there is will do, but not for those who need something new. `why` null: these
/// wait on.
void replica_clock::release(const failure* why, bool stale) {
  for (auto& one : std::exchange(waiting_, {})) {
    if (stale && !one.next)
      one.use(nullptr);
    else if (why != nullptr)
      one.use(why);
    else
      waiting_.push_back(std::move(one));
  }
}

} // namespace tiketi::cluster
