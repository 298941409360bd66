#pragma once

#include "storage/queue_journal.hpp"
#include "storage/sql/database.hpp"

#include <memory>

namespace tiketi::sql {

/// The queue's journal on an open, migrated database (role "queue"). Each call takes a connection
/// of its own.
std::shared_ptr<queue::queue_writes> make_queue_writes(database db);
std::unique_ptr<queue::queue_queries> make_queue_queries(database db);

} // namespace tiketi::sql
