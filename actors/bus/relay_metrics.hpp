#pragma once

#include <string>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

namespace tiketi {

/// Of one consumer of one role's outbox; with Kafka the producer is that consumer. Looked up once;
/// thread-safe; lives as long as the registry.
struct relay_metrics {
  relay_metrics(prometheus::Registry& registry, const std::string& role,
                const std::string& consumer);

  /// `tiketi_outbox_age_seconds`: since the oldest event happened that it has not applied; 0: none.
  prometheus::Gauge& age;
  prometheus::Gauge& in_flight;   ///< `tiketi_outbox_in_flight`: given to it, no answer yet
  prometheus::Counter& applied;   ///< `tiketi_outbox_events_total{result="applied"}`
  prometheus::Counter& retried;   ///< … "retried": attempts that failed, or got no answer in time
  prometheus::Counter& set_aside; ///< … "set_aside": events it can never apply
};

} // namespace tiketi
