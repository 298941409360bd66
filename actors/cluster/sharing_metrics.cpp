#include "actors/cluster/sharing_metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

namespace tiketi::cluster {

namespace {

prometheus::Counter& counter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

} // namespace

sharing_metrics::sharing_metrics(prometheus::Registry& registry)
    : forwarded(counter(registry, "cluster_forwarded_total",
                        "Commands and questions for events of another node")),
      repeated(counter(registry, "cluster_attempts_repeated_total",
                       "Attempts after the first, because the owner was moving or away")),
      given_up(counter(registry, "cluster_given_up_total",
                       "Commands that no owner answered in time: 503")),
      served(counter(registry, "cluster_served_for_others_total",
                     "Commands and questions that another node brought")),
      waiting(prometheus::BuildGauge()
                  .Name("cluster_forwards_waiting")
                  .Help("Commands in the courier's hands")
                  .Register(registry)
                  .Add({})) {}

} // namespace tiketi::cluster
