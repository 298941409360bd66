#pragma once

#include "actors/base/time.hpp"
#include "net/http/router.hpp"

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace tiketi::net {

/// Whose budget: a user, or an address (of IPv6 the first 64 bits, which one host owns).
struct rate_client {
  std::array<std::uint8_t, 16> bytes{};
  bool is_user = false;

  friend auto operator<=>(const rate_client&, const rate_client&) = default;
};

struct rate_verdict {
  bool allowed = true;
  milliseconds retry_after{0}; ///< where denied: until the next request would be allowed
};

/// Gets a verdict that took longer. Called once, on any thread.
class rate_waiter {
public:
  virtual ~rate_waiter() = default;
  virtual void decided(rate_verdict verdict) = 0;
};

/// Counts requests per category and client in a sliding window. Thread-safe; never blocks.
class rate_limiter {
public:
  virtual ~rate_limiter() = default;

  /// Decides at once, or returns nothing and tells `later`.
  virtual std::optional<rate_verdict> admit(rate_category category, const rate_client& client,
                                            time_point now,
                                            const std::shared_ptr<rate_waiter>& later) = 0;
};

struct rate_limit_options {
  milliseconds window{60'000};
  /// Requests per window and client; 0: no limit.
  std::size_t general = 3000;
  std::size_t auth = 60;
  std::size_t queue = 120;
  std::size_t booking = 30;
  /// Bound of the memory, in remembered requests of 8 bytes; each client costs 32 besides. Over it,
  /// the clients that were quiet for longest are forgotten.
  std::size_t stamps_max = 16'000'000;
};

/// In this process. Exact: in any span of one window at most `limit` requests pass, and denied ones
/// do not count.
std::shared_ptr<rate_limiter> make_local_rate_limiter(rate_limit_options options);

} // namespace tiketi::net
