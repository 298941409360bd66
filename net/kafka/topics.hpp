#pragma once

#include "actors/base/result.hpp"
#include "net/kafka/options.hpp"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace tiketi::kafka {

/// Creates those of `names` (without prefix) that do not exist. Blocks up to `patience`.
result<void> create_topics(const kafka_options& options, const std::vector<std::string>& names,
                           milliseconds patience);

/// Does so on a thread of its own, again and again until it is done.
class topic_maker {
public:
  /// With `options.topics.create` off they count as done at once.
  topic_maker(const kafka_options& options, std::vector<std::string> names);
  ~topic_maker();
  topic_maker(const topic_maker&) = delete;
  topic_maker& operator=(const topic_maker&) = delete;

  bool done() const noexcept { return done_; }
  void stop();

private:
  void run();

  const kafka_options options_;
  const std::vector<std::string> names_;
  std::atomic<bool> done_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

} // namespace tiketi::kafka
