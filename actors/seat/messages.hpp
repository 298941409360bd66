#pragma once

#include "actors/event/messages.hpp"

#include <cstdint>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

namespace tiketi::ticket {

// What a reservation says to a seat. Never leaves the node.

/// Command: grant the seat, provisionally. Answered at once by `seat_answer`.
struct claim_seat {
  reservation_id reservation;
};

struct seat_answer {
  bool granted = false;
  std::uint64_t floor = 0;   ///< the fencing token must be greater
  std::uint32_t version = 0; ///< the hold writes this one
};

/// Notice: the hold is durable.
struct settle_seat {
  reservation_id reservation;
  std::uint64_t token = 0;
};

/// Query: are holder and token still these? Answered by `seat_verdict`.
struct verify_seat {
  reservation_id reservation;
  std::uint64_t token = 0;
};

struct seat_verdict {
  bool ours = false;
};

/// Notice: the sale is durable.
struct sell_seat {
  reservation_id reservation;
  std::uint64_t token = 0;
};

/// Notice: the reservation does not have it any more (token 0: never got one).
struct release_seat {
  reservation_id reservation;
  std::uint64_t token = 0;
};

using seat_actor =
    caf::typed_actor<caf::replies_to<claim_seat>::with<seat_answer>, caf::reacts_to<settle_seat>,
                     caf::replies_to<verify_seat>::with<seat_verdict>, caf::reacts_to<sell_seat>,
                     caf::reacts_to<release_seat>>;

} // namespace tiketi::ticket

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::claim_seat)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::seat_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::settle_seat)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::verify_seat)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::seat_verdict)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::sell_seat)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::release_seat)
