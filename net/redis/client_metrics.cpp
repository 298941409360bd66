#include "net/redis/client_metrics.hpp"

#include <string>

#include <prometheus/registry.h>

namespace tiketi::net {

redis_metrics::redis_metrics(prometheus::Registry& registry)
    : redis_metrics(prometheus::BuildCounter()
                        .Name("redis_redirections_total")
                        .Help("Calls that a node of the cluster sent to another one")
                        .Register(registry),
                    registry) {}

redis_metrics::redis_metrics(prometheus::Family<prometheus::Counter>& redirections,
                             prometheus::Registry& registry)
    : ready(prometheus::BuildGauge()
                .Name("redis_connections_ready")
                .Help("Connections to Redis that answer")
                .Register(registry)
                .Add({})),
      lost(prometheus::BuildCounter()
               .Name("redis_connections_lost_total")
               .Help("Connections to Redis that were lost or could not be made")
               .Register(registry)
               .Add({})),
      slots_away(prometheus::BuildGauge()
                     .Name("redis_slots_unreachable")
                     .Help("Slots of the cluster whose master is not connected")
                     .Register(registry)
                     .Add({})),
      in_flight(prometheus::BuildGauge()
                    .Name("redis_calls_in_flight")
                    .Help("Calls whose answer has not come, late ones included")
                    .Register(registry)
                    .Add({})),
      moved(redirections.Add({{"kind", "moved"}})),
      asked(redirections.Add({{"kind", "ask"}})),
      seconds(prometheus::BuildHistogram()
                  .Name("redis_call_seconds")
                  .Help("From the call to its answer")
                  .Register(registry)
                  .Add({}, prometheus::Histogram::BucketBoundaries{.0002, .0005, .001, .002, .005,
                                                                   .01, .02, .05, .1, .5})),
      calls{} {
  auto& family = prometheus::BuildCounter()
                     .Name("redis_calls_total")
                     .Help("Calls to Redis by what became of them")
                     .Register(registry);
  for (std::size_t i = 0; i < calls.size(); ++i)
    calls[i] =
        &family.Add({{"outcome", std::string{to_string_view(static_cast<redis::call_error>(i))}}});
}

} // namespace tiketi::net
