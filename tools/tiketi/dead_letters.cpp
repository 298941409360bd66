#include "tools/tiketi/dead_letters.hpp"

#include "net/kafka/dead_letters.hpp"
#include "tools/tiketi/data_directory.hpp"
#include "tools/tiketi/databases.hpp"
#include "tools/tiketi/event_bus.hpp"

#include <cstdio>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace tiketi {
namespace {

constexpr seconds patience{20};

void print(const nlohmann::json& line) {
  const auto text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
}

std::string header(const kafka::record& r, std::string_view name) {
  const auto* text = r.header(name);
  return text == nullptr ? std::string{} : *text;
}

void print_record(const kafka::record& r) {
  print({{"topic", header(r, "dlq-topic")},
         {"consumer", header(r, "dlq-consumer")},
         {"id", header(r, "event-id")},
         {"type", header(r, "event-type")},
         {"key", r.key},
         {"reason", header(r, "dlq-reason")},
         {"attempts", header(r, "dlq-attempts")},
         {"deadAt", header(r, "dlq-at")},
         {"partition", r.partition},
         {"offset", r.offset},
         {"value", r.value}});
}

std::runtime_error cannot(const failure& why) {
  return std::runtime_error(fmt::format("dead letters: {}", why.text));
}

std::size_t list_rows(sql::database& db, const std::string& topic) {
  std::string consumer, id, type, key, reason, payload;
  long long at = 0;
  std::size_t count = 0;
  soci::statement rows =
      (db.session().prepare << "SELECT consumer, event_id, type, key, reason, dead_at, payload "
                               "FROM dead_events WHERE topic = :t ORDER BY dead_at, event_id",
       soci::use(topic), soci::into(consumer), soci::into(id), soci::into(type), soci::into(key),
       soci::into(reason), soci::into(at), soci::into(payload));
  for (rows.execute(); rows.fetch(); ++count)
    print({{"topic", topic},
           {"consumer", consumer},
           {"id", id},
           {"type", type},
           {"key", key},
           {"reason", reason},
           {"deadAt", to_iso(from_millis(at))},
           {"value", payload}});
  return count;
}

/// Back into the outbox: every consumer gets them again, and who has applied them skips them.
std::size_t replay_rows(sql::database& db, const std::string& topic) {
  sql::transaction tx{db};
  long long count = 0;
  db.session() << "SELECT count(DISTINCT event_id) FROM dead_events WHERE topic = :t",
      soci::into(count), soci::use(topic);
  if (count > 0) {
    db.session() << "INSERT INTO outbox(event_id, topic, key, type, version, occurred_at, trace, "
                    "payload) SELECT event_id, topic, key, type, version, occurred_at, '', payload "
                    "FROM dead_events d WHERE topic = :t AND consumer = (SELECT min(consumer) FROM "
                    "dead_events e WHERE e.event_id = d.event_id) ORDER BY occurred_at, dead_at",
        soci::use(topic);
    db.session() << "DELETE FROM dead_events WHERE topic = :t", soci::use(topic);
  }
  tx.commit();
  return static_cast<std::size_t>(count);
}

} // namespace

int list_dead_letters(const config::settings& values, const std::string& topic) {
  if (values.bus_kind == "kafka") {
    const auto count =
        kafka::list_dead_letters(kafka_options_of(values), topic, patience, print_record);
    if (!count)
      throw cannot(count.error());
    return 0;
  }
  const data_directory data{values.data_directory};
  for (const auto role : database_roles) {
    auto db = open_database(data, role, values);
    list_rows(db, topic);
  }
  return 0;
}

int replay_dead_letters(const config::settings& values, const std::string& topic) {
  std::size_t count = 0;
  if (values.bus_kind == "kafka") {
    const auto done = kafka::replay_dead_letters(kafka_options_of(values), topic, patience);
    if (!done)
      throw cannot(done.error());
    count = done->replayed;
    if (done->foreign > 0)
      std::fprintf(stderr, "tiketi: %zu records are no dead letters and were passed over\n",
                   done->foreign);
  } else {
    const data_directory data{values.data_directory};
    for (const auto role : database_roles) {
      auto db = open_database(data, role, values);
      count += replay_rows(db, topic);
    }
  }
  std::printf("%zu replayed\n", count);
  return 0;
}

} // namespace tiketi
