#pragma once

#include "storage/idempotency_store.hpp"
#include "storage/sql/database.hpp"

namespace tiketi::sql {

/// The gateway's own database. The writer and the reader each own a connection.
std::shared_ptr<idempotency::key_writes> make_key_writes(database db);
std::unique_ptr<idempotency::key_queries> make_key_queries(database db);

} // namespace tiketi::sql
