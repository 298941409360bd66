#pragma once

#include "actors/bus/type_ids.hpp"
#include "storage/catalog_store.hpp"

#include <optional>
#include <string>
#include <vector>

#include <caf/fwd.hpp>

namespace tiketi::catalog {

/// What an event of `membership-events` means for an artist's number of members; nothing: nothing.
/// Fails with invalid_request when it cannot be read.
result<std::optional<count_members>> to_member_count(const domain_event& event);

/// The types of these events that change a number of members.
const std::vector<std::string>& events_of_members();

/// The catalog's consumer of `membership-events`: each event counts once.
consumer_actor start_member_consumer(caf::actor_system& sys, catalog_writer writer);

} // namespace tiketi::catalog
