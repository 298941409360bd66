#pragma once

#include "actors/base/environment.hpp"
#include "actors/bus/type_ids.hpp"
#include "actors/catalog/answer_cache.hpp"
#include "actors/catalog/handle.hpp"
#include "actors/event/handle.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <prometheus/registry.h>

namespace tiketi::catalog {

/// Looked up once, at start.
struct catalog_metrics {
  explicit catalog_metrics(::prometheus::Registry& registry);

  ::prometheus::Counter& from_memory; ///< answers from a kept body
  ::prometheus::Counter& joined;      ///< answers that waited for a read already under way
  ::prometheus::Counter& reads;       ///< reads of the database
  ::prometheus::Counter& read_failures;
  ::prometheus::Counter& overloaded; ///< refused: too many reads or waiters
  ::prometheus::Counter& without_availability;
  ::prometheus::Counter& written;
  ::prometheus::Counter& rejected;
  ::prometheus::Gauge& kept; ///< answers in memory
};

struct catalog_options {
  /// How long an answer is kept, 1 ms to 1 s: what a page may lag behind the store.
  std::chrono::milliseconds answer_ttl{1000};
  std::size_t answers_max = 512;    ///< answers kept, 0 to 100,000
  std::size_t reads_max = 256;      ///< different reads under way, 1 to 10,000
  std::size_t waiting_max = 20'000; ///< requests that wait for them, 1 to 1,000,000
  std::size_t readers = 2;          ///< connections for reading, 1 to 16; for main
  /// How long the event page waits for the ticket role's numbers before it shows none.
  std::chrono::milliseconds availability_timeout{1000};
};

struct catalog_state {
  using kept_answer = std::variant<answer, event_brief, failure>;

  struct waiters {
    std::vector<caf::typed_response_promise<answer>> answers;
    std::vector<caf::typed_response_promise<event_brief>> briefs;
  };

  catalog_state() = default;

  environment* env = nullptr;
  std::shared_ptr<catalog_metrics> metrics;
  catalog_options options;
  catalog_writer writer;
  std::vector<reader_actor> readers;
  ticket::reader_actor stock; ///< may be null
  relay_actor relay;          ///< may be null
  std::size_t next_reader = 0;
  std::size_t reads = 0;   ///< under way
  std::size_t waiting = 0; ///< requests that wait for them
  answer_cache<kept_answer> kept{0};
  /// By key: a read under way that later requests may join. Cleared by a write, so that nobody who
  /// asks after it gets an answer from before it.
  std::unordered_map<std::string, std::shared_ptr<waiters>> under_way;
};

/// `stock` and `relay` may be null: then the event page shows no availability, and the outbox is
/// read at the relay's next tick. `env` outlives the actor.
catalog_actor::behavior_type catalog(catalog_actor::stateful_pointer<catalog_state> self,
                                     environment* env, std::shared_ptr<catalog_metrics> metrics,
                                     catalog_options options, catalog_writer writer,
                                     std::vector<reader_actor> readers, ticket::reader_actor stock,
                                     relay_actor relay);

struct reader_state {
  reader_state() = default;

  std::shared_ptr<catalog_queries> store;
};

/// Blocks on the store.
reader_actor::behavior_type reader(reader_actor::stateful_pointer<reader_state> self,
                                   environment* env, std::shared_ptr<catalog_queries> store);

} // namespace tiketi::catalog
