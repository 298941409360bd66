#pragma once

#include "storage/sql/database.hpp"
#include "storage/ticket_store.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tiketi::sql {

/// True for the commands of the sale itself: holds, changes of a reservation without a listing, and
/// look-ups. The others are rare.
bool fits_batch(const ticket::ticket_write& write);

/// PostgreSQL, inside the caller's transaction: applies commands that fit, in order, with the same
/// outcomes as one by one, in a number of statements that does not depend on how many there are.
/// Every row they touch is locked first, in the order of the ids, and read; each command is checked
/// against what the commands before it leave; then all rows are written, and the commands whose
/// check failed have no part in that. Nothing: another writer came between (the same idempotency
/// key); undo the transaction and apply them one by one.
std::optional<std::vector<ticket::ticket_written>>
apply_batch(database& db, std::span<const ticket::ticket_write> batch, time_point now);

/// A seat of a plan that is there already, and what the plan wants of it.
struct planned_seat {
  std::string id;
  std::int64_t price = 0;
  bool retired = false;
};

/// PostgreSQL: makes the seats of a hall that do not exist, in few statements.
void insert_seats(database& db, const std::string& event,
                  std::span<const ticket::seat_row* const> seats);

/// PostgreSQL: brings seats that nobody has into line with their plan, in few statements.
void plan_seats(database& db, std::span<const planned_seat> seats);

} // namespace tiketi::sql
