#pragma once

#include "actors/auth/messages.hpp"
#include "net/http/router.hpp"

#include <chrono>

namespace tiketi::net {

struct auth_routes {
  auth::auth_actor auth;
  std::chrono::seconds access_ttl{1800};     ///< Max-Age of the cookie `access_token`
  std::chrono::seconds refresh_ttl{604'800}; ///< Max-Age of the cookie `refresh_token`
  /// `Secure` on both cookies: browsers then send them over HTTPS (and to localhost) only.
  bool secure_cookies = true;
};

/// POST /api/auth/{register,login,google,refresh,logout,verify-token}, GET /api/auth/me, and for
/// other services GET /internal/users/{id}, POST /internal/users/batch.
void add_auth_routes(router& routes, auth_routes deps);

} // namespace tiketi::net
