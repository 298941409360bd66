#include "net/kafka/client.hpp"

#include <cstring>
#include <stdexcept>

#include <spdlog/spdlog.h>

namespace tiketi::kafka {
namespace {

void set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  char text[512] = {};
  if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), text, sizeof text) != RD_KAFKA_CONF_OK)
    throw std::invalid_argument(fmt::format("kafka: {}: {}", name, text));
}

/// While brokers are away librdkafka says so again and again; what matters is logged by those who
/// know what it means.
void on_log(const rd_kafka_t*, int level, const char* facility, const char* text) {
  if (level <= 2)
    spdlog::error("kafka: {}: {}", facility, text);
  else
    spdlog::debug("kafka: {}: {}", facility, text);
}

struct headers_deleter {
  void operator()(rd_kafka_headers_t* x) const { rd_kafka_headers_destroy(x); }
};

} // namespace

conf_ptr make_conf(const connection_options& options, const properties& more) {
  conf_ptr conf{rd_kafka_conf_new()};
  auto* c = conf.get();
  rd_kafka_conf_set_log_cb(c, on_log);
  set(c, "bootstrap.servers", options.brokers);
  set(c, "client.id", options.client);
  set(c, "security.protocol", options.protocol);
  const auto given = [c](const char* name, const std::string& value) {
    if (!value.empty())
      set(c, name, value);
  };
  given("sasl.mechanism", options.sasl_mechanism);
  given("sasl.username", options.sasl_user);
  given("sasl.password", options.sasl_password);
  given("ssl.ca.location", options.ca_file);
  given("ssl.certificate.location", options.certificate_file);
  given("ssl.key.location", options.key_file);
  given("ssl.key.password", options.key_password);
  // A broker that comes back is noticed within a second, at the price of one attempt per second.
  set(c, "reconnect.backoff.ms", "100");
  set(c, "reconnect.backoff.max.ms", "1000");
  set(c, "socket.keepalive.enable", "true");
  // A frozen broker is given up after this long.
  set(c, "socket.timeout.ms", "10000");
  set(c, "topic.metadata.refresh.interval.ms", "30000");
  set(c, "log.connection.close", "false");
  for (const auto& [name, value] : more)
    set(c, name, value);
  for (const auto& [name, value] : options.extra)
    set(c, name, value);
  return conf;
}

client_ptr make_client(rd_kafka_type_t type, conf_ptr conf) {
  char text[512] = {};
  auto* made = rd_kafka_new(type, conf.get(), text, sizeof text);
  if (made == nullptr)
    throw std::runtime_error(fmt::format("kafka: no client: {}", text));
  static_cast<void>(conf.release()); // the client's own now
  return client_ptr{made};
}

record to_record(const rd_kafka_message_t& message, std::string_view prefix) {
  record out;
  std::string_view topic = rd_kafka_topic_name(message.rkt);
  if (topic.starts_with(prefix))
    topic.remove_prefix(prefix.size());
  out.topic = topic;
  out.partition = message.partition;
  out.offset = message.offset;
  if (message.key != nullptr)
    out.key.assign(static_cast<const char*>(message.key), message.key_len);
  if (message.payload != nullptr)
    out.value.assign(static_cast<const char*>(message.payload), message.len);
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i)
      out.headers.emplace_back(name, value == nullptr
                                         ? std::string{}
                                         : std::string(static_cast<const char*>(value), size));
  }
  return out;
}

bool is_permanent(rd_kafka_resp_err_t code) {
  switch (code) {
  case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
  case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    return true;
  default:
    return false;
  }
}

result<void> send(rd_kafka_t* producer, const record& r, const std::string& prefix,
                  std::uint64_t token) {
  std::unique_ptr<rd_kafka_headers_t, headers_deleter> headers{
      rd_kafka_headers_new(r.headers.size())};
  for (const auto& [name, value] : r.headers)
    rd_kafka_header_add(headers.get(), name.data(), static_cast<ssize_t>(name.size()), value.data(),
                        static_cast<ssize_t>(value.size()));
  const auto topic = prefix + r.topic;
  std::array<rd_kafka_vu_t, 6> parts{};
  parts[0].vtype = RD_KAFKA_VTYPE_TOPIC;
  parts[0].u.cstr = topic.c_str();
  parts[1].vtype = RD_KAFKA_VTYPE_KEY;
  // librdkafka copies; its interface only does not say const.
  parts[1].u.mem.ptr = const_cast<char*>(r.key.data());
  parts[1].u.mem.size = r.key.size();
  parts[2].vtype = RD_KAFKA_VTYPE_VALUE;
  parts[2].u.mem.ptr = const_cast<char*>(r.value.data());
  parts[2].u.mem.size = r.value.size();
  parts[3].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  parts[3].u.i = RD_KAFKA_MSG_F_COPY;
  parts[4].vtype = RD_KAFKA_VTYPE_OPAQUE;
  parts[4].u.ptr = reinterpret_cast<void*>(static_cast<std::uintptr_t>(token));
  parts[5].vtype = RD_KAFKA_VTYPE_HEADERS;
  parts[5].u.headers = headers.get();
  auto* error = rd_kafka_produceva(producer, parts.data(), parts.size());
  if (error == nullptr) {
    static_cast<void>(headers.release()); // the message's own now
    return {};
  }
  const auto code = rd_kafka_error_code(error);
  const std::string text = rd_kafka_error_string(error);
  rd_kafka_error_destroy(error);
  if (is_permanent(code))
    return failure{errc::invalid_request, "kafka: " + text};
  if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
    return failure{errc::overloaded, "kafka: too many messages are waiting"};
  return failure{errc::unavailable, "kafka: " + text};
}

} // namespace tiketi::kafka
