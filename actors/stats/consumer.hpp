#pragma once

#include "actors/base/environment.hpp"
#include "actors/bus/type_ids.hpp"
#include "actors/stats/metrics.hpp"
#include "storage/stats_store.hpp"

#include <memory>

#include <caf/actor_system.hpp>

namespace tiketi::stats {

/// Applies domain events of any topic to the statistics, once each; what statistics do not count is
/// accepted and ignored. A payload that cannot be read is an invalid_request, now and later. Its
/// name as a consumer is "stats". `env` outlives it.
consumer_actor spawn_consumer(caf::actor_system& sys, environment& env, stats_writer writer,
                              std::shared_ptr<stats_metrics> metrics);

} // namespace tiketi::stats
