#pragma once

#include <memory>

namespace prometheus {
class Counter;
class Gauge;
class Registry;
} // namespace prometheus

namespace tiketi::cluster {

/// What a node does for events of other nodes, and they for its own.
struct sharing_metrics {
  explicit sharing_metrics(prometheus::Registry& registry);

  prometheus::Counter& forwarded; ///< cluster_forwarded_total
  prometheus::Counter& repeated;  ///< cluster_attempts_repeated_total
  prometheus::Counter& given_up;  ///< cluster_given_up_total
  prometheus::Counter& served;    ///< cluster_served_for_others_total
  prometheus::Gauge& waiting;     ///< cluster_forwards_waiting
};

} // namespace tiketi::cluster
