#pragma once

#include "actors/event/handle.hpp"
#include "net/http/entry_gate.hpp"
#include "net/http/router.hpp"

namespace tiketi::net {

struct reservation_routes {
  ticket::region_actor region;
  ticket::reader_actor reader;
  entry_gate gate; ///< in front of POST /api/reservations
};

/// POST /api/reservations, GET /api/reservations/my, GET /api/reservations/{id},
/// POST /api/reservations/{id}/cancel: for the user's own ones.
void add_reservation_routes(router& routes, reservation_routes deps);

} // namespace tiketi::net
