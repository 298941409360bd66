#include "actors/community/points.hpp"

#include "actors/catalog/name_id.hpp"

#include <chrono>

#include <nlohmann/json.hpp>

namespace tiketi::community {

namespace {

std::string_view description_of(point_action action) noexcept {
  switch (action) {
  case point_action::news:
    return "뉴스 작성";
  case point_action::post:
    return "커뮤니티 글 작성";
  case point_action::comment:
    break;
  }
  return "커뮤니티 댓글 작성";
}

domain_event make_event(const point_award& award, std::string_view type, time_point now) {
  domain_event out;
  out.id = catalog::name_based_uuid(award.reference, type);
  out.topic = community_topic;
  out.key = to_string(award.user);
  out.type = type;
  out.occurred_at = now;
  const nlohmann::json payload{
      {"type", out.type},
      {"userId", out.key},
      {"actionType", std::string(to_string_view(award.action))},
      {"points", award.points},
      {"description", std::string(description_of(award.action))},
      {"referenceId", to_string(award.reference)},
      {"artistId", award.artist ? nlohmann::json(to_string(*award.artist)) : nlohmann::json()},
      {"timestamp", to_iso(now)}};
  out.payload = payload.dump();
  return out;
}

} // namespace

std::string_view to_string_view(point_action action) noexcept {
  switch (action) {
  case point_action::news:
    return "NEWS_CREATION";
  case point_action::post:
    return "COMMUNITY_POST";
  case point_action::comment:
    break;
  }
  return "COMMUNITY_COMMENT";
}

std::optional<point_action> parse_point_action(std::string_view text) noexcept {
  for (const auto action : {point_action::news, point_action::post, point_action::comment})
    if (to_string_view(action) == text)
      return action;
  return std::nullopt;
}

std::int32_t points_for(point_action action) noexcept {
  return action == point_action::comment ? 10 : 30;
}

std::int32_t business_day(time_point t) noexcept {
  const auto korea = t + std::chrono::hours{9}; // no daylight saving time since 1988
  return static_cast<std::int32_t>(
      std::chrono::floor<std::chrono::days>(korea).time_since_epoch().count());
}

std::int32_t daily_limits::of(point_action action) const noexcept {
  switch (action) {
  case point_action::news:
    return news;
  case point_action::post:
    return posts;
  case point_action::comment:
    break;
  }
  return comments;
}

domain_event earned_event(const point_award& award, time_point now) {
  return make_event(award, points_earned_type, now);
}

domain_event revoked_event(const point_award& award, time_point now) {
  return make_event(award, points_revoked_type, now);
}

} // namespace tiketi::community
