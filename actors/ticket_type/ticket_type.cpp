#include "actors/ticket_type/ticket_type.hpp"

#include <algorithm>

namespace tiketi::ticket {

ticket_type::ticket_type(std::int32_t total, std::int32_t remaining)
    : total_(std::max(total, 0)), remaining_(std::clamp(remaining, 0, total_)) {}

bool ticket_type::take(const reservation_id& who, std::int32_t quantity) {
  if (quantity < 1 || quantity > remaining_ || open_.contains(who))
    return false;
  open_.emplace(who, quantity);
  remaining_ -= quantity;
  return true;
}

bool ticket_type::settle(const reservation_id& who) {
  return open_.erase(who) != 0;
}

bool ticket_type::put_back(const reservation_id& who) {
  const auto found = open_.find(who);
  if (found == open_.end())
    return false;
  remaining_ += found->second;
  open_.erase(found);
  return true;
}

void ticket_type::restock(std::int32_t quantity) {
  std::int32_t taken = 0;
  for (const auto& [who, n] : open_)
    taken += n;
  if (quantity > 0)
    remaining_ += std::min(quantity, total_ - taken - remaining_);
}

void ticket_type::resize(std::int32_t total) {
  const auto out = total_ - remaining_;
  total_ = std::max(total, out);
  remaining_ = total_ - out;
}

} // namespace tiketi::ticket
