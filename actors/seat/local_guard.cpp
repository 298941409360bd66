#include "actors/seat/local_guard.hpp"

#include <algorithm>

namespace tiketi::ticket {

guard_actor::behavior_type local_guard(guard_actor::stateful_pointer<local_guard_state> self) {
  return {
      [self](const acquire_tokens& m) {
        tokens out;
        out.values.reserve(m.seats.size());
        for (const auto& [seat, floor] : m.seats) {
          auto& last = self->state.last[seat];
          last = std::max(last, floor) + 1;
          out.values.push_back(last);
        }
        return out;
      },
      [](const release_tokens&) {
        // The seat actor is the lock here; tokens are never taken back.
      },
  };
}

} // namespace tiketi::ticket
