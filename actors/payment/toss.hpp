#pragma once

#include "actors/payment/provider.hpp"
#include "actors/remote/messages.hpp"

#include <cstdint>
#include <string>

// The API of Toss Payments (https://docs.tosspayments.com/reference), as far as it is used here:
// confirm, look up by order, look up by key, cancel. Pure: builds requests and reads answers. What
// an answer says is believed only if order, key and amount are ours.

namespace tiketi::payment {

struct toss_options {
  std::string base_url; ///< without a slash at the end
  std::string secret_key;
  milliseconds timeout{8000}; ///< for one command of ours, all calls together
};

remote::http_request toss_confirm(const toss_options& options, const payment_view& p);
remote::http_request toss_find_order(const toss_options& options, const payment_view& p);
remote::http_request toss_find_key(const toss_options& options, const std::string& payment_key);
/// The whole amount. Repeats with the same `idempotency_key` have no further effect.
remote::http_request toss_cancel(const toss_options& options, const std::string& payment_key,
                                 const std::string& reason, const std::string& idempotency_key);

/// What follows from an answer.
struct toss_verdict {
  enum class next : std::uint8_t {
    answer,    ///< `answer` is the end of it
    look_up,   ///< ask what the provider has for our order; `answer` if that is no payment
    give_back, ///< money was taken that does not fit: cancel `payment_key`, then `answer`
  };
  next what = next::answer;
  provider_answer answer;
  std::string payment_key;
};

/// Of `toss_confirm`. Every refusal is looked up first: an earlier attempt, whose answer was lost,
/// may have taken the money.
toss_verdict read_confirmed(const payment_view& p, const remote::http_answer& a, time_point now);

/// Of `toss_find_order`: approved, declined, not_found (may still be captured) or unknown.
toss_verdict read_found(const payment_view& p, const remote::http_answer& a, time_point now);

/// Of `toss_cancel` and `toss_find_key`: approved when the payment is cancelled as a whole.
provider_answer read_cancelled(const std::string& payment_key, const remote::http_answer& a,
                               time_point now);

/// Captures and refunds at Toss Payments. `calls` knows the target `toss`.
provider start_toss_provider(caf::actor_system& sys, environment& env, remote::client_actor calls,
                             toss_options options);

} // namespace tiketi::payment
