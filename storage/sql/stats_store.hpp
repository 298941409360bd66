#pragma once

#include "storage/sql/database.hpp"
#include "storage/stats_store.hpp"

#include <memory>

namespace tiketi::sql {

/// Each on a connection of its own to the statistics role's database.
std::shared_ptr<stats::stats_writes> make_stats_writes(database db);
std::unique_ptr<stats::stats_queries> make_stats_queries(database db);

} // namespace tiketi::sql
