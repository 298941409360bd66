#pragma once

#include "actors/cluster/envelope.hpp"
#include "actors/cluster/ownership.hpp"
#include "actors/cluster/peer_link.hpp"

#include <array>
#include <cstddef>
#include <map>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace tiketi::cluster {

/// Looked up once; thread-safe; lives as long as the registry. Every series is there from the
/// start, except those of single peers.
struct cluster_metrics {
  explicit cluster_metrics(prometheus::Registry& registry);

  prometheus::Gauge& may_serve;       ///< 1: this node's lease holds
  prometheus::Gauge& members_serving; ///< that may own shards
  prometheus::Gauge& members_draining;
  prometheus::Gauge& epoch;                 ///< of the view
  prometheus::Gauge& lease_remaining;       ///< seconds until this node stops serving by itself
  std::array<prometheus::Gauge*, 4> shards; ///< of this node, by state from `acquiring` on
  prometheus::Counter& taken;               ///< shards that came to this node
  prometheus::Counter& given;               ///< that went, or were lost with the lease
  prometheus::Counter& sent;                ///< commands for other nodes
  prometheus::Counter& applied;             ///< commands that were handed to a region
  prometheus::Counter& repeated;            ///< commands that had been applied before
  std::map<reply_code, prometheus::Counter*> refused;
  std::array<prometheus::Gauge*, 5> links;        ///< by `link_state`
  prometheus::Family<prometheus::Gauge>& peer_up; ///< one per peer
  prometheus::Counter& calls_failed;              ///< to the database of the cluster
  prometheus::Histogram& round_trip;              ///< seconds from sending a command to its answer
};

std::string_view to_string_view(link_state state) noexcept;
std::string_view to_string_view(shard_state state) noexcept;

} // namespace tiketi::cluster
