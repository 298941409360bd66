#pragma once

#include "actors/webhook/messages.hpp"

#include <array>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace tiketi::webhook {

struct webhook_metrics {
  explicit webhook_metrics(prometheus::Registry& registry);

  prometheus::Counter& delivered;
  prometheus::Counter& retried;
  prometheus::Counter& dead;
  prometheus::Counter& gone;
  prometheus::Counter& unsent;
  prometheus::Counter& replayed;
  prometheus::Counter& queued; ///< deliveries made of events
  prometheus::Gauge& pending;
  prometheus::Gauge& dead_letters;
  prometheus::Gauge& in_flight;
  std::array<prometheus::Gauge*, 4> webhooks; ///< by state
  prometheus::Histogram& mailbox;
};

} // namespace tiketi::webhook
