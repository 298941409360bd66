#pragma once

#include "actors/base/environment.hpp"
#include "actors/event/handle.hpp"
#include "net/streams/hub.hpp"
#include "net/streams/stream_metrics.hpp"

#include <cstddef>
#include <memory>
#include <string>

#include <caf/typed_actor.hpp>

namespace caf {
class actor_system;
}

namespace tiketi::net {

struct seat_hub_options : hub_options {
  /// Changes of an event that are kept for listeners who come back.
  std::size_t ring_events_max = 256;
  std::size_t ring_bytes_max = 1024 * 1024;
};

/// Command: tell this listener what becomes of an event's seats. First a `snapshot`, which is the
/// seat map; or, where `last_id` is known, what has changed since. Then one event `seats` with
/// every change of an interval: `{"version","seats":[{"id","status"}]}`. Ids are versions of the
/// seat map. Answered by `listening` once the first bytes are in the sink. Fails with not_found,
/// unavailable.
struct watch_seats {
  event_id event;
  std::string last_id; ///< of the client, not to be trusted; empty: none
  std::shared_ptr<stream_sink> sink;
};

using seat_hub_actor = caf::typed_actor<caf::replies_to<watch_seats>::with<listening>,
                                        caf::reacts_to<hub_tick>, caf::reacts_to<hub_heartbeat>>;

/// All listeners of all events on this node. An event that has any is asked for its changes once
/// per interval; the answer is serialised once and goes to every listener. Ends on an exit message,
/// and then ends its streams. `env` outlives it.
seat_hub_actor spawn_seat_hub(caf::actor_system& sys, environment& env,
                              ticket::seat_changes_view seats,
                              std::shared_ptr<stream_metrics> metrics, seat_hub_options options);

/// The data of an event `seats`.
std::string seat_delta(const ticket::seat_changes& changes);

} // namespace tiketi::net

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::net::watch_seats)
