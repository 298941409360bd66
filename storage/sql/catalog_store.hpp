#pragma once

#include "actors/base/environment.hpp"
#include "storage/catalog_store.hpp"
#include "storage/sql/database.hpp"

#include <memory>

namespace tiketi::sql {

/// The write side of the catalog on a migrated database. `env` outlives it.
std::shared_ptr<catalog::catalog_target> make_catalog_target(database db, environment& env);

/// A connection for reading.
std::unique_ptr<catalog::catalog_queries> make_catalog_queries(database db);

} // namespace tiketi::sql
