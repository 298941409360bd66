#pragma once

#include "actors/seat/messages.hpp"
#include "actors/seat/seat.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace tiketi::ticket {

struct seat_state {
  seat_state() = default;

  seat machine;
};

/// Serialises everything that happens to one seat. Started by its event on the first touch.
seat_actor::behavior_type seat_behavior(seat_actor::stateful_pointer<seat_state> self, seat stored);

} // namespace tiketi::ticket
