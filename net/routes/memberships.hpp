#pragma once

#include "actors/membership/handle.hpp"
#include "net/http/router.hpp"

namespace tiketi::net {

struct membership_routes {
  membership::membership_actor members;
};

/// POST /api/memberships/subscribe, GET /api/memberships/my, /api/memberships/my/{artist},
/// /api/memberships/benefits/{artist}: signed-in users, their own memberships.
void add_membership_routes(router& routes, membership_routes deps);

} // namespace tiketi::net
