#include "tools/tiketi/event_bus.hpp"

#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tiketi {

std::vector<std::string> topics_of(std::string_view role) {
  if (role == "auth")
    return {"user-events"};
  if (role == "catalog")
    return {"catalog-events"};
  if (role == "ticket")
    return {"reservation-events", "transfer-events", "membership-events"};
  if (role == "payment")
    return {"payment-events"};
  if (role == "queue")
    return {"admission-events"};
  if (role == "community")
    return {"community-events"};
  throw std::logic_error(fmt::format("the role {} has no topics", role));
}

kafka::kafka_options kafka_options_of(const config::settings& values) {
  kafka::kafka_options out;
  auto& to = out.connection;
  to.brokers = fmt::format("{}", fmt::join(values.kafka_brokers, ","));
  to.topic_prefix = values.kafka_topic_prefix;
  to.group_prefix = values.kafka_group_prefix;
  to.protocol = values.kafka_security_protocol;
  if (to.protocol.starts_with("sasl")) {
    to.sasl_mechanism = values.kafka_sasl_mechanism;
    to.sasl_user = values.kafka_sasl_username;
    to.sasl_password = values.kafka_sasl_password;
  }
  if (to.protocol.ends_with("ssl")) {
    to.ca_file = values.kafka_ssl_ca_file;
    to.certificate_file = values.kafka_ssl_certificate_file;
    to.key_file = values.kafka_ssl_key_file;
    to.key_password = values.kafka_ssl_key_password;
  }
  out.topics.create = values.kafka_create_topics;
  out.topics.partitions = static_cast<int>(values.kafka_partitions);
  out.topics.replication = static_cast<int>(values.kafka_replication);
  out.producer.message_bytes_max = static_cast<std::size_t>(values.kafka_message_bytes_max);
  out.consumer.session_timeout = values.kafka_session_timeout;
  // Somebody waits for the ticket role to apply a payment; what these do may take a moment, and
  // their records travel together.
  out.consumer.patient = {"benefits", "payment", "stats", "webhook"};
  out.consumer.held_max = static_cast<std::size_t>(values.kafka_held_max);
  out.consumer.poison_after = static_cast<std::uint32_t>(values.kafka_attempts_max);
  return out;
}

} // namespace tiketi
