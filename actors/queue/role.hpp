#pragma once

#include "actors/queue/queue_region.hpp"

#include <memory>

#include <caf/fwd.hpp>
#include <prometheus/registry.h>

namespace tiketi::queue {

/// Contract names in brackets.
struct queue_options {
  /// Most active users per event without an own threshold, 1 … 1'000'000. [QUEUE_THRESHOLD]
  std::uint32_t threshold = 1000;
  /// Life of a slot after the user was last heard of, 1 … 86'400 s. [QUEUE_ACTIVE_TTL_SECONDS]
  seconds active_ttl{600};
  /// No slot lives longer, however often it is renewed, 1 … 604'800 s.
  seconds session_max{3600};
  /// A waiting user not heard of this long is dropped, 1 … 86'400 s. [QUEUE_SEEN_TTL_SECONDS]
  seconds seen_ttl{600};
  /// Coming back this soon after `leave` keeps place or slot, 0 … 600 s.
  seconds leave_grace{10};
  /// From the end of one admission run to the next, 10 … 60'000 ms.
  /// [QUEUE_ADMISSION_INTERVAL_MS]
  milliseconds admission_interval{1000};
  /// Users admitted per event and run, 1 … 100'000. [QUEUE_ADMISSION_BATCH_SIZE]
  std::size_t admission_batch = 100;
  /// A slot's renewals are written this often at most, 100 … 60'000 ms, so it may run out this
  /// much early. A quarter of `active_ttl` at most.
  milliseconds renewal_interval{5000};
  /// Users in one line, 1 … 200'000'000; over it joining is refused with 503.
  std::size_t line_max = 5'000'000;
  /// People may queue this long before the sale starts, 0 … 10'080 min.
  std::chrono::minutes opens_before_sale{60};
  /// How long what the catalog said about an event is believed, 100 … 600'000 ms.
  milliseconds brief_ttl{10'000};
  /// A queue without anybody is given up after this time, 1 … 86'400 s.
  seconds idle_after{30};
  /// Queues alive at once, 1 … 1'000'000.
  std::size_t queues_max = 10'000;
  /// Group commit of the journal.
  writer_options writer;
};

struct queue_dependencies {
  catalog::briefs_view catalog;
  std::shared_ptr<queue_writes> writes;   ///< a connection of its own
  std::shared_ptr<queue_queries> queries; ///< another one
  bool detached = true; ///< false: blocking actors stay on the scheduler (simulation only)
  std::shared_ptr<redis::client> mirror = {}; ///< null: queues are not copied to Redis
  cluster::shard_access shards = {};          ///< default: this node is alone
  relay_actor relay = {}; ///< of this database's outbox; null: admissions are no domain events
};

struct queue_role {
  queue_region region; ///< converts to `queues` and `gate_view`
  queue_writer writer;
  queue_reader reader;
  std::shared_ptr<queue_metrics> metrics;
};

/// Starts the actors; reading and writing get a thread each. Events with waiting or active users
/// go on where they were. `env` and `registry` outlive the actor system.
queue_role start_queue(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                       queue_options options, queue_dependencies dependencies);

/// Asks every actor of the role to quit; returns at once. A command in the writer's hands is still
/// committed, but not answered: stop the HTTP server first.
void stop(const queue_role& role);

} // namespace tiketi::queue
