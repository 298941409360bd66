#pragma once

#include "net/kafka/client.hpp"
#include "net/kafka/metrics.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

namespace tiketi::kafka {

/// What became of a message.
struct delivery_report {
  std::uint64_t token = 0;
  std::optional<failure> error; ///< nothing: acknowledged by all in-sync replicas
};

/// An idempotent producer (`acks=all`) with a thread of its own that waits for reports. The order
/// per key is that of `send`. It heals by itself: when librdkafka gives a client up, another one
/// takes its place, and what was on its way is reported as failed.
class producer {
public:
  using report_fn = std::function<void(std::vector<delivery_report>)>;

  /// `report` is called on the producer's thread. `metrics` outlives it. Throws
  /// std::invalid_argument or std::runtime_error when librdkafka refuses the options.
  producer(const kafka_options& options, producer_metrics& metrics, report_fn report);
  ~producer();
  producer(const producer&) = delete;
  producer& operator=(const producer&) = delete;

  /// From any thread, never blocks. Each message that was taken gets exactly one report, unless the
  /// producer is stopped before. Failures as of `kafka::send`.
  result<void> send(const record& r, std::uint64_t token);

  /// Could a broker be reached lately?
  bool connected() const noexcept { return connected_.load(std::memory_order_relaxed); }

  /// Waits `patience` at most for what is on its way, reports, and ends. Repeats do nothing.
  void stop(milliseconds patience);

private:
  client_ptr make();
  void run();
  void hand_out();
  void renew();
  void probe();
  void set_connected(bool now);

  static void on_report(rd_kafka_t*, const rd_kafka_message_t* message, void* self);
  static void on_error(rd_kafka_t*, int code, const char* text, void* self);

  const kafka_options options_;
  producer_metrics& metrics_;
  const report_fn report_;
  std::vector<delivery_report> reports_; ///< of the thread
  std::atomic<bool> connected_{false};
  std::atomic<bool> lost_{false}; ///< all brokers are down, says librdkafka
  std::atomic<bool> stopping_{false};
  std::atomic<std::int64_t> patience_ms_{0};
  std::shared_mutex mutex_; ///< unique only while the client is replaced
  client_ptr client_;
  std::thread thread_;
};

} // namespace tiketi::kafka
