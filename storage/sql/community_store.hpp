#pragma once

#include "storage/community_store.hpp"
#include "storage/sql/database.hpp"

#include <memory>

namespace tiketi::sql {

/// Each on a connection of its own to the community role's database.
std::shared_ptr<community::community_writes> make_community_writes(database db);
std::unique_ptr<community::community_queries> make_community_queries(database db);

} // namespace tiketi::sql
