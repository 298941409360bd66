#pragma once

#include "actors/base/time.hpp"
#include "actors/cluster/admin.hpp"
#include "actors/cluster/role.hpp"

#include <caf/fwd.hpp>

namespace tiketi::cluster {

enum class handed_over : std::uint8_t {
  all,    ///< this node owns nothing any more
  nobody, ///< no other member may own anything, or this node is no member: nothing was tried
  part,   ///< the time was over, or the database did not answer; the rest ends with the lease
};

/// Before a node stops: marks it as draining and waits, `patience` at most, until the others have
/// its shards. It goes on serving what it still has. Blocks.
handed_over hand_over(caf::actor_system& sys, const cluster_role& role, const admin_actor& admin,
                      milliseconds patience);

/// Ends this node's membership, so that the others need not wait for the end of its lease. Blocks
/// for a lease at most. False: they will have to.
bool leave(caf::actor_system& sys, const cluster_role& role, milliseconds patience);

} // namespace tiketi::cluster
