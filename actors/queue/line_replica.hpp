#pragma once

#include "actors/cluster/copies.hpp"
#include "actors/queue/messages.hpp"
#include "actors/queue/queue_actor.hpp"

#include <memory>

#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>

namespace tiketi::queue {

/// The line of one event of another node. Those who wait are answered here, not older than
/// `replica_rules` say, and the owner hears of all of them together; whoever does not wait, or is
/// about to leave, is answered by the owner.
using line_replica =
    caf::typed_actor<caf::replies_to<poll_queue>::with<queue_place>,
                     caf::reacts_to<cluster::copy_hurry>, caf::reacts_to<cluster::copy_tick>,
                     caf::reacts_to<cluster::stop_copy>>;

line_replica spawn_line_replica(caf::actor_system& sys, event_id event,
                                std::shared_ptr<const queue_context> role,
                                std::shared_ptr<const cluster::copy_context> context,
                                cluster::copies_parent parent);

} // namespace tiketi::queue
