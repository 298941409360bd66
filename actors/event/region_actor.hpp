#pragma once

#include "actors/event/context.hpp"
#include "actors/event/event_actor.hpp"

#include <memory>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

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
                         caf::reacts_to<passivate_event>, caf::reacts_to<stay_event>,
                         caf::reacts_to<event_changed>, caf::reacts_to<restart_event>,
                         caf::reacts_to<load_events>, caf::reacts_to<region_tick>>;

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
region_control::behavior_type region_behavior(region_control::stateful_pointer<region_state> self,
                                              ticket_context_ptr context);

} // namespace tiketi::ticket

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::event_changed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::restart_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::load_events)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::region_tick)
