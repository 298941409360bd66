#include "actors/transfer/resale.hpp"

#include "actors/base/environment.hpp"
#include "actors/membership/membership.hpp"
#include "actors/reservation/reservation.hpp"

#include <nlohmann/json.hpp>

namespace tiketi::ticket {

namespace {

/// Of an event without an artist: there is nothing to be a member of.
constexpr std::int32_t plain_fee_percent = 10;

template <class Id>
nlohmann::json id_or_null(const Id& id) {
  return id.is_nil() ? nlohmann::json(nullptr) : nlohmann::json(to_string(id));
}

std::string type_of(listing_effect effect) {
  switch (effect) {
  case listing_effect::open:
    return "TRANSFER_LISTED";
  case listing_effect::close:
    return "TRANSFER_CANCELLED";
  case listing_effect::sell:
    return "TRANSFER_COMPLETED";
  case listing_effect::keep:
    break;
  }
  return {};
}

} // namespace

result<transfer_terms> resale_terms(std::int64_t total, const artist_id& artist,
                                    membership::tier seller) {
  transfer_terms out;
  out.artist = artist;
  out.original_price = total;
  out.fee_percent = plain_fee_percent;
  if (!artist.is_nil()) {
    const auto& benefits = membership::benefits_of(seller);
    if (!benefits.transfer_access)
      return failure{errc::forbidden, "Active membership required for this artist"};
    out.fee_percent = benefits.transfer_fee_percent;
  }
  out.fee = total / 100 * out.fee_percent + total % 100 * out.fee_percent / 100;
  out.total_price = total + out.fee;
  return out;
}

result<void> check_resale(const event_row& event, time_point now) {
  constexpr time_point none{};
  if (event.cancelled)
    return failure{errc::sale_closed, "This event has been cancelled"};
  if (event.event_date != none && now >= event.event_date)
    return failure{errc::sale_closed, "This event is over"};
  return {};
}

std::optional<domain_event> transfer_event(const reservation_view& view, const change& what,
                                           time_point now, environment& env) {
  const auto type = type_of(what.listing.effect);
  if (type.empty())
    return std::nullopt;
  const auto& terms = what.listing.terms;
  const bool sold = what.listing.effect == listing_effect::sell;
  domain_event out;
  out.id = make_uuid(env);
  out.topic = transfer_topic;
  out.key = to_string(terms.id);
  out.type = type;
  out.occurred_at = now;
  nlohmann::json payload{
      {"type", type},
      {"sagaId", nullptr},
      {"transferId", to_string(terms.id)},
      {"reservationId", to_string(view.id)},
      {"eventId", to_string(view.event)},
      {"artistId", id_or_null(terms.artist)},
      {"sellerId", to_string(what.listing.seller)},
      {"buyerId", id_or_null(what.listing.buyer)},
      {"originalPrice", terms.original_price},
      {"transferFee", terms.fee},
      {"transferFeePercent", terms.fee_percent},
      {"totalPrice", terms.total_price},
      {"reason", what.reason.empty() ? nlohmann::json(nullptr) : nlohmann::json(what.reason)},
      {"timestamp", to_iso(now)}};
  if (sold) {
    // What the payment role needs to know whose payment this was.
    payload["paymentId"] = to_string(what.about);
    payload["sellerPaymentId"] = id_or_null(view.paid_by);
    payload["paymentType"] = "transfer";
    payload["referenceId"] = to_string(terms.id);
    payload["paymentMethod"] = what.method;
  }
  out.payload = payload.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return out;
}

} // namespace tiketi::ticket
