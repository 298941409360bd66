#include "actors/seat/seat_actor.hpp"

namespace tiketi::ticket {

seat_actor::behavior_type seat_behavior(seat_actor::stateful_pointer<seat_state> self,
                                        seat stored) {
  self->state.machine = stored;
  return {
      [self](const claim_seat& m) {
        const auto claim = self->state.machine.claim(m.reservation);
        return claim ? seat_answer{true, claim->floor, claim->version} : seat_answer{};
      },
      [self](const settle_seat& m) { self->state.machine.settle(m.reservation, m.token); },
      [self](const verify_seat& m) {
        return seat_verdict{self->state.machine.verify(m.reservation, m.token)};
      },
      [self](const sell_seat& m) { self->state.machine.sell(m.reservation, m.token); },
      [self](const release_seat& m) { self->state.machine.release(m.reservation, m.token); },
  };
}

} // namespace tiketi::ticket
