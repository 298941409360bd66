#pragma once

#include "actors/store/group_commit.hpp"

#include <string>

#include <prometheus/registry.h>

namespace tiketi {

/// Counts the group commits of one store, for any writer:
///
///     tiketi_store_commit_seconds{store}   duration of a transaction
///     tiketi_store_batch_commands{store}   commands that shared it
///     tiketi_store_waiting{store}          commands that waited in the mailbox behind the last one
///
/// Several writers of one store may share the labels. `registry` outlives the observer.
batch_observer count_commits(prometheus::Registry& registry, const std::string& store);

} // namespace tiketi
