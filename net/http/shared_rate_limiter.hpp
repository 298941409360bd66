#pragma once

#include "actors/redis/client.hpp"
#include "net/http/rate_limiter.hpp"

#include <memory>

namespace prometheus {
class Registry;
}

namespace tiketi::net {

struct shared_rate_options {
  rate_limit_options limits;       ///< the ones of the local limiter
  milliseconds deadline{500};      ///< of one report
  milliseconds slice{5'000};       ///< the window is counted in steps of this
  std::size_t share_from = 10;     ///< percent of a limit that a client may use untold on each node
  std::size_t reports_max = 1'000; ///< sent at once; further ones wait for the next time
  std::size_t clients_max = 400'000; ///< counted at once; further ones are limited by node only
};

/// One budget per client over all nodes. No request waits for it: each node decides by its own
/// exact count and by what the others told through Redis (lua/rate_report.lua), and tells what its
/// clients used whenever `report` is called.
///
/// How exact: a client that uses n nodes at once can pass `limit + (n - 1) * (limit * share_from /
/// 100 + what one node lets pass between two reports)` requests, where the window is up to one
/// slice short for what others used. A report that may or may not have arrived is not repeated.
/// While Redis is away each node limits by itself, and what the others told ages out of the window;
/// nobody is refused for what Redis does. Thread-safe; never blocks.
class shared_rate_limiter : public rate_limiter {
public:
  /// Tells and learns. Call it every `redis.rate_interval_ms`; one thread at a time.
  virtual void report(time_point now) = 0;
};

/// `local` decides first of all what this node lets pass. `registry` outlives it.
std::shared_ptr<shared_rate_limiter> make_shared_rate_limiter(std::shared_ptr<rate_limiter> local,
                                                              std::shared_ptr<redis::client> client,
                                                              prometheus::Registry& registry,
                                                              shared_rate_options options);

} // namespace tiketi::net
