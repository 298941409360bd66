#pragma once

#include "actors/base/environment.hpp"
#include "actors/bus/messages.hpp"
#include "actors/queue/domain_events.hpp"
#include "actors/remote/messages.hpp"
#include "actors/sqs/metrics.hpp"
#include "actors/sqs/protocol.hpp"
#include "actors/sqs/send_queue.hpp"
#include "actors/token/tokens.hpp"

#include <memory>
#include <string_view>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>

namespace tiketi::sqs {

/// What the remote role calls the sender's calls.
inline constexpr std::string_view send_target = "sqs";

struct sender_options {
  queue_access to;
  send_rules rules;
  milliseconds call_timeout{5000};
  seconds token_ttl{600}; ///< of entry tokens; none outlives the slot it was given with
  seconds age_max{3600};  ///< an older admission is of no use to anybody
  milliseconds tick{200};
};

struct sender_tick {};

} // namespace tiketi::sqs

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::sqs::sender_tick)

namespace tiketi::sqs {

/// One admission as it is told. The token is signed here, for the user and the event.
outgoing_message notice_message(const queue::admission_notice& notice, const entry_tokens& tokens,
                                seconds token_ttl, time_point now);

/// Sends admissions to a FIFO queue of SQS. An event is applied when SQS has accepted its message;
/// one that SQS never accepts is answered with `invalid_request` and the reason. It orders each key
/// by itself: subscribe it with `orders_itself`. An exit message ends it; what was in hand is
/// delivered to it again after the next start.
consumer_actor spawn_sender(caf::actor_system& sys, environment& env,
                            std::shared_ptr<sender_metrics> metrics, sender_options options,
                            entry_tokens tokens, remote::client_actor calls);

} // namespace tiketi::sqs
