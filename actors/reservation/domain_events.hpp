#pragma once

#include "actors/base/environment.hpp"
#include "actors/bus/messages.hpp"
#include "actors/reservation/reservation.hpp"

#include <string>

namespace tiketi::ticket {

inline constexpr const char* reservation_topic = "reservation-events";

/// RESERVATION_CREATED for the outbox, with a new id.
domain_event created_event(const reservation_view& view, time_point now, environment& env);

/// The event of a change (`change::event_type`), with a new id. `view` is as before the change.
domain_event changed_event(const reservation_view& view, const change& what, time_point now,
                           environment& env);

} // namespace tiketi::ticket
