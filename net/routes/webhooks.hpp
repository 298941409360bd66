#pragma once

#include "actors/webhook/address.hpp"
#include "actors/webhook/handle.hpp"
#include "net/http/router.hpp"

namespace tiketi::net {

struct webhook_routes {
  webhook::webhook_actor webhooks;
  webhook::address_rules addresses;
};

/// What administrators do under /api/admin/webhooks: make, see, change and delete webhooks, look at
/// deliveries, replay dead letters, rotate secrets, send a PING.
void add_webhook_routes(router& routes, webhook_routes deps);

} // namespace tiketi::net
