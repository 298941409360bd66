#include "net/streams/stream_metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

namespace tiketi::net {

namespace {

prometheus::Counter& counter(prometheus::Registry& registry, const char* name, const char* help,
                             const char* kind) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({{"kind", kind}});
}

prometheus::Counter& refused(prometheus::Registry& registry, const char* kind, const char* limit) {
  return prometheus::BuildCounter()
      .Name("tiketi_stream_refused_total")
      .Help("Listeners refused because one of the limits was reached")
      .Register(registry)
      .Add({{"kind", kind}, {"limit", limit}});
}

} // namespace

stream_metrics::stream_metrics(prometheus::Registry& registry, const char* kind)
    : listeners(prometheus::BuildGauge()
                    .Name("tiketi_stream_listeners")
                    .Help("Clients that listen to a stream")
                    .Register(registry)
                    .Add({{"kind", kind}})),
      events(counter(registry, "tiketi_stream_events_total",
                     "Events serialised, each once for all its listeners", kind)),
      snapshots(counter(registry, "tiketi_stream_snapshots_total",
                        "Snapshots serialised, each once for all its listeners", kind)),
      resumed(counter(registry, "tiketi_stream_resumed_total",
                      "Listeners that came back and got only what they lacked", kind)),
      dropped(counter(registry, "tiketi_stream_dropped_total",
                      "Listeners given up because they read too slowly", kind)),
      refused_node(refused(registry, kind, "node")),
      refused_event(refused(registry, kind, "event")),
      refused_address(refused(registry, kind, "address")) {}

} // namespace tiketi::net
