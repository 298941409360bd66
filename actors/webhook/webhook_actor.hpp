#pragma once

#include "actors/base/environment.hpp"
#include "actors/remote/messages.hpp"
#include "actors/webhook/address.hpp"
#include "actors/webhook/handle.hpp"
#include "actors/webhook/metrics.hpp"
#include "actors/webhook/schedule.hpp"
#include "actors/webhook/verdict.hpp"
#include "storage/webhook_store.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>

namespace tiketi::webhook {

/// What the remote role calls this one's calls; each webhook has a circuit of its own in it.
inline constexpr std::string_view remote_target = "webhook";

struct webhook_options {
  webhook_limits limits;
  schedule_options schedule;
  retry_rules retry;
  milliseconds attempt_timeout{10'000};
  milliseconds test_timeout{5000}; ///< of a PING; shorter than a request of the front may take
  std::size_t tests_max = 8;       ///< PINGs at once; one more is overloaded
  milliseconds secret_overlap{86'400'000};  ///< the old secret signs for this long, too
  milliseconds keep_delivered{604'800'000}; ///< then a delivered one is forgotten
  milliseconds keep_dead{2'592'000'000};    ///< then a dead letter is forgotten
  milliseconds keep_processed{604'800'000}; ///< then that an event was applied is forgotten
  milliseconds purge_every{60'000};
  milliseconds tick{200}; ///< how often due lanes and unsaved outcomes are looked at
  /// Of several nodes with the same store one sends at a time; all of them take events and
  /// commands, and look at the store before they say what there is. Empty: this is the only node.
  std::function<bool()> on_duty{};
  writer_options writer;
  std::size_t queries_waiting_max = 1000;
  bool detached = true; ///< false: blocking actors stay on the scheduler (tests)
};

// What the webhook actor asks its readers. Never leaves the process.

struct load_webhooks {};
struct webhook_rows {
  std::vector<webhook_row> rows;
};
struct load_due {
  webhook_id hook;
  time_point now;
  std::size_t limit = 0;
};
struct webhook_tick {};

} // namespace tiketi::webhook

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::webhook::load_webhooks)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::webhook::webhook_rows)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::webhook::load_due)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::webhook::due_page)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::webhook::webhook_tick)

namespace tiketi::webhook {

/// One connection for reading. Blocks, so run it detached.
using reader_actor = caf::typed_actor<caf::replies_to<load_webhooks>::with<webhook_rows>,
                                      caf::replies_to<load_due>::with<due_page>,
                                      caf::replies_to<list_deliveries>::with<delivery_page>>;

struct webhook_neighbours {
  webhook_writer writer;
  reader_actor own_reader;   ///< for the deliveries
  reader_actor front_reader; ///< for lists, so that long ones hold up no delivery
  remote::client_actor calls;
};

/// An exit message ends it and its neighbours at once; what is in flight is sent again after the
/// next start.
webhook_actor spawn_webhook(caf::actor_system& sys, environment& env,
                            std::shared_ptr<webhook_metrics> metrics, webhook_options options,
                            webhook_neighbours neighbours);

} // namespace tiketi::webhook
