#pragma once

#include "actors/base/environment.hpp"
#include "storage/sql/database.hpp"
#include "storage/ticket_store.hpp"

#include <memory>

namespace tiketi::sql {

/// Writes to a database with the schema `migrations_of("ticket")`. One transaction per batch; a
/// batch in which a command is rejected after it had written something runs once more, with a
/// savepoint per command. Reconnects by itself. `env` gives the time of processed messages.
std::shared_ptr<ticket::ticket_writes> make_ticket_writes(database db, environment& env);

/// Reads from the same database over a connection of its own; reconnects by itself.
std::unique_ptr<ticket::ticket_queries> make_ticket_queries(database db);

} // namespace tiketi::sql
