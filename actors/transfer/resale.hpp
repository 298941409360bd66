#pragma once

#include "actors/base/result.hpp"
#include "actors/transfer/messages.hpp"
#include "storage/ticket_store.hpp"

#include <cstdint>
#include <optional>

// The rules of resale. Pure.

namespace tiketi {

class environment;

namespace ticket {

struct change;

inline constexpr const char* transfer_topic = "transfer-events";

/// Fee and price of a ticket that cost `total` won. Fails with forbidden: the seller is no member
/// of the event's artist.
result<transfer_terms> resale_terms(std::int64_t total, const artist_id& artist,
                                    membership::tier seller);

/// sale_closed: nobody can use the ticket any more.
result<void> check_resale(const event_row& event, time_point now);

/// The event of a change that concerns a listing; `view` is as before the change. Nothing: it
/// concerns none.
std::optional<domain_event> transfer_event(const reservation_view& view, const change& what,
                                           time_point now, environment& env);

} // namespace ticket
} // namespace tiketi
