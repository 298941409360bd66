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

/// Adds points to an active membership; once per (membership, action, reference).
struct award_entry {
  membership_id membership;
  point_entry entry;
};

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

} // namespace membership
} // namespace tiketi
