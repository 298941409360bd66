#pragma once

#include "actors/base/environment.hpp"
#include "actors/bus/messages.hpp"
#include "actors/catalog/messages.hpp"
#include "actors/queue/line_updates.hpp"
#include "actors/queue/messages.hpp"
#include "actors/queue/metrics.hpp"
#include "actors/queue/mirror.hpp"
#include "actors/queue/waiting_room.hpp"
#include "actors/redis/client.hpp"
#include "storage/queue_journal.hpp"

#include <memory>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>

namespace tiketi::queue {

struct queue_actor_options {
  room_rules room;
  /// From the end of one admission run to the start of the next.
  milliseconds admission_interval{1000};
  /// How long what the catalog said is believed.
  milliseconds brief_ttl{10'000};
  milliseconds brief_timeout{2'000};
  /// People may queue this long before the sale starts; nobody is admitted before it does.
  milliseconds opens_before_sale{3'600'000};
  /// A queue without anybody is given up after this time without a message.
  milliseconds idle_after{30'000};
  /// Requests that wait for the journal or for the catalog, per event; over it: overloaded.
  std::size_t postponed_max = 20'000;
  /// Operations gathered while a commit is under way, per event; over it: overloaded.
  std::size_t gathered_max = 20'000;
  /// Operations in one command to the journal.
  std::size_t command_max = 2'048;
  /// Waiting users read from the journal at once.
  std::size_t page_max = 20'000;
  mirror_options mirror;
};

/// What all queue actors of a node share.
struct queue_context {
  queue_actor_options options;
  environment* env = nullptr;
  std::shared_ptr<queue_metrics> metrics;
  queue_writer writer;
  queue_reader reader;
  catalog::briefs_view catalog;
  std::shared_ptr<redis::client> mirror; ///< null: nobody else looks at queues
  relay_actor relay;                     ///< of admissions; null: nobody is told
};

/// To itself: admission, departures, cleaning. Only the newest generation counts.
struct queue_tick {
  std::uint64_t generation = 0;
};

/// To itself: what Redis said to the mirror.
struct mirror_answer {
  redis::outcome what;
};

/// Region to queue, and the answers: see `entity_table`.
struct stop_idle {};

struct passivate_queue {
  event_id event;
};

struct keep_queue {
  event_id event;
};

} // namespace tiketi::queue

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::queue::queue_tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::queue::mirror_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::queue::stop_idle)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::queue::passivate_queue)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::queue::keep_queue)

namespace tiketi::queue {

/// The queue of one event.
using queue_actor =
    queues::extend<caf::replies_to<follow_line>::with<line_update>, caf::reacts_to<queue_tick>,
                   caf::reacts_to<mirror_answer>, caf::reacts_to<stop_idle>>;

/// What a queue tells its region.
using queue_parent = caf::typed_actor<caf::reacts_to<passivate_queue>, caf::reacts_to<keep_queue>>;

/// Starts the queue of `event` and reads its journal. Every answer that tells of a change is sent
/// after the change is durable. While the outcome of a write is not known nothing is answered: the
/// journal is read again first.
queue_actor spawn_queue(caf::actor_system& sys, event_id event,
                        std::shared_ptr<const queue_context> context, queue_parent parent);

} // namespace tiketi::queue
