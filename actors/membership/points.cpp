#include "actors/catalog/name_id.hpp"
#include "actors/membership/membership.hpp"
#include "actors/reservation/domain_events.hpp"

#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

// What the events of others mean for the account of points.

namespace tiketi::membership {

namespace {

constexpr std::string_view undone = " 취소";

failure unreadable(const domain_event& event, const std::string& what) {
  return {errc::invalid_request, event.type + " " + to_string(event.id) + ": " + what};
}

std::string text(const nlohmann::json& body, const char* field) {
  const auto found = body.find(field);
  return found != body.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::optional<uuid> id(const nlohmann::json& body, const char* field) {
  const auto found = body.find(field);
  return found != body.end() && found->is_string()
             ? parse_uuid(found->get_ref<const std::string&>())
             : std::nullopt;
}

} // namespace

std::string revoked_action(const std::string& action) {
  return action + "_REVOKED";
}

uuid point_entry_id(const membership_id& membership, const std::string& action,
                    const uuid& reference) {
  return catalog::name_based_uuid(membership.value, action + "/" + to_string(reference));
}

result<std::optional<post_points>> points_of(const domain_event& event, time_point now) {
  const bool earned = event.type == "POINTS_EARNED";
  if (event.topic != community_topic || (!earned && event.type != "POINTS_REVOKED"))
    return std::optional<post_points>{};
  const auto body = nlohmann::json::parse(event.payload, nullptr, false);
  if (!body.is_object())
    return unreadable(event, "the payload is no JSON object");
  const auto user = id(body, "userId");
  const auto reference = id(body, "referenceId");
  if (event.id.is_nil() || !user || !reference)
    return unreadable(event, "an id is missing");
  post_points out;
  // Absent means every artist; what cannot be read must not mean that too.
  if (const auto artist = body.find("artistId"); artist != body.end() && !artist->is_null()) {
    const auto of = id(body, "artistId");
    if (!of || of->is_nil())
      return unreadable(event, "artistId is wrong");
    out.artist = artist_id{*of};
  }
  const auto points = body.find("points");
  if (points == body.end() || !points->is_number_integer())
    return unreadable(event, "points is missing");
  const award claim{user_id{*user},
                    out.artist,
                    text(body, "actionType"),
                    points->get<std::int64_t>(),
                    text(body, "description"),
                    *reference};
  if (const auto ok = check_award(claim); !ok)
    return unreadable(event, ok.error().text);
  out.message = event.id;
  out.user = claim.user;
  out.revoke = !earned;
  out.entry = {{},
               claim.action,
               claim.points,
               claim.description + (earned ? std::string() : std::string(undone)),
               claim.reference,
               now};
  return std::optional(std::move(out));
}

result<std::optional<paid_booking>> booking_of(const domain_event& event) {
  if (event.topic != ticket::reservation_topic || event.type != "RESERVATION_CONFIRMED")
    return std::optional<paid_booking>{};
  const auto body = nlohmann::json::parse(event.payload, nullptr, false);
  if (!body.is_object())
    return unreadable(event, "the payload is no JSON object");
  const auto user = id(body, "userId");
  const auto about = id(body, "eventId");
  const auto reservation = id(body, "reservationId");
  if (event.id.is_nil() || !user || !about || !reservation)
    return unreadable(event, "an id is missing");
  return std::optional(
      paid_booking{user_id{*user}, event_id{*about}, reservation_id{*reservation}});
}

} // namespace tiketi::membership
