#include "actors/bus/relay_metrics.hpp"

namespace tiketi {
namespace {

prometheus::Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help,
                         const prometheus::Labels& labels) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add(labels);
}

prometheus::Counter& events(prometheus::Registry& registry, const std::string& role,
                            const std::string& consumer, const char* outcome) {
  return prometheus::BuildCounter()
      .Name("tiketi_outbox_events_total")
      .Help("Deliveries of events from an outbox by what came of them")
      .Register(registry)
      .Add({{"role", role}, {"consumer", consumer}, {"result", outcome}});
}

} // namespace

relay_metrics::relay_metrics(prometheus::Registry& registry, const std::string& role,
                             const std::string& consumer)
    : age(gauge(registry, "tiketi_outbox_age_seconds",
                "Age of the oldest event in an outbox that a consumer has not applied",
                {{"role", role}, {"consumer", consumer}})),
      in_flight(gauge(registry, "tiketi_outbox_in_flight",
                      "Events given to a consumer that has not answered",
                      {{"role", role}, {"consumer", consumer}})),
      applied(events(registry, role, consumer, "applied")),
      retried(events(registry, role, consumer, "retried")),
      set_aside(events(registry, role, consumer, "set_aside")) {}

} // namespace tiketi
