#pragma once

#include "actors/event/context.hpp"
#include "actors/reservation/messages.hpp"

#include <memory>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace tiketi::ticket {

class reservation_life;

struct reservation_state {
  reservation_state();
  ~reservation_state();
  reservation_state(const reservation_state&) = delete;
  reservation_state& operator=(const reservation_state&) = delete;

  std::unique_ptr<reservation_life> life;
};

/// One reservation. A new one asks all its seats (or ticket types) at once, then the guard, then
/// the store, and tells its event what came of it; nothing waits for a seat, so nothing deadlocks.
/// Later it carries out one change at a time; commands that come meanwhile wait, up to a bound.
reservation_actor::behavior_type
reservation_behavior(reservation_actor::stateful_pointer<reservation_state> self,
                     ticket_context_ptr context, reservation_parent parent,
                     reservation_start start);

} // namespace tiketi::ticket
