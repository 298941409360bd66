#pragma once

#include "actors/token/tokens.hpp"
#include "actors/vwr/messages.hpp"
#include "actors/vwr/request_ids.hpp"
#include "net/http/router.hpp"

namespace tiketi::net {

struct vwr_routes {
  vwr::rooms rooms;
  vwr::request_ids ids;
  room_tokens tokens;
  /// Life of a tier-1 token, 1 to 86'400 s.
  seconds token_ttl{600};
  /// Numbers served per second while a room is active, for the estimates.
  double served_per_second = 50;
};

/// The numbered waiting room (tier 1). For everybody, without an account: /vwr-api/vwr/status,
/// assign, check. For operators: /api/admin/vwr/activate, deactivate, status, advance. For an edge
/// and workers: /internal/vwr/active, advance.
void add_vwr_routes(router& routes, vwr_routes deps);

} // namespace tiketi::net
