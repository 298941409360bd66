#include "actors/ticket_type/ticket_type_actor.hpp"

#include <utility>

namespace tiketi::ticket {

ticket_type_actor::behavior_type
ticket_type_behavior(ticket_type_actor::stateful_pointer<ticket_type_state> self,
                     ticket_type stored) {
  self->state.machine = std::move(stored);
  return {
      [self](const take_stock& m) {
        return stock_answer{self->state.machine.take(m.reservation, m.quantity)};
      },
      [self](const settle_stock& m) { self->state.machine.settle(m.reservation); },
      [self](const put_back_stock& m) { self->state.machine.put_back(m.reservation); },
      [self](const restock& m) { self->state.machine.restock(m.quantity); },
      [self](const resize_stock& m) { self->state.machine.resize(m.total); },
  };
}

} // namespace tiketi::ticket
