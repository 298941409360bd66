#pragma once

#include "storage/auth_store.hpp"
#include "storage/sql/database.hpp"

#include <memory>

namespace tiketi::sql {

/// Both need the migrations of `auth`.
std::shared_ptr<auth::auth_writes> make_auth_writes(database db);
std::unique_ptr<auth::auth_queries> make_auth_queries(database db);

} // namespace tiketi::sql
