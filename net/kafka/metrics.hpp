#pragma once

#include <string>

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

namespace tiketi::kafka {

/// Looked up once; thread-safe; lives as long as the registry.
struct producer_metrics {
  explicit producer_metrics(prometheus::Registry& registry);

  prometheus::Counter& produced; ///< acknowledged by all in-sync replicas
  prometheus::Counter& errors;   ///< attempts that failed
  prometheus::Counter& refused;  ///< attempts with a message that can never be sent
  prometheus::Gauge& in_flight;  ///< handed over, no report yet
  prometheus::Gauge& up;         ///< 1: a broker can be reached
};

/// Of one consumer group.
struct group_metrics {
  group_metrics(prometheus::Registry& registry, const std::string& consumer);

  prometheus::Counter& applied;
  prometheus::Counter& retries;      ///< attempts that failed
  prometheus::Counter& dead_letters; ///< records set aside in a `.dlq` topic
  prometheus::Counter& rebalances;   ///< times partitions came or went
  prometheus::Gauge& lag;            ///< records behind the end, over this node's partitions
  prometheus::Gauge& held;           ///< records read and not applied yet
  prometheus::Gauge& partitions;     ///< that this node has now
};

} // namespace tiketi::kafka
