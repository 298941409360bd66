#pragma once

#include "actors/stats/consumer.hpp"
#include "actors/stats/reader.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <caf/fwd.hpp>

namespace tiketi::stats {

/// Requests that this process has answered since its start.
struct request_totals {
  std::int64_t requests = 0;
  std::int64_t failed = 0; ///< answered 5xx
};

using request_source = std::function<request_totals()>;

struct stats_options {
  /// How often the requests that were answered are stored, 1 … 3600 s.
  std::chrono::seconds sample_every{60};
  /// Reports waiting per reader before requests are refused with 503, 1 … 100'000.
  std::size_t reports_waiting_max = 256;
  writer_options writer;
};

struct stats_dependencies {
  std::shared_ptr<stats_writes> writes;
  std::vector<std::shared_ptr<stats_queries>> readers; ///< at least one
  request_source requests;                             ///< may be empty: none are counted
  size_source database_bytes;                          ///< may be empty: not known
};

struct stats_role {
  stats_actor stats;
  consumer_actor consumer; ///< for the relays of the other roles
};

/// Starts the role; blocking work gets threads of its own. `env` and `registry` outlive the actor
/// system. Throws std::invalid_argument when a dependency is missing.
stats_role start_stats(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                       stats_options options, stats_dependencies dependencies);

/// The actor behind `stats_role::stats`, for tests that bring their own neighbours. An exit message
/// ends it after it has given the last requests to the writer; then it ends readers and writer.
stats_actor spawn_stats(caf::actor_system& sys, environment& env,
                        std::shared_ptr<stats_metrics> metrics, stats_options options,
                        stats_writer writer, std::vector<stats_actor> readers,
                        request_source requests);

/// Ends the role in order. Returns at once; the actors end by themselves. Stop the relays that
/// feed its consumer before.
void stop(const stats_role& role);

} // namespace tiketi::stats
