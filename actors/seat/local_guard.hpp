#pragma once

#include "actors/seat/guard.hpp"

#include <cstdint>
#include <unordered_map>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace tiketi::ticket {

struct local_guard_state {
  local_guard_state() = default;

  std::unordered_map<seat_id, std::uint64_t> last; ///< issued by this process
};

/// Fencing tokens for one node: one more than the greater of the floor and the last one issued.
/// What it forgets with the process, the floors from the database bring back.
guard_actor::behavior_type local_guard(guard_actor::stateful_pointer<local_guard_state> self);

} // namespace tiketi::ticket
