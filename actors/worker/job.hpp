#pragma once

#include "actors/base/result.hpp"
#include "actors/event/messages.hpp"
#include "actors/sqs/protocol.hpp"
#include "actors/token/tokens.hpp"

#include <string>
#include <variant>

// What a message of the worker's queue asks for. Pure.

namespace tiketi::worker {

/// Nothing to run: an admission notice is for others.
struct noted {};

/// An action that nobody here knows.
struct unknown_action {
  std::string name; ///< as it was written, shortened
};

using job = std::variant<ticket::reserve_seats, ticket::reserve_tickets, noted, unknown_action>;

/// The key under which the sale runs this message at most once, however often it is delivered.
std::string key_of(const sqs::received_message& message);

/// What `message` asks for, checked: the fields, and that its entry token was valid for this user
/// and event when the message was sent. Fails with invalid_request (JSON, a field; the text says
/// which), entry_token_required or conflict (older than `age_max`).
result<job> read_job(const sqs::received_message& message, const entry_tokens& tokens,
                     time_point now, seconds age_max);

} // namespace tiketi::worker
