#pragma once

#include "actors/stats/messages.hpp"
#include "net/http/router.hpp"

namespace tiketi::net {

struct stats_routes {
  stats::stats_actor stats;
};

/// GET /api/stats/{overview,daily,events,events/{id},payments,revenue,users,hourly-traffic,
/// conversion,cancellations,realtime,seat-preferences,user-behavior,performance}, for
/// administrators.
void add_stats_routes(router& routes, stats_routes deps);

} // namespace tiketi::net
