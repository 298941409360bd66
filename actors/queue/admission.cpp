#include "actors/queue/admission.hpp"

#include <algorithm>

namespace tiketi::queue {

// -- slots -------------------------------------------------------------------------------------

std::vector<user_id> active_set::users() const {
  std::vector<user_id> out;
  out.reserve(slots_.size());
  for (const auto& slot : slots_)
    out.push_back(slot.first);
  return out;
}

const active_slot* active_set::find(const user_id& user) const {
  const auto found = slots_.find(user);
  return found == slots_.end() ? nullptr : &found->second;
}

void active_set::insert(const user_id& user, active_slot slot) {
  slot.wake_at = slot.expires_at;
  wakes_.push({slot.wake_at, user});
  slots_.insert_or_assign(user, slot);
}

void active_set::admit(const user_id& user, time_point expires_at, time_point ends_at) {
  active_slot slot;
  slot.expires_at = expires_at;
  slot.ends_at = ends_at;
  insert(user, slot);
}

std::optional<time_point> active_set::renew(const user_id& user, time_point now) {
  const auto found = slots_.find(user);
  if (found == slots_.end())
    return std::nullopt;
  auto& slot = found->second;
  const auto wanted = std::min(now + rules_.ttl, slot.ends_at);
  if (slot.renewing
      || wanted - slot.expires_at < std::max(rules_.renewal_interval, milliseconds{1}))
    return std::nullopt;
  slot.renewing = true;
  return wanted;
}

void active_set::renewed(const user_id& user, time_point until) {
  const auto found = slots_.find(user);
  if (found == slots_.end())
    return;
  found->second.renewing = false;
  found->second.expires_at = until;
}

void active_set::renewal_failed(const user_id& user) {
  const auto found = slots_.find(user);
  if (found != slots_.end())
    found->second.renewing = false;
}

void active_set::mark_leaving(const user_id& user, std::optional<std::uint32_t> since) {
  const auto found = slots_.find(user);
  if (found != slots_.end())
    found->second.leaving_since = since;
}

bool active_set::erase(const user_id& user) {
  return slots_.erase(user) > 0;
}

void active_set::clear() {
  slots_.clear();
  wakes_ = {};
}

active_set::expired active_set::expire(time_point now) {
  expired out;
  while (!wakes_.empty() && wakes_.top().at <= now) {
    const auto due = wakes_.top();
    wakes_.pop();
    const auto found = slots_.find(due.user);
    // A slot that was given up and won again has a newer entry in the heap.
    if (found == slots_.end() || found->second.wake_at != due.at)
      continue;
    auto& slot = found->second;
    if (slot.renewing) {
      slot.wake_at = now + seconds{1};
      wakes_.push({slot.wake_at, due.user});
    } else if (slot.expires_at <= now) {
      if (slot.leaving_since)
        out.leaving.push_back(due.user);
      slots_.erase(found);
      ++out.count;
    } else {
      slot.wake_at = slot.expires_at;
      wakes_.push({slot.wake_at, due.user});
    }
  }
  return out;
}

// -- waiting times -----------------------------------------------------------------------------

void admission_rate::forget(time_point now) {
  const auto oldest = to_millis(now) / 1000 - window_s;
  while (count_ > 0 && seconds_[first_].at <= oldest) {
    total_ -= seconds_[first_].admitted;
    first_ = (first_ + 1) % seconds_.size();
    --count_;
  }
}

void admission_rate::record(std::size_t admitted, time_point now) {
  if (admitted == 0)
    return;
  forget(now);
  if (count_ == 0)
    start_ = now;
  const auto at = to_millis(now) / 1000;
  auto last = (first_ + count_ + seconds_.size() - 1) % seconds_.size();
  // A clock that went back joins the newest second, so that the ring stays in order.
  if (count_ == 0 || seconds_[last].at < at) {
    last = (first_ + count_) % seconds_.size();
    seconds_[last] = second{at, 0};
    ++count_;
  }
  seconds_[last].admitted += admitted;
  total_ += admitted;
}

admission_figures admission_rate::figures(time_point now) {
  forget(now);
  return {total_, std::min<std::int64_t>((now - start_).count(), window_s * 1000)};
}

std::int64_t estimated_wait(std::size_t position, const admission_figures& figures) noexcept {
  if (position == 0)
    return 0;
  if (figures.admitted == 0 || figures.elapsed_ms < 5000)
    return std::max<std::int64_t>(static_cast<std::int64_t>(position) / 50, 5);
  // ceil(position / (admitted * 1000 / elapsed)), without rounding in between.
  const auto divisor = static_cast<std::int64_t>(figures.admitted) * 1000;
  return (static_cast<std::int64_t>(position) * figures.elapsed_ms + divisor - 1) / divisor;
}

std::int64_t next_poll(std::size_t position) noexcept {
  if (position == 0)
    return 3;
  if (position <= 1'000)
    return 1;
  if (position <= 5'000)
    return 5;
  if (position <= 10'000)
    return 10;
  if (position <= 100'000)
    return 30;
  return 60;
}

} // namespace tiketi::queue
