#include "actors/base/environment.hpp"
#include "net/kafka/dead_letters.hpp"
#include "storage/sql/database.hpp"
#include "tests/support/kafka_broker.hpp"

#include <csignal>
#include <fstream>
#include <functional>
#include <random>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace tiketi {
namespace {

using namespace std::chrono_literals;
using test::kafka_broker;
using test::shared_kafka_broker;

/// A process of kafka_worker.cpp.
class worker {
public:
  worker(const std::filesystem::path& folder, std::string prefix, bool relays, std::string poison)
      : log_(folder / "worker.log"), words_{KAFKA_WORKER,
                                            (folder / "ledger.db").string(),
                                            shared_kafka_broker().address(),
                                            std::move(prefix),
                                            relays ? "yes" : "no",
                                            std::move(poison)} {}
  ~worker() { end(SIGKILL); }
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  void start() {
    std::vector<char*> argv;
    for (auto& word : words_)
      argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log_.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0644);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    ASSERT_EQ(::posix_spawn(&pid_, KAFKA_WORKER, &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
  }

  void end(int signal) {
    if (pid_ <= 0)
      return;
    ::kill(pid_, signal);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
  }

  std::size_t resident_kib() const {
    std::ifstream in{"/proc/" + std::to_string(pid_) + "/statm"};
    std::size_t pages = 0;
    std::size_t resident = 0;
    in >> pages >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) / 1024;
  }

  std::string log() const {
    std::ifstream in{log_};
    const std::string text{std::istreambuf_iterator<char>{in}, {}};
    return text.size() > 3000 ? text.substr(text.size() - 3000) : text;
  }

private:
  std::filesystem::path log_;
  std::vector<std::string> words_;
  pid_t pid_ = -1;
};

class kafka_test : public ::testing::Test {
protected:
  void SetUp() override {
    ASSERT_TRUE(kafka_broker::available()) << "run tools/setup --tests";
    auto opened = sql::database::open({.target = (folder.path() / "ledger.db").string(),
                                       .durable = sql::durability::normal,
                                       .busy_timeout = 20s});
    ASSERT_TRUE(opened);
    db.emplace(std::move(*opened));
    ASSERT_TRUE(sql::migrate(*db, sql::migrations_of("common")));
    db->session() << "CREATE TABLE entries(n INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT "
                     "NULL, sequence BIGINT NOT NULL)";
    ASSERT_TRUE(broker.running());
  }

  void append(std::size_t count, std::size_t keys, const std::string& prefix_of_key = "k") {
    std::vector<domain_event> events;
    for (std::size_t i = 0; i < count; ++i) {
      domain_event e;
      e.id = make_uuid(*env);
      e.topic = "payment-events";
      e.key = prefix_of_key + std::to_string(i % keys);
      e.type = "PAYMENT_CONFIRMED";
      e.occurred_at = env->now();
      e.payload = R"({"type":"PAYMENT_CONFIRMED","text":")" + std::string(200, 'x') + "\"}";
      events.push_back(std::move(e));
    }
    sql::transaction tx{*db};
    sql::append_outbox(*db, events);
    tx.commit();
    appended += count;
  }

  std::size_t number(const std::string& query) {
    long long out = 0;
    db->session() << query, soci::into(out);
    return static_cast<std::size_t>(out);
  }
  std::size_t entries() { return number("SELECT count(*) FROM entries"); }

  bool wait(const std::function<bool()>& done, std::chrono::milliseconds limit = 90s) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline)
        return false;
      // The other process tells nobody; the pause only saves processor time.
      std::this_thread::sleep_for(20ms);
    }
    return true;
  }

  /// Nothing lost, nothing twice, and per key in the order of the outbox.
  void expect_exactly_once_in_order() {
    EXPECT_EQ(entries(), appended);
    EXPECT_EQ(number("SELECT count(DISTINCT sequence) FROM entries"), appended);
    EXPECT_EQ(number("SELECT count(*) FROM (SELECT sequence, lag(sequence) OVER (PARTITION BY key "
                     "ORDER BY n) AS before FROM entries) WHERE before > sequence"),
              0u)
        << "events of one key were applied out of order";
  }

  std::string prefix() const { return folder.path().filename().string() + "-"; }

  test::temp_dir folder;
  std::unique_ptr<environment> env = make_system_environment();
  kafka_broker& broker = shared_kafka_broker();
  std::optional<sql::database> db;
  std::size_t appended = 0;
};

TEST_F(kafka_test, kills_of_consumer_and_broker_lose_and_repeat_nothing) {
  const char* given = std::getenv("TIKETI_TEST_SEED");
  const auto seed = given != nullptr ? static_cast<unsigned>(std::stoul(given))
                                     : static_cast<unsigned>(env->random());
  SCOPED_TRACE("TIKETI_TEST_SEED=" + std::to_string(seed));
  std::mt19937 chance{seed};
  worker node{folder.path(), prefix(), true, "-"};
  node.start();
  append(50, 10);
  ASSERT_TRUE(wait([&] { return entries() > 0; })) << node.log() << broker.log_tail();
  const int rounds = std::getenv("TIKETI_TEST_FULL") != nullptr ? 30 : 6;
  for (int round = 0; round < rounds; ++round) {
    append(200, 10);
    // A moment while events are on their way, by number of what has arrived.
    const auto before = entries();
    const auto some = before + chance() % 150;
    wait([&] { return entries() >= some; }, 5s);
    switch (chance() % 4) {
    case 0:
      broker.kill();
      append(50, 10);
      ASSERT_TRUE(broker.start()) << broker.log_tail();
      break;
    case 1:
      broker.freeze();
      append(50, 10);
      std::this_thread::sleep_for(milliseconds{chance() % 1500}); // for the broker to be late
      broker.thaw();
      break;
    default:
      node.end(SIGKILL);
      append(50, 10);
      node.start();
    }
  }
  ASSERT_TRUE(wait([&] { return entries() >= appended; }))
      << entries() << " of " << appended << '\n'
      << node.log() << broker.log_tail();
  expect_exactly_once_in_order();
}

TEST_F(kafka_test, a_broker_that_is_away_for_a_while_costs_time_only) {
  worker node{folder.path(), prefix(), true, "-"};
  node.start();
  append(100, 20);
  ASSERT_TRUE(wait([&] { return entries() == appended; })) << node.log() << broker.log_tail();
  broker.kill();
  append(2000, 20);
  const auto before = node.resident_kib();
  const auto away = std::chrono::steady_clock::now() + 4s;
  while (std::chrono::steady_clock::now() < away) {
    append(250, 20); // the shop goes on
    std::this_thread::sleep_for(100ms);
  }
  // What waits stands in the database, not in memory.
  EXPECT_LT(node.resident_kib(), before + 30 * 1024);
  ASSERT_TRUE(broker.start()) << broker.log_tail();
  ASSERT_TRUE(wait([&] { return entries() >= appended; }))
      << entries() << " of " << appended << '\n'
      << node.log();
  expect_exactly_once_in_order();
}

TEST_F(kafka_test, poison_waits_among_the_dead_letters_until_it_is_replayed) {
  append(30, 3, "good");
  append(4, 1, "bad");
  append(30, 3, "good");
  kafka::kafka_options options;
  options.connection.brokers = broker.address();
  options.connection.topic_prefix = prefix();
  options.connection.group_prefix = prefix();
  std::vector<kafka::record> dead;
  const auto look = [&] {
    dead.clear();
    return kafka::list_dead_letters(options, "payment-events", 10s,
                                    [&](const kafka::record& r) { dead.push_back(r); });
  };
  {
    worker broken{folder.path(), prefix(), true, "bad0"};
    broken.start();
    ASSERT_TRUE(wait([&] { return entries() == 60; })) << broken.log();
    ASSERT_TRUE(wait([&] {
      const auto seen = look();
      return seen && *seen == 4;
    })) << broken.log();
    broken.end(SIGTERM); // with its offsets: otherwise some would be read again, before the replay
  }
  EXPECT_EQ(*dead.front().header("dlq-consumer"), "ledger");
  EXPECT_EQ(*dead.front().header("dlq-reason"), "poison");
  EXPECT_EQ(dead.front().key, "bad0");
  EXPECT_EQ(entries(), 60u);

  worker mended{folder.path(), prefix(), true, "-"};
  mended.start();
  const auto count = kafka::replay_dead_letters(options, "payment-events", 10s);
  ASSERT_TRUE(count) << count.error().text;
  EXPECT_EQ(count->replayed, 4u);
  ASSERT_TRUE(wait([&] { return entries() == appended; })) << entries() << mended.log();
  expect_exactly_once_in_order();
  ASSERT_TRUE(look());
  EXPECT_TRUE(dead.empty()) << "what was replayed is not shown again";
  const auto again = kafka::replay_dead_letters(options, "payment-events", 10s);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->replayed, 0u);
  EXPECT_EQ(kafka::list_dead_letters(options, "no-such-events", 10s, [](const auto&) {}).error(),
            (failure{errc::not_found, "there is no topic " + prefix() + "no-such-events.dlq"}));
}

TEST_F(kafka_test, partitions_move_between_two_nodes_without_loss_or_disorder) {
  worker first{folder.path(), prefix(), true, "-"};
  worker second{folder.path(), prefix(), false, "-"};
  first.start();
  append(300, 12);
  ASSERT_TRUE(wait([&] { return entries() > 20; })) << first.log();
  for (int round = 0; round < 3; ++round) {
    second.start();
    append(400, 12);
    const auto some = entries() + 200;
    ASSERT_TRUE(wait([&] { return entries() >= some; })) << first.log() << second.log();
    second.end(round == 1 ? SIGKILL : SIGTERM);
    append(200, 12);
  }
  ASSERT_TRUE(wait([&] { return entries() >= appended; }))
      << entries() << " of " << appended << '\n'
      << first.log();
  expect_exactly_once_in_order();
}

} // namespace
} // namespace tiketi
