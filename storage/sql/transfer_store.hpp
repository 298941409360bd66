#pragma once

#include "storage/sql/database.hpp"
#include "storage/ticket_store.hpp"

#include <memory>

namespace tiketi::sql {

/// Inside the caller's transaction: what a change of a reservation does to its listing, by
/// compare-and-set. False: nothing was written, and `out.found_listing` says how it stands.
bool change_listing(database& db, const ticket::change_reservation& command,
                    ticket::ticket_written& out);

/// Adds the listing, and how the ticket changed hands, to one reservation.
void load_resale(database& db, ticket::reservation_view& view);

/// Reads from the ticket role's database over a connection of its own; reconnects by itself.
std::unique_ptr<ticket::transfer_queries> make_transfer_queries(database db);

} // namespace tiketi::sql
