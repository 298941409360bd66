#pragma once

#include "actors/event/handle.hpp"
#include "net/http/entry_gate.hpp"
#include "net/http/router.hpp"

#include <string_view>

namespace tiketi::net {

struct seat_routes {
  ticket::region_actor region;
  ticket::reader_actor reader;
  entry_gate gate;            ///< in front of both POST
  bool gate_seat_map = false; ///< also in front of the seat map, which then needs a login
};

/// GET /api/seats/layouts, /api/seats/events/{id}, /api/seats/reservation/{id},
/// POST /api/seats/reserve, /api/seats/best-available.
void add_seat_routes(router& routes, seat_routes deps);

/// True when an If-None-Match header names `etag` (weak comparison, lists, `*`).
bool matches_etag(std::string_view if_none_match, std::string_view etag);

} // namespace tiketi::net
