#pragma once

#include "net/http/entry_gate.hpp"
#include "net/http/event_stream.hpp"
#include "net/http/router.hpp"
#include "net/routes/queue.hpp"
#include "net/streams/listener_limits.hpp"
#include "net/streams/queue_hub.hpp"
#include "net/streams/seat_hub.hpp"

#include <memory>

namespace tiketi::net {

struct stream_routes {
  seat_hub_actor seats;
  queue_hub_actor queues;
  std::shared_ptr<listener_limits> limits;
  std::shared_ptr<stream_metrics> seat_metrics;
  std::shared_ptr<stream_metrics> queue_metrics;
  stream_bounds bounds;
  entry_gate gate;            ///< in front of the seat stream, where `gate_seat_map`
  bool gate_seat_map = false; ///< who may see the seat map may see what becomes of it
};

/// GET /api/events/{id}/seats/stream, /api/queue/stream/{id}: server-sent events.
void add_stream_routes(router& routes, stream_routes deps);

/// What the queue stream tells its user: the body of `status`, with a token that is renewed when
/// half of its life is over.
queue_painter make_queue_painter(entry_tokens tokens, seconds token_ttl);

} // namespace tiketi::net
