#pragma once

#include "actors/bus/type_ids.hpp"
#include "storage/catalog_store.hpp"

#include <optional>

#include <caf/fwd.hpp>

namespace tiketi::catalog {

/// What an event of `membership-events` means for an artist's number of members; nothing: nothing.
/// Fails with invalid_request when it cannot be read.
result<std::optional<count_members>> to_member_count(const domain_event& event);

/// The catalog's consumer of `membership-events`: each event counts once.
consumer_actor start_member_consumer(caf::actor_system& sys, catalog_writer writer);

} // namespace tiketi::catalog
