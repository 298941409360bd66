#pragma once

#include "actors/bus/relay.hpp"
#include "actors/remote/role.hpp"
#include "actors/webhook/webhook_actor.hpp"

#include <memory>

#include <caf/fwd.hpp>

namespace prometheus {
class Registry;
}

namespace tiketi::webhook {

struct webhook_dependencies {
  std::shared_ptr<webhook_writes> writes;
  std::unique_ptr<webhook_queries> own_queries;   ///< for the deliveries
  std::unique_ptr<webhook_queries> front_queries; ///< for lists
  /// Of its own: slow receivers may fill it, and it decides which addresses may be called. Outlives
  /// the role.
  std::shared_ptr<remote::transport> via;
};

struct webhook_role {
  webhook_actor webhooks;

  /// What the relay of each producing role needs, whatever its topics are.
  subscription consumer() const;
};

/// Starts the role; blocking work gets threads of its own. `calls` says how calls are made; the
/// role's own rules decide about repeats. `env` and `registry` outlive the actor system. Throws
/// std::invalid_argument when a dependency is missing.
webhook_role start_webhook(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                           webhook_options options, remote::remote_options calls,
                           webhook_dependencies dependencies);

/// Ends the role at once; what was being sent is sent again after the next start. Returns at once.
void stop(const webhook_role& role);

} // namespace tiketi::webhook
