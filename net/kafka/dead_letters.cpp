#include "net/kafka/dead_letters.hpp"

#include "net/kafka/client.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include <fmt/format.h>

namespace tiketi::kafka {
namespace {

constexpr std::size_t page_max = 500;

failure unavailable(rd_kafka_resp_err_t code) {
  return {errc::unavailable, std::string{"kafka: "} + rd_kafka_err2str(code)};
}

/// The unread part of a topic, from where the last replay stopped to where the topic ends now.
class backlog {
public:
  static result<std::unique_ptr<backlog>> open(const kafka_options& options,
                                               const std::string& topic, milliseconds patience) {
    std::unique_ptr<backlog> out{new backlog{options, patience}};
    const auto name = options.connection.topic_prefix + dead_letter_topic(topic);
    if (auto done = out->assign(name); !done)
      return done.error();
    return out;
  }

  /// Up to `page_max` records; none: that was all.
  result<std::vector<record>> page() {
    std::vector<record> out;
    while (out.size() < page_max && !open_.empty()) {
      const message_ptr m{rd_kafka_consumer_poll(client_.get(), ms_)};
      if (!m)
        return failure{errc::timeout, "kafka: no answer"};
      if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        open_.erase(m->partition);
        continue;
      }
      if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return unavailable(m->err);
      const auto end = open_.find(m->partition);
      if (end == open_.end())
        continue; // came after the beginning
      if (m->offset >= end->second - 1)
        open_.erase(end);
      if (m->offset >= ends_.at(m->partition))
        continue;
      next_[m->partition] = m->offset + 1;
      out.push_back(to_record(*m, options_.connection.topic_prefix));
    }
    return out;
  }

  /// All pages so far are done with.
  result<void> commit() {
    const list_ptr list{rd_kafka_topic_partition_list_new(static_cast<int>(next_.size()))};
    for (const auto& [number, offset] : next_)
      rd_kafka_topic_partition_list_add(list.get(), name_.c_str(), number)->offset = offset;
    if (list->cnt == 0)
      return {};
    if (const auto code = rd_kafka_commit(client_.get(), list.get(), 0))
      return unavailable(code);
    return {};
  }

private:
  backlog(const kafka_options& options, milliseconds patience)
      : options_(options),
        ms_(static_cast<int>(patience.count())),
        client_(
            make_client(RD_KAFKA_CONSUMER,
                        make_conf(options.connection,
                                  {{"group.id", options.connection.group_prefix + "dead-letters"},
                                   {"enable.auto.commit", "false"},
                                   {"enable.auto.offset.store", "false"},
                                   {"enable.partition.eof", "true"},
                                   {"auto.offset.reset", "earliest"}}))) {
    rd_kafka_poll_set_consumer(client_.get());
  }

  result<void> assign(const std::string& name) {
    name_ = name;
    auto count = partitions();
    if (!count)
      return count.error();
    const list_ptr list{rd_kafka_topic_partition_list_new(*count)};
    for (int i = 0; i < *count; ++i)
      rd_kafka_topic_partition_list_add(list.get(), name.c_str(), i);
    if (const auto code = rd_kafka_committed(client_.get(), list.get(), ms_))
      return unavailable(code);
    const list_ptr unread{rd_kafka_topic_partition_list_new(*count)};
    for (int i = 0; i < *count; ++i) {
      std::int64_t low = 0;
      std::int64_t high = 0;
      if (const auto code =
              rd_kafka_query_watermark_offsets(client_.get(), name.c_str(), i, &low, &high, ms_))
        return unavailable(code);
      const auto from = std::max(list->elems[i].offset, low);
      if (from >= high)
        continue;
      rd_kafka_topic_partition_list_add(unread.get(), name.c_str(), i)->offset = from;
      open_[i] = high;
      ends_[i] = high;
    }
    if (const auto code = rd_kafka_assign(client_.get(), unread.get()))
      return unavailable(code);
    return {};
  }

  result<int> partitions() {
    auto* topic = rd_kafka_topic_new(client_.get(), name_.c_str(), nullptr);
    const rd_kafka_metadata_t* seen = nullptr;
    const auto code = rd_kafka_metadata(client_.get(), 0, topic, &seen, ms_);
    rd_kafka_topic_destroy(topic);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
      return unavailable(code);
    const auto error =
        seen->topic_cnt == 1 ? seen->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    const int count = seen->topic_cnt == 1 ? seen->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(seen);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR || count == 0)
      return failure{errc::not_found, fmt::format("there is no topic {}", name_)};
    return count;
  }

  const kafka_options& options_;
  const int ms_;
  std::string name_;
  client_ptr client_;
  std::map<std::int32_t, std::int64_t> open_; ///< partition: end, while there is something left
  std::map<std::int32_t, std::int64_t> ends_;
  std::map<std::int32_t, std::int64_t> next_; ///< partition: behind the last record of a page
};

/// Counts reports; the callback runs inside rd_kafka_flush.
struct outcome {
  std::size_t sent = 0;
  std::optional<failure> error;
};

void on_report(rd_kafka_t*, const rd_kafka_message_t* message, void* to) {
  auto& out = *static_cast<outcome*>(to);
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
    ++out.sent;
  else
    out.error = unavailable(message->err);
}

} // namespace

result<std::size_t> list_dead_letters(const kafka_options& options, const std::string& topic,
                                      milliseconds patience,
                                      const std::function<void(const record&)>& show) {
  auto open = backlog::open(options, topic, patience);
  if (!open)
    return open.error();
  std::size_t count = 0;
  for (;;) {
    const auto page = (*open)->page();
    if (!page)
      return page.error();
    if (page->empty())
      return count;
    std::for_each(page->begin(), page->end(), show);
    count += page->size();
  }
}

result<replay_count> replay_dead_letters(const kafka_options& options, const std::string& topic,
                                         milliseconds patience) {
  auto open = backlog::open(options, topic, patience);
  if (!open)
    return open.error();
  const auto ms = static_cast<int>(patience.count());
  outcome reports; // outlives the client that refers to it
  auto conf = make_conf(options.connection,
                        {{"enable.idempotence", "true"},
                         {"message.max.bytes", std::to_string(options.producer.message_bytes_max)},
                         {"message.timeout.ms", std::to_string(ms)}});
  rd_kafka_conf_set_dr_msg_cb(conf.get(), on_report);
  rd_kafka_conf_set_opaque(conf.get(), &reports);
  const auto client = make_client(RD_KAFKA_PRODUCER, std::move(conf));
  replay_count count;
  for (;;) {
    const auto page = (*open)->page();
    if (!page)
      return page.error();
    if (page->empty())
      return count;
    const auto before = reports.sent;
    std::size_t wanted = 0;
    for (const auto& dead : *page) {
      const auto again = replayed(dead);
      if (!again) {
        ++count.foreign;
        continue;
      }
      if (auto sent = send(client.get(), *again, options.connection.topic_prefix, 0); !sent)
        return sent.error();
      ++wanted;
    }
    rd_kafka_flush(client.get(), ms + 1000);
    if (reports.error)
      return *reports.error;
    if (reports.sent - before != wanted)
      return failure{errc::timeout, "kafka: no answer"};
    if (auto done = (*open)->commit(); !done)
      return done.error();
    count.replayed += wanted;
  }
}

} // namespace tiketi::kafka
