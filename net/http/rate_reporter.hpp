#pragma once

#include "actors/base/environment.hpp"
#include "net/http/shared_rate_limiter.hpp"

#include <memory>

#include <caf/actor.hpp>
#include <caf/fwd.hpp>

namespace tiketi::net {

/// Calls `report` every `interval`, until it gets an exit. `env` outlives it.
caf::actor spawn_rate_reporter(caf::actor_system& sys, environment& env,
                               std::shared_ptr<shared_rate_limiter> limiter, milliseconds interval);

} // namespace tiketi::net
