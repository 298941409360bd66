#pragma once

#include "storage/sql/database.hpp"
#include "storage/vwr_store.hpp"

namespace tiketi::sql {

/// The rooms' table in the queue role's database. The writer and the reader each own a connection.
std::shared_ptr<vwr::room_writes> make_room_writes(database db);
std::unique_ptr<vwr::room_queries> make_room_queries(database db);

} // namespace tiketi::sql
