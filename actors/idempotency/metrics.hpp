#pragma once

#include "actors/idempotency/key_ledger.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

namespace tiketi::idempotency {

/// Looked up once; thread-safe; lives as long as the registry.
struct keeper_metrics {
  explicit keeper_metrics(prometheus::Registry& registry);

  /// Counts what a request with a key came to.
  void count(verdict v);

  prometheus::Counter& runs;
  prometheus::Counter& replays;
  prometheus::Counter& running;
  prometheus::Counter& mismatches;
  prometheus::Counter& interrupted;
  prometheus::Counter& limited;
  prometheus::Counter& unkept; ///< answers that could not be stored
  prometheus::Gauge& keys;
};

} // namespace tiketi::idempotency
