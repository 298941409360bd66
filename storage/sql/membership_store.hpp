#pragma once

#include "storage/sql/database.hpp"
#include "storage/ticket_store.hpp"

#include <memory>

namespace tiketi::sql {

/// Inside the caller's transaction. `dirty` becomes true when the command is rejected and something
/// of it is written already.
ticket::ticket_written apply_membership(database& db, const membership::change_membership& command,
                                        time_point now, bool& dirty);
ticket::ticket_written apply_membership(database& db, const membership::post_points& command,
                                        time_point now, bool& dirty);
ticket::ticket_written apply_membership(database& db, const membership::put_artist_card& command,
                                        time_point now, bool& dirty);

/// Reads from the ticket role's database over a connection of its own; reconnects by itself.
std::unique_ptr<membership::membership_queries> make_membership_queries(database db);

} // namespace tiketi::sql
