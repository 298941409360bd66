#pragma once

#include "actors/queue/messages.hpp"
#include "actors/token/tokens.hpp"
#include "net/http/front.hpp"

#include <cstddef>
#include <functional>

namespace tiketi::net {

/// Lets a caller through to what takes stock of an event, or answers 403 `entry_token_required`.
/// `admitted` runs in the front actor, at once or after the queue was asked.
using entry_gate =
    std::function<void(front&, exchange_ptr, event_id, std::function<void()> admitted)>;

struct entry_gate_options {
  bool enabled = true;                    ///< false: everybody passes
  std::size_t tokens_cached_max = 65'536; ///< checked entry tokens kept
};

/// Accepts a valid entry token in the header `x-queue-entry-token` or in the cookies
/// `urr-entry-token` and `tiketi-entry-token`, or else an active slot in the queue. User and event
/// must match in each case, so an anonymous caller never passes.
entry_gate make_entry_gate(entry_gate_options options, entry_tokens tokens,
                           queue::gate_view queues);

} // namespace tiketi::net
