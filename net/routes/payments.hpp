#pragma once

#include "actors/payment/handle.hpp"
#include "net/http/router.hpp"

#include <string>

namespace tiketi::net {

struct payment_routes {
  payment::region_actor region;
  payment::reader_actor reader;
  std::string client_key = "test_ck_dummy"; ///< of the provider's browser library; public
};

/// Where a provider that moves no money is involved, the answer has `"demo": true`.
///
/// POST /api/payments/{prepare,confirm,process}, /api/payments/{key or id}/cancel;
/// GET /api/payments/order/{order}, /api/payments/user/me: signed-in users, their own payments.
/// GET /internal/payments/by-reservation/{id}: with the internal token.
void add_payment_routes(router& routes, payment_routes deps);

} // namespace tiketi::net
