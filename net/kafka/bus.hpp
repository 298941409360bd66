#pragma once

#include "actors/base/environment.hpp"
#include "actors/bus/relay.hpp"
#include "net/kafka/options.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <caf/fwd.hpp>

namespace prometheus {
class Registry;
}

namespace tiketi::kafka {

/// Domain events through Kafka: every relay's one consumer is the producer, and who would have been
/// the relay's consumers read the topics, each consumer name as a group of its own. Roles notice
/// nothing. Lives shorter than the actor system and longer than its relays.
class kafka_bus {
public:
  /// Throws std::invalid_argument or std::runtime_error when librdkafka refuses the options. No
  /// broker needs to be there.
  kafka_bus(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
            kafka_options options);
  ~kafka_bus();
  kafka_bus(const kafka_bus&) = delete;
  kafka_bus& operator=(const kafka_bus&) = delete;

  /// What the relay of an outbox with these topics gets instead of `to`. Before `start`. Throws
  /// std::logic_error when a consumer would get one topic twice.
  std::vector<subscription> feed(const std::vector<std::string>& topics,
                                 std::vector<subscription> to);

  /// Creates the topics of all feeds, their dead letter topics and `others`, and begins to read.
  void start(const std::vector<std::string>& others = {});

  /// Can a broker be reached?
  bool connected() const;

  /// Consumers leave their groups after what is in flight; blocks for a few seconds at most.
  void stop_consumers();
  /// Sends what is on its way, for `patience` at most, and ends.
  void stop(milliseconds patience);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace tiketi::kafka
