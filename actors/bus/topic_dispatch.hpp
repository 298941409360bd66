#pragma once

#include "actors/bus/messages.hpp"
#include "actors/bus/type_ids.hpp"

#include <map>
#include <string>

#include <caf/fwd.hpp>

namespace tiketi {

/// A consumer of several topics for one subscription to `*`, so that they share the reading of the
/// outbox: each event goes to the consumer of its topic, and its answer is the answer. Events of
/// other topics are nobody's and applied at once.
consumer_actor spawn_topic_dispatch(caf::actor_system& sys,
                                    std::map<std::string, consumer_actor> by_topic);

} // namespace tiketi
