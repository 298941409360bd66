#include "tests/stats/ledgers.hpp"

namespace tiketi::test {

std::int64_t ledger_event::capacity() const {
  std::int64_t out = 0;
  for (const auto& r : rows)
    out += r.seats;
  for (const auto& t : types)
    out += t.total;
  return out;
}

std::int64_t ledger_reservation::seats() const {
  std::int64_t out = 0;
  for (const auto& i : view.items)
    out += i.seat.is_nil() ? 0 : 1;
  return out;
}

std::int64_t ledger_reservation::units() const {
  std::int64_t out = 0;
  for (const auto& i : view.items)
    out += i.quantity;
  return out;
}

} // namespace tiketi::test
