#include "tests/support/production_parts.hpp"

#include "tests/support/kafka_broker.hpp"
#include "tests/support/server_databases.hpp"

#include <cstdlib>
#include <stdexcept>

namespace tiketi::test {

namespace {

constexpr std::size_t redis_databases = 256;

enum class backend { embedded, production, cluster };

backend wanted_backend() {
  const char* wanted = std::getenv("TIKETI_TEST_BACKEND");
  const std::string word = wanted == nullptr ? "" : wanted;
  if (word.empty())
    return backend::embedded;
  if (word == "production")
    return backend::production;
  if (word == "cluster")
    return backend::cluster;
  throw std::runtime_error("TIKETI_TEST_BACKEND=" + word
                           + "; the program's own tests know `production` and `cluster` only");
}

} // namespace

bool on_production() {
  return wanted_backend() != backend::embedded;
}

bool on_cluster() {
  return wanted_backend() == backend::cluster;
}

redis_server& shared_redis_server() {
  static redis_server server{
      {.password = "a password", .arguments = {"--databases", std::to_string(redis_databases)}}};
  return server;
}

std::map<std::string, std::string> production_parts(const std::filesystem::path& data) {
  const auto& databases = databases_of(data);
  auto out = databases.environment();
  auto& redis = shared_redis_server();
  const auto prefix = databases.name_of("");
  out.merge(std::map<std::string, std::string>{
      {"TIKETI_REDIS_ENABLED", "true"},
      {"TIKETI_REDIS_PORT", std::to_string(redis.port())},
      {"TIKETI_REDIS_DATABASE", std::to_string(databases.number() % redis_databases)},
      {"TIKETI_REDIS_RECONNECT_WAIT_MAX_MS", "200"},
      {"REDIS_PASSWORD", redis.password()},
      {"TIKETI_BUS_KIND", "kafka"},
      {"TIKETI_KAFKA_BROKERS", shared_kafka_broker().address()},
      {"TIKETI_KAFKA_TOPIC_PREFIX", prefix},
      {"TIKETI_KAFKA_GROUP_PREFIX", prefix},
      {"TIKETI_KAFKA_PARTITIONS", "2"},
      {"TIKETI_KAFKA_SESSION_TIMEOUT_MS", "2000"}});
  return out;
}

} // namespace tiketi::test
