#pragma once

#include "storage/payment_store.hpp"
#include "storage/sql/database.hpp"

#include <memory>

namespace tiketi::sql {

/// Writes to a database with the schema `migrations_of("payment")`. One transaction per batch.
/// Reconnects by itself.
std::shared_ptr<payment::payment_writes> make_payment_writes(database db);

/// Reads from the same database over a connection of its own; reconnects by itself.
std::unique_ptr<payment::payment_queries> make_payment_queries(database db);

} // namespace tiketi::sql
