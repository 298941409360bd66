#pragma once

#include "tests/real/crowd.hpp"
#include "tests/support/metrics.hpp"
#include "tests/support/stored_rows.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace tiketi::test {

/// The program with its demo events on a Redis that the test disturbs.
class redis_sale : public ::testing::Test {
protected:
  static constexpr std::size_t seats_wanted = 60;

  /// `redis_words`: further settings of Redis.
  void prepare(std::uint16_t redis_port, const std::string& password,
               const std::vector<std::string>& redis_words = {}) {
    server_process::options o;
    o.data = data.path();
    o.arguments = load_arguments();
    for (const auto& word :
         {std::string{"--redis.enabled=true"}, "--redis.port=" + std::to_string(redis_port),
          std::string{"--redis.silence_max_ms=500"}, std::string{"--redis.guard_open_ms=200"},
          std::string{"--redis.reconnect_wait_max_ms=200"}})
      o.arguments.push_back(word);
    o.arguments.insert(o.arguments.end(), redis_words.begin(), redis_words.end());
    o.environment["REDIS_PASSWORD"] = password;
    server.emplace(o);
  }

  struct sale {
    std::string event;
    std::vector<std::string> seats;
  };

  /// The demo events with enough free seats.
  std::vector<sale> sales() {
    http_client browser{server->port()};
    std::vector<sale> out;
    const auto events = browser.get("/api/v1/events?status=on_sale&page=1&limit=100").json();
    for (const auto& e : events.at("events")) {
      sale one{e.at("id").get<std::string>(), {}};
      const auto map = browser.get("/api/v1/seats/events/" + one.event);
      if (map.status != 200)
        continue;
      for (const auto& seat : seats_of(map.json()))
        if (seat.status == "available" && one.seats.size() < seats_wanted)
          one.seats.push_back(seat.id);
      if (one.seats.size() == seats_wanted)
        out.push_back(std::move(one));
    }
    return out;
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
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (!there()) {
      if (std::chrono::steady_clock::now() > deadline)
        return false;
      // Another process' state: nothing tells, the pause only saves processor time.
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    return true;
  }

  double by_redis() { return metric("seat_guard_tokens_total", "source=\"redis\""); }
  double by_node() { return metric("seat_guard_tokens_total", "source=\"node\""); }

  static bool sales_go_on(const crowd& c, std::size_t more = 100) {
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

  /// When the program has ended: each hold wrote the next version of its seat, so by version the
  /// tokens must strictly increase. Returns how many holds there were.
  std::size_t expect_rising_tokens() {
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
    EXPECT_EQ(stored_number(data.path() / "ticket.db",
                            "select count(*) from (select seat_id, seat_version from "
                            "reservation_items where seat_id is not null group by 1, 2 "
                            "having count(*) > 1)"),
              0)
        << "two holds of one version";
    return holds;
  }

  temp_dir data;
  std::optional<server_process> server;
};

} // namespace tiketi::test
