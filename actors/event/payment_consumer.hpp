#pragma once

#include "actors/base/result.hpp"
#include "actors/bus/type_ids.hpp"
#include "actors/event/handle.hpp"

#include <optional>
#include <variant>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace tiketi::ticket {

/// What an event of `payment-events` asks of the ticket role; nothing: it is not for reservations.
/// Fails with invalid_request when it cannot be read.
result<std::optional<std::variant<apply_payment, apply_refund>>>
to_command(const domain_event& event);

struct payment_consumer_state {
  payment_consumer_state() = default;

  payments_view tickets;
};

/// The ticket role's consumer of `payment-events`; its name as a consumer is "ticket". Answers when
/// the effect is durable; each message has one effect, whichever way it comes first.
consumer_actor::behavior_type
payment_consumer(consumer_actor::stateful_pointer<payment_consumer_state> self,
                 payments_view tickets);

} // namespace tiketi::ticket
