#pragma once

#include "actors/base/result.hpp"
#include "actors/bus/messages.hpp"
#include "actors/membership/messages.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

// What membership of an artist means. Pure: time and ids are arguments.
//
//     (none) -> pending -> active -> expired -> pending ...

namespace tiketi {

class environment;

namespace membership {

inline constexpr const char* membership_topic = "membership-events";

inline constexpr const char* community_topic = "community-events"; ///< of the community role

inline constexpr std::int64_t join_points = 200;
inline constexpr std::int64_t purchase_points = 100;
inline constexpr std::int64_t points_max = 1'000'000; ///< of one award

/// What a tier brings. Zeros: none.
struct tier_benefits {
  std::int32_t pre_sale_phase = 0;
  const char* label = "";
  bool transfer_access = false;
  std::int32_t transfer_fee_percent = 0;
  std::int64_t next_tier_threshold = 0;
};

/// Never bronze: whoever has points is a member.
tier tier_of(std::int64_t points) noexcept;
const tier_benefits& benefits_of(tier t) noexcept;

/// Bronze, unless the membership is active now.
tier effective_tier(const membership_row& m, time_point now) noexcept;
bool is_active(const membership_row& m, time_point now) noexcept;

/// The same day of the next year; from 29 February the 28th.
time_point one_year_after(time_point t) noexcept;

/// What one transaction writes about a membership.
struct change_membership {
  /// Version 1: a new row; otherwise from version - 1. Version 0: no row is touched.
  membership_row next;
  std::optional<point_entry> points; ///< the row has them already
  uuid message;                      ///< nil, or the event that caused it: at most once
  std::vector<domain_event> events;
};

/// Points for something a user did, or back because it was undone. A membership gets them once per
/// (action, reference) while it is active, and gives back once what it got, whatever it is by then:
/// as an entry of its own, with the action `revoked_action`.
struct post_points {
  uuid message; ///< nil, or the event that caused it: at most once
  user_id user;
  artist_id artist; ///< nil: every membership of the user that can
  bool revoke = false;
  /// `id` is not used: the entry of each membership has its own. `points` is not used to revoke.
  point_entry entry;
};

std::string revoked_action(const std::string& action);
/// The same for the same thing, so that a repeat cannot be another entry.
uuid point_entry_id(const membership_id& membership, const std::string& action,
                    const uuid& reference);

/// What is offered. `next.version` is 0 when it stands so already.
/// Fails with conflict: an active member.
result<change_membership> decide_subscription(const std::optional<membership_row>& known,
                                              const artist_card& artist, user_id user,
                                              membership_id fresh, time_point now);

/// May this user pay for it now? Fails with not_found, forbidden, not_pending.
result<ticket::payable> decide_payable(const std::optional<membership_row>& known,
                                       const check_membership& query, time_point now);

/// A captured payment: the change that activates it, or what is known already. A change whose
/// `next.version` is 0 refuses the payment.
struct activation {
  change_membership change;
  ticket::payment_outcome outcome; ///< once the change is durable
};
std::variant<ticket::payment_outcome, activation>
decide_activation(const std::optional<membership_row>& known, const apply_membership_payment& paid,
                  environment& env);

/// Nothing: it is not over yet.
std::optional<change_membership> decide_expiry(const membership_row& m, environment& env);

/// invalid_request with a sentence, or nothing wrong.
result<void> check_award(const award& command);

/// What a POINTS_EARNED or POINTS_REVOKED event of the community asks for; nothing: another event.
/// Fails with invalid_request: it cannot be read.
result<std::optional<post_points>> points_of(const domain_event& event, time_point now);

/// Points for a paid booking: RESERVATION_CONFIRMED of an event with this artist.
struct paid_booking {
  user_id user;
  event_id event;
  reservation_id reservation;
};
/// Nothing: another event. Fails with invalid_request: it cannot be read.
result<std::optional<paid_booking>> booking_of(const domain_event& event);

} // namespace membership
} // namespace tiketi
