#pragma once

#include "actors/cluster/admin.hpp"
#include "actors/cluster/role.hpp"
#include "net/http/router.hpp"

namespace tiketi::net {

struct cluster_routes {
  cluster::cluster_role role;
  cluster::admin_actor admin;
};

/// For other programs of the operator: GET /internal/cluster and /internal/cluster/shards, POST
/// /internal/cluster/drain and /join. Only where there is a cluster.
void add_cluster_routes(router& routes, cluster_routes deps);

} // namespace tiketi::net
