#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace tiketi::sqs {

/// Looked up once; thread-safe; lives as long as the registry.
struct sender_metrics {
  explicit sender_metrics(prometheus::Registry& registry);

  prometheus::Counter& sent;          ///< accepted by SQS
  prometheus::Counter& refused;       ///< never to be accepted
  prometheus::Counter& outdated;      ///< too old to be of use: not sent
  prometheus::Counter& retries;       ///< messages that have to be sent once more
  prometheus::Counter& lost_calls;    ///< calls without an answer, or with 5xx
  prometheus::Counter& misconfigured; ///< calls and messages that wait for a person
  prometheus::Gauge& waiting;         ///< messages in hand
  prometheus::Gauge& oldest_seconds;  ///< age of the oldest of them; 0: there is none
  prometheus::Histogram& delay;       ///< from the admission to the acceptance by SQS
};

} // namespace tiketi::sqs
