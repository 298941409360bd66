#pragma once

#include "actors/base/environment.hpp"
#include "actors/event/type_ids.hpp"
#include "actors/remote/role.hpp"
#include "actors/sqs/protocol.hpp"
#include "actors/token/tokens.hpp"
#include "actors/worker/metrics.hpp"

#include <cstddef>
#include <memory>
#include <string_view>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>

namespace tiketi::worker {

/// What the remote role calls the worker's calls.
inline constexpr std::string_view call_target = "sqs-worker";

struct worker_options {
  sqs::queue_access from;
  std::size_t pollers = 2; ///< calls for messages at once
  seconds wait{20};
  seconds visibility{300};
  milliseconds run_timeout{10'000};
  seconds message_age_max{900};
  milliseconds delete_timeout{5000};
  milliseconds wait_first{500}; ///< after a failed call; doubles with each further one
  milliseconds wait_max{30'000};
  milliseconds tick{100};
};

/// The sale as the worker sees it.
using sale_view =
    caf::typed_actor<caf::replies_to<ticket::reserve_seats>::with<ticket::reservation_view>,
                     caf::replies_to<ticket::reserve_tickets>::with<ticket::reservation_view>>;

/// Command: receive no more, finish what runs. Answered by `finished` when all of it has ended.
struct finish {};
struct finished {};

struct worker_tick {};

} // namespace tiketi::worker

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::worker::finish)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::worker::finished)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::worker::worker_tick)

namespace tiketi::worker {

using worker_actor = caf::typed_actor<caf::replies_to<finish>::with<finished>>;

/// Takes requests for reservations from a queue of SQS and runs them, each at most once: the sale
/// knows each message by its id, over crashes too. Messages of one group run one after the other.
/// What succeeded is deleted; what failed stays, so that the queue's redrive policy decides.
worker_actor spawn_worker(caf::actor_system& sys, environment& env,
                          std::shared_ptr<worker_metrics> metrics, worker_options options,
                          entry_tokens tokens, sale_view sale, remote::client_actor calls);

struct worker_role {
  worker_actor worker;
  remote::client_actor calls;
};

/// Starts the worker with calls of its own; `calls` says how they are made. `env`, `registry` and
/// `via` outlive the actor system.
worker_role start_worker(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                         worker_options options, remote::remote_options calls, entry_tokens tokens,
                         sale_view sale, std::shared_ptr<remote::transport> via);

/// Receives no more, waits up to `patience` for what runs, and ends the role. Blocks. What is cut
/// off comes again from the queue, and the sale knows whether it was run.
void stop(caf::actor_system& sys, const worker_role& role, milliseconds patience);

} // namespace tiketi::worker
