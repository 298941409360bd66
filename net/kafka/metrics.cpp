#include "net/kafka/metrics.hpp"

namespace tiketi::kafka {
namespace {

prometheus::Counter& counter(prometheus::Registry& registry, const char* name, const char* help,
                             const prometheus::Labels& labels = {}) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add(labels);
}

prometheus::Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help,
                         const prometheus::Labels& labels = {}) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add(labels);
}

} // namespace

producer_metrics::producer_metrics(prometheus::Registry& registry)
    : produced(counter(registry, "kafka_produced_total", "Messages that the brokers acknowledged")),
      errors(counter(registry, "kafka_delivery_errors_total", "Attempts to send that failed")),
      refused(counter(registry, "kafka_refused_total",
                      "Attempts to send what can never be sent, such as too large messages")),
      in_flight(gauge(registry, "kafka_in_flight", "Messages sent and not yet acknowledged")),
      up(gauge(registry, "kafka_up", "1: a broker can be reached")) {}

group_metrics::group_metrics(prometheus::Registry& registry, const std::string& consumer)
    : applied(counter(registry, "kafka_applied_total", "Events that consumers have applied",
                      {{"consumer", consumer}})),
      retries(counter(registry, "kafka_apply_errors_total", "Attempts to apply that failed",
                      {{"consumer", consumer}})),
      dead_letters(counter(registry, "kafka_dead_letters_total",
                           "Records set aside because their consumer can never apply them",
                           {{"consumer", consumer}})),
      rebalances(counter(registry, "kafka_rebalances_total", "Times partitions came or went",
                         {{"consumer", consumer}})),
      lag(gauge(registry, "kafka_consumer_lag", "Records between a consumer and the end",
                {{"consumer", consumer}})),
      held(gauge(registry, "kafka_consumer_held", "Records read and not applied yet",
                 {{"consumer", consumer}})),
      partitions(gauge(registry, "kafka_consumer_partitions", "Partitions this node reads",
                       {{"consumer", consumer}})) {}

} // namespace tiketi::kafka
