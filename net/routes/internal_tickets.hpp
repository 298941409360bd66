#pragma once

#include "actors/event/handle.hpp"
#include "actors/event/reader.hpp"
#include "actors/membership/handle.hpp"
#include "actors/payment/handle.hpp"
#include "net/http/router.hpp"

namespace tiketi::net {

struct internal_ticket_routes {
  ticket::region_actor region;
  ticket::store_reader store;
  ticket::transfer_desk transfers;
  membership::membership_actor members;
  payment::region_actor payments;
  payment::reader_actor payment_reader;
};

/// What workers and scripts ask of the ticket role, with the internal token; the callers inside the
/// program use messages. The same rules hold as for people: a reservation, listing or membership is
/// confirmed only by a payment that was captured for it, and only its owner's payment is given
/// back.
///
/// POST /internal/reservations and /internal/seats/reserve (for any user, past the queue);
/// GET /internal/reservations/{id}/validate, POST .../confirm, .../refund;
/// GET /internal/transfers/{id}/validate, POST .../complete;
/// GET /internal/memberships/{id}/validate, POST .../activate, /internal/memberships/award-points.
void add_internal_ticket_routes(router& routes, internal_ticket_routes deps);

} // namespace tiketi::net
