#pragma once

#include "actors/cluster/gateway.hpp"
#include "actors/cluster/metrics.hpp"
#include "actors/cluster/role.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <caf/behavior.hpp>
#include <caf/stateful_actor.hpp>

namespace tiketi::cluster {

struct watcher_options {
  milliseconds every{1000};
  milliseconds patience{5000}; ///< for an answer
};

struct watcher_data {
  watcher_data() = default;

  cluster_role role;
  std::shared_ptr<cluster_metrics> metrics;
  watcher_options options;
  std::vector<shard_state> before; ///< of this node's shards
  gateway_report commands;         ///< as last counted
  std::uint64_t calls_failed = 0;  ///< as last counted
  bool asked = false;              ///< the membership actor has not answered yet
  std::map<std::string, link_state> links;
  std::map<std::string, prometheus::Gauge*> peers;
};

/// To a watcher, by itself.
struct watcher_tick {};

/// Fills a node's metrics: asks the actors of its role now and then, and hears of every change of
/// its shards. An exit message ends it.
caf::behavior cluster_watcher(caf::stateful_actor<watcher_data>* self, cluster_role role,
                              std::shared_ptr<cluster_metrics> metrics, watcher_options options);

} // namespace tiketi::cluster

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::watcher_tick)
