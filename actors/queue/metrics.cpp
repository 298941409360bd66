#include "actors/queue/metrics.hpp"

#include "actors/store/mailbox_depth.hpp"

namespace tiketi::queue {

namespace {

prometheus::Counter& counter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

} // namespace

queue_metrics::queue_metrics(prometheus::Registry& registry)
    : joined(counter(registry, "business_queue_joined_total", "Places given in waiting lines")),
      admitted(counter(registry, "business_queue_admitted_total",
                       "Users admitted, at once or from a line")),
      left(counter(registry, "business_queue_left_total", "Users who left a queue")),
      stale(counter(registry, "queue_stale_total", "Waiting users who were not heard of")),
      waiting(gauge(registry, "queue_waiting", "Users in line")),
      active(gauge(registry, "queue_active", "Users with a slot")),
      recoveries(counter(registry, "queue_recoveries_total",
                         "Queues read again from the journal after a doubtful write")),
      mirror_copies(counter(registry, "queue_mirror_copies_total",
                            "Copies of a queue to Redis begun from the beginning")),
      mirror_behind(
          gauge(registry, "queue_mirror_behind", "Queues whose copy in Redis is not up to date")),
      region_mailbox(mailbox_depth(registry, "queue_region")),
      queue_mailbox(mailbox_depth(registry, "queue")) {}

} // namespace tiketi::queue
