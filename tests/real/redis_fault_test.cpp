#include "tests/sale/sale_client.hpp"
#include "tests/support/metrics.hpp"
#include "tests/support/redis_server.hpp"
#include "tests/support/stored_rows.hpp"

#include <atomic>
#include <functional>
#include <iostream>
#include <map>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace tiketi::test {
namespace {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;

/// People who hold a few seats over and over and mostly give them back, so that each seat gets many
/// tokens, until told to stop. Runs on a thread of its own; the counters are for all.
class crowd {
public:
  crowd(std::uint16_t port, std::string event, std::vector<std::string> seats)
      : port_(port),
        event_(std::move(event)),
        seats_(std::move(seats)),
        chance_(test_seed()),
        thread_([this] {
          for (int i = 0; i < people; ++i)
            asio::co_spawn(io_, live(i), [](std::exception_ptr e) {
              if (e)
                std::rethrow_exception(e);
            });
          io_.run();
        }) {}

  ~crowd() { stop(); }

  void stop() {
    stopping_ = true;
    if (thread_.joinable())
      thread_.join();
  }

  std::atomic<std::size_t> held{0};
  std::atomic<std::size_t> paid{0};
  std::atomic<std::size_t> refused{0};   ///< the seat was taken
  std::atomic<std::size_t> surprises{0}; ///< any other answer
  std::atomic<std::int64_t> slowest_ms{0};

private:
  static constexpr int people = 16;

  asio::awaitable<void> live(int number) {
    sale_client client{io_.get_executor(), port_};
    const bool signed_up = co_await client.sign_up("fan" + std::to_string(number) + "@example.com");
    const bool entered = signed_up && co_await client.enter(event_);
    if (!entered) {
      surprise("sign-up", {});
      co_return;
    }
    while (!stopping_) {
      std::vector<std::string> wanted{seats_[chance_() % seats_.size()]};
      if (chance_() % 2 == 0 && seats_[chance_() % seats_.size()] != wanted[0])
        wanted.push_back(seats_[chance_() % seats_.size()]);
      if (wanted.size() == 2 && wanted[0] == wanted[1])
        wanted.pop_back();
      const auto begin = clock::now();
      const auto reply = co_await client.reserve(event_, wanted);
      const auto took =
          std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - begin).count();
      if (took > slowest_ms)
        slowest_ms = took;
      if (reply.status == 409) {
        ++refused;
        continue;
      }
      if (reply.status != 201 && reply.status != 200) {
        surprise("reserve", reply);
        continue;
      }
      ++held;
      const auto answer = reply.json();
      const auto id = answer["reservation"]["id"].get<std::string>();
      if (chance_() % 64 == 0) {
        const auto bought = co_await client.pay(id);
        bought.ok() ? ++paid : surprise("pay", bought);
      }
      const auto given_back = co_await client.cancel(id);
      if (!given_back.ok())
        surprise("cancel", given_back);
    }
  }

  std::size_t surprise(const char* what, const http_reply& reply) {
    std::cout << "  " << what << ": " << reply.status << " " << reply.body << std::endl;
    return ++surprises;
  }

  std::uint16_t port_;
  std::string event_;
  std::vector<std::string> seats_;
  std::mt19937_64 chance_; // of the thread
  asio::io_context io_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

class redis_fault_test : public ::testing::Test {
protected:
  redis_fault_test() {
    server_process::options o;
    o.data = data.path();
    o.arguments = load_arguments();
    for (const auto& word :
         {std::string{"--redis.enabled=true"}, "--redis.port=" + std::to_string(redis.port()),
          std::string{"--redis.silence_max_ms=500"}, std::string{"--redis.guard_open_ms=200"},
          std::string{"--redis.reconnect_wait_max_ms=200"}})
      o.arguments.push_back(word);
    o.environment["REDIS_PASSWORD"] = redis.password();
    server.emplace(o);
  }

  double metric(const std::string& name, const std::string& labels = {}) {
    return test::metric(server->port(), name, labels);
  }

  std::string health(const std::string& dependency) {
    http_client probe{server->port()};
    const auto reply = probe.get("/health");
    EXPECT_EQ(reply.status, 200); // never because of Redis
    EXPECT_EQ(probe.get("/actuator/health/readiness").status, 200);
    return reply.json()["dependencies"].value(dependency, "");
  }

  static bool until(const std::function<bool()>& there) {
    const auto deadline = clock::now() + std::chrono::seconds{60};
    while (!there()) {
      if (clock::now() > deadline)
        return false;
      // Another process' state: nothing tells, the pause only saves processor time.
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    return true;
  }

  double by_redis() { return metric("seat_guard_tokens_total", "source=\"redis\""); }
  double by_node() { return metric("seat_guard_tokens_total", "source=\"node\""); }

  bool sales_go_on(const crowd& c, std::size_t more = 100) {
    const auto before = c.held.load();
    return until([&] { return c.held >= before + more; });
  }

  bool healed() {
    const auto before = by_redis();
    return until([&] {
      return health("redis") == "ok" && metric("seat_guard_circuit_open") == 0
             && by_redis() > before + 50;
    });
  }

  /// The sale while Redis is in trouble, and after.
  void phase(crowd& c, const char* name, const std::function<void()>& trouble, bool visible,
             const std::function<void()>& end) {
    SCOPED_TRACE(name);
    const auto held = c.held.load();
    const auto node = by_node();
    c.slowest_ms = 0;
    trouble();
    if (visible) {
      EXPECT_TRUE(until([&] { return health("redis").starts_with("error"); }));
    }
    EXPECT_TRUE(sales_go_on(c));
    EXPECT_TRUE(until([&] { return by_node() > node; })) << "nobody noticed";
    EXPECT_TRUE(sales_go_on(c));
    std::cout << "  " << name << ": " << c.held - held << " holds, slowest " << c.slowest_ms
              << " ms, " << by_node() - node << " tokens by the node" << std::endl;
    end();
    EXPECT_TRUE(healed()) << server->log_tail();
  }

  temp_dir data;
  redis_server redis{{.password = "a password", .arguments = {}}};
  std::optional<server_process> server;
};

TEST_F(redis_fault_test, sales_go_on_whatever_happens_to_redis) {
  ASSERT_TRUE(server->start()) << server->log_tail();
  http_client browser{server->port()};
  std::string event;
  std::vector<std::string> seats;
  const auto events = browser.get("/api/v1/events?status=on_sale&page=1&limit=100").json();
  for (const auto& e : events.at("events")) {
    const auto map = browser.get("/api/v1/seats/events/" + e.at("id").get<std::string>());
    if (map.status != 200)
      continue;
    for (const auto& seat : seats_of(map.json()))
      if (seat.status == "available" && seats.size() < 60)
        seats.push_back(seat.id);
    if (seats.size() == 60) {
      event = e.at("id");
      break;
    }
    seats.clear();
  }
  ASSERT_NE(event, "") << "no event with seats on sale";

  ASSERT_TRUE(until([&] { return health("redis") == "ok"; })) << server->log_tail();
  crowd c{server->port(), event, seats};
  ASSERT_TRUE(sales_go_on(c));
  ASSERT_TRUE(healed());

  phase(
      c, "lost", [&] { redis.kill(); }, true, [&] { redis.start(); });
  const auto before = by_redis();
  redis.restart_empty();
  EXPECT_TRUE(sales_go_on(c)) << "restarted empty";
  EXPECT_TRUE(until([&] { return by_redis() > before; }));
  EXPECT_TRUE(healed());
  phase(
      c, "hangs", [&] { redis.pause(); }, true, [&] { redis.resume(); });
  phase(
      c, "out of memory",
      [&] {
        redis.command({"CONFIG", "SET", "maxmemory", "1"});
      },
      false,
      [&] {
        redis.command({"CONFIG", "SET", "maxmemory", "0"});
      });
  phase(
      c, "became a replica",
      [&] {
        redis.command({"REPLICAOF", "127.0.0.1", "1"});
      },
      true,
      [&] {
        redis.command({"REPLICAOF", "NO", "ONE"});
      });
  phase(
      c, "forgot the password",
      [&] {
        redis.command({"CONFIG", "SET", "requirepass", "another"});
        redis.command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
      },
      true,
      [&] {
        redis.command({"CONFIG", "SET", "requirepass", redis.password()});
      });
  redis.command({"FLUSHALL"});
  redis.command({"SCRIPT", "FLUSH"});
  EXPECT_TRUE(sales_go_on(c));
  EXPECT_TRUE(healed());

  c.stop();
  EXPECT_EQ(c.surprises, 0u);
  std::cout << "  " << c.held << " holds, " << c.paid << " paid, " << c.refused << " refused"
            << std::endl;
  EXPECT_EQ(metric("seat_guard_tokens_refused_total"), 0);
  ASSERT_EQ(server->stop(), 0) << server->log_tail();

  // Each hold wrote the next version of its seat: by version, the tokens must strictly increase.
  std::map<std::string, long long> last;
  std::size_t holds = 0;
  for (const auto& row :
       stored_rows(data.path() / "ticket.db", "select seat_id, fencing_token from "
                                              "reservation_items where seat_id is not null "
                                              "order by seat_id, seat_version")) {
    const auto token = std::stoll(row[1]);
    auto& before_it = last[row[0]];
    EXPECT_GT(token, before_it) << "seat " << row[0];
    before_it = token;
    ++holds;
  }
  EXPECT_GE(holds, c.held);
  EXPECT_EQ(stored_number(data.path() / "ticket.db",
                          "select count(*) from (select seat_id, seat_version from "
                          "reservation_items where seat_id is not null group by 1, 2 "
                          "having count(*) > 1)"),
            0)
      << "two holds of one version";
}

} // namespace
} // namespace tiketi::test
