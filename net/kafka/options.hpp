#pragma once

#include "actors/base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace tiketi::kafka {

/// How to reach the brokers, and what may be used there. Bounds stand in the table of settings.
struct connection_options {
  std::string brokers; ///< `host:port,host:port`
  std::string client = "tiketi";
  std::string topic_prefix;             ///< before the name of each topic
  std::string group_prefix = "tiketi-"; ///< before the name of each consumer
  std::string protocol = "plaintext";   ///< or `ssl`, `sasl_plaintext`, `sasl_ssl`
  std::string sasl_mechanism;
  std::string sasl_user;
  std::string sasl_password;
  std::string ca_file; ///< PEM; empty: the system's certificates
  std::string certificate_file;
  std::string key_file;
  std::string key_password;
  /// librdkafka's own properties, applied last: for tests (`test.mock.num.brokers`).
  std::vector<std::pair<std::string, std::string>> extra{};
};

/// How topics are created that do not exist.
struct topic_options {
  bool create = true;
  int partitions = 3;
  int replication = 1;
};

struct producer_options {
  std::size_t message_bytes_max = 1'000'000; ///< value, key and headers together
  std::size_t waiting_max = 10'000;          ///< messages without a report; one more is refused
  milliseconds linger{5};                    ///< wait for company before a request is sent
};

struct consumer_options {
  milliseconds session_timeout{10'000}; ///< a silent member's partitions go to others then
  std::size_t held_max = 512;           ///< events held per partition, 1 at least
  std::size_t in_flight_max = 256;      ///< keys delivered at once per partition
  milliseconds fetch_wait{50};          ///< a broker waits this long for company of a record
  milliseconds fetch_wait_patient{200}; ///< the same for those that do not mind
  std::set<std::string> patient{};      ///< their names
  milliseconds tick{100};               ///< how often retries and deadlines are looked at
  milliseconds commit_every{500};       ///< older offsets only cause repeats
  milliseconds patience{10'000};        ///< a delivery without an answer counts as failed
  milliseconds back_off_min{200};       ///< first wait after a failure, doubled each time
  milliseconds back_off_max{5000};      ///< longest wait
  std::uint32_t poison_after = 8;       ///< attempts before a permanent failure is set aside
  milliseconds revoke_patience{3000};   ///< deliveries in flight may finish when partitions go
};

struct kafka_options {
  connection_options connection;
  topic_options topics;
  producer_options producer;
  consumer_options consumer;
};

} // namespace tiketi::kafka
