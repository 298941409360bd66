#pragma once

#include "actors/base/environment.hpp"
#include "actors/idempotency/messages.hpp"
#include "actors/idempotency/metrics.hpp"
#include "storage/idempotency_store.hpp"

#include <cstddef>
#include <functional>
#include <memory>

#include <caf/fwd.hpp>

namespace tiketi::idempotency {

struct keeper_options {
  ledger_rules rules;
  milliseconds tick_interval{60'000};
  /// Until the store could be read at the start.
  milliseconds retry_interval{500};
  /// Keys removed by one command; the next follows at once where there are more.
  std::size_t purge_max = 1'000;
  /// Of several nodes with the same store one removes expired keys at a time; each counts again
  /// what the store holds, now and then, so that the bounds hold over all nodes but for what was
  /// added since. Empty: this is the only node.
  std::function<bool()> on_duty{};
  int recount_every = 5; ///< ticks
  /// Requests that wait until the store was read at the start; over it: overloaded.
  std::size_t waiting_max = 10'000;
};

struct keeper_context {
  keeper_options options;
  environment* env = nullptr;
  std::shared_ptr<keeper_metrics> metrics;
  key_writer writer;
  key_reader reader;
};

keeper spawn_keeper(caf::actor_system& sys, std::shared_ptr<const keeper_context> context);

/// The store's reader as an actor. Run it detached.
key_reader::behavior_type key_reading(key_reader::pointer self,
                                      std::shared_ptr<key_queries> queries);

} // namespace tiketi::idempotency
