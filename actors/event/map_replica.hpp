#pragma once

#include "actors/cluster/copies.hpp"
#include "actors/event/map_updates.hpp"
#include "actors/event/messages.hpp"

#include <memory>

#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>

namespace tiketi {
class environment;
}

namespace tiketi::ticket {

/// The seat map of one event of another node: answers as the event itself would, not older than
/// `replica_rules` say.
using map_replica =
    caf::typed_actor<caf::replies_to<get_seat_map>::with<seat_map_view>,
                     caf::replies_to<get_seat_changes>::with<seat_changes>,
                     caf::reacts_to<cluster::copy_hurry>, caf::reacts_to<cluster::copy_tick>,
                     caf::reacts_to<cluster::stop_copy>>;

/// `env` outlives it.
map_replica spawn_map_replica(caf::actor_system& sys, environment& env, event_id event,
                              std::shared_ptr<const cluster::copy_context> context,
                              cluster::copies_parent parent);

} // namespace tiketi::ticket
