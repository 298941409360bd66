#pragma once

#include "actors/cluster/overview.hpp"
#include "storage/cluster_store.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

namespace tiketi::cluster {

/// Answered by a `cluster_overview`.
struct show_cluster {};

/// Answered by `shard_owners`.
struct show_shards {};

/// From the next renewals on a member owns nothing, or may own shards again. Fails with
/// `not_found`: there is no such member.
struct set_draining {
  std::string node;
  bool draining = true;
};
struct draining_set {
  std::uint64_t epoch = 0; ///< of the view afterwards
};

/// Questions and orders of operators, answered from the database.
using admin_actor = caf::typed_actor<caf::replies_to<show_cluster>::with<cluster_overview>,
                                     caf::replies_to<show_shards>::with<shard_owners>,
                                     caf::replies_to<set_draining>::with<draining_set>>;

struct admin_options {
  shard_id shards = shards_default;
  std::size_t waiting_max = 100; ///< questions; those over it are refused as overloaded
};

/// `store`: a connection of its own, because it blocks; so the actor has a thread of its own.
admin_actor spawn_admin(caf::actor_system& sys, std::shared_ptr<cluster_store> store,
                        admin_options options = {});

} // namespace tiketi::cluster

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::show_cluster)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::cluster_overview)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::show_shards)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::shard_owners)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::set_draining)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::draining_set)
