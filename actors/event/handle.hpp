#pragma once

#include "actors/event/messages.hpp"
#include "actors/event/type_ids.hpp"
#include "actors/transfer/handle.hpp"

#include <caf/typed_actor.hpp>

namespace tiketi::ticket {

/// The ticket role as the payment role sees it. The region of the events implements it (and more:
/// actors/event/region_actor.hpp).
using payments_view = caf::typed_actor<
    // Amount and owner of a reservation that may be paid now.
    caf::replies_to<check_payable>::with<payable>,
    // Confirms, or says that the money must go back. Durable when answered.
    caf::replies_to<apply_payment>::with<payment_outcome>,
    // Ends the reservation whose money went back. Durable when answered.
    caf::replies_to<apply_refund>::with<refund_applied>,
    // Ends the reservation for its owner.
    caf::replies_to<cancel_reservation>::with<reservation_view>>;

/// The ticket role as the front sees it: finds the event's actor on this node and forwards.
/// A superset of `payments_view`.
using region_actor = caf::typed_actor<caf::replies_to<reserve_seats>::with<reservation_view>,
                                      caf::replies_to<reserve_tickets>::with<reservation_view>,
                                      caf::replies_to<reserve_best>::with<reservation_view>,
                                      caf::replies_to<cancel_reservation>::with<reservation_view>,
                                      caf::replies_to<get_seat_map>::with<seat_map_view>,
                                      caf::replies_to<check_payable>::with<payable>,
                                      caf::replies_to<apply_payment>::with<payment_outcome>,
                                      caf::replies_to<apply_refund>::with<refund_applied>,
                                      caf::replies_to<list_ticket>::with<reservation_view>,
                                      caf::replies_to<unlist_ticket>::with<reservation_view>,
                                      caf::replies_to<check_listing>::with<payable>,
                                      caf::replies_to<buy_listed>::with<payment_outcome>>;

/// The seat maps as those see them who follow their changes. The region implements it.
using seat_changes_view = caf::typed_actor<caf::replies_to<get_seat_changes>::with<seat_changes>>;

/// Reads of committed state that need no event actor. Blocking, so detached; run a small pool.
using reader_actor = caf::typed_actor<caf::replies_to<get_reservation>::with<reservation_view>,
                                      caf::replies_to<list_reservations>::with<reservation_list>,
                                      caf::replies_to<get_ticket_types>::with<ticket_type_list>,
                                      caf::replies_to<get_availability>::with<ticket_type_view>,
                                      caf::replies_to<get_layouts>::with<layout_list>>;

} // namespace tiketi::ticket
