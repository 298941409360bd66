#pragma once

#include "actors/base/environment.hpp"
#include "actors/bus/messages.hpp"
#include "actors/community/handle.hpp"
#include "actors/community/metrics.hpp"
#include "actors/community/view_counter.hpp"
#include "storage/community_store.hpp"

#include <cstddef>
#include <memory>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>

namespace tiketi::community {

struct community_options {
  /// One viewer adds one view per item in this time, 0 … 86'400'000 ms; views not stored yet.
  view_limits views;
  /// How often counted views are stored, 10 … 60'000 ms.
  std::chrono::milliseconds flush_every{1000};
  /// Awards per user, action and day in Korea; 0: none.
  daily_limits awards;
  /// Queries waiting per reader before requests are refused with 503, 1 … 1'000'000.
  std::size_t queries_waiting_max = 20'000;
  writer_options writer;
};

/// Who the community actor works with.
struct community_neighbours {
  community_writer writer;
  std::vector<reader_actor> readers; ///< at least one
  accounts_view accounts;
  artists_view artists;
  relay_actor relay; ///< of this role's outbox; may be null
};

struct community_state {
  community_state() = default;

  environment* env = nullptr;
  std::shared_ptr<community_metrics> metrics;
  community_options options;
  community_neighbours neighbours;
  std::size_t next_reader = 0;
  view_counter views{view_limits{}};
};

/// Translates between those who read and write and the store. Only views that are counted but not
/// stored yet are its own memory. An exit message ends it after it has given them to the writer;
/// then it ends readers and writer. `env` outlives it.
community_actor spawn_community(caf::actor_system& sys, environment& env,
                                std::shared_ptr<community_metrics> metrics,
                                community_options options, community_neighbours neighbours);

} // namespace tiketi::community
