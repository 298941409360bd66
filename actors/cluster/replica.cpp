#include "actors/cluster/replica.hpp"

#include <algorithm>
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

void replica_clock::wait(time_point came, time_point now, bool next, use_fn use) {
  last_read_ = now;
  reader one{came, asked_, next, std::move(use)};
  const bool too_late = impatient(one, now);
  if (too_late || waiting_.size() >= rules_.waiting_max) {
    const failure why{too_late ? errc::unavailable : errc::overloaded};
    one.use(&why);
    return;
  }
  waiting_.push_back(std::move(one));
  if (!asking_)
    ask(now);
}

void replica_clock::answered(time_point now) {
  asking_ = false;
  as_of_ = asked_at_;
  settle(errc::unavailable, [&](const reader& one) {
    if (served(one))
      return verdict::served;
    return impatient(one, now) ? verdict::refused : verdict::waits;
  });
  if (!waiting_.empty() && !asking_)
    ask(now);
}

void replica_clock::failed(const failure& why, time_point now) {
  asking_ = false;
  const bool stale = usable_stale(now);
  // A question that had less time than others would have had says nothing to these.
  const bool cut_short = until_ - asked_at_ < rules_.patience;
  settle(why, [&](const reader& one) {
    if (stale && !one.next)
      return verdict::served;
    return cut_short && !impatient(one, now) ? verdict::waits : verdict::refused;
  });
  if (!waiting_.empty() && !asking_)
    ask(now);
}

void replica_clock::hurry(std::uint64_t n, time_point now) {
  if (asking_ && n == asked_ && late(now) && usable_stale(now))
    settle({}, [](const reader& one) { return one.next ? verdict::waits : verdict::served; });
}

void replica_clock::ask(time_point now) {
  asking_ = true;
  asked_at_ = now;
  until_ = now + rules_.patience;
  for (const auto& one : waiting_)
    until_ = std::min(until_, one.came + rules_.patience);
  ask_(++asked_);
}

bool replica_clock::impatient(const reader& r, time_point now) const {
  return now - r.came >= rules_.patience;
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

/// `why`: what those are told who are refused.
template <class Judge>
void replica_clock::settle(const failure& why, Judge judge) {
  // Who is called may come again.
  for (auto& one : std::exchange(waiting_, {})) {
    switch (judge(one)) {
    case verdict::served:
      one.use(nullptr);
      break;
    case verdict::refused:
      one.use(&why);
      break;
    case verdict::waits:
      waiting_.push_back(std::move(one));
      break;
    }
  }
}

} // namespace tiketi::cluster
