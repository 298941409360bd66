#pragma once

#include "actors/base/environment.hpp"
#include "actors/catalog/messages.hpp"
#include "actors/vwr/messages.hpp"
#include "actors/vwr/metrics.hpp"
#include "actors/vwr/numbered_room.hpp"
#include "storage/vwr_store.hpp"

#include <cstddef>
#include <memory>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>

namespace tiketi::vwr {

struct room_actor_options {
  /// Numbers served per interval while the room is active.
  std::uint64_t advance_batch = 50;
  milliseconds advance_interval{1000};
  /// A room in which nobody waits is given up after this time without a message.
  milliseconds idle_after{30'000};
  /// Commands that wait for the store, per room; over it: overloaded.
  std::size_t waiting_max = 50'000;
  milliseconds brief_timeout{2'000};
};

/// What all rooms of a node share.
struct room_context {
  room_actor_options options;
  environment* env = nullptr;
  std::shared_ptr<room_metrics> metrics;
  room_writer writer;
  room_reader reader;
  catalog::briefs_view catalog;
};

/// To itself. Only the newest generation counts.
struct room_tick {
  std::uint64_t generation = 0;
};

/// Region to room, and the answers: see `entity_table`.
struct stop_idle {};

struct passivate_room {
  event_id event;
};

struct keep_room {
  event_id event;
};

/// Room to region, before the answer to whoever changed it.
struct room_changed {
  event_id event;
  bool active = false;
};

} // namespace tiketi::vwr

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::vwr::room_tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::vwr::stop_idle)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::vwr::passivate_room)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::vwr::keep_room)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::vwr::room_changed)

namespace tiketi::vwr {

/// The room of one event.
using room_actor = caf::typed_actor<caf::replies_to<show_room>::with<room_counters>,
                                    caf::replies_to<take_number>::with<number_taken>,
                                    caf::replies_to<check_number>::with<number_state>,
                                    caf::replies_to<activate_room>::with<room_counters>,
                                    caf::replies_to<deactivate_room>::with<room_counters>,
                                    caf::replies_to<advance_room>::with<room_advanced>,
                                    caf::reacts_to<room_tick>, caf::reacts_to<stop_idle>>;

/// What a room tells its region.
using room_parent = caf::typed_actor<caf::reacts_to<passivate_room>, caf::reacts_to<keep_room>,
                                     caf::reacts_to<room_changed>>;

/// Starts the room of `event` and reads its row. All commands that came while a write was under way
/// become durable with one write, and only then are they answered; after a write whose outcome is
/// not known the row is read again, so a number may be left out, but never goes out twice.
room_actor spawn_room(caf::actor_system& sys, event_id event,
                      std::shared_ptr<const room_context> context, room_parent parent);

} // namespace tiketi::vwr
