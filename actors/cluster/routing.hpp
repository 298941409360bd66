#pragma once

#include "actors/cluster/ownership.hpp"
#include "actors/cluster/view.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tiketi::cluster {

/// The one role whose shards the program shares out: an event with its sale, its queue and its
/// payments, and each duty that one node does for all of them.
inline constexpr std::string_view sale_role = "sale";

/// Where the keys of one role are, as this node knows it.
struct role_routing {
  std::string role;
  shard_map map;
  std::vector<shard_state> states;  ///< of this node, by shard
  std::vector<std::uint64_t> since; ///< `ownership::since_epoch`
  /// Who had a shard that is being acquired when the store was asked last: in a hand-over of many
  /// shards it serves until it is the shard's turn.
  std::map<shard_id, std::string> holders = {};
};

/// What one node knows at one moment: a value that many threads read.
struct routing {
  std::string cluster; ///< id; empty before the first join
  node_key self;       ///< incarnation 0: no member
  cluster_view view;
  std::vector<role_routing> roles;

  const role_routing* find(std::string_view role) const {
    for (const auto& one : roles)
      if (one.role == role)
        return &one;
    return nullptr;
  }
};

} // namespace tiketi::cluster
