#pragma once

#include "actors/base/environment.hpp"
#include "actors/bus/relay.hpp"
#include "actors/event/handle.hpp"
#include "actors/membership/handle.hpp"
#include "actors/payment/handle.hpp"
#include "actors/payment/provider.hpp"
#include "actors/payment/shards.hpp"
#include "storage/outbox.hpp"
#include "storage/payment_store.hpp"

#include <cstddef>
#include <memory>
#include <vector>

#include <caf/fwd.hpp>

namespace prometheus {
class Registry;
}

namespace tiketi::payment {

struct payment_options {
  milliseconds ticket_timeout{5000};     ///< an answer of the ticket role, 100 ... 60000
  milliseconds provider_timeout{10'000}; ///< an answer of the provider, 100 ... 120000
  milliseconds back_off_min{500};        ///< first wait before a step in doubt is repeated
  milliseconds back_off_max{60'000};     ///< longest such wait
  milliseconds idle_after{10'000};       ///< then a subject's payment actor is given up
  milliseconds tick{250};                ///< how often waits and idle actors are looked at
  std::size_t actors_max = 20'000;       ///< over this the longest unused ones are given up
  std::size_t waiting_max = 32;          ///< jobs that wait for one subject
  std::size_t resume_page = 100;         ///< payments found again per read at the start
  writer_options writer;
  relay_options relay;
  bool detached = true; ///< false: blocking actors stay on the scheduler (simulation only)
};

struct payment_dependencies {
  std::shared_ptr<payment_writes> writes;
  std::unique_ptr<payment_queries> region_queries; ///< for the payment actors
  std::unique_ptr<payment_queries> front_queries;  ///< for the front
  std::unique_ptr<outbox_store> outbox;
  provider money;
  ticket::payments_view tickets;
  ticket::transfers_view transfers;      ///< null: payments for listings are refused
  membership::payments_view memberships; ///< null: payments for memberships are refused
  /// Who gets `payment-events`: the ticket role's consumer, and others.
  std::vector<subscription> subscriptions;
  cluster::shard_access shards = {}; ///< default: this node is alone
};

struct payment_role {
  payment_shards region;
  reader_actor reader; ///< for the front
  relay_actor relay;
  std::vector<caf::actor> others; ///< writer and readers: stop them after the two above

  /// The subscription that the relay of the ticket role's outbox needs: of reservations, listings
  /// and memberships.
  subscription consumer() const;
};

/// Starts the payment role; unfinished payments are taken up at once. `env` and `registry` outlive
/// it. Throws std::invalid_argument when a dependency is missing.
payment_role start_payment(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                           payment_options options, payment_dependencies dependencies);

/// Ends the role in order: no new work, what is written is finished, cursors are stored. Returns at
/// once; the actors end by themselves.
void stop_payment(const payment_role& role);

} // namespace tiketi::payment
