#pragma once

#include "actors/base/ids.hpp"
#include "actors/bus/messages.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Membership points for what people write. The community role only says what was earned and what
// is taken back; whoever keeps memberships applies it.

namespace tiketi::community {

inline constexpr std::string_view community_topic = "community-events";
inline constexpr std::string_view points_earned_type = "POINTS_EARNED";
inline constexpr std::string_view points_revoked_type = "POINTS_REVOKED";

enum class point_action : std::uint8_t { news, post, comment };

/// `NEWS_CREATION`, `COMMUNITY_POST`, `COMMUNITY_COMMENT`
std::string_view to_string_view(point_action action) noexcept;
std::optional<point_action> parse_point_action(std::string_view text) noexcept;

/// 30 for news and posts, 10 for a comment.
std::int32_t points_for(point_action action) noexcept;

/// Days since 1970 in Korea, where a day of the daily limits begins.
std::int32_t business_day(time_point t) noexcept;

struct point_award {
  user_id user;
  point_action action = point_action::post;
  std::int32_t points = 0;
  uuid reference;                  ///< of the news, post or comment: one award each, for ever
  std::optional<artist_id> artist; ///< nothing: every active membership of the user
};

/// How many awards of each kind a user gets in one business day.
struct daily_limits {
  std::int32_t news = 10;
  std::int32_t posts = 10;
  std::int32_t comments = 30;

  std::int32_t of(point_action action) const noexcept;
};

/// POINTS_EARNED and POINTS_REVOKED on `community-events`, keyed by user. Each has an id that
/// follows from the reference, so neither can happen twice for one reference.
domain_event earned_event(const point_award& award, time_point now);
domain_event revoked_event(const point_award& award, time_point now);

} // namespace tiketi::community
