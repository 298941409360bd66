#pragma once

#include "actors/event/sale.hpp"
#include "actors/reservation/reservation.hpp"
#include "actors/store/group_commit.hpp"

#include <cstddef>

namespace tiketi::ticket {

/// Settings of the ticket role.
struct ticket_options {
  sale_limits limits;
  reservation_timing timing;
  milliseconds hold_ttl{300'000};        ///< a reservation waits this long for its payment
  milliseconds idle_after{300'000};      ///< then an event without live reservations is given up
  milliseconds tick{250};                ///< how often expiries, repeats and idleness are looked at
  milliseconds restart_after{1'000};     ///< until an event that failed is started again
  std::size_t buffer_max = 10'000;       ///< messages kept per event while it starts or leaves
  std::size_t holds_max = 20'000;        ///< reservations of one event on their way to the store
  std::size_t duplicates_max = 64;       ///< requests that wait for the first use of their key
  std::size_t choices_max = 4;           ///< of best seats, where others are faster
  std::size_t commands_waiting_max = 64; ///< of one reservation while it changes
  std::size_t wakes_per_tick = 1'000;    ///< reservations of one event woken at once
  milliseconds refund_deadline{0}; ///< nothing paid is taken back later than this before an event
  bool pre_sale = true;            ///< members of an event's artist may buy first
  milliseconds membership_tick{60'000}; ///< how often memberships that are over are looked for
  std::int32_t ends_at_once = 200;      ///< reservations of a cancelled event ended together
  std::size_t readers = 2;              ///< detached actors for reads, one connection each
  writer_options writer;
};

} // namespace tiketi::ticket
