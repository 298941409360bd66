#pragma once

#include "actors/cluster/sharding.hpp"
#include "actors/vwr/room_actor.hpp"
#include "actors/vwr/type_ids.hpp"

#include <cstddef>
#include <memory>

#include <caf/allowed_unsafe_message_type.hpp>

namespace tiketi::cluster {
class services;
}

namespace tiketi::vwr {

struct room_region_options {
  /// Events that have a room, active or not; one more is refused: limit_exceeded.
  std::size_t rooms_max = 10'000;
  /// Messages that wait for one room's passivation, or for the start of the region.
  std::size_t buffer_max = 50'000;
  /// Until the rows could be read at the start.
  milliseconds retry_interval{1000};
};

/// To itself, until it knows which events have a room.
struct region_retry {};

} // namespace tiketi::vwr

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::vwr::region_retry)

namespace tiketi::vwr {

/// All rooms of this node: finds the event's room and forwards. A superset of `rooms`.
using room_region =
    rooms::extend<caf::reacts_to<passivate_room>, caf::reacts_to<keep_room>,
                  caf::reacts_to<room_changed>, caf::reacts_to<region_retry>,
                  caf::reacts_to<cluster::open_shard>,
                  caf::replies_to<cluster::close_shard>::with<cluster::shard_closed>>;

/// Knows every event that has a room, so what is asked about others costs no actor and no read. At
/// the start the rooms in which somebody waits are woken, and serving goes on by itself. As one of
/// several it has the rooms of its node's shards only, and passes on what is for others.
room_region spawn_room_region(caf::actor_system& sys, std::shared_ptr<const room_context> context,
                              room_region_options options, cluster::shard_access access = {});

/// Lets other nodes ask `region` what its own node may ask.
void offer(cluster::services& to, const room_region& region);

/// The store's reader as an actor. Run it detached.
room_reader::behavior_type room_reading(room_reader::pointer self,
                                        std::shared_ptr<room_queries> queries);

} // namespace tiketi::vwr

template <>
struct tiketi::cluster::is_query<tiketi::vwr::show_room> : std::true_type {};
template <>
struct tiketi::cluster::is_query<tiketi::vwr::check_number> : std::true_type {};
