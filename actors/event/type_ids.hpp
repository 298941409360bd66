#pragma once

#include "actors/event/map_updates.hpp"
#include "actors/event/messages.hpp"

#include <caf/type_id.hpp>

CAF_BEGIN_TYPE_ID_BLOCK(tiketi_ticket, caf::first_custom_type_id + 50)
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::reservation_view))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::reserve_seats))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::reserve_tickets))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::cancel_reservation))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::check_payable))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::payable))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::apply_payment))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::payment_outcome))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::apply_refund))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::refund_applied))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::get_seat_map))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::get_ticket_types))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::ticket_type_view))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::ticket_type_list))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::get_availability))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::get_reservation))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::list_reservations))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::reservation_list))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::get_layouts))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::layout_list))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::end_reservation))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::reserve_best))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::get_seat_changes))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::seat_map_view))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::seat_changes))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::follow_seat_map))
CAF_ADD_TYPE_ID(tiketi_ticket, (tiketi::ticket::seat_map_update))
CAF_END_TYPE_ID_BLOCK(tiketi_ticket)
