#pragma once

#include "actors/vwr/room_region.hpp"

#include <memory>

#include <caf/fwd.hpp>
#include <prometheus/registry.h>

namespace tiketi::vwr {

/// Contract names in brackets.
struct room_options {
  /// Numbers served per interval and event, 1 to 1'000'000. [BATCH_SIZE]
  std::uint64_t advance_batch = 50;
  /// From one step to the next, 100 to 600'000 ms.
  milliseconds advance_interval{1000};
  /// A room in which nobody waits leaves the memory after this time without a message.
  seconds idle_after{30};
  /// Events that have a room.
  std::size_t rooms_max = 10'000;
  writer_options writer;
};

struct room_dependencies {
  catalog::briefs_view catalog;
  std::shared_ptr<room_writes> writes;   ///< a connection of its own
  std::shared_ptr<room_queries> queries; ///< another one
  bool detached = true; ///< false: blocking actors stay on the scheduler (simulation only)
  cluster::shard_access shards = {}; ///< default: this node is alone
};

struct room_role {
  room_region region; ///< converts to `rooms`
  room_writer writer;
  room_reader reader;
  std::shared_ptr<room_metrics> metrics;
};

/// Starts the actors; reading and writing get a thread each. Rooms go on where they were. `env` and
/// `registry` outlive the actor system.
room_role start_rooms(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                      room_options options, room_dependencies dependencies);

/// Asks every actor of the role to quit; returns at once. Stop the HTTP server first.
void stop(const room_role& role);

} // namespace tiketi::vwr
