#include "net/routes/reservation_json.hpp"

#include "actors/base/time.hpp"
#include "actors/base/uuid.hpp"

namespace tiketi::net {

using nlohmann::json;
using namespace ticket;

namespace {

std::int64_t subtotal(const reservation_item& item) {
  return item.unit_price * item.quantity;
}

bool has_seat(const reservation_item& item) {
  return !item.seat.is_nil();
}

json short_item(const reservation_item& item) {
  return {{"ticketTypeName", text_or_null(item.name)},
          {"quantity", item.quantity},
          {"unitPrice", item.unit_price},
          {"subtotal", subtotal(item)},
          {"seatLabel", has_seat(item) ? text_or_null(item.name) : json()}};
}

json full_item(const reservation_item& item) {
  auto out = short_item(item);
  const bool seated = has_seat(item);
  out["seatId"] = seated ? json(to_string(item.seat)) : json();
  out["section"] = seated ? json(item.section) : json();
  out["rowNumber"] = seated ? json(item.row) : json();
  out["seatNumber"] = seated ? json(item.number) : json();
  return out;
}

json reserved_seat(const reservation_item& item) {
  auto out = full_item(item);
  out["price"] = item.unit_price;
  out.erase("unitPrice");
  out.erase("subtotal");
  return out;
}

/// The event of a reservation may be unknown by now.
json event_date(const reservation_view& r) {
  return r.event_date == time_point{} ? json() : json(to_iso(r.event_date));
}

json common_fields(const reservation_view& r) {
  return {{"id", to_string(r.id)},
          {"reservation_number", r.number},
          {"total_amount", r.total_amount},
          {"status", to_string(r.status)},
          {"payment_status", to_string(r.payment)},
          {"created_at", to_iso(r.created_at)},
          {"expires_at", to_iso(r.expires_at)},
          {"event_title", text_or_null(r.event_title)},
          {"venue", text_or_null(r.venue)},
          {"event_date", event_date(r)}};
}

template <class F>
json items_of(const reservation_view& r, F form) {
  auto out = json::array();
  for (const auto& item : r.items)
    out.push_back(form(item));
  return out;
}

seat_status status_of_seats(reservation_status status) {
  switch (status) {
  case reservation_status::pending:
    return seat_status::locked;
  case reservation_status::confirmed:
    return seat_status::reserved;
  default:
    return seat_status::available;
  }
}

} // namespace

json text_or_null(const std::string& value) {
  return value.empty() ? json() : json(value);
}

json parsed_or_null(const std::string& text) {
  auto out = json::parse(text, nullptr, false);
  return out.is_discarded() ? json() : out;
}

json short_reservation(const reservation_view& r) {
  auto out = common_fields(r);
  out["items"] = items_of(r, short_item);
  return out;
}

json full_reservation(const reservation_view& r) {
  auto out = common_fields(r);
  out["payment_method"] = text_or_null(r.payment_method);
  out["event_id"] = to_string(r.event);
  out["address"] = text_or_null(r.address);
  out["items"] = items_of(r, full_item);
  return out;
}

json reservation_history(const reservation_view& r) {
  auto out = json::array();
  for (const auto& entry : r.history)
    out.push_back({{"at", to_iso(entry.at)},
                   {"action", entry.action},
                   {"detail", text_or_null(entry.detail)}});
  return out;
}

json seat_reservation(const reservation_view& r) {
  auto out = common_fields(r);
  out["payment_method"] = text_or_null(r.payment_method);
  out["event_id"] = to_string(r.event);
  out["seats"] = items_of(r, reserved_seat);
  return out;
}

json seats_reserved(const reservation_view& r) {
  auto seats = json::array();
  std::uint64_t token = 0;
  for (const auto& item : r.items) {
    if (!has_seat(item))
      continue;
    if (seats.empty())
      token = item.token;
    seats.push_back({{"id", to_string(item.seat)},
                     {"seat_label", item.name},
                     {"price", item.unit_price},
                     {"status", to_string(status_of_seats(r.status))},
                     {"version", item.seat_version}});
  }
  return {{"message", "Seat reserved temporarily"},
          {"reservation",
           {{"id", to_string(r.id)},
            {"reservationNumber", r.number},
            {"totalAmount", r.total_amount},
            {"status", to_string(r.status)},
            {"paymentStatus", to_string(r.payment)},
            {"expiresAt", to_iso(r.expires_at)},
            {"seats", std::move(seats)},
            {"fencingToken", token}}}};
}

json best_seats_reserved(const reservation_view& r) {
  auto out = seats_reserved(r);
  auto& seats = out["reservation"]["seats"];
  std::size_t next = 0;
  for (const auto& item : r.items) {
    if (!has_seat(item))
      continue;
    auto& seat = seats[next++];
    seat["section"] = item.section;
    seat["row_number"] = item.row;
    seat["seat_number"] = item.number;
  }
  return out;
}

json tickets_reserved(const reservation_view& r) {
  auto items = json::array();
  for (const auto& item : r.items)
    if (!has_seat(item))
      items.push_back({{"ticketTypeId", to_string(item.ticket_type)},
                       {"ticketTypeName", item.name},
                       {"quantity", item.quantity},
                       {"unitPrice", item.unit_price},
                       {"subtotal", subtotal(item)}});
  return {{"message", "Reservation created"},
          {"reservation",
           {{"id", to_string(r.id)},
            {"reservationNumber", r.number},
            {"eventTitle", text_or_null(r.event_title)},
            {"totalAmount", r.total_amount},
            {"status", to_string(r.status)},
            {"paymentStatus", to_string(r.payment)},
            {"expiresAt", to_iso(r.expires_at)},
            {"items", std::move(items)}}}};
}

} // namespace tiketi::net
