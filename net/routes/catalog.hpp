#pragma once

#include "actors/catalog/handle.hpp"
#include "net/http/router.hpp"

namespace tiketi::net {

struct catalog_routes {
  catalog::catalog_actor catalog;
};

/// GET /api/events, /api/events/{id}, /api/artists, /api/artists/{id}: public.
void add_catalog_routes(router& routes, catalog_routes deps);

} // namespace tiketi::net
