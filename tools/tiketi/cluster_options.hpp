#pragma once

#include "actors/cluster/replica.hpp"
#include "actors/cluster/role.hpp"
#include "config/settings.hpp"

namespace tiketi {

/// How this node talks to others.
cluster::transport_options transport_of(const config::settings& values);

cluster::cluster_options cluster_options_of(const config::settings& values);

/// How old this node's answers for other nodes may be.
cluster::replica_rules replica_rules_of(const config::settings& values);

/// What this node tells the others about itself; the name is the machine's where none is set.
cluster::join_request member_of(const config::settings& values);

} // namespace tiketi
