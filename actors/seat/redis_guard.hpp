#pragma once

#include "actors/base/environment.hpp"
#include "actors/redis/client.hpp"
#include "actors/remote/breaker.hpp"
#include "actors/seat/guard.hpp"

#include <memory>

#include <caf/fwd.hpp>

namespace prometheus {
class Registry;
}

namespace tiketi::ticket {

struct redis_guard_options {
  milliseconds deadline{50}; ///< for one call; then this node answers by itself
  /// A seat whose hold neither ended nor reached the database is refused to others this long.
  milliseconds lock_life{10'000};
  milliseconds remember{7 * 86'400'000LL}; ///< how long Redis keeps a token; the database keeps all
  remote::breaker_options breaker{.window = 10,
                                  .failure_percent = 50,
                                  .slow_percent = 80,
                                  .slow_after = milliseconds{40},
                                  .open_for = milliseconds{1'000},
                                  .trials = 3};
};

/// A guard that asks Redis (lua/seat_acquire.lua), so that all nodes draw from one sequence per
/// seat: one call per event at a time, for all reservations that wait for it. Without Redis (away,
/// slow, in error, breaker open) it goes on by itself from the highest token that the database or
/// this process has seen; the database's compare-and-set protects, whoever gave the token. A token
/// that Redis has no right to give (not newer than what is known) is never handed on: this node
/// issues one, and Redis is told. Fails with seat_unavailable where another reservation has the
/// lock. Releases are best effort. Metrics: `seat_guard_*`. `env` and `registry` outlive it; shut
/// the client down before the actor system ends.
guard_actor spawn_redis_guard(caf::actor_system& sys, environment& env,
                              prometheus::Registry& registry, std::shared_ptr<redis::client> client,
                              redis_guard_options options);

} // namespace tiketi::ticket
