#pragma once

#include "actors/base/ids.hpp"
#include "actors/transfer/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/meta/type_name.hpp>

// What other roles and the front may say to the ticket role. Every message names the event or a
// reservation, so a region finds the owner without a look-up.

namespace tiketi::ticket {

enum class reservation_status : std::uint8_t { pending, confirmed, cancelled, expired };
enum class payment_state : std::uint8_t { pending, completed, refund_requested, refunded };
enum class seat_status : std::uint8_t { available, locked, reserved };

/// The words of the wire format and of the database.
inline std::string to_string(reservation_status s) {
  constexpr const char* words[] = {"pending", "confirmed", "cancelled", "expired"};
  return words[static_cast<std::size_t>(s)];
}

inline std::string to_string(payment_state s) {
  constexpr const char* words[] = {"pending", "completed", "refund_requested", "refunded"};
  return words[static_cast<std::size_t>(s)];
}

inline std::string to_string(seat_status s) {
  constexpr const char* words[] = {"available", "locked", "reserved"};
  return words[static_cast<std::size_t>(s)];
}

/// One line of a reservation: a seat (quantity 1) or a number of tickets of one type.
struct reservation_item {
  seat_id seat;               ///< nil for tickets
  ticket_type_id ticket_type; ///< nil for seats
  std::string name;           ///< type name, or seat label
  std::string section;
  std::int32_t row = 0;
  std::int32_t number = 0;
  std::int32_t quantity = 1;
  std::int64_t unit_price = 0;    ///< won
  std::uint64_t token = 0;        ///< fencing token of the seat
  std::uint32_t seat_version = 0; ///< of the seat, after the hold
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, reservation_item& x) {
  return f(caf::meta::type_name("reservation_item"), x.seat, x.ticket_type, x.name, x.section,
           x.row, x.number, x.quantity, x.unit_price, x.token, x.seat_version);
}

/// Something that happened to a reservation, in order.
struct history_entry {
  time_point at;
  std::string action; ///< created, confirmed, cancelled, expired, payment_rejected, refunded ...
  std::string detail;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, history_entry& x) {
  return f(caf::meta::type_name("history_entry"), x.at, x.action, x.detail);
}

/// What a ticket is offered for. Money in won.
struct transfer_terms {
  transfer_id id;   ///< nil: it is not offered
  artist_id artist; ///< nil: none, so nobody has to be a member
  std::int64_t original_price = 0;
  std::int64_t fee = 0;
  std::int32_t fee_percent = 0;
  std::int64_t total_price = 0; ///< what the buyer pays
  time_point listed_at;

  friend bool operator==(const transfer_terms&, const transfer_terms&) = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, transfer_terms& x) {
  return f(caf::meta::type_name("transfer_terms"), x.id, x.artist, x.original_price, x.fee,
           x.fee_percent, x.total_price, x.listed_at);
}

struct reservation_view {
  reservation_id id;
  user_id user;
  event_id event;
  std::string number;
  std::int64_t total_amount = 0;
  reservation_status status = reservation_status::pending;
  payment_state payment = payment_state::pending;
  std::string payment_method; ///< empty: none yet
  payment_id paid_by;         ///< nil: not paid
  time_point created_at;
  time_point expires_at;
  std::vector<reservation_item> items;
  std::vector<history_entry> history; ///< only where asked for
  // The event as it is known to the ticket role; empty where the event is gone.
  std::string event_title;
  std::string venue;
  std::string address;
  time_point event_date;
  bool replayed = false; ///< an idempotency key was met again
  // Resale; only where one reservation is read by itself.
  transfer_terms listing;        ///< offered now
  transfer_id bought_through;    ///< how its user came by it; nil: by reserving it
  std::vector<payment_id> spent; ///< payments of earlier owners, who sold it on
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, reservation_view& x) {
  return f(caf::meta::type_name("reservation_view"), x.id, x.user, x.event, x.number,
           x.total_amount, x.status, x.payment, x.payment_method, x.paid_by, x.created_at,
           x.expires_at, x.items, x.history, x.event_title, x.venue, x.address, x.event_date,
           x.replayed, x.listing, x.bought_through, x.spent);
}

/// Command: hold these seats, all or nothing. Answered by `reservation_view` after the commit.
/// Fails with seat_unavailable (names the seats), not_found, sale_closed, limit_exceeded,
/// idempotency_mismatch, in_doubt, unavailable.
struct reserve_seats {
  event_id event;
  user_id user;
  std::vector<seat_id> seats;
  std::string idempotency_key; ///< empty: none; scoped to the user
  std::string trace = {};      ///< `traceparent` of the request; may be empty
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, reserve_seats& x) {
  return f(caf::meta::type_name("reserve_seats"), x.event, x.user, x.seats, x.idempotency_key,
           x.trace);
}

/// What seats somebody would like, side by side.
struct seat_wish {
  std::int32_t count = 0;
  std::string section{};                                             ///< empty: any
  std::int64_t price_max = std::numeric_limits<std::int64_t>::max(); ///< of each seat, won
  bool accessible = false;                                           ///< each of them

  friend bool operator==(const seat_wish&, const seat_wish&) = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, seat_wish& x) {
  return f(caf::meta::type_name("seat_wish"), x.count, x.section, x.price_max, x.accessible);
}

/// Command: hold the best seats for a wish. As `reserve_seats`, but the event chooses, and chooses
/// again when somebody else was faster. Fails with seat_unavailable when nothing fits, not_found
/// when the event has no seats or no such section.
struct reserve_best {
  event_id event;
  user_id user;
  seat_wish wish;
  std::string idempotency_key;
  std::string trace = {};
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, reserve_best& x) {
  return f(caf::meta::type_name("reserve_best"), x.event, x.user, x.wish, x.idempotency_key,
           x.trace);
}

struct ticket_order {
  ticket_type_id type;
  std::int32_t quantity = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, ticket_order& x) {
  return f(caf::meta::type_name("ticket_order"), x.type, x.quantity);
}

/// Command: hold tickets without seats. As `reserve_seats`; sold_out names the type.
struct reserve_tickets {
  event_id event;
  user_id user;
  std::vector<ticket_order> items;
  std::string idempotency_key;
  std::string trace = {};
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, reserve_tickets& x) {
  return f(caf::meta::type_name("reserve_tickets"), x.event, x.user, x.items, x.idempotency_key,
           x.trace);
}

/// Command: the owner gives the reservation up. Answered by `reservation_view`.
/// Fails with not_found (also somebody else's), already_ended, conflict (offered for resale, or not
/// paid with `payment`).
struct cancel_reservation {
  reservation_id reservation;
  user_id user;
  payment_id payment = {}; ///< only what was paid with this; nil: anyway
  /// A paid reservation is taken back until then; epoch 0: always. Set by the event's actor.
  time_point refundable_until = {};
  std::string trace = {}; ///< `traceparent` of what led to it; may be empty
  bool repeated = false;  ///< `cluster::services`: what it did before is its answer
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, cancel_reservation& x) {
  return f(caf::meta::type_name("cancel_reservation"), x.reservation, x.user, x.payment,
           x.refundable_until, x.trace, x.repeated);
}

/// Command: an administrator, or the end of the event, ends the reservation whoever owns it: what
/// was paid goes back. Answered by `reservation_view`. Fails with not_found, already_ended.
struct end_reservation {
  reservation_id reservation;
  std::string reason;     ///< in the history and in the domain event
  std::string trace = {}; ///< `traceparent` of what led to it; may be empty
  bool repeated = false;  ///< as in `cancel_reservation`
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, end_reservation& x) {
  return f(caf::meta::type_name("end_reservation"), x.reservation, x.reason, x.trace, x.repeated);
}

/// Query: may this user pay for this reservation now? Answered by `payable`.
/// Fails with not_found, forbidden, not_pending, expired.
struct check_payable {
  reservation_id reservation;
  user_id user;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, check_payable& x) {
  return f(caf::meta::type_name("check_payable"), x.reservation, x.user);
}

struct payable {
  reservation_id reservation;
  event_id event;
  user_id user;
  std::int64_t amount = 0;
  time_point expires_at;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, payable& x) {
  return f(caf::meta::type_name("payable"), x.reservation, x.event, x.user, x.amount, x.expires_at);
}

/// Command: money for this reservation has been captured. The direct message and the copy that
/// comes through the outbox carry the same `message`, and only the first of them has an effect.
struct apply_payment {
  uuid message; ///< id of the PAYMENT_CONFIRMED event
  reservation_id reservation;
  payment_id payment;
  user_id user;
  std::int64_t amount = 0;
  std::string method;
  std::string trace = {}; ///< `traceparent` of what led to it; may be empty
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, apply_payment& x) {
  return f(caf::meta::type_name("apply_payment"), x.message, x.reservation, x.payment, x.user,
           x.amount, x.method, x.trace);
}

enum class payment_verdict : std::uint8_t {
  confirmed,  ///< the reservation is confirmed by this payment (also when it already was)
  refund_due, ///< it can no longer be: the payment role must give the money back
};

struct payment_outcome {
  payment_verdict verdict = payment_verdict::refund_due;
  std::string reason;     ///< of a refund: expired, cancelled, already_paid, amount_mismatch ...
  bool duplicate = false; ///< this message was applied before
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, payment_outcome& x) {
  return f(caf::meta::type_name("payment_outcome"), x.verdict, x.reason, x.duplicate);
}

/// Command: money of this reservation has been given back. Ends it if it still lives.
/// Answered by `refund_applied`; idempotent by `message`.
struct apply_refund {
  uuid message; ///< id of the PAYMENT_REFUNDED event
  reservation_id reservation;
  payment_id payment;
  std::string reason;
  std::string trace = {};
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, apply_refund& x) {
  return f(caf::meta::type_name("apply_refund"), x.message, x.reservation, x.payment, x.reason,
           x.trace);
}

struct refund_applied {
  bool duplicate = false;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, refund_applied& x) {
  return f(caf::meta::type_name("refund_applied"), x.duplicate);
}

// -- reads -------------------------------------------------------------------------------------

/// Query: the seat map of an event. Answered by `seat_map_view`. Fails with not_found.
struct get_seat_map {
  event_id event;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_seat_map& x) {
  return f(caf::meta::type_name("get_seat_map"), x.event);
}

/// The whole answer of `GET /api/seats/events/{id}`, serialised once per change and shared by all
/// readers.
struct seat_map_view {
  std::shared_ptr<const std::string> body;
  std::string etag; ///< quoted, changes with every byte of the body
};

/// Between nodes it travels as a copy.
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, seat_map_view& x) {
  std::string body;
  if constexpr (Inspector::reads_state)
    body = x.body ? *x.body : std::string{};
  if constexpr (std::is_void_v<typename Inspector::result_type>) {
    f(caf::meta::type_name("seat_map_view"), body, x.etag);
  } else {
    auto problem = f(caf::meta::type_name("seat_map_view"), body, x.etag);
    if constexpr (Inspector::writes_state)
      x.body = std::make_shared<const std::string>(std::move(body));
    return problem;
  }
}

/// Query: what changed on the seat map after `since` (an entity tag without quotes; empty: never
/// seen). Answered by `seat_changes`. Fails with not_found.
struct get_seat_changes {
  event_id event;
  std::string since;
  bool with_map = false;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_seat_changes& x) {
  return f(caf::meta::type_name("get_seat_changes"), x.event, x.since, x.with_map);
}

struct seat_change {
  seat_id seat;
  seat_status status = seat_status::available;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, seat_change& x) {
  return f(caf::meta::type_name("seat_change"), x.seat, x.status);
}

struct seat_changes {
  std::string version; ///< the map as it is now
  bool whole = false;  ///< what changed after `since` is not known: only the map says
  std::vector<seat_change> changes;
  seat_map_view map; ///< of `version`, where asked for or `whole`; empty otherwise
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, seat_changes& x) {
  return f(caf::meta::type_name("seat_changes"), x.version, x.whole, x.changes, x.map);
}

/// Query: the ticket types of an event, by price descending; empty for an unknown event.
struct get_ticket_types {
  event_id event;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_ticket_types& x) {
  return f(caf::meta::type_name("get_ticket_types"), x.event);
}

struct ticket_type_view {
  ticket_type_id id;
  event_id event;
  std::string name;
  std::string description;
  std::int64_t price = 0;
  std::int32_t total = 0;
  std::int32_t available = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, ticket_type_view& x) {
  return f(caf::meta::type_name("ticket_type_view"), x.id, x.event, x.name, x.description, x.price,
           x.total, x.available);
}

struct ticket_type_list {
  std::vector<ticket_type_view> types;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, ticket_type_list& x) {
  return f(caf::meta::type_name("ticket_type_list"), x.types);
}

/// Query: one ticket type. Answered by `ticket_type_view`. Fails with not_found.
struct get_availability {
  ticket_type_id type;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_availability& x) {
  return f(caf::meta::type_name("get_availability"), x.type);
}

/// Query: one reservation of this user with items and history. Answered by `reservation_view`.
/// Fails with not_found (also somebody else's).
struct get_reservation {
  reservation_id reservation;
  user_id user;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_reservation& x) {
  return f(caf::meta::type_name("get_reservation"), x.reservation, x.user);
}

/// Query: the reservations of this user, newest first, with items, `limit` at most.
struct list_reservations {
  user_id user;
  std::int32_t limit = 200;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, list_reservations& x) {
  return f(caf::meta::type_name("list_reservations"), x.user, x.limit);
}

struct reservation_list {
  std::vector<reservation_view> reservations;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, reservation_list& x) {
  return f(caf::meta::type_name("reservation_list"), x.reservations);
}

/// Query: all seat layouts by total seats ascending. Answered by `layout_list`.
struct get_layouts {};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_layouts&) {
  return f(caf::meta::type_name("get_layouts"));
}

struct layout_view {
  layout_id id;
  std::string name;
  std::string description;
  std::int32_t total_seats = 0;
  std::string config; ///< JSON text `{"sections":[...]}`
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, layout_view& x) {
  return f(caf::meta::type_name("layout_view"), x.id, x.name, x.description, x.total_seats,
           x.config);
}

struct layout_list {
  std::vector<layout_view> layouts;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, layout_list& x) {
  return f(caf::meta::type_name("layout_list"), x.layouts);
}

} // namespace tiketi::ticket
