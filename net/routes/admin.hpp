#pragma once

#include "actors/catalog/admin.hpp"
#include "actors/catalog/enrich.hpp"
#include "net/http/router.hpp"

namespace tiketi::net {

struct admin_routes {
  catalog::admin_actor admin;
};

/// What administrators do under /api/admin: events, seats, ticket types, seat layouts, artists,
/// the dashboard and reservations. Calls by others are noted in the audit log, too.
void add_admin_routes(router& routes, admin_routes deps);

/// POST /api/artists/enrich.
void add_enrich_route(router& routes, catalog::enrich_actor enrich, catalog::admin_actor admin);

/// The part of it that is about reservations and figures; called by `add_admin_routes`.
void add_admin_reservation_routes(router& routes, const admin_routes& deps);

struct catalog_internal_routes {
  catalog::catalog_actor catalog;
  catalog::admin_actor admin;
  ticket::reader_actor tickets;
};

/// What programs with the internal token may ask and change: GET
/// /internal/events/{id}/queue-info, and the operations on seats, ticket types and reservations
/// that the administration uses.
void add_catalog_internal_routes(router& routes, catalog_internal_routes deps);

} // namespace tiketi::net
