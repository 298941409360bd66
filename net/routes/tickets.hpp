#pragma once

#include "actors/event/handle.hpp"
#include "net/http/router.hpp"

namespace tiketi::net {

struct ticket_routes {
  ticket::reader_actor reader;
};

/// GET /api/time, /api/tickets/event/{id}, /api/tickets/availability/{id}: public.
void add_ticket_routes(router& routes, ticket_routes deps);

} // namespace tiketi::net
