#pragma once

#include "actors/base/time.hpp"
#include "actors/base/uuid.hpp"

namespace tiketi {

using user_id = basic_id<struct user_tag>;
using artist_id = basic_id<struct artist_tag>;
using event_id = basic_id<struct event_tag>;
using layout_id = basic_id<struct layout_tag>;
using seat_id = basic_id<struct seat_tag>;
using ticket_type_id = basic_id<struct ticket_type_tag>;
using reservation_id = basic_id<struct reservation_tag>;
using payment_id = basic_id<struct payment_tag>;

/// Where a key lives: the same for an event and for every reservation of it.
using route_tag = std::uint32_t;

route_tag route_of(const event_id& id) noexcept;
route_tag route_of(const reservation_id& id) noexcept;

/// A version 8 uuid: 48 bits of time (ms), 42 random bits, and the event's route tag, so that a
/// request that names only the reservation reaches the event's actors without a look-up.
reservation_id make_reservation_id(const event_id& event, environment& env);

} // namespace tiketi
