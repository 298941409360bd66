#include "actors/webhook/payload.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <nlohmann/json.hpp>

namespace tiketi::webhook {

namespace {

using nlohmann::json;
using fields = std::vector<std::string_view>;

const fields reservation_fields{"reservationId", "eventId", "totalAmount", "paymentMethod",
                                "paymentId",     "seats",   "tickets",     "timestamp"};
const fields payment_fields{"paymentId", "orderId",       "reservationId", "eventId", "referenceId",
                            "amount",    "paymentMethod", "paymentType",   "demo",    "timestamp"};
const fields transfer_fields{"transferId",         "reservationId", "eventId",    "artistId",
                             "originalPrice",      "transferFee",   "totalPrice", "paymentId",
                             "transferFeePercent", "paymentMethod", "timestamp"};
const fields membership_fields{"membershipId", "artistId", "timestamp"};
/// The layout stays out: it is long, and whoever wants it asks for it.
const fields catalog_fields{"event", "ticketTypes"};

const std::map<std::string, const fields*, std::less<>> listed{
    {"EVENT_CHANGED", &catalog_fields},
    {"MEMBERSHIP_ACTIVATED", &membership_fields},
    {"MEMBERSHIP_EXPIRED", &membership_fields},
    {"PAYMENT_CONFIRMED", &payment_fields},
    {"PAYMENT_REFUNDED", &payment_fields},
    {"RESERVATION_CANCELLED", &reservation_fields},
    {"RESERVATION_CONFIRMED", &reservation_fields},
    {"RESERVATION_CREATED", &reservation_fields},
    {"RESERVATION_EXPIRED", &reservation_fields},
    {"TRANSFER_CANCELLED", &transfer_fields},
    {"TRANSFER_COMPLETED", &transfer_fields},
    {"TRANSFER_LISTED", &transfer_fields},
};

/// `event_id` in the payload, or the key of what the catalog says.
event_id about_what(const domain_event& event, const json& data) {
  if (event.type == "EVENT_CHANGED")
    return parse_id<event_id>(event.key).value_or(event_id{});
  const auto found = data.find("eventId");
  if (found == data.end() || !found->is_string())
    return {};
  return parse_id<event_id>(found->get_ref<const std::string&>()).value_or(event_id{});
}

std::string envelope(const uuid& id, std::string_view type, std::uint32_t version,
                     time_point occurred_at, std::string_view key, json data) {
  const json out{{"id", to_string(id)}, {"type", type},
                 {"version", version},  {"occurredAt", to_iso(occurred_at)},
                 {"key", key},          {"data", std::move(data)}};
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

} // namespace

const std::vector<std::string>& known_types() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    out.reserve(std::size(listed));
    for (const auto& entry : listed)
      out.push_back(entry.first);
    return out;
  }();
  return names;
}

bool is_known_type(std::string_view type) {
  return listed.contains(type);
}

result<message> message_of(const domain_event& event) {
  const auto found = listed.find(event.type);
  if (found == listed.end())
    return failure{errc::invalid_request, "no webhook can ask for " + event.type};
  auto payload = json::parse(event.payload, nullptr, false);
  if (!payload.is_object())
    return failure{errc::invalid_request,
                   event.type + " " + to_string(event.id) + ": the payload is no JSON object"};
  auto data = json::object();
  for (const auto name : *found->second)
    if (const auto field = payload.find(std::string{name}); field != payload.end())
      data[std::string{name}] = std::move(*field);
  message out;
  out.about = about_what(event, data);
  out.body =
      envelope(event.id, event.type, event.version, event.occurred_at, event.key, std::move(data));
  return out;
}

std::string ping_body(const uuid& id, const std::string& webhook, time_point now) {
  return envelope(id, "PING", 1, now, webhook, {{"webhookId", webhook}});
}

} // namespace tiketi::webhook
