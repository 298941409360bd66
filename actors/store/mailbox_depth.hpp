#pragma once

#include <string>

#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace tiketi {

/// `tiketi_mailbox_depth{actor}`: messages that wait for an actor behind the one it works on, seen
/// by the actor itself, once per tick. Actors of one kind share it. Lives as long as `registry`.
prometheus::Histogram& mailbox_depth(prometheus::Registry& registry, const std::string& actor);

/// One observation. Only from inside `self`: nobody else may look into a mailbox.
template <class Self>
void observe_mailbox(prometheus::Histogram& depth, Self* self) {
  depth.Observe(static_cast<double>(self->mailbox().size()));
}

} // namespace tiketi
