#pragma once

#include "actors/base/environment.hpp"
#include "actors/event/handle.hpp"
#include "actors/membership/handle.hpp"
#include "storage/transfer_store.hpp"

#include <memory>

#include <caf/fwd.hpp>

namespace tiketi::ticket {

/// Finds out which reservation a listing belongs to, and what its people are to the artist, and
/// passes on to the reservation's actor, which alone decides. Reads over a connection of its own,
/// so it is detached, unless in a simulation. `members` may be null: nobody is one.
transfer_desk spawn_transfer_desk(caf::actor_system& sys, environment& env, bool detached,
                                  region_actor region, std::shared_ptr<transfer_queries> queries,
                                  membership::tiers_view members);

} // namespace tiketi::ticket
