#pragma once

#include "actors/queue/messages.hpp"
#include "actors/token/tokens.hpp"
#include "net/http/router.hpp"
#include "net/routes/room_gate.hpp"

#include <string>

namespace tiketi::net {

struct queue_routes {
  queue::queues queues;
  entry_tokens tokens;
  /// Life of an entry token, 1 … 86'400 s; never longer than the slot it stands for.
  seconds token_ttl{600};
  /// The token's cookie is sent over HTTPS only.
  bool secure_cookies = true;
  /// Who may join where a numbered waiting room stands before the queue; empty: everybody.
  room_gate before_joining = {};
};

/// /api/queue/…: check, status, heartbeat, leave, and the operators' counters, clear, threshold;
/// /internal/queue/…: the counters, and whether one user is admitted.
void add_queue_routes(router& routes, queue_routes deps);

/// Who was admitted, in a signed form. Its end is cut to whole seconds and not after the slot's.
struct entry_pass {
  std::string token;
  seconds valid{0};
};
entry_pass sign_entry(const entry_tokens& tokens, event_id event, user_id user, time_point slot_end,
                      time_point now, seconds token_ttl);

/// The bodies of `check` and `status`; `token` is empty unless the user is active.
std::string queue_check_body(const queue::queue_place& place, std::string_view token);
std::string queue_status_body(const queue::queue_place& place, std::string_view token);

} // namespace tiketi::net
