#pragma once

#include "actors/base/ids.hpp"

#include <cstdint>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

namespace tiketi::ticket {

/// One seat of a hold and the highest fencing token known for it, from the database or from this
/// node's memory: a guard that has forgotten everything still cannot go back.
struct token_floor {
  seat_id seat;
  std::uint64_t floor = 0;
};

/// Command: a new fencing token for every seat of a reservation, all or nothing, in one call.
struct acquire_tokens {
  event_id event;
  reservation_id reservation;
  user_id user;
  std::vector<token_floor> seats;
};

/// In the order of `acquire_tokens::seats`; each greater than its floor and than any given before.
struct tokens {
  std::vector<std::uint64_t> values;
};

/// Notice: the reservation gave these seats back; a guard that keeps locks drops them.
struct release_tokens {
  event_id event;
  reservation_id reservation;
  std::vector<token_floor> seats; ///< with the tokens held
};

/// Hands out fencing tokens (Kleppmann, "How to do distributed locking", 2016). The token is what
/// protects: the database refuses a write with an older one, whoever else believes to hold a lock.
using guard_actor =
    caf::typed_actor<caf::replies_to<acquire_tokens>::with<tokens>, caf::reacts_to<release_tokens>>;

} // namespace tiketi::ticket

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::acquire_tokens)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::tokens)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::release_tokens)
