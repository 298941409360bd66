#pragma once

#include "net/kafka/client.hpp"
#include "net/kafka/group_actor.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>

namespace tiketi::kafka {

/// Reads one group's topics on a thread of its own, hands the records to the group's actor, and
/// commits offsets that the actor has reached: by hand, never one that is not applied. A partition
/// whose consumer is behind is paused. When partitions go to another member, what is in flight may
/// finish first.
class group_reader {
public:
  /// `ready` says whether the topics exist by now; reading begins then. Throws
  /// std::invalid_argument or std::runtime_error when librdkafka refuses the options.
  group_reader(const kafka_options& options, group what, group_actor to,
               std::shared_ptr<const progress_board> board, std::shared_ptr<group_metrics> metrics,
               std::function<bool()> ready);
  ~group_reader();
  group_reader(const group_reader&) = delete;
  group_reader& operator=(const group_reader&) = delete;

  /// Begins to leave the group; returns at once.
  void leave() noexcept { stopping_ = true; }
  /// Waits until it has left. Repeats do nothing.
  void join();

private:
  using clock = std::chrono::steady_clock;

  struct reading {
    std::uint64_t epoch = 0;
    std::int64_t first = -1;     ///< the first offset given to the actor
    std::int64_t posted = -1;    ///< the last offset given to the actor
    std::int64_t committed = -1; ///< what the broker has stored, as far as we know
    bool paused = false;
  };

  /// Where records of one partition go; they come in rows.
  struct row {
    const rd_kafka_topic_t* topic = nullptr;
    std::int32_t number = 0;
    reading* progress = nullptr;                             ///< null: nobody here wants it
    const std::pair<const std::string, route>* to = nullptr; ///< by the topic's own name
    std::vector<arrival>* batch = nullptr;
  };

  client_ptr make();
  void subscribe();
  void run();
  void read_for_a_while();
  const row& row_of(const rd_kafka_message_t& message);
  void take(const rd_kafka_message_t& message);
  void post();
  void throttle();
  void commit(bool wait);
  void measure();
  void renew();
  std::int64_t applied_to(const partition& p, const reading& r) const;
  std::string full_name(const std::string& topic) const;
  std::string own_name(const char* topic) const;

  void assigned(rd_kafka_topic_partition_list_t* list);
  void revoked(rd_kafka_topic_partition_list_t* list);

  static void on_rebalance(rd_kafka_t*, rd_kafka_resp_err_t code,
                           rd_kafka_topic_partition_list_t* list, void* self);
  static void on_commit(rd_kafka_t*, rd_kafka_resp_err_t code,
                        rd_kafka_topic_partition_list_t* list, void* self);

  const kafka_options options_;
  const group what_;
  const group_actor to_;
  const std::shared_ptr<const progress_board> board_;
  const std::shared_ptr<group_metrics> metrics_;
  const std::function<bool()> ready_;
  std::atomic<bool> stopping_{false};
  // Of the thread.
  client_ptr client_;
  std::uint64_t epoch_ = 0;
  std::map<partition, reading> readings_;
  std::map<partition, std::vector<arrival>> batch_;
  row row_; ///< of the record before; refers to `readings_` and `batch_`
  std::thread thread_;
};

} // namespace tiketi::kafka
