#pragma once

#include "actors/cluster/copies.hpp"
#include "actors/cluster/sharding.hpp"
#include "actors/queue/queue_actor.hpp"
#include "actors/queue/type_ids.hpp"

#include <cstddef>
#include <memory>

#include <caf/allowed_unsafe_message_type.hpp>

namespace tiketi::cluster {
class services;
}

namespace tiketi::queue {

struct queue_region_options {
  /// Queues that may live at once on this node; over it a new one is refused: overloaded.
  std::size_t queues_max = 10'000;
  /// Messages that wait for one queue's passivation, or for the start of the region.
  std::size_t buffer_max = 10'000;
  /// Until the journal could be read at the start.
  milliseconds retry_interval{1000};
};

/// To itself, until it knows which events have somebody in their queue.
struct region_retry {};

/// To itself, once a second: how much waits?
struct region_tick {};

} // namespace tiketi::queue

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::queue::region_retry)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::queue::region_tick)

namespace tiketi::queue {

/// All queues of this node: finds the event's queue and forwards. A superset of `queues`.
using queue_region =
    queues::extend<caf::reacts_to<passivate_queue>, caf::reacts_to<keep_queue>,
                   caf::reacts_to<region_retry>, caf::reacts_to<region_tick>,
                   caf::replies_to<follow_line>::with<line_update>,
                   caf::reacts_to<cluster::passivate_copy>, caf::reacts_to<cluster::stay_copy>,
                   caf::reacts_to<cluster::open_shard>,
                   caf::replies_to<cluster::close_shard>::with<cluster::shard_closed>>;

/// At the start every event with somebody waiting or active is woken, so admission goes on by
/// itself after a restart; from then on an event without a queue actor has nobody in its queue. As
/// one of several it has the queues of its node's shards only, and passes on what is for others;
/// polls it answers from copies of their lines (`line_replica`). `metrics`: of these; may be null
/// where it is alone.
queue_region spawn_queue_region(caf::actor_system& sys,
                                std::shared_ptr<const queue_context> context,
                                queue_region_options options, cluster::shard_access access = {},
                                std::shared_ptr<cluster::replica_metrics> metrics = {});

/// Lets other nodes ask `region` what its own node may ask.
void offer(cluster::services& to, const queue_region& region);

/// The journal's reader as an actor. Run it detached.
queue_reader::behavior_type queue_reading(queue_reader::pointer self,
                                          std::shared_ptr<queue_queries> queries);

} // namespace tiketi::queue
