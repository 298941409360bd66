#pragma once

#include "actors/base/environment.hpp"
#include "actors/queue/messages.hpp"
#include "net/streams/hub.hpp"
#include "net/streams/stream_metrics.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include <caf/typed_actor.hpp>

namespace caf {
class actor_system;
}

namespace tiketi::net {

struct queue_hub_options : hub_options {
  queue_hub_options() { interval = milliseconds{1'000}; }

  /// Nobody is looked at less often, wherever in the line; nor forgotten by the queue.
  milliseconds look_max{5'000};
  /// Questions to the queues under way at once.
  std::size_t asking_max = 256;
};

/// What a place looks like to its user.
struct queue_picture {
  std::string body;        ///< JSON of one line
  milliseconds renew_in{}; ///< for an admitted user: then another one is due, with a new token
};
using queue_painter =
    std::function<queue_picture(event_id, user_id, const queue::queue_place&, time_point now)>;

/// Command: tell this user where they stand, in events `status`, whenever that changes. Keeps the
/// place or the slot alive as polling does. Ids are digests of what was said, so that one who comes
/// back is told nothing that they know. Answered by `listening` once the first answer of the queue
/// is in the sink; fails as `poll_queue` does.
struct watch_queue {
  event_id event;
  user_id user;
  std::string last_id; ///< of the client, not to be trusted; empty: none
  std::shared_ptr<stream_sink> sink;
};

using queue_hub_actor = caf::typed_actor<caf::replies_to<watch_queue>::with<listening>,
                                         caf::reacts_to<hub_tick>, caf::reacts_to<hub_heartbeat>>;

/// All listeners to their places on this node. Looks at those that are due once per interval, in
/// the rhythm that the queue asks its pollers to keep, with a bound on questions under way. Ends on
/// an exit message, and then ends its streams. `env` outlives it.
queue_hub_actor spawn_queue_hub(caf::actor_system& sys, environment& env, queue::queues queues,
                                queue_painter paint, std::shared_ptr<stream_metrics> metrics,
                                queue_hub_options options);

} // namespace tiketi::net

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::net::watch_queue)
