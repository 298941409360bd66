#pragma once

#include "storage/catalog_admin_store.hpp"
#include "storage/sql/database.hpp"

#include <memory>

namespace tiketi::sql {

std::unique_ptr<catalog::catalog_admin_queries> make_catalog_admin_queries(database db);

} // namespace tiketi::sql
