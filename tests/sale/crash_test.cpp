#include "tests/sale/sale_audit.hpp"
#include "tests/sale/sale_client.hpp"
#include "tests/support/kafka_broker.hpp"
#include "tests/support/metrics.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/production_parts.hpp"
#include "tests/support/stored_rows.hpp"

#include <algorithm>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest.h>

namespace tiketi::test {
namespace {

namespace asio = boost::asio;

struct person {
  std::string id;
  std::string token;
};

/// Many clients that hold, pay and cancel, over any number of lives of the server.
class load {
public:
  load(std::uint16_t port, std::vector<std::string> events)
      : port_(port), events_(std::move(events)) {}

  std::vector<person> people;
  std::vector<ledger_line> lines;
  std::mt19937_64 chance{test_seed()};
  std::size_t answers = 0;
  std::size_t holds = 0; ///< of those, seats that were had

  /// One life: clients work until `stop` says so; the server may die at any time.
  void run(std::chrono::milliseconds life, const std::function<void()>& at_end) {
    asio::io_context io;
    stopping_ = false;
    for (std::size_t i = 0; i < 24; ++i)
      asio::co_spawn(io, work(io, i), rethrow);
    asio::steady_timer timer{io, life};
    timer.async_wait([&](const boost::system::error_code&) {
      at_end();
      stopping_ = true;
    });
    io.run();
  }

private:
  static void rethrow(std::exception_ptr e) {
    if (e)
      std::rethrow_exception(e);
  }

  asio::awaitable<void> work(asio::io_context& io, std::size_t worker) {
    sale_client client{io.get_executor(), port_};
    while (!stopping_) {
      const auto& who = people[(worker + 24 * (chance() % (people.size() / 24))) % people.size()];
      client.use_session(who.token);
      // Repeating what got no answer comes first: the same key must give the same reservation.
      const auto open = std::find_if(lines.begin(), lines.end(), [&](const ledger_line& l) {
        return l.user == who.id && l.reservation.empty();
      });
      std::size_t index = 0;
      if (open != lines.end()) {
        index = static_cast<std::size_t>(open - lines.begin());
      } else {
        index = lines.size();
        ledger_line line;
        line.user = who.id;
        line.key = random_uuid(chance);
        line.event = events_[chance() % events_.size()];
        line.seats = co_await choose(client, line.event);
        if (line.seats.empty()) {
          co_await pause(std::chrono::milliseconds{5});
          continue;
        }
        index = lines.size();
        lines.push_back(std::move(line));
      }
      co_await hold(client, index);
      if (lines[index].reservation.empty())
        continue;
      const auto dice = chance() % 10;
      if (dice < 6)
        co_await settle(client, index);
      if (dice >= 4 && dice < 8)
        co_await give_up(client, index);
      // The rest is left to expire.
    }
  }

  asio::awaitable<std::vector<std::string>> choose(sale_client& client, std::string event) {
    const auto reply = co_await client.http.get("/api/v1/seats/events/" + event);
    std::vector<std::string> chosen;
    if (reply.status != 200)
      co_return chosen;
    const auto answer = reply.json();
    const auto seats = seats_of(answer);
    const auto want = 1 + chance() % 2;
    for (int tries = 0; tries < 50 && chosen.size() < want; ++tries) {
      const auto& seat = seats[chance() % seats.size()];
      if (seat.status == "available"
          && std::find(chosen.begin(), chosen.end(), seat.id) == chosen.end())
        chosen.push_back(seat.id);
    }
    co_return chosen;
  }

  asio::awaitable<void> hold(sale_client& client, std::size_t index) {
    const auto seats = lines[index].seats;
    const auto event = lines[index].event;
    const auto reply = co_await client.reserve(event, seats, lines[index].key);
    if (reply.status == 200) {
      ++answers;
      ++holds;
      lines[index].reservation = reply.json()["reservation"]["id"].get<std::string>();
    } else if (reply.status == 409 || reply.status == 403) {
      ++answers;
      lines[index].reservation = "refused";
    }
    // Anything else (no answer, 503): the outcome is unknown and the line stays open.
    if (reply.status != 0 && reply.status != 200 && reply.status != 409 && reply.status != 503
        && reply.status != 504 && reply.status != 403)
      ADD_FAILURE() << "reserve answered " << reply.status << ' ' << reply.body;
    if (lines[index].reservation == "refused")
      lines[index].seats.clear();
  }

  asio::awaitable<void> settle(sale_client& client, std::size_t index) {
    if (lines[index].reservation == "refused")
      co_return;
    lines[index].pay_asked = true;
    const auto reply = co_await client.pay(lines[index].reservation);
    if (reply.status == 200) {
      ++answers;
      lines[index].paid = true;
    }
  }

  asio::awaitable<void> give_up(sale_client& client, std::size_t index) {
    if (lines[index].reservation == "refused")
      co_return;
    lines[index].cancel_asked = true;
    const auto reply = co_await client.cancel(lines[index].reservation);
    if (reply.status == 200) {
      ++answers;
      lines[index].cancelled = true;
    }
  }

  std::uint16_t port_;
  std::vector<std::string> events_;
  bool stopping_ = false;
};

class crash_test : public ::testing::Test {
protected:
  temp_dir data;

  /// Waits until nothing is under way: expiries fired, payments settled, events delivered.
  bool wait_for_quiet(const server_process& server, std::chrono::seconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (std::chrono::steady_clock::now() < deadline) {
      if (nothing_pending(rows_below(data.path()))
          // Behind Kafka an event is delivered before it is applied.
          && (!on_production() || metric(server.port(), "kafka_consumer_lag") == 0))
        return true;
      // Another process does the work; there is nothing to wait on but its files.
      std::this_thread::sleep_for(std::chrono::milliseconds{100});
    }
    return false;
  }

  /// Kills one of the servers under load and starts it again; the program has to heal by itself.
  void cut_power_of_a_part(load& clients, server_process& server) {
    const auto before = std::chrono::milliseconds{50 + clients.chance() % 500};
    const auto part = clients.chance() % 3;
    std::thread users{[&] { clients.run(std::chrono::seconds{4}, [] {}); }};
    std::this_thread::sleep_for(before); // any moment will do
    if (part == 0) {
      auto& database = postgres_server::shared();
      database.kill();
      database.start();
    } else if (part == 1) {
      shared_redis_server().restart_empty();
    } else {
      auto& broker = shared_kafka_broker();
      broker.kill();
      EXPECT_TRUE(broker.start()) << broker.log_tail();
    }
    users.join();
    const char* names[] = {"PostgreSQL", "Redis", "Kafka"};
    std::cout << "  killed " << names[part] << '\n';
    // A server that was killed reads its log first; the program finds it by itself.
    http_client browser{server.port()};
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    int status = 0;
    while (status != 200 && std::chrono::steady_clock::now() < deadline)
      status = browser.get("/api/v1/events?status=on_sale&page=1&limit=1").status;
    EXPECT_EQ(status, 200) << server.log_tail();
  }
};

TEST_F(crash_test, nothing_acknowledged_is_lost_and_nothing_is_sold_twice) {
  server_process::options o;
  o.data = data.path();
  o.port = free_port();
  o.arguments = load_arguments();
  o.arguments.push_back("--ticket.hold_ttl_seconds=3");
  o.arguments.push_back("--ticket.seats_per_user_and_event=100");
  server_process server{o};
  ASSERT_TRUE(server.start()) << server.log_tail();

  std::vector<std::string> halls;
  {
    http_client browser{server.port()};
    const auto events = browser.get("/api/v1/events?status=on_sale&page=1&limit=100").json();
    for (const auto& e : events.at("events")) {
      const std::string id = e.at("id");
      const auto map = browser.get("/api/v1/seats/events/" + id);
      const auto count = map.status == 200 ? seats_of(map.json()).size() : 0;
      if (count > 0 && count <= 1500)
        halls.push_back(id);
    }
  }
  ASSERT_FALSE(halls.empty());
  load clients{server.port(), halls};
  asio::io_context io;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        for (int i = 0; i < 96; ++i) {
          sale_client c{io.get_executor(), server.port()};
          bool ready = co_await c.sign_up("crash" + std::to_string(i) + "@example.com");
          for (const auto& hall : halls) // nobody else may reserve
            ready = ready && co_await c.enter(hall);
          if (ready)
            clients.people.push_back({c.user_id, c.access_token()});
        }
      },
      asio::detached);
  io.run();
  ASSERT_EQ(clients.people.size(), 96u);

  const int kills = full_run() ? 60 : on_cluster() ? 4 : 12;
  for (int i = 0; i < kills; ++i) {
    const auto life = std::chrono::milliseconds{50 + clients.chance() % 700};
    clients.run(life, [&] { server.kill(); });
    ASSERT_TRUE(server.start()) << "after kill " << i << ": " << server.log_tail();
    if (on_production() && i % 3 == 0)
      cut_power_of_a_part(clients, server);
    std::cout << "  kill " << i + 1 << " of " << kills << ", " << clients.answers << " answers, "
              << clients.holds << " holds\n";
  }
  // A last life without a kill, so that open questions get their answers.
  clients.run(std::chrono::milliseconds{1500}, [] {});
  EXPECT_GT(clients.holds, 100u) << "no load";
  ASSERT_TRUE(wait_for_quiet(server, std::chrono::seconds{60})) << server.log_tail();
  ASSERT_EQ(server.stop(), 0) << server.log_tail();
  std::erase_if(clients.lines,
                [](const ledger_line& line) { return line.reservation == "refused"; });
  audit_sale(clients.lines, rows_below(data.path()));
}

TEST_F(crash_test, the_line_keeps_its_order) {
  server_process::options o;
  o.data = data.path();
  o.port = free_port();
  o.arguments = load_arguments();
  o.arguments.push_back("--queue.threshold=3");
  server_process server{o};
  ASSERT_TRUE(server.start()) << server.log_tail();
  std::string event;
  std::vector<person> people;
  std::mt19937_64 chance{test_seed()};
  asio::io_context io;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        http_connection browser{io.get_executor(), server.port()};
        const auto events = co_await browser.get("/api/v1/events?status=on_sale");
        event = events.json().at("events").at(0).at("id").get<std::string>();
        for (int i = 0; i < 60; ++i) {
          sale_client c{io.get_executor(), server.port()};
          if (co_await c.sign_up("line" + std::to_string(i) + "@example.com"))
            people.push_back({c.user_id, c.access_token()});
        }
      },
      asio::detached);
  io.run();
  ASSERT_EQ(people.size(), 60u);

  std::size_t next = 0;
  std::vector<std::size_t> joined; // acknowledged, in order
  const auto ask = [&](std::size_t i, const char* method, const std::string& path) {
    http_client c{server.port()};
    c.common = {{"Authorization", "Bearer " + people[i].token}};
    return c.send(method, "/api/v1/queue/" + path + "/" + event);
  };
  const int rounds = on_cluster() && !full_run() ? 2 : 6; // three processes take longer to start
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < 10; ++i, ++next)
      if (ask(next, "POST", "check").status == 200)
        joined.push_back(next);
    server.kill();
    ASSERT_TRUE(server.start()) << server.log_tail();
    long long last = 0;
    std::size_t active = 0;
    for (const auto i : joined) {
      const auto reply = ask(i, "GET", "status");
      ASSERT_EQ(reply.status, 200) << reply.body;
      const auto answer = reply.json();
      ASSERT_NE(answer.at("status"), "not_in_queue") << "a place was lost in round " << round;
      if (answer.at("status") == "active") {
        ++active;
        EXPECT_EQ(last, 0) << "admitted past somebody who waits";
        continue;
      }
      const auto position = answer.at("position").get<long long>();
      EXPECT_GT(position, last);
      last = position;
    }
    EXPECT_EQ(active, 3u) << "the threshold holds over restarts";
  }
  EXPECT_EQ(server.stop(), 0);
}

} // namespace
} // namespace tiketi::test
