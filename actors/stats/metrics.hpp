#pragma once

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace tiketi::stats {

/// Looked up once; references stay valid as long as the registry.
struct stats_metrics {
  explicit stats_metrics(prometheus::Registry& registry);

  prometheus::Counter& consumed;     ///< urr_stats_events_consumed_total{result="applied"}
  prometheus::Counter& duplicates;   ///< … "duplicate"
  prometheus::Counter& unreadable;   ///< … "unreadable"
  prometheus::Counter& queries;      ///< urr_stats_queries_total
  prometheus::Counter& query_errors; ///< urr_stats_queries_errors_total
  prometheus::Histogram& mailbox;    ///< tiketi_mailbox_depth{actor="stats"}
};

} // namespace tiketi::stats
