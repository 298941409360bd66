#pragma once

#include "actors/base/ids.hpp"
#include "actors/base/result.hpp"
#include "actors/bus/messages.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

// What statistics take from domain events. Everything else of them is ignored.

namespace tiketi::stats {

enum class reservation_step : std::uint8_t { created, confirmed, cancelled, expired };
enum class payment_step : std::uint8_t { confirmed, failed, refunded };

/// Seats of one row.
struct seat_line {
  std::string section;
  std::int32_t row = 0;
  std::int32_t seats = 0;
};

struct reservation_fact {
  reservation_step step = reservation_step::created;
  reservation_id id;
  user_id user;
  event_id event;
  std::int64_t amount = 0;     ///< won
  std::int32_t seats = 0;      ///< all of them, also those whose row is not known
  std::int32_t tickets = 0;    ///< without seats
  std::vector<seat_line> rows; ///< one per section and row
};

struct payment_fact {
  payment_step step = payment_step::confirmed;
  payment_id id;
  user_id user;
  event_id event; ///< nil: of no event
  std::string type;
  std::string method;
  std::int64_t amount = 0;
};

struct row_plan {
  std::string section;
  std::int32_t row = 0;
  std::int64_t price = 0;
  std::int64_t seats = 0;
};

/// Everything about an event; replaces what was known of it.
struct event_fact {
  event_id id;
  std::string title;
  std::string venue;
  time_point event_date;
  std::optional<time_point> sale_start;
  std::optional<time_point> sale_end;
  bool cancelled = false;
  bool seated = false;
  std::int64_t capacity = 0; ///< seats that are offered, and stock of tickets
  std::vector<row_plan> rows;
};

struct user_fact {
  user_id id;
  std::string role;
};

/// A ticket was resold.
struct transfer_fact {
  reservation_id reservation;
  user_id buyer;
  std::int64_t price = 0; ///< what the buyer paid
};

/// A membership came into force, for the first time or again.
struct membership_fact {};

using fact = std::variant<reservation_fact, payment_fact, event_fact, user_fact, transfer_fact,
                          membership_fact>;

/// Nothing: the event is of no interest here. invalid_request with a text that names the field:
/// it is, but cannot be read, now or later.
result<std::optional<fact>> read_fact(const domain_event& event);

} // namespace tiketi::stats
