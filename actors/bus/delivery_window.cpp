#include "actors/bus/delivery_window.hpp"

#include <algorithm>

namespace tiketi {

delivery_window::delivery_window(std::int64_t cursor, std::size_t held_max,
                                 std::size_t in_flight_max, bool orders_itself)
    : held_max_(std::max<std::size_t>(held_max, 1)),
      in_flight_max_(std::max<std::size_t>(in_flight_max, 1)),
      orders_itself_(orders_itself),
      read_to_(cursor) {}

std::int64_t delivery_window::cursor() const noexcept {
  return entries_.empty() ? read_to_ : entries_.begin()->first - 1;
}

std::size_t delivery_window::room() const noexcept {
  return held_max_ - std::min(held_max_, entries_.size());
}

std::optional<time_point> delivery_window::oldest() const {
  if (entries_.empty())
    return std::nullopt;
  return entries_.begin()->second.event.occurred_at;
}

void delivery_window::add(domain_event event) {
  const auto sequence = event.sequence;
  if (sequence <= read_to_)
    return;
  read_to_ = sequence;
  if (orders_itself_) {
    ready_.insert(sequence);
  } else {
    auto& line = keys_[event.key];
    line.push_back(sequence);
    if (line.size() == 1)
      ready_.insert(sequence);
  }
  entries_.emplace(sequence, entry{std::move(event), 0, std::nullopt, std::nullopt});
}

void delivery_window::skip_to(std::int64_t sequence) {
  read_to_ = std::max(read_to_, sequence);
}

std::vector<delivery_window::delivery> delivery_window::take(time_point now,
                                                             milliseconds patience) {
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    const auto sequence = delayed_.begin()->second;
    delayed_.erase(delayed_.begin());
    entries_.at(sequence).retry_at.reset();
    ready_.insert(sequence);
  }
  std::vector<delivery> out;
  while (!ready_.empty() && flying_.size() < in_flight_max_) {
    const auto sequence = *ready_.begin();
    ready_.erase(ready_.begin());
    auto& e = entries_.at(sequence);
    ++e.attempts;
    e.deadline = now + patience;
    flying_.emplace(*e.deadline, sequence);
    out.push_back({e.event, e.attempts});
  }
  return out;
}

bool delivery_window::applied(std::int64_t sequence) {
  const auto found = entries_.find(sequence);
  // Only what was delivered once can be applied, and then it is the first of its key.
  if (found == entries_.end() || found->second.attempts == 0)
    return false;
  auto& e = found->second;
  if (e.deadline)
    flying_.erase({*e.deadline, sequence});
  if (e.retry_at)
    delayed_.erase({*e.retry_at, sequence});
  ready_.erase(sequence);
  if (!orders_itself_) {
    const auto line = keys_.find(e.event.key);
    line->second.pop_front();
    if (line->second.empty())
      keys_.erase(line);
    else
      ready_.insert(line->second.front());
  }
  entries_.erase(found);
  return true;
}

bool delivery_window::failed(std::int64_t sequence, std::uint32_t attempt, time_point retry_at) {
  const auto found = entries_.find(sequence);
  if (found == entries_.end() || !found->second.deadline || found->second.attempts != attempt)
    return false;
  auto& e = found->second;
  flying_.erase({*e.deadline, sequence});
  e.deadline.reset();
  e.retry_at = retry_at;
  delayed_.emplace(retry_at, sequence);
  return true;
}

std::vector<std::pair<std::int64_t, std::uint32_t>> delivery_window::overdue(time_point now) const {
  std::vector<std::pair<std::int64_t, std::uint32_t>> out;
  for (const auto& [deadline, sequence] : flying_) {
    if (deadline > now)
      break;
    out.emplace_back(sequence, entries_.at(sequence).attempts);
  }
  return out;
}

milliseconds back_off(std::uint32_t attempt, milliseconds min, milliseconds max) noexcept {
  auto wait = min;
  for (std::uint32_t i = 1; i < attempt && wait < max; ++i)
    wait *= 2;
  return std::min(wait, max);
}

} // namespace tiketi
