#pragma once

#include "actors/base/environment.hpp"
#include "actors/payment/messages.hpp"

#include <string>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>

namespace tiketi::payment {

enum class provider_outcome : std::uint8_t {
  approved,
  declined,  ///< definitely no money moved
  not_found, ///< look_up only: the provider never captured this order
  unknown,   ///< no answer, or one that cannot be understood: look it up, or repeat
};

/// Take the money. The payment id is the idempotency key: however often it is repeated, money
/// moves once. An error instead of an answer counts as `unknown`.
struct capture_money {
  payment_view payment;
  std::string trace = {}; ///< `traceparent` of what led to it; may be empty
};

/// What became of a capture?
struct look_up_capture {
  payment_view payment;
  std::string trace = {}; ///< `traceparent` of what led to it; may be empty
};

/// Give the money back, all of it. Idempotent by the payment's refund message id.
struct refund_money {
  payment_view payment;
  std::string trace = {}; ///< `traceparent` of what led to it; may be empty
};

struct provider_answer {
  provider_outcome outcome = provider_outcome::unknown;
  time_point at;      ///< of the approval
  std::string status; ///< the provider's word, as `DONE`
  std::string text;   ///< why declined or unknown; safe to show to the payer
};

} // namespace tiketi::payment

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::payment::capture_money)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::payment::look_up_capture)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::payment::refund_money)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::payment::provider_answer)

namespace tiketi::payment {

using provider_actor = caf::typed_actor<caf::replies_to<capture_money>::with<provider_answer>,
                                        caf::replies_to<look_up_capture>::with<provider_answer>,
                                        caf::replies_to<refund_money>::with<provider_answer>>;

/// Who moves the money.
struct provider {
  provider_actor handle;
  std::string name;
  bool demo = false;    ///< no money moves, and every answer says so
  bool instant = false; ///< captures without a key that the payer fetched from the provider
};

/// Approves everything at once. Only for demonstrations and tests: start it when the configuration
/// names it, never as a fallback.
provider start_demo_provider(caf::actor_system& sys, environment& env);

} // namespace tiketi::payment
