#pragma once

#include "actors/base/time.hpp"

#include <cstdint>
#include <optional>

namespace tiketi::auth {

/// What becomes of a refresh token that somebody presents.
enum class refresh_verdict : std::uint8_t {
  rotate,  ///< its first use: it is spent, a new pair follows
  sibling, ///< spent a moment ago: another tab of the same browser; a pair of the same family
  reuse,   ///< spent or revoked earlier, so two parties hold it: the family ends
  expired,
  unknown,
};

struct rotation_rules {
  /// How long a spent token still yields siblings. Two tabs refresh within it; a thief who comes
  /// later is noticed.
  milliseconds grace{5000};
  /// Siblings of one token at most; the next counts as reuse.
  std::int32_t siblings_max = 32;
};

/// A refresh token as it is stored.
struct stored_token {
  time_point expires_at;
  std::optional<time_point> rotated_at; ///< spent
  std::int32_t siblings = 0;            ///< pairs issued for it after it was spent
  bool revoked = false;                 ///< its family has ended (logout, reuse)
};

/// Decides, changes nothing. `token` is empty when the store has none with this hash.
constexpr refresh_verdict judge(const std::optional<stored_token>& token, time_point now,
                                const rotation_rules& rules) {
  if (!token)
    return refresh_verdict::unknown;
  if (token->revoked)
    return refresh_verdict::reuse;
  if (now >= token->expires_at)
    return refresh_verdict::expired;
  if (!token->rotated_at)
    return refresh_verdict::rotate;
  // A clock that went back makes the difference negative: still within the grace.
  if (now - *token->rotated_at < rules.grace && token->siblings < rules.siblings_max)
    return refresh_verdict::sibling;
  return refresh_verdict::reuse;
}

} // namespace tiketi::auth
