#pragma once

#include "actors/base/time.hpp"
#include "actors/cluster/shard_map.hpp"
#include "actors/cluster/version.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tiketi::cluster {

/// One run of one node's process. The database counts the incarnations of a name.
struct node_key {
  std::string node;
  std::uint64_t incarnation = 0;

  friend bool operator==(const node_key&, const node_key&) = default;
};

/// A node whose lease nobody has ended.
struct member {
  node_key key;
  std::string address; ///< `host:port`, where other nodes reach it
  std::vector<std::string> roles;
  std::uint32_t weight = weight_default;
  software runs;
  milliseconds lease{};       ///< how long others let it go without a renewal
  bool draining = false;      ///< still a member, owns nothing
  std::uint64_t renewals = 0; ///< grows with each renewal of the lease
  time_point renewed_at;      ///< the database's clock; for people, nothing is decided by it

  bool has_role(std::string_view role) const;
};

/// The members at one moment. `epoch` grows when the set of members, their roles, weights or drain
/// states change: two views of one epoch differ in renewals at most.
struct cluster_view {
  std::uint64_t epoch = 0;
  std::vector<member> members; ///< by name

  const member* find(std::string_view node) const;
};

/// Who may own shards of `role`: members that have it and do not drain.
std::vector<candidate> candidates_of(const cluster_view& view, std::string_view role);

/// A member's lease as somebody saw it.
struct seen_lease {
  node_key key;
  std::uint64_t renewals = 0;

  friend bool operator==(const seen_lease&, const seen_lease&) = default;
};

} // namespace tiketi::cluster
