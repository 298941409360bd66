#pragma once

#include "actors/base/environment.hpp"
#include "actors/event/context.hpp"
#include "actors/event/handle.hpp"
#include "actors/event/options.hpp"
#include "actors/event/region_actor.hpp"
#include "actors/membership/handle.hpp"
#include "storage/ticket_store.hpp"

#include <functional>
#include <memory>
#include <vector>

#include <caf/fwd.hpp>

namespace prometheus {
class Registry;
}

namespace tiketi::ticket {

struct ticket_dependencies {
  std::shared_ptr<ticket_writes> writes;
  /// A connection for each of `ticket_options::readers`, 1 at least.
  std::vector<std::shared_ptr<ticket_queries>> queries;
  std::shared_ptr<membership::membership_queries> memberships; ///< null: there are none
  std::shared_ptr<transfer_queries> transfers;                 ///< null: nothing is resold
  guard_actor guard;                                           ///< null: the one in process
  bool detached = true; ///< false: blocking actors stay on the scheduler (simulation only)
  /// Further connections that write, where the store takes transactions side by side: all commands
  /// of one event go over the same one.
  std::vector<std::shared_ptr<ticket_writes>> more_writes;
  cluster::shard_access shards = {}; ///< default: this node is alone
};

struct ticket_role {
  region_control region; ///< for the front (`region_actor`) and payment (`payments_view`)
  reader_actor reader;   ///< for the front
  store_reader store;    ///< the same readers, with what else they can be asked
  ticket_writer writer;  ///< for the consumer of `catalog-events`
  std::vector<ticket_writer> writers; ///< behind it, when there are several
  consumer_actor consumer;            ///< of `payment-events`, named "ticket"

  consumer_actor points;                ///< of `reservation-events`; null as the next one
  membership::membership_actor members; ///< null without a store for them; for the front
  transfer_desk transfers;              ///< null without a store for them; for front and payment

  /// Tells the region that an event changed in the store. Callable from any thread.
  std::function<void(event_id)> event_changed;

  std::shared_ptr<late_links> links; ///< `set` them once the other roles run
  std::vector<caf::actor> helpers;   ///< readers and guard
};

/// Which of several writers a command goes to: all that is about one event shares one, what is
/// about no event has the first.
std::size_t writer_of(const ticket_write& write, std::size_t count);

/// Starts the ticket role. `env` and `registry` outlive the actor system. Throws
/// std::invalid_argument when a dependency is missing.
ticket_role start_ticket(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                         ticket_options options, ticket_dependencies dependencies);

/// Ends the role: no new work, what the writer was given is written (waits for it, `patience` at
/// most), then everything stops. Not from an actor.
void stop_ticket(caf::actor_system& sys, ticket_role& role,
                 milliseconds patience = milliseconds{5'000});

} // namespace tiketi::ticket
