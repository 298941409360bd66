// A node with nothing but an outbox, Kafka and one consumer, for tests that kill it:
//   kafka_worker <database> <brokers> <prefix> <relay: yes|no> <poison key or ->
// It ends with the process that started it, or on SIGTERM.

#include "actors/bus/relay.hpp"
#include "actors/bus/type_ids.hpp"
#include "actors/system/actor_config.hpp"
#include "actors/system/caf_error.hpp"
#include "net/kafka/bus.hpp"
#include "storage/sql/database.hpp"

#include <csignal>
#include <cstdio>
#include <exception>

#include <caf/all.hpp>
#include <prometheus/registry.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>

namespace tiketi {
namespace {

using namespace std::chrono_literals;

struct ledger_state {
  ledger_state() = default;

  std::shared_ptr<sql::database> db;
};

/// Effect and mark in one transaction, as every consumer of the program does it.
consumer_actor::behavior_type ledger(consumer_actor::stateful_pointer<ledger_state> self,
                                     environment* env, std::shared_ptr<sql::database> db,
                                     std::string poison) {
  self->state.db = std::move(db);
  return {[self, env, poison](const deliver& x) -> caf::result<applied> {
    if (x.event.key == poison)
      return to_caf({errc::invalid_request, "poison"});
    try {
      auto& base = *self->state.db;
      sql::transaction tx{base};
      const bool fresh = sql::mark_processed(base, "ledger", x.event.id, env->now());
      const long long sequence = x.event.sequence;
      if (fresh)
        base.session() << "INSERT INTO entries(key, sequence) VALUES (:k, :s)",
            soci::use(x.event.key), soci::use(sequence);
      tx.commit();
      return applied{x.event.id, !fresh};
    } catch (const std::exception& e) {
      self->state.db->forget_prepared();
      return to_caf({errc::unavailable, e.what()});
    }
  }};
}

sql::database open(const std::string& file) {
  auto db = sql::database::open(
      {.target = file, .durable = sql::durability::normal, .busy_timeout = 20s});
  if (!db)
    throw std::runtime_error(db.error().text);
  return std::move(*db);
}

int run(char** words) {
  const std::string file = words[1];
  const std::string prefix = words[3];
  const bool relays = std::string_view{words[4]} == "yes";
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  const auto env = make_system_environment();
  prometheus::Registry registry;
  actor_config config;
  caf::actor_system sys{config};
  kafka::kafka_options options;
  options.connection.brokers = words[2];
  options.connection.topic_prefix = prefix;
  options.connection.group_prefix = prefix;
  options.consumer.session_timeout = 2000ms;
  options.consumer.poison_after = 3;
  kafka::kafka_bus bus{sys, *env, registry, options};
  const auto consumer = sys.spawn<caf::detached>(
      ledger, env.get(), std::make_shared<sql::database>(open(file)), std::string{words[5]});
  auto to = bus.feed({"payment-events"}, {{"payment-events", "ledger", consumer}});
  relay_actor relay;
  relay_options how;
  how.poll = 50ms;
  how.tick = 50ms;
  if (relays)
    relay = spawn_relay(sys, *env, spawn_outbox(sys, *env, sql::make_outbox_store(open(file))),
                        std::move(to), how);
  else
    to.clear();
  bus.start();
  int number = 0;
  sigwait(&ends, &number);
  bus.stop_consumers();
  caf::anon_send_exit(relay, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(consumer, caf::exit_reason::user_shutdown);
  bus.stop(500ms);
  return 0;
}

} // namespace
} // namespace tiketi

int main(int argc, char** argv) {
  if (argc != 6)
    return 2;
  try {
    return tiketi::run(argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "kafka_worker: %s\n", e.what());
    return 1;
  }
}
