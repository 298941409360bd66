#include "actors/vwr/metrics.hpp"

namespace tiketi::vwr {

namespace {

prometheus::Counter& counter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

} // namespace

room_metrics::room_metrics(prometheus::Registry& registry)
    : issued(counter(registry, "vwr_issued_total", "Numbers given out by waiting rooms")),
      served(counter(registry, "vwr_served_total", "Numbers whose turn came")),
      waiting(prometheus::BuildGauge()
                  .Name("vwr_waiting")
                  .Help("Numbers given out and not served yet, in active waiting rooms")
                  .Register(registry)
                  .Add({})),
      recoveries(counter(registry, "vwr_recoveries_total",
                         "Waiting rooms read again after a doubtful write")) {}

} // namespace tiketi::vwr
