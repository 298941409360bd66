#pragma once

namespace prometheus {
class Counter;
class Histogram;
class Registry;
} // namespace prometheus

namespace tiketi::cluster {

/// Reads of what another node owns. Looked up once; thread-safe.
struct replica_metrics {
  /// `kind`: "seat_map" or "queue".
  replica_metrics(prometheus::Registry& registry, const char* kind);

  prometheus::Counter& from_copy;  ///< cluster_replica_reads_total{from="copy"}
  prometheus::Counter& from_owner; ///< cluster_replica_reads_total{from="owner"}
  prometheus::Counter& whole;      ///< cluster_replica_copies_total: copied from the beginning
  prometheus::Counter& questions;  ///< cluster_replica_questions_total
  prometheus::Histogram& age;      ///< cluster_replica_age_seconds, of answers from a copy
};

} // namespace tiketi::cluster
