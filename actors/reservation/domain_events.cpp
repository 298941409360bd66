#include "actors/reservation/domain_events.hpp"

#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace tiketi::ticket {

namespace {

std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string text_or_null(std::string_view text) {
  return text.empty() ? "null" : json_text(text);
}

template <class Id>
std::string id_or_null(const Id& id) {
  return id.is_nil() ? "null" : '"' + to_string(id) + '"';
}

domain_event build(const reservation_view& view, const std::string& type, const payment_id& payment,
                   const transfer_id& transfer, std::string_view method, std::string_view reason,
                   time_point now, environment& env) {
  domain_event out;
  out.id = make_uuid(env);
  out.topic = reservation_topic;
  out.key = to_string(view.id);
  out.type = type;
  out.occurred_at = now;
  // Written by hand: one of these belongs to every hold.
  auto& json = out.payload;
  json.reserve(512);
  auto to = std::back_inserter(json);
  fmt::format_to(
      to,
      R"({{"type":"{}","sagaId":null,"reservationId":"{}","userId":"{}","eventId":"{}","totalAmount":{},"paymentMethod":{},"paymentId":{},"reason":{},"timestamp":"{}","seats":[)",
      type, out.key, to_string(view.user), to_string(view.event), view.total_amount,
      text_or_null(method), id_or_null(payment), text_or_null(reason), to_iso(now));
  bool first = true;
  for (const auto& item : view.items) {
    if (item.seat.is_nil())
      continue;
    fmt::format_to(to,
                   R"({}{{"seatId":"{}","seatLabel":{},"section":{},"rowNumber":{},"price":{}}})",
                   first ? "" : ",", to_string(item.seat), json_text(item.name),
                   json_text(item.section), item.row, item.unit_price);
    first = false;
  }
  json += R"(],"tickets":[)";
  first = true;
  for (const auto& item : view.items) {
    if (!item.seat.is_nil())
      continue;
    fmt::format_to(to, R"({}{{"ticketTypeId":"{}","quantity":{},"price":{}}})", first ? "" : ",",
                   to_string(item.ticket_type), item.quantity, item.unit_price);
    first = false;
  }
  json += ']';
  // The payment was not the reservation's own: it bought the ticket from an earlier owner.
  if (!transfer.is_nil())
    fmt::format_to(to, R"(,"paymentType":"transfer","referenceId":"{}")", to_string(transfer));
  json += '}';
  return out;
}

} // namespace

domain_event created_event(const reservation_view& view, time_point now, environment& env) {
  return build(view, "RESERVATION_CREATED", {}, {}, {}, {}, now, env);
}

domain_event changed_event(const reservation_view& view, const change& what, time_point now,
                           environment& env) {
  const auto& method = what.method.empty() ? view.payment_method : what.method;
  return build(view, what.event_type, what.about, what.transfer, method, what.reason, now, env);
}

} // namespace tiketi::ticket
