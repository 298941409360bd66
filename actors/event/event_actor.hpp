#pragma once

#include "actors/event/context.hpp"
#include "actors/event/handle.hpp"
#include "actors/reservation/messages.hpp"

#include <memory>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace tiketi::ticket {

// What a region and its events say to each other. Never leaves the node.

/// To the event: its row, seats or ticket types have changed in the store.
struct refresh_event {};

/// To the event: leave, unless there is work again.
struct stop_event {};

/// From the event: nothing to do for a while.
struct passivate_event {
  event_id event;
};

/// From the event: there is work again, so it does not leave.
struct stay_event {
  event_id event;
};

struct event_tick {};

using event_parent = caf::typed_actor<caf::reacts_to<passivate_event>, caf::reacts_to<stay_event>>;

/// One event on sale. What the region forwards, and what its reservations report.
using event_actor =
    caf::typed_actor<caf::replies_to<reserve_seats>::with<reservation_view>,
                     caf::replies_to<reserve_tickets>::with<reservation_view>,
                     caf::replies_to<reserve_best>::with<reservation_view>,
                     caf::replies_to<cancel_reservation>::with<reservation_view>,
                     caf::replies_to<end_reservation>::with<reservation_view>,
                     caf::replies_to<get_seat_map>::with<seat_map_view>,
                     caf::replies_to<get_seat_changes>::with<seat_changes>,
                     caf::replies_to<follow_seat_map>::with<seat_map_update>,
                     caf::replies_to<check_payable>::with<payable>,
                     caf::replies_to<apply_payment>::with<payment_outcome>,
                     caf::replies_to<apply_refund>::with<refund_applied>,
                     caf::replies_to<list_ticket>::with<reservation_view>,
                     caf::replies_to<unlist_ticket>::with<reservation_view>,
                     caf::replies_to<check_listing>::with<payable>,
                     caf::replies_to<buy_listed>::with<payment_outcome>,
                     caf::reacts_to<hold_finished>, caf::reacts_to<reservation_moved>,
                     caf::reacts_to<child_failed>, caf::reacts_to<refresh_event>,
                     caf::reacts_to<stop_event>, caf::reacts_to<event_tick>>;

class event_sale;

struct event_state {
  event_state();
  ~event_state();
  event_state(const event_state&) = delete;
  event_state& operator=(const event_state&) = delete;

  std::unique_ptr<event_sale> sale;
};

/// Supervises the sale of one event: starts seat actors on first touch and drops them when no live
/// reservation refers to them, starts reservations, keeps the seat map, the idempotency keys in
/// use and the heap of wake-ups with one tick. Ends every live reservation of an event that was
/// cancelled, however often it is started again meanwhile. Rebuilt from the store at each start;
/// messages that come before are kept, up to a bound.
event_actor::behavior_type event_behavior(event_actor::stateful_pointer<event_state> self,
                                          ticket_context_ptr context, event_parent parent,
                                          event_id event);

} // namespace tiketi::ticket

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::refresh_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::stop_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::passivate_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::stay_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::event_tick)
