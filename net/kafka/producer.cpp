#include "net/kafka/producer.hpp"

#include <mutex>

#include <spdlog/spdlog.h>

namespace tiketi::kafka {
namespace {

constexpr int poll_ms = 50;
constexpr int probe_ms = 1000;

} // namespace

producer::producer(const kafka_options& options, producer_metrics& metrics, report_fn report)
    : options_(options), metrics_(metrics), report_(std::move(report)), client_(make()) {
  thread_ = std::thread([this] { run(); });
}

producer::~producer() {
  stop(milliseconds{0});
}

client_ptr producer::make() {
  const auto& own = options_.producer;
  auto conf = make_conf(options_.connection,
                        {{"enable.idempotence", "true"},
                         {"acks", "all"},
                         {"linger.ms", std::to_string(own.linger.count())},
                         {"message.max.bytes", std::to_string(own.message_bytes_max)},
                         {"batch.size", "262144"},
                         {"compression.type", "lz4"},
                         {"queue.buffering.max.messages", std::to_string(own.waiting_max)},
                         // What is on its way stays so while the brokers are away: given up, it
                         // might arrive after its own repetition.
                         {"message.timeout.ms", "0"},
                         {"topic.metadata.propagation.max.ms", "10000"}});
  rd_kafka_conf_set_dr_msg_cb(conf.get(), on_report);
  rd_kafka_conf_set_error_cb(conf.get(), on_error);
  rd_kafka_conf_set_opaque(conf.get(), this);
  return make_client(RD_KAFKA_PRODUCER, std::move(conf));
}

result<void> producer::send(const record& r, std::uint64_t token) {
  if (stopping_.load(std::memory_order_relaxed))
    return failure{errc::unavailable, "kafka: the program ends"};
  const std::shared_lock lock{mutex_};
  auto sent = kafka::send(client_.get(), r, options_.connection.topic_prefix, token);
  if (sent)
    metrics_.in_flight.Increment();
  else if (sent.error().code == errc::invalid_request)
    metrics_.refused.Increment();
  else
    metrics_.errors.Increment();
  return sent;
}

void producer::on_report(rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
  auto& p = *static_cast<producer*>(self);
  delivery_report out;
  out.token = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(message->_private));
  p.metrics_.in_flight.Decrement();
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    p.metrics_.produced.Increment();
    p.lost_ = false;
    p.set_connected(true);
  } else {
    const bool permanent = is_permanent(message->err);
    (permanent ? p.metrics_.refused : p.metrics_.errors).Increment();
    out.error = failure{permanent ? errc::invalid_request : errc::unavailable,
                        std::string{"kafka: "} + rd_kafka_err2str(message->err)};
  }
  p.reports_.push_back(std::move(out));
}

void producer::on_error(rd_kafka_t*, int code, const char* text, void* self) {
  auto& p = *static_cast<producer*>(self);
  if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
    p.lost_ = true;
  else
    spdlog::debug("kafka: producer: {}", text);
}

void producer::set_connected(bool now) {
  metrics_.up.Set(now ? 1 : 0);
  if (connected_.exchange(now) == now)
    return;
  if (now)
    spdlog::info("kafka: brokers at {} can be reached", options_.connection.brokers);
  else
    spdlog::warn("kafka: no broker can be reached; events wait in the outbox");
}

void producer::hand_out() {
  if (!reports_.empty())
    report_(std::exchange(reports_, {}));
}

/// librdkafka cannot go on with this client: the sequence numbers of its messages have a gap.
void producer::renew() {
  char text[512] = {};
  const auto code = rd_kafka_fatal_error(client_.get(), text, sizeof text);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
    return;
  spdlog::error("kafka: the producer starts anew: {}: {}", rd_kafka_err2name(code), text);
  const std::unique_lock lock{mutex_};
  rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_flush(client_.get(), 5000); // its reports
  client_ = make();
}

/// Asks only where nothing else tells whether somebody is there.
void producer::probe() {
  if (lost_.exchange(false)) {
    set_connected(false);
    return; // the next round asks
  }
  if (connected_)
    return;
  const rd_kafka_metadata_t* seen = nullptr;
  const auto code = rd_kafka_metadata(client_.get(), 0, nullptr, &seen, probe_ms);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
    rd_kafka_metadata_destroy(seen);
    set_connected(true);
  }
}

void producer::run() {
  auto probed = std::chrono::steady_clock::now() - std::chrono::hours{1};
  while (!stopping_) {
    rd_kafka_poll(client_.get(), poll_ms);
    hand_out();
    try {
      renew();
    } catch (const std::exception& e) {
      spdlog::error("kafka: the producer cannot start anew: {}", e.what());
    }
    hand_out();
    const auto now = std::chrono::steady_clock::now();
    if (now - probed >= milliseconds{probe_ms}) {
      probed = now;
      probe();
    }
  }
  rd_kafka_flush(client_.get(), static_cast<int>(patience_ms_.load()));
  rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_poll(client_.get(), 0);
  hand_out();
}

void producer::stop(milliseconds patience) {
  patience_ms_ = patience.count();
  stopping_ = true;
  if (thread_.joinable())
    thread_.join();
}

} // namespace tiketi::kafka
