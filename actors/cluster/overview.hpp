#pragma once

#include "actors/base/result.hpp"
#include "storage/cluster_store.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// What an operator sees of a cluster: read from the database, so that it is there when no node
// answers. Nothing is decided by it.

namespace tiketi::cluster {

/// A member as the database has it.
struct member_overview {
  member who;
  milliseconds renewed_ago{}; ///< by the database's clock
  std::size_t shards = 0;     ///< that it owns
};

struct cluster_overview {
  std::uint64_t epoch = 0;
  std::vector<member_overview> members; ///< by name
  std::size_t shards = 0;               ///< of the role
  std::size_t unowned = 0;              ///< that no member owns
};

/// Who owns which shards, in ascending order. An empty name: nobody, or a node that is no member
/// any more.
struct shard_owners {
  std::uint64_t epoch = 0; ///< of the view
  std::size_t shards = 0;
  std::map<std::string, std::vector<shard_id>> owners;
};

/// `leases`: of the shards that ever had an owner; the others up to `shards` have none.
shard_owners owners_of(const cluster_view& view, std::span<const shard_lease> leases,
                       shard_id shards);

cluster_overview overview_of(const cluster_view& view, const shard_owners& owners, time_point now);

/// Reads both; fails with `unavailable`. `shards`: how many the role has.
result<shard_owners> read_owners(cluster_store& store, std::string_view role, shard_id shards);
result<cluster_overview> read_overview(cluster_store& store, std::string_view role,
                                       shard_id shards);

/// Ascending numbers in short: `0-12,15`.
std::string ranges_of(std::span<const shard_id> shards);

} // namespace tiketi::cluster
