#pragma once

#include "actors/ticket_type/messages.hpp"
#include "actors/ticket_type/ticket_type.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace tiketi::ticket {

struct ticket_type_state {
  ticket_type_state() = default;

  ticket_type machine;
};

/// Serialises the stock of one ticket type.
ticket_type_actor::behavior_type
ticket_type_behavior(ticket_type_actor::stateful_pointer<ticket_type_state> self,
                     ticket_type stored);

} // namespace tiketi::ticket
