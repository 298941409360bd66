#include "actors/seat/token_ledger.hpp"

#include <algorithm>

namespace tiketi::ticket {

std::uint64_t token_ledger::floor(const token_floor& seat) const {
  const auto found = last_.find(seat.seat);
  return found == last_.end() ? seat.floor : std::max(seat.floor, found->second);
}

bool token_ledger::accept(const std::vector<token_floor>& seats,
                          const std::vector<std::uint64_t>& values) {
  if (seats.size() != values.size())
    return false;
  for (std::size_t i = 0; i < seats.size(); ++i)
    if (values[i] <= floor(seats[i]))
      return false;
  for (std::size_t i = 0; i < seats.size(); ++i)
    last_[seats[i].seat] = values[i];
  return true;
}

std::vector<std::uint64_t> token_ledger::issue(const std::vector<token_floor>& seats) {
  std::vector<std::uint64_t> out;
  out.reserve(seats.size());
  for (const auto& seat : seats)
    out.push_back(last_[seat.seat] = floor(seat) + 1);
  return out;
}

} // namespace tiketi::ticket
