#include "net/kafka/topics.hpp"

#include "net/kafka/client.hpp"

#include <algorithm>

#include <spdlog/spdlog.h>

namespace tiketi::kafka {
namespace {

constexpr milliseconds attempt{2000};
constexpr milliseconds pause{500};

struct new_topic_deleter {
  void operator()(rd_kafka_NewTopic_t* x) const { rd_kafka_NewTopic_destroy(x); }
};
struct admin_deleter {
  void operator()(rd_kafka_AdminOptions_t* x) const { rd_kafka_AdminOptions_destroy(x); }
};

} // namespace

result<void> create_topics(const kafka_options& options, const std::vector<std::string>& names,
                           milliseconds patience) {
  const auto client = make_client(RD_KAFKA_PRODUCER, make_conf(options.connection, {}));
  std::vector<std::unique_ptr<rd_kafka_NewTopic_t, new_topic_deleter>> owned;
  std::vector<rd_kafka_NewTopic_t*> topics;
  char text[512] = {};
  for (const auto& name : names) {
    owned.emplace_back(rd_kafka_NewTopic_new((options.connection.topic_prefix + name).c_str(),
                                             options.topics.partitions, options.topics.replication,
                                             text, sizeof text));
    if (!owned.back())
      return failure{errc::invalid_request, fmt::format("topic {}: {}", name, text)};
    topics.push_back(owned.back().get());
  }
  const std::unique_ptr<rd_kafka_AdminOptions_t, admin_deleter> admin{
      rd_kafka_AdminOptions_new(client.get(), RD_KAFKA_ADMIN_OP_CREATETOPICS)};
  const auto ms = static_cast<int>(patience.count());
  rd_kafka_AdminOptions_set_request_timeout(admin.get(), ms, text, sizeof text);
  rd_kafka_AdminOptions_set_operation_timeout(admin.get(), ms, text, sizeof text);
  const queue_ptr answers{rd_kafka_queue_new(client.get())};
  rd_kafka_CreateTopics(client.get(), topics.data(), topics.size(), admin.get(), answers.get());
  const event_ptr answer{rd_kafka_queue_poll(answers.get(), ms + 1000)};
  if (!answer)
    return failure{errc::timeout, "no answer"};
  if (rd_kafka_event_error(answer.get()) != RD_KAFKA_RESP_ERR_NO_ERROR)
    return failure{errc::unavailable, rd_kafka_event_error_string(answer.get())};
  const auto* made = rd_kafka_event_CreateTopics_result(answer.get());
  std::size_t count = 0;
  const auto* results = rd_kafka_CreateTopics_result_topics(made, &count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto code = rd_kafka_topic_result_error(results[i]);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
      continue;
    const auto* why = rd_kafka_topic_result_error_string(results[i]);
    return failure{errc::unavailable,
                   fmt::format("topic {}: {}", rd_kafka_topic_result_name(results[i]),
                               why != nullptr ? why : rd_kafka_err2str(code))};
  }
  return {};
}

topic_maker::topic_maker(const kafka_options& options, std::vector<std::string> names)
    : options_(options), names_(std::move(names)), done_(!options.topics.create || names_.empty()) {
  if (!done_)
    thread_ = std::thread([this] { run(); });
}

topic_maker::~topic_maker() {
  stop();
}

void topic_maker::stop() {
  stopping_ = true;
  if (thread_.joinable())
    thread_.join();
}

void topic_maker::run() {
  std::string last;
  while (!stopping_) {
    const auto made = create_topics(options_, names_, attempt);
    if (made) {
      done_ = true;
      return;
    }
    if (made.error().text != last)
      spdlog::warn("kafka: topics cannot be created, trying again: {}", made.error().text);
    last = made.error().text;
    for (auto waited = milliseconds{0}; waited < pause && !stopping_; waited += milliseconds{50})
      std::this_thread::sleep_for(milliseconds{50});
  }
}

} // namespace tiketi::kafka
