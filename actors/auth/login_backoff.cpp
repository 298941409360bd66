#include "actors/auth/login_backoff.hpp"

#include <algorithm>

namespace tiketi::auth {

std::optional<milliseconds> login_backoff::begin(const std::string& email, time_point now) {
  auto it = entries_.find(email);
  if (it == entries_.end()) {
    if (entries_.size() >= options_.accounts_max && !by_use_.empty()) {
      entries_.erase(by_use_.front());
      by_use_.pop_front();
    }
    it = entries_.emplace(email, entry{}).first;
    it->second.used = by_use_.insert(by_use_.end(), email);
  } else {
    by_use_.splice(by_use_.end(), by_use_, it->second.used);
  }
  auto& e = it->second;
  if (e.failures > 0 && now - e.last_failure >= options_.forget_after) {
    e.failures = 0;
    e.open_at = {};
  }
  if (now < e.open_at)
    return e.open_at - now;
  // An account under attack gets one attempt at a time, or a burst would slip past the delay.
  const auto parallel = e.failures > options_.free_failures ? 1 : options_.parallel_max;
  if (e.in_progress >= parallel)
    return options_.delay_first;
  ++e.in_progress;
  return std::nullopt;
}

void login_backoff::succeeded(const std::string& email) {
  const auto it = entries_.find(email);
  if (it == entries_.end())
    return;
  it->second.failures = 0;
  it->second.open_at = {};
  end_attempt(it);
}

void login_backoff::failed(const std::string& email, time_point now) {
  const auto it = entries_.find(email);
  if (it == entries_.end())
    return;
  auto& e = it->second;
  ++e.failures;
  e.last_failure = now;
  if (e.failures > options_.free_failures)
    e.open_at = now + delay_after(e.failures);
  end_attempt(it);
}

void login_backoff::abandoned(const std::string& email) {
  const auto it = entries_.find(email);
  if (it != entries_.end())
    end_attempt(it);
}

void login_backoff::end_attempt(table::iterator it) {
  if (it->second.in_progress > 0)
    --it->second.in_progress;
  if (it->second.in_progress == 0 && it->second.failures == 0) {
    by_use_.erase(it->second.used);
    entries_.erase(it);
  }
}

milliseconds login_backoff::delay_after(std::uint32_t failures) const {
  auto delay = options_.delay_first;
  for (auto n = failures - options_.free_failures; n > 1 && delay < options_.delay_max; --n)
    delay *= 2;
  return std::min(delay, options_.delay_max);
}

} // namespace tiketi::auth
