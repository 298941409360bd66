#pragma once

#include "actors/base/uuid.hpp"
#include "storage/cluster_store.hpp"
#include "storage/sql/database.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace tiketi::sql {

/// How the connections are named over which a process (`join_request::boot`) writes what it owns,
/// as the server sees them. Whoever ends its lease ends these with it: what was on its way over
/// them, from a node that stands still or through a network that does, comes to nothing.
std::string fenced_session(std::string_view role, const uuid& process);

/// Members and shards in the database of the role "cluster", which all nodes share. Owns the
/// connection.
std::unique_ptr<cluster::cluster_store> make_cluster_store(database db);

} // namespace tiketi::sql
