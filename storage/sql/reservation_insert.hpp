#pragma once

#include "storage/sql/database.hpp"
#include "storage/ticket_store.hpp"

#include <span>

namespace tiketi::sql {

/// True for new reservations of seats and tickets, unpaid as they begin, and nothing else.
bool are_fresh_holds(std::span<const ticket::ticket_write> batch);

/// PostgreSQL, outside a transaction: commits holds for which `are_fresh_holds`, all or none, in
/// one statement that is a transaction of its own: one round trip, and each row is touched once.
/// Seats and stock are taken by compare-and-set, without being locked and read first. False: a
/// check failed and nothing is written; apply them some other way, which tells whose check it was.
/// Throws SOCI's exceptions; like a commit it may leave doubt.
bool commit_holds(database& db, std::span<const ticket::ticket_write> batch);

} // namespace tiketi::sql
