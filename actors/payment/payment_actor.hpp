#pragma once

#include "actors/base/environment.hpp"
#include "actors/payment/role.hpp"
#include "actors/payment/shards.hpp"

#include <memory>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>

namespace prometheus {
class Counter;
class Histogram;
} // namespace prometheus

namespace tiketi::payment {

struct payment_metrics {
  explicit payment_metrics(prometheus::Registry& registry);

  prometheus::Counter* processed; ///< captured
  prometheus::Counter* failed;    ///< declined
  prometheus::Counter* refunded;
  prometheus::Histogram* region_mailbox;
};

/// What every payment actor of the role shares. Immutable.
struct payment_context {
  environment* env = nullptr;
  payment_options options;
  payment_writer writer;
  reader_actor reader;
  relay_actor relay;
  provider money;
  ticket::payments_view tickets;
  ticket::transfers_view transfers;      ///< null: nothing is resold
  membership::payments_view memberships; ///< null: there are none
  payment_metrics metrics;
};

struct cancel_found {
  payment_id payment;
  user_id user;
  std::string reason;
  std::string trace;
  bool repeated = false;
};
/// Loads, if it is not loaded, and goes on with what waits.
struct wake_payment {};
/// Quit, or say `payment_stays`.
struct stop_idle {};
/// To the region: `wake_payment` at this time.
struct wake_later {
  payment_subject subject;
  time_point at;
};
struct payment_stays {
  payment_subject subject;
};

} // namespace tiketi::payment

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::payment::cancel_found)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::payment::wake_payment)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::payment::stop_idle)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::payment::wake_later)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::payment::payment_stays)

namespace tiketi::payment {

/// The payments of one subject (`desk`), one job at a time.
using payment_actor = caf::typed_actor<caf::replies_to<get_standing>::with<payment_standing>,
                                       caf::replies_to<prepare_payment>::with<payment_done>,
                                       caf::replies_to<confirm_payment>::with<payment_done>,
                                       caf::replies_to<process_payment>::with<payment_done>,
                                       caf::replies_to<cancel_found>::with<payment_done>,
                                       caf::replies_to<deliver>::with<applied>,
                                       caf::reacts_to<wake_payment>, caf::reacts_to<stop_idle>>;

/// What a payment actor says to the region that started it.
using payment_parent = caf::typed_actor<caf::reacts_to<wake_later>, caf::reacts_to<payment_stays>>;

using payment_context_ptr = std::shared_ptr<const payment_context>;

payment_actor spawn_payment_actor(caf::actor_system& sys, payment_context_ptr context,
                                  payment_parent parent, const payment_subject& subject);

/// The types of `reservation-events` that change a payment.
const std::vector<std::string>& events_of_payments();

/// As one of several it has the payments of its node's shards only, and passes on what is for
/// others.
payment_shards spawn_payment_region(caf::actor_system& sys, payment_context_ptr context,
                                    cluster::shard_access access = {});

} // namespace tiketi::payment
