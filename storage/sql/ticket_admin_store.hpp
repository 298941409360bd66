#pragma once

#include "storage/sql/database.hpp"
#include "storage/ticket_admin_store.hpp"

#include <memory>

namespace tiketi::sql {

std::unique_ptr<ticket::ticket_admin_queries> make_ticket_admin_queries(database db);

} // namespace tiketi::sql
