#pragma once

#include "actors/base/environment.hpp"
#include "actors/stats/messages.hpp"
#include "storage/stats_store.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <caf/typed_event_based_actor.hpp>

namespace tiketi::stats {

/// How large the databases of the program are together; nothing when that is not known. May block.
using size_source = std::function<std::optional<std::int64_t>()>;

/// Makes one report: the whole body of the answer. Blocks on the store.
result<std::string> make_report(const get_report& query, stats_queries& store,
                                const size_source& size, time_point now);

/// One connection for reading. Run it `caf::detached`. More than `waiting_max` messages waiting:
/// overloaded.
stats_actor::behavior_type reader(stats_actor::pointer self, environment* env,
                                  std::shared_ptr<stats_queries> store, size_source size,
                                  std::size_t waiting_max);

} // namespace tiketi::stats
