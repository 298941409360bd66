#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

namespace tiketi::vwr {

/// Looked up once; thread-safe; lives as long as the registry.
struct room_metrics {
  explicit room_metrics(prometheus::Registry& registry);

  prometheus::Counter& issued;     ///< numbers given out
  prometheus::Counter& served;     ///< numbers whose turn came
  prometheus::Gauge& waiting;      ///< over all active rooms of this node
  prometheus::Counter& recoveries; ///< times a room was read again after a doubtful write
};

} // namespace tiketi::vwr
