#pragma once

#include "actors/base/result.hpp"
#include "actors/bus/type_ids.hpp"
#include "actors/event/handle.hpp"
#include "actors/membership/handle.hpp"

#include <optional>
#include <variant>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace tiketi::ticket {

using payment_command = std::variant<apply_payment, apply_refund, apply_transfer_payment,
                                     apply_transfer_refund, membership::apply_membership_payment>;

/// What an event of `payment-events` asks of the ticket role; nothing: it asks nothing. Fails with
/// invalid_request when it cannot be read.
result<std::optional<payment_command>> to_command(const domain_event& event);

struct payment_consumer_state {
  payment_consumer_state() = default;

  payments_view tickets;
  transfers_view transfers;
  membership::payments_view memberships;
};

/// The ticket role's consumer of `payment-events`; its name as a consumer is "ticket". Answers when
/// the effect is durable; each message has one effect, whichever way it comes first.
consumer_actor::behavior_type
payment_consumer(consumer_actor::stateful_pointer<payment_consumer_state> self,
                 payments_view tickets, transfers_view transfers,
                 membership::payments_view memberships);

} // namespace tiketi::ticket
