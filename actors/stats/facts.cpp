#include "actors/stats/facts.hpp"

#include "actors/catalog/event_changed.hpp"
#include "actors/catalog/layout.hpp"

#include <limits>
#include <map>
#include <stdexcept>
#include <utility>

#include <nlohmann/json.hpp>

namespace tiketi::stats {

namespace {

using nlohmann::json;

/// Reads fields and throws std::invalid_argument that names the one that cannot be read.
class payload_reader {
public:
  explicit payload_reader(const json& object) : object_(object) {
    if (!object_.is_object())
      throw std::invalid_argument("the payload is no object");
  }

  template <class Id>
  Id id(const char* key) const {
    const auto* value = find(key);
    if (value && value->is_string())
      if (const auto parsed = parse_id<Id>(value->get_ref<const std::string&>()))
        return *parsed;
    throw std::invalid_argument(std::string(key) + " is no id");
  }

  template <class Id>
  Id optional_id(const char* key) const {
    return find(key) ? id<Id>(key) : Id{};
  }

  std::string text(const char* key) const {
    const auto* value = find(key);
    if (!value || !value->is_string())
      throw std::invalid_argument(std::string(key) + " is no text");
    return value->get<std::string>();
  }

  std::string optional_text(const char* key) const { return find(key) ? text(key) : std::string{}; }

  std::int64_t number(const char* key) const {
    const auto* value = find(key);
    if (!value || !value->is_number_integer() || value->get<std::int64_t>() < 0)
      throw std::invalid_argument(std::string(key) + " is no amount");
    return value->get<std::int64_t>();
  }

  /// Null when absent or null.
  const json* find(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

private:
  const json& object_;
};

std::int32_t small(std::int64_t value, const char* key) {
  if (value > std::numeric_limits<std::int32_t>::max())
    throw std::invalid_argument(std::string(key) + " is too large");
  return static_cast<std::int32_t>(value);
}

reservation_fact read_reservation(const json& payload, reservation_step step) {
  const payload_reader in{payload};
  reservation_fact out;
  out.step = step;
  out.id = in.id<reservation_id>("reservationId");
  out.user = in.id<user_id>("userId");
  out.event = in.id<event_id>("eventId");
  out.amount = in.number("totalAmount");
  std::map<std::pair<std::string, std::int32_t>, std::int32_t> rows;
  if (const auto* seats = in.find("seats"); seats && seats->is_array()) {
    for (const auto& item : *seats) {
      const payload_reader seat{item};
      ++out.seats;
      // Older events do not say where a seat is.
      if (seat.find("section") && seat.find("rowNumber"))
        ++rows[{seat.text("section"), small(seat.number("rowNumber"), "rowNumber")}];
    }
  }
  for (const auto& [where, count] : rows)
    out.rows.push_back({where.first, where.second, count});
  if (const auto* tickets = in.find("tickets"); tickets && tickets->is_array())
    for (const auto& item : *tickets)
      out.tickets += small(payload_reader{item}.number("quantity"), "quantity");
  return out;
}

payment_fact read_payment(const json& payload, payment_step step) {
  const payload_reader in{payload};
  payment_fact out;
  out.step = step;
  out.id = in.id<payment_id>("paymentId");
  out.user = in.id<user_id>("userId");
  out.event = in.optional_id<event_id>("eventId");
  out.type = in.text("paymentType");
  out.method = in.optional_text("paymentMethod");
  out.amount = in.number("amount");
  return out;
}

event_fact read_event(const std::string& payload) {
  auto parsed = catalog::parse_event_changed(payload);
  if (!parsed)
    throw std::invalid_argument(parsed.error().text);
  const auto& e = parsed->event;
  event_fact out;
  out.id = e.id;
  out.title = e.title;
  out.venue = e.venue;
  out.event_date = e.event_date;
  out.sale_start = e.sale_start;
  out.sale_end = e.sale_end;
  out.cancelled = e.cancelled;
  if (parsed->layout) {
    const auto plan = catalog::parse_layout(parsed->layout->config);
    if (!plan)
      throw std::invalid_argument(plan.error().text);
    out.seated = true;
    if (e.seats_offered) {
      out.capacity = plan->total_seats;
      for (const auto& section : plan->sections)
        for (std::int32_t r = 0; r < section.rows; ++r)
          out.rows.push_back(
              {section.name, section.start_row + r, section.price, section.seats_per_row});
    }
  }
  // A seated event may sell standing tickets too.
  for (const auto& type : parsed->types)
    out.capacity += type.total;
  return out;
}

std::optional<fact> read(const domain_event& event) {
  const auto& topic = event.topic;
  const auto& type = event.type;
  if (topic == catalog::catalog_topic && type == catalog::event_changed_type)
    return fact{read_event(event.payload)};
  const auto payload = json::parse(event.payload, nullptr, false);
  if (topic == "reservation-events") {
    if (type == "RESERVATION_CREATED")
      return fact{read_reservation(payload, reservation_step::created)};
    if (type == "RESERVATION_CONFIRMED")
      return fact{read_reservation(payload, reservation_step::confirmed)};
    if (type == "RESERVATION_CANCELLED")
      return fact{read_reservation(payload, reservation_step::cancelled)};
    if (type == "RESERVATION_EXPIRED")
      return fact{read_reservation(payload, reservation_step::expired)};
  } else if (topic == "payment-events") {
    if (type == "PAYMENT_CONFIRMED")
      return fact{read_payment(payload, payment_step::confirmed)};
    if (type == "PAYMENT_FAILED")
      return fact{read_payment(payload, payment_step::failed)};
    if (type == "PAYMENT_REFUNDED")
      return fact{read_payment(payload, payment_step::refunded)};
  } else if (topic == "user-events" && type == "USER_REGISTERED") {
    const payload_reader in{payload};
    return fact{user_fact{in.id<user_id>("userId"), in.text("role")}};
  } else if (topic == "transfer-events" && type == "TRANSFER_COMPLETED") {
    const payload_reader in{payload};
    return fact{transfer_fact{in.id<reservation_id>("reservationId"), in.id<user_id>("buyerId"),
                              in.number("totalPrice")}};
  } else if (topic == "membership-events" && type == "MEMBERSHIP_ACTIVATED") {
    return fact{membership_fact{}};
  }
  return std::nullopt;
}

} // namespace

result<std::optional<fact>> read_fact(const domain_event& event) {
  try {
    return read(event);
  } catch (const std::invalid_argument& e) {
    return failure{errc::invalid_request, event.type + ": " + e.what()};
  }
}

} // namespace tiketi::stats
