#pragma once

#include "actors/base/result.hpp"
#include "actors/event/messages.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// What administrators ask the ticket role's database.

namespace tiketi::ticket {

/// Over all reservations there ever were.
struct reservation_totals {
  std::int64_t reservations = 0; ///< whose status is not cancelled
  std::int64_t revenue = 0;      ///< won, of those that are paid and not refunded
  std::int64_t today = 0;        ///< created since the beginning of the day, not cancelled
};

/// A reservation as an administrator sees it: without items and history.
struct admin_reservation {
  reservation_view view;
  std::string idempotency_key; ///< empty: none
  time_point updated_at;
};

struct admin_page {
  std::vector<admin_reservation> reservations; ///< newest first
  std::int64_t total = 0;                      ///< all matches
};

/// What an event has to sell, and what is taken of it.
struct event_stock {
  std::int64_t seats = 0;      ///< in the sale
  std::int64_t live = 0;       ///< pending and confirmed reservations
  std::int64_t live_seats = 0; ///< seats in them
};

/// One connection for reading; one thread at a time. Sees only committed state. Fails with
/// `unavailable`, reconnects by itself.
class ticket_admin_queries {
public:
  virtual ~ticket_admin_queries() = default;

  virtual result<reservation_totals> totals(time_point day_start) = 0;
  /// `status`: a stored word, or any other: nothing matches; none: all. `page` from 1.
  virtual result<admin_page> page(const std::optional<std::string>& status, std::int32_t page,
                                  std::int32_t limit) = 0;
  virtual result<std::optional<admin_reservation>> find(reservation_id id) = 0;
  virtual result<event_stock> stock(event_id event) = 0;
  /// Has this message of `catalog-events` taken effect?
  virtual result<bool> is_applied(const uuid& message) = 0;
};

} // namespace tiketi::ticket
