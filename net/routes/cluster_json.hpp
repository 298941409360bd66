#pragma once

#include "actors/cluster/membership.hpp"
#include "actors/cluster/overview.hpp"

#include <string_view>

#include <nlohmann/json.hpp>

namespace tiketi::net {

/// `joining`, `member`, `refused` or `left`.
std::string_view to_string_view(cluster::standing stands) noexcept;

/// Members, epoch and numbers of shards: what `GET /internal/cluster` and `tiketi cluster status`
/// have in common.
nlohmann::json cluster_json(const cluster::cluster_overview& overview);

/// Shards by owner, as ranges; those without one under `unowned`.
nlohmann::json shards_json(const cluster::shard_owners& owners);

} // namespace tiketi::net
