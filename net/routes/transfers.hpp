#pragma once

#include "actors/transfer/handle.hpp"
#include "net/http/router.hpp"

namespace tiketi::net {

struct transfer_routes {
  ticket::transfer_desk desk;
};

/// POST and GET /api/transfers, GET /api/transfers/my, GET /api/transfers/{id},
/// POST /api/transfers/{id}/cancel: signed-in users. Buying goes through /api/payments.
void add_transfer_routes(router& routes, transfer_routes deps);

} // namespace tiketi::net
