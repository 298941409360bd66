#pragma once

#include "actors/idempotency/keeper.hpp"

#include <memory>

#include <caf/fwd.hpp>
#include <prometheus/registry.h>

namespace tiketi::idempotency {

struct keeper_dependencies {
  std::shared_ptr<key_writes> writes;   ///< a connection of its own
  std::shared_ptr<key_queries> queries; ///< another one
};

struct keeper_role {
  keeper keys;
  key_writer writer;
  key_reader reader;
  std::shared_ptr<keeper_metrics> metrics;
};

/// Starts the actors; reading and writing get a thread each. `env` and `registry` outlive the actor
/// system.
keeper_role start_keeper(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                         keeper_options options, keeper_dependencies dependencies);

/// Asks every actor to quit; returns at once. Stop the HTTP server first.
void stop(const keeper_role& role);

} // namespace tiketi::idempotency
