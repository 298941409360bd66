// A million users join one queue through its actor, each join durable in a real SQLite journal
// (fsync at each commit) before it is answered; then what each waiting user costs in memory: the
// growth of the whole process, caches and all. Last, how long a restart takes to read them back.

#include "actors/catalog/type_ids.hpp"
#include "actors/queue/role.hpp"
#include "actors/queue/type_ids.hpp"
#include "actors/system/actor_config.hpp"
#include "bench/support/report.hpp"
#include "storage/sql/queue_journal.hpp"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <caf/all.hpp>
#include <malloc.h>
#include <unistd.h>

namespace tiketi::bench {

/// To a client: start. From a client: all its users have joined.
struct go {};
struct done {};

} // namespace tiketi::bench

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::bench::go)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::bench::done)

namespace tiketi::bench {
namespace {

constexpr std::size_t clients = 4;
constexpr std::size_t window = 256; ///< joins in flight per client

double resident_bytes() {
  std::ifstream in("/proc/self/statm");
  double total = 0;
  double resident = 0;
  in >> total >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

[[noreturn]] void give_up(const std::string& why) {
  std::cerr << "queue_bench: " << why << "\n";
  std::exit(1);
}

catalog::briefs_view::behavior_type one_event() {
  return {[](const catalog::get_brief& query) {
    catalog::event_brief brief;
    brief.event = query.event;
    brief.title = "Benchmark";
    return brief;
  }};
}

struct client_state {
  client_state() = default;

  std::size_t left = 0;
  std::size_t in_flight = 0;
};

caf::behavior client(caf::stateful_actor<client_state>* self, queue::queues queues,
                     environment* env, event_id event, std::size_t joins, caf::actor report) {
  self->state.left = joins;
  auto next = std::make_shared<std::function<void()>>();
  *next = [=, weak = std::weak_ptr(next)] {
    auto& s = self->state;
    if (s.left == 0) {
      if (s.in_flight == 0)
        self->send(report, done{});
      return;
    }
    --s.left;
    ++s.in_flight;
    self->request(queues, caf::infinite, queue::enter_queue{event, user_id{make_uuid(*env)}})
        .then(
            [self, weak](const queue::queue_place&) {
              --self->state.in_flight;
              if (auto again = weak.lock())
                (*again)();
            },
            [](const caf::error& err) { give_up("a join failed: " + to_failure(err).text); });
  };
  return {[next](go) {
    for (std::size_t i = 0; i < window; ++i)
      (*next)();
  }};
}

struct figures {
  double join_seconds = 0;
  double user_bytes = 0;
  double restart_seconds = 0;
};

class journal_file {
public:
  journal_file() {
    auto name = (std::filesystem::temp_directory_path() / "queue_bench.XXXXXX").string();
    if (!::mkdtemp(name.data()))
      give_up("cannot make " + name);
    folder_ = name;
  }
  ~journal_file() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  sql::database open() const {
    sql::database_options options;
    options.target = (folder_ / "queue.db").string();
    auto db = sql::database::open(options);
    if (!db)
      give_up(db.error().text);
    return std::move(*db);
  }

private:
  std::filesystem::path folder_;
};

figures run(std::size_t users) {
  figures out;
  journal_file file;
  {
    auto db = file.open();
    if (auto migrated = sql::migrate(db, sql::migrations_of("queue")); !migrated)
      give_up(migrated.error().text);
  }
  auto env = make_system_environment();
  prometheus::Registry registry;         // outlives both actor systems, which count until
  prometheus::Registry restart_registry; // their last actor is gone
  const event_id event{make_uuid(*env)};
  std::cerr << "joining " << users << " users ..." << std::flush;
  {
    actor_config config{2};
    caf::actor_system sys{config};
    caf::scoped_actor self{sys};
    auto catalog = sys.spawn(one_event);
    queue::queue_options options;
    options.threshold = 1;
    auto role = queue::start_queue(
        sys, *env, registry, options,
        {catalog, sql::make_queue_writes(file.open()), sql::make_queue_queries(file.open())});
    std::vector<caf::actor> crowd;
    for (std::size_t i = 0; i < clients; ++i)
      crowd.push_back(sys.spawn(client, queue::queues{role.region}, env.get(), event,
                                users / clients, caf::actor{self}));
    ::malloc_trim(0);
    const auto before = resident_bytes();
    const auto start = std::chrono::steady_clock::now();
    for (const auto& c : crowd)
      self->send(c, go{});
    // Every client reports once per answer that finds nothing left to do.
    for (std::size_t i = 0; i < clients; ++i)
      self->receive([](done) {});
    out.join_seconds = seconds_since(start);
    ::malloc_trim(0);
    out.user_bytes = (resident_bytes() - before) / static_cast<double>(users);
    for (const auto& c : crowd)
      self->send_exit(c, caf::exit_reason::kill);
    queue::stop(role);
    self->send_exit(catalog, caf::exit_reason::kill);
  }
  std::cerr << " reading them back ..." << std::flush;
  {
    actor_config config{2};
    caf::actor_system sys{config};
    caf::scoped_actor self{sys};
    auto catalog = sys.spawn(one_event);
    queue::queue_options options;
    options.threshold = 1;
    const auto start = std::chrono::steady_clock::now();
    auto role = queue::start_queue(
        sys, *env, restart_registry, options,
        {catalog, sql::make_queue_writes(file.open()), sql::make_queue_queries(file.open())});
    self->request(queue::queues{role.region}, caf::infinite, queue::count_queue{event})
        .receive(
            [&](const queue::queue_counters& c) {
              if (c.queue_size + c.current_users != users / clients * clients)
                give_up("the journal holds " + std::to_string(c.queue_size) + " users");
            },
            [](const caf::error& err) { give_up(to_failure(err).text); });
    out.restart_seconds = seconds_since(start);
    queue::stop(role);
    self->send_exit(catalog, caf::exit_reason::kill);
  }
  std::cerr << " " << out.join_seconds << " s, " << out.user_bytes << " B, restart "
            << out.restart_seconds << " s\n";
  return out;
}

} // namespace
} // namespace tiketi::bench

int main(int argc, char** argv) {
  using namespace tiketi::bench;
  std::size_t users = 1'000'000;
  std::size_t runs = 3;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg == "--help") {
      std::puts("Usage: queue_bench [--json] [--users N] [--runs N]");
      return 0;
    }
    if (arg == "--users" && i + 1 < argc)
      users = std::stoul(argv[++i]);
    else if (arg == "--runs" && i + 1 < argc)
      runs = std::stoul(argv[++i]);
    else if (arg != "--json")
      give_up("unknown argument '" + std::string(arg) + "'; see --help");
  }
  if (users < clients * window || runs == 0)
    give_up("at least " + std::to_string(clients * window) + " users and 1 run");
  std::vector<double> join;
  std::vector<double> bytes;
  std::vector<double> restart;
  for (std::size_t i = 0; i < runs; ++i) {
    const auto f = run(users);
    join.push_back(f.join_seconds);
    bytes.push_back(f.user_bytes);
    restart.push_back(f.restart_seconds);
  }
  if (users == 1'000'000)
    report_value("join_million_seconds", median(join), "s", "30 at most");
  else
    report_value("join_seconds", median(join), "s");
  report_value("waiting_user_bytes", median(bytes), "B", "150 at most");
  report_value("queue_restart_seconds", median(restart), "s");
}
