#pragma once

#include "actors/queue/messages.hpp"
#include "actors/token/tokens.hpp"
#include "actors/vwr/messages.hpp"
#include "net/http/front.hpp"

#include <cstddef>
#include <functional>

namespace tiketi::net {

/// Lets a caller on to an event's queue, or answers 403 `vwr_token_required`. `admitted` runs in
/// the front actor, at once or after others were asked.
using room_gate =
    std::function<void(front&, exchange_ptr, event_id, std::function<void()> admitted)>;

struct room_gate_options {
  std::size_t tokens_cached_max = 65'536; ///< checked tokens kept
};

/// Where the event has an active waiting room, the caller needs one of: a valid tier-1 token of
/// this event, in the cookie `urr-vwr-token` or the header `x-vwr-token`; a place in the queue
/// already, so that who joined once may look again after the token has run out.
room_gate make_room_gate(room_gate_options options, room_tokens tokens, vwr::rooms rooms,
                         queue::queues queues);

} // namespace tiketi::net
