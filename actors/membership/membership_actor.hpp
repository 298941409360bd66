#pragma once

#include "actors/base/environment.hpp"
#include "actors/membership/handle.hpp"
#include "storage/ticket_store.hpp"

#include <memory>
#include <string>
#include <vector>

#include <caf/fwd.hpp>

namespace prometheus {
class Registry;
}

namespace tiketi::membership {

struct membership_parts {
  ticket::ticket_writer writer;
  std::shared_ptr<membership_queries> queries;
  milliseconds tick{60'000}; ///< how often memberships that are over are looked for
};

/// Memberships: reads over a connection of its own (so it is detached, unless in a simulation),
/// decides, and writes by compare-and-set through the ticket role's writer; whoever loses such a
/// race reads again. Nothing is kept in memory. `env` and `registry` outlive it.
membership_actor spawn_memberships(caf::actor_system& sys, environment& env,
                                   prometheus::Registry& registry, bool detached,
                                   membership_parts parts);

/// The types of events that change points: of `reservation-events`, paid bookings; of
/// `community-events`, what was written and what of it was deleted.
const std::vector<std::string>& events_of_points();

/// The consumer of these. Other events are none of its business and do not reach the thread of
/// `members`.
consumer_actor spawn_points_consumer(caf::actor_system& sys, membership_actor members);

} // namespace tiketi::membership
