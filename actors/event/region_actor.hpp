#pragma once

#include "actors/cluster/copies.hpp"
#include "actors/cluster/sharding.hpp"
#include "actors/event/context.hpp"
#include "actors/event/event_actor.hpp"

#include <memory>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace tiketi::cluster {
class services;
}

namespace tiketi::ticket {

/// To the region: the event is new or changed in the store. Never leaves the node.
struct event_changed {
  event_id event;
};

/// To itself: an event failed some time ago, start it again; or the list of events is due.
struct restart_event {
  event_id event;
};
struct load_events {};
/// To itself, once a second: how much waits?
struct region_tick {};

/// `region_actor` with what the role itself says to it.
using region_control =
    region_actor::extend<caf::replies_to<end_reservation>::with<reservation_view>,
                         caf::replies_to<get_seat_changes>::with<seat_changes>,
                         caf::replies_to<follow_seat_map>::with<seat_map_update>,
                         caf::reacts_to<cluster::passivate_copy>,
                         caf::reacts_to<cluster::stay_copy>, caf::reacts_to<passivate_event>,
                         caf::reacts_to<stay_event>, caf::reacts_to<event_changed>,
                         caf::reacts_to<restart_event>, caf::reacts_to<load_events>,
                         caf::reacts_to<region_tick>, caf::reacts_to<cluster::open_shard>,
                         caf::replies_to<cluster::close_shard>::with<cluster::shard_closed>>;

class event_region;

struct region_state {
  region_state();
  ~region_state();
  region_state(const region_state&) = delete;
  region_state& operator=(const region_state&) = delete;

  std::unique_ptr<event_region> region;
};

/// Finds the actor of an event, or of a reservation's event, and forwards. Starts events on the
/// first message, and at its own start those with pending reservations, so that they expire; gives
/// idle ones up. An event that fails is started again from the store. Its own end ends all events.
/// As one of several it has the events of its node's shards only, and passes on what is for others;
/// their seat maps it answers from copies (`map_replica`). `metrics`: of these.
region_control::behavior_type region_behavior(region_control::stateful_pointer<region_state> self,
                                              ticket_context_ptr context,
                                              cluster::shard_access access,
                                              std::shared_ptr<cluster::replica_metrics> metrics);

/// Lets other nodes ask `region` what its own node may ask.
void offer(cluster::services& to, const region_control& region);

} // namespace tiketi::ticket

template <>
struct tiketi::cluster::is_query<tiketi::ticket::get_seat_map> : std::true_type {};
template <>
struct tiketi::cluster::is_query<tiketi::ticket::get_seat_changes> : std::true_type {};
template <>
struct tiketi::cluster::is_query<tiketi::ticket::check_payable> : std::true_type {};
template <>
struct tiketi::cluster::is_query<tiketi::ticket::check_listing> : std::true_type {};

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::event_changed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::restart_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::load_events)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::region_tick)
