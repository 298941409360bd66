#pragma once

#include "actors/base/environment.hpp"
#include "actors/bus/messages.hpp"
#include "net/kafka/lane.hpp"
#include "net/kafka/metrics.hpp"
#include "net/kafka/producer_actor.hpp"

#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>

namespace tiketi::kafka {

/// Topic and number.
using partition = std::pair<std::string, std::int32_t>;

/// Who gets the records of one topic.
struct route {
  consumer_actor actor;
  std::vector<std::string> types; ///< empty: all
  bool orders_itself = false;     ///< see `subscription`
};

/// One consumer with its topics; its name is the group's.
struct group {
  std::string consumer;
  std::map<std::string, route> topics;
};

/// How far the actor is with each partition, for the thread that reads and commits. Thread-safe.
class progress_board {
public:
  struct progress {
    std::uint64_t epoch = 0;
    std::int64_t next_offset = 0; ///< everything before it is applied
  };

  void set(const partition& p, progress x);
  /// What was last set under this epoch.
  std::optional<std::int64_t> next_offset(const partition& p, std::uint64_t epoch) const;

private:
  mutable std::mutex mutex_;
  std::map<partition, progress> entries_;
};

// From the thread that reads; none of these leaves the process.

struct arrivals {
  partition from;
  std::uint64_t epoch = 0;
  std::vector<arrival> records;
};

/// These partitions go to somebody else. What is in flight may finish; then, or when patience ends,
/// the promise is set and nothing of them counts any more.
struct give_up {
  std::vector<partition> partitions;
  std::shared_ptr<std::promise<void>> done;
};
struct group_tick {};

} // namespace tiketi::kafka

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::kafka::arrivals)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::kafka::give_up)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::kafka::group_tick)

namespace tiketi::kafka {

/// Gives the records of a group's partitions to its consumers: each again and again until it is
/// applied or, when it never can be, in its dead letter topic.
using group_actor = caf::typed_actor<caf::reacts_to<arrivals>, caf::reacts_to<give_up>>;

group_actor spawn_group(caf::actor_system& sys, environment& env, group what,
                        consumer_options options, producer_actor dead_letters,
                        std::shared_ptr<progress_board> board,
                        std::shared_ptr<group_metrics> metrics);

} // namespace tiketi::kafka
