#pragma once

#include "actors/bus/relay.hpp"
#include "actors/community/community_actor.hpp"
#include "storage/outbox.hpp"

#include <memory>
#include <vector>

#include <caf/fwd.hpp>

namespace tiketi::community {

struct community_dependencies {
  std::shared_ptr<community_writes> writes;
  std::vector<std::shared_ptr<community_queries>> readers; ///< at least one
  std::unique_ptr<outbox_store> outbox;
  accounts_view accounts;
  artists_view artists;
  /// Who gets `community-events`. While there is nobody, the events wait in the outbox.
  std::vector<subscription> subscriptions;
  relay_options relay{};
};

struct community_role {
  community_actor community;
  community_writer writer;
  relay_actor relay;
};

/// Starts the role; blocking work gets threads of its own. `env` and `registry` outlive the actor
/// system. Throws std::invalid_argument when a dependency is missing.
community_role start_community(caf::actor_system& sys, environment& env,
                               prometheus::Registry& registry, community_options options,
                               community_dependencies dependencies);

/// Ends the role in order: counted views are stored, then readers, writer and relay end. Returns at
/// once; the actors end by themselves.
void stop(const community_role& role);

/// Puts the demo articles into a store that has no news; false: it had some, and nothing changed.
/// Blocks: for main, before the front is opened.
result<bool> seed_demo_news(caf::actor_system& sys, environment& env, const community_role& role);

} // namespace tiketi::community
