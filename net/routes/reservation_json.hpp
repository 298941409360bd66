#pragma once

#include "actors/event/messages.hpp"

#include <string>

#include <nlohmann/json.hpp>

namespace tiketi::net {

/// One reservation among the user's: `items` with names and prices, but without places.
nlohmann::json short_reservation(const ticket::reservation_view& r);

/// One reservation by its id: everything, `items` with their places.
nlohmann::json full_reservation(const ticket::reservation_view& r);

/// What happened to a reservation, oldest first: `[{at, action, detail}]`.
nlohmann::json reservation_history(const ticket::reservation_view& r);

/// The same with `seats` instead of `items`, and without the address.
nlohmann::json seat_reservation(const ticket::reservation_view& r);

/// The answer to a hold of seats. The same for a replay, as long as nothing has happened since.
nlohmann::json seats_reserved(const ticket::reservation_view& r);

/// The same with section, row_number and seat_number of each seat, for who did not choose them.
nlohmann::json best_seats_reserved(const ticket::reservation_view& r);

/// The answer to a hold of tickets without seats; the same for a replay.
nlohmann::json tickets_reserved(const ticket::reservation_view& r);

/// `value`, or null where it is empty.
nlohmann::json text_or_null(const std::string& value);

/// A JSON text as JSON; null where it is empty or none.
nlohmann::json parsed_or_null(const std::string& text);

} // namespace tiketi::net
