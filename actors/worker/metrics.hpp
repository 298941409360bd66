#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace tiketi::worker {

/// Looked up once; thread-safe; lives as long as the registry.
struct worker_metrics {
  explicit worker_metrics(prometheus::Registry& registry);

  prometheus::Counter& reserved; ///< run with success
  prometheus::Counter& replayed; ///< had been run with success before
  prometheus::Counter& noted;    ///< admission notices
  prometheus::Counter& unknown;  ///< of no known action: dropped
  prometheus::Counter& rejected; ///< cannot be read, or its token is not valid
  prometheus::Counter& failed;   ///< the sale refused, or did not answer
  prometheus::Counter& left;     ///< not begun, because time or the program ended
  prometheus::Counter& call_failures;
  prometheus::Gauge& running;   ///< messages being run
  prometheus::Histogram& delay; ///< from sending a message to its end
};

} // namespace tiketi::worker
