#pragma once

#include "actors/catalog/catalog_actor.hpp"

#include <memory>
#include <vector>

#include <caf/actor_system.hpp>
#include <prometheus/registry.h>

namespace tiketi::catalog {

/// The catalog's database: one connection for writing, some for reading.
struct catalog_storage {
  std::shared_ptr<catalog_target> target;
  std::vector<std::shared_ptr<catalog_queries>> readers; ///< at least one
};

struct catalog_role {
  catalog_actor catalog; ///< also the queue role's `briefs_view`
  catalog_writer writer;
  std::vector<reader_actor> readers;
};

/// Starts the role: the catalog actor, its writer and a reader per connection, the latter two on
/// threads of their own. `stock` (the ticket role) and `relay` (of this role's outbox) may be null.
/// `env` and `registry` outlive the actor system.
catalog_role start_catalog(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                           catalog_options options, catalog_storage storage,
                           ticket::reader_actor stock, relay_actor relay);

/// Asks all of them to quit, askers first. Returns at once.
void stop(catalog_role& role);

/// Fills an empty catalog with the demo data (see demo_data.hpp), in one transaction; false: it was
/// not empty, and nothing changed. Blocks: for main, before the front is opened.
result<bool> seed_demo_data(caf::actor_system& sys, environment& env, const catalog_role& role);

} // namespace tiketi::catalog
