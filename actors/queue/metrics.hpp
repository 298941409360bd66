#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace tiketi::queue {

/// Looked up once; thread-safe; lives as long as the registry.
struct queue_metrics {
  explicit queue_metrics(prometheus::Registry& registry);

  prometheus::Counter& joined;   ///< places given in a line
  prometheus::Counter& admitted; ///< all admissions, at once or from the line
  prometheus::Counter& left;     ///< departures after the grace period, and finished bookings
  prometheus::Counter& stale;    ///< waiting users dropped because they were not heard of
  prometheus::Gauge& waiting;    ///< over all events of this node
  prometheus::Gauge& active;
  prometheus::Counter& recoveries;    ///< times a queue was read again after a doubtful write
  prometheus::Counter& mirror_copies; ///< times a queue was copied to Redis from the beginning
  prometheus::Gauge& mirror_behind;   ///< queues whose copy in Redis is not up to date
  prometheus::Histogram& region_mailbox;
  prometheus::Histogram& queue_mailbox;
};

} // namespace tiketi::queue
