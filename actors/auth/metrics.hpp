#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

namespace tiketi::auth {

/// Looked up once; references stay valid as long as the registry.
struct auth_metrics {
  explicit auth_metrics(prometheus::Registry& registry);

  prometheus::Counter& logins;           ///< auth_logins_total{result="success"}
  prometheus::Counter& logins_refused;   ///< … "credentials"
  prometheus::Counter& logins_throttled; ///< … "throttled"
  prometheus::Counter& registrations;    ///< auth_registrations_total
  prometheus::Counter& rotated;          ///< auth_refreshes_total{result="rotated"}
  prometheus::Counter& siblings;         ///< … "sibling"
  prometheus::Counter& refresh_refused;  ///< … "refused"
  prometheus::Counter& reused;           ///< … "reuse": a family was ended
  prometheus::Counter& logouts;          ///< auth_logouts_total
  prometheus::Counter& hashes_refused;   ///< auth_hash_overloaded_total
  prometheus::Gauge& hash_queue;         ///< auth_hash_queue_depth, running ones included
  prometheus::Counter& purged;           ///< auth_purged_rows_total
};

} // namespace tiketi::auth
