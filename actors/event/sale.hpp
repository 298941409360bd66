#pragma once

#include "actors/base/result.hpp"
#include "storage/ticket_store.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tiketi::ticket {

/// What one user may take.
struct sale_limits {
  std::int32_t seats_per_reservation = 4;
  std::int32_t seats_per_user_and_event = 4; ///< live: pending or confirmed
  std::int32_t tickets_per_item = 10;
  std::int32_t items_per_order = 10;
  std::int32_t tickets_per_user_and_event = 10; ///< live: pending or confirmed
  std::size_t key_max = 64;                     ///< characters of an idempotency key
};

/// What a request asks for, in one order whatever order it was written in: equal requests have
/// equal fingerprints, so that a repeated idempotency key can be compared with the first use.
using fingerprint = std::vector<std::pair<uuid, std::int32_t>>;

fingerprint fingerprint_of(const reserve_seats& request);
fingerprint fingerprint_of(const reserve_tickets& request);
fingerprint fingerprint_of(const reservation_view& stored);

/// The request by itself: invalid_request with a sentence for a person, or nothing wrong.
result<void> check_request(const reserve_seats& request, const sale_limits& limits);
result<void> check_request(const reserve_best& request, const sale_limits& limits);
result<void> check_request(const reserve_tickets& request, const sale_limits& limits);

/// sale_closed: cancelled, not yet on sale, ended, or the event is over.
result<void> check_sale(const event_row& event, time_point now);

/// The lowest tier that may buy now, while the event's pre-sale runs; nothing: everybody, or
/// nobody. Members of its artist come first: diamond from the start of the sale, gold an hour
/// later, silver after 24 hours, everybody after 48. An event without an artist has no pre-sale.
std::optional<membership::tier> pre_sale_tier(const event_row& event, time_point now);

/// sale_closed: it is not this tier's turn yet.
result<void> check_pre_sale(const event_row& event, membership::tier tier, time_point now);

/// limit_exceeded: `live` seats or tickets and these `more` are over `limit`.
result<void> check_limit(std::int32_t live, std::int32_t more, std::int32_t limit);

/// `TK1771754400123-0A1B2C3D`; seats have the prefix TK, tickets R.
std::string reservation_number(bool seats, time_point now, std::uint64_t random);

} // namespace tiketi::ticket
