#pragma once

#include "actors/base/result.hpp"
#include "net/kafka/options.hpp"
#include "net/kafka/record.hpp"

#include <cstddef>
#include <functional>
#include <string>

namespace tiketi::kafka {

/// Shows every record of the topic's dead letters that was not replayed yet. Blocks; `patience` is
/// for each answer of the brokers. Returns how many. Fails with `not_found` when there is no such
/// topic, else `unavailable`.
result<std::size_t> list_dead_letters(const kafka_options& options, const std::string& topic,
                                      milliseconds patience,
                                      const std::function<void(const record&)>& show);

struct replay_count {
  std::size_t replayed = 0;
  std::size_t foreign = 0; ///< records that nobody set aside: they are passed over
};

/// Sends each of them to the topic it came from, for the consumer that could not apply it, and
/// remembers how far it came. An interrupted run may send some again, which has no effect where an
/// event was applied. Fails as `list_dead_letters`.
result<replay_count> replay_dead_letters(const kafka_options& options, const std::string& topic,
                                         milliseconds patience);

} // namespace tiketi::kafka
