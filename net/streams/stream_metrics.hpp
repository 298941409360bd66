#pragma once

namespace prometheus {
class Counter;
class Gauge;
class Registry;
} // namespace prometheus

namespace tiketi::net {

/// Of one kind of stream (`seats`, `queue`). Looked up once. Thread-safe.
struct stream_metrics {
  stream_metrics(prometheus::Registry& registry, const char* kind);

  prometheus::Gauge& listeners;   ///< tiketi_stream_listeners
  prometheus::Counter& events;    ///< tiketi_stream_events_total: serialised, however many get them
  prometheus::Counter& snapshots; ///< tiketi_stream_snapshots_total: the same
  prometheus::Counter& resumed;   ///< tiketi_stream_resumed_total: got only what they lacked
  prometheus::Counter& dropped;   ///< tiketi_stream_dropped_total: too slow
  prometheus::Counter& refused_node;    ///< tiketi_stream_refused_total{limit="node"}
  prometheus::Counter& refused_event;   ///< {limit="event"}
  prometheus::Counter& refused_address; ///< {limit="address"}
};

} // namespace tiketi::net
