#pragma once

#include "actors/community/handle.hpp"
#include "net/http/router.hpp"

namespace tiketi::net {

struct community_routes {
  community::community_actor community;
};

/// GET /api/news, /api/news/{id}; POST, PUT, DELETE for administrators.
/// GET /api/community/posts, …/{id}, …/{id}/comments; POST, PUT, DELETE for signed-in users.
void add_community_routes(router& routes, community_routes deps);

} // namespace tiketi::net
