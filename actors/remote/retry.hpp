#pragma once

#include "actors/remote/breaker.hpp"
#include "actors/remote/transport.hpp"

#include <cstdint>
#include <optional>

namespace tiketi::remote {

struct retry_options {
  std::uint32_t attempts_max = 3; ///< the first one included, 1 ... 10
  milliseconds wait_first{200};   ///< before the second attempt; doubles
  milliseconds wait_max{2000};
};

/// What one attempt means.
struct attempt_verdict {
  call_outcome outcome = call_outcome::success; ///< for the breaker
  bool again = false;                           ///< another attempt may end better
  milliseconds at_least{0};                     ///< wait that the target asked for
};

/// A client's mistake (4xx) is no failure of the target; 429 and 5xx are.
attempt_verdict judge(const transfer_result& result);

/// How long to wait after `made` attempts; nothing: give up. Between half and all of the doubled
/// wait, by chance, so that many callers do not come back at once.
std::optional<milliseconds> retry_wait(const retry_options& options, std::uint32_t made,
                                       milliseconds at_least, time_point now, time_point deadline,
                                       std::uint64_t random);

} // namespace tiketi::remote
