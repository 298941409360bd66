#pragma once

#include "actors/base/environment.hpp"
#include "actors/base/result.hpp"
#include "actors/cluster/membership_actor.hpp"
#include "actors/cluster/node_state.hpp"
#include "actors/cluster/recent_commands.hpp"
#include "actors/cluster/transport.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include <caf/actor.hpp>
#include <caf/fwd.hpp>

namespace prometheus {
class Registry;
}

namespace tiketi::cluster {

struct cluster_options {
  membership_options membership;
  transport_options transport;
  recent_limits recent;
};

struct cluster_dependencies {
  /// Who this node is. Without an address it is where the transport listens; without a boot id it
  /// gets one.
  join_request who;
  std::shared_ptr<cluster_store> store; ///< a connection of its own
  mono_clock clock = since_boot;
  /// Told how long each answer of another node took; may be empty. From any thread.
  std::function<void(std::chrono::nanoseconds)> answered = {};
};

struct cluster_role {
  std::shared_ptr<node_state> state;
  caf::actor
      membership;     ///< takes `watch_shards`, `watch_routes`, `leave_cluster`, `ask_membership`
  caf::actor gateway; ///< takes `attach_region`, `send_command`, `ask_gateway`
  std::uint16_t port = 0;
};

/// Listens, joins, and connects to the other members; returns before any of it is done, except that
/// it listens. The configuration of `sys` has been through `prepare`. `env` outlives it. Fails with
/// a text for a person.
result<cluster_role> start_cluster(caf::actor_system& sys, environment& env,
                                   cluster_options options, cluster_dependencies dependencies);

/// What shares the regions' work out; see `shard_access` and `home`.
struct sharing {
  std::shared_ptr<const node_state> state;
  caf::actor courier;
  caf::actor home; ///< takes `attach_regions` once they run
};

/// Lets `role` be a part of `sale_role`. `env` and `registry` outlive it.
sharing start_sharing(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                      const cluster_role& role, milliseconds drain_max = milliseconds{3000});

void stop(const sharing& parts);

/// Ends the actors; returns at once. A node that has not left before (`leave_cluster`) is missed
/// when its lease is over.
void stop(caf::actor_system& sys, const cluster_role& role);

} // namespace tiketi::cluster
