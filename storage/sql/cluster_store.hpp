#pragma once

#include "storage/cluster_store.hpp"
#include "storage/sql/database.hpp"

#include <memory>

namespace tiketi::sql {

/// Members and shards in the database of the role "cluster", which all nodes share. Owns the
/// connection.
std::unique_ptr<cluster::cluster_store> make_cluster_store(database db);

} // namespace tiketi::sql
