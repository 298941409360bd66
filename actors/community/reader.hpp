#pragma once

#include "actors/community/handle.hpp"
#include "storage/community_store.hpp"

#include <cstddef>
#include <memory>

#include <caf/typed_event_based_actor.hpp>

namespace tiketi::community {

/// Run it `caf::detached`: queries block. More than `waiting_max` messages waiting: overloaded.
/// Views are as stored; nothing is counted here.
reader_actor::behavior_type reader(reader_actor::pointer self,
                                   std::shared_ptr<community_queries> store,
                                   std::size_t waiting_max);

} // namespace tiketi::community
