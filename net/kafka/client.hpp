#pragma once

#include "actors/base/result.hpp"
#include "net/kafka/options.hpp"
#include "net/kafka/record.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <librdkafka/rdkafka.h>

// librdkafka's objects, each with an owner.

namespace tiketi::kafka {

struct client_deleter {
  void operator()(rd_kafka_t* x) const { rd_kafka_destroy(x); }
};
using client_ptr = std::unique_ptr<rd_kafka_t, client_deleter>;

struct conf_deleter {
  void operator()(rd_kafka_conf_t* x) const { rd_kafka_conf_destroy(x); }
};
using conf_ptr = std::unique_ptr<rd_kafka_conf_t, conf_deleter>;

struct list_deleter {
  void operator()(rd_kafka_topic_partition_list_t* x) const {
    rd_kafka_topic_partition_list_destroy(x);
  }
};
using list_ptr = std::unique_ptr<rd_kafka_topic_partition_list_t, list_deleter>;

struct queue_deleter {
  void operator()(rd_kafka_queue_t* x) const { rd_kafka_queue_destroy(x); }
};
using queue_ptr = std::unique_ptr<rd_kafka_queue_t, queue_deleter>;

struct event_deleter {
  void operator()(rd_kafka_event_t* x) const { rd_kafka_event_destroy(x); }
};
using event_ptr = std::unique_ptr<rd_kafka_event_t, event_deleter>;

struct message_deleter {
  void operator()(rd_kafka_message_t* x) const { rd_kafka_message_destroy(x); }
};
using message_ptr = std::unique_ptr<rd_kafka_message_t, message_deleter>;

using properties = std::vector<std::pair<std::string, std::string>>;

/// What every client of these brokers is set up with, and `more`. Throws std::invalid_argument with
/// librdkafka's sentence for what it does not accept; secrets are not part of it.
conf_ptr make_conf(const connection_options& options, const properties& more);

/// Takes what `make_conf` made. Throws std::runtime_error.
client_ptr make_client(rd_kafka_type_t type, conf_ptr conf);

/// A record as it came; `prefix` is cut off its topic.
record to_record(const rd_kafka_message_t& message, std::string_view prefix);

/// Hands a record to a producer; never blocks. `token` comes back with the report. Fails with
/// `invalid_request` when it can never be sent (too large), `overloaded` when the client is full,
/// else `unavailable`.
result<void> send(rd_kafka_t* producer, const record& r, const std::string& prefix,
                  std::uint64_t token);

/// Would another attempt with the same record fail as well?
bool is_permanent(rd_kafka_resp_err_t code);

} // namespace tiketi::kafka
