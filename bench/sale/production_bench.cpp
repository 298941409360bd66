// A sale on the production parts: the real program with PostgreSQL, Redis and Kafka on this
// machine, this process as the clients. Commits are flushed: fsync and synchronous_commit are on.

#include "bench/sale/sale.hpp"
#include "bench/support/cpu_time.hpp"
#include "bench/support/report.hpp"
#include "tests/support/kafka_broker.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/production_parts.hpp"
#include "tests/support/server_databases.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include <fmt/format.h>

namespace tiketi::bench {
namespace {

constexpr int rounds = 5;
/// A rush: what is asked for at once is committed together.
constexpr std::size_t visitors_at_once = 512;

/// One reservation as a careful person writes it by hand: a transaction of its own.
constexpr const char* hand_written = R"(
\set k :k + 1
\set n :client_id * 100000 + :k
BEGIN;
SELECT status, version, fencing_token FROM seats
  WHERE id = 'f0000000-0000-4000-8000-' || lpad(CAST(:n AS TEXT), 12, '0') FOR UPDATE;
UPDATE seats SET status = 'locked', version = version + 1, fencing_token = fencing_token + 1,
  holder = 'e0000000-0000-4000-8000-' || lpad(CAST(:n AS TEXT), 12, '0')
  WHERE id = 'f0000000-0000-4000-8000-' || lpad(CAST(:n AS TEXT), 12, '0')
  AND status = 'available';
INSERT INTO reservations(id, user_id, event_id, reservation_number, total_amount, status,
  payment_status, payment_method, idempotency_key, created_at, expires_at)
  VALUES ('e0000000-0000-4000-8000-' || lpad(CAST(:n AS TEXT), 12, '0'),
  'd0000000-0000-4000-8000-' || lpad(CAST(:n AS TEXT), 12, '0'),
  'f0000000-0000-4000-8000-000000000000', 'TK' || CAST(:n AS TEXT), 50000, 'pending', 'pending', '',
  'c0000000-0000-4000-8000-' || lpad(CAST(:n AS TEXT), 12, '0'), 1771754400000, 1771754700000);
INSERT INTO reservation_items(reservation_id, line, seat_id, quantity, unit_price, fencing_token,
  seat_version) VALUES ('e0000000-0000-4000-8000-' || lpad(CAST(:n AS TEXT), 12, '0'), 1,
  'f0000000-0000-4000-8000-' || lpad(CAST(:n AS TEXT), 12, '0'), 1, 50000, 1, 1);
INSERT INTO outbox(event_id, topic, key, type, version, occurred_at, trace, payload)
  VALUES ('b0000000-0000-4000-8000-' || lpad(CAST(:n AS TEXT), 12, '0'), 'reservation-events',
  'e0000000-0000-4000-8000-' || lpad(CAST(:n AS TEXT), 12, '0'), 'RESERVATION_CREATED', 1,
  1771754400000, '', repeat(' ', 300));
COMMIT;
)";

constexpr std::size_t pgbench_clients = 32;

/// Transactions per second of pgbench on the same server and tables, with seats of its own.
double pgbench(const std::string& database, std::size_t each, const std::filesystem::path& folder) {
  auto& server = test::postgres_server::shared();
  server.run(
      database,
      "INSERT INTO events(id, title, venue, address, event_date, sale_start, sale_end, "
      "cancelled, artist_name, layout_config) VALUES ('f0000000-0000-4000-8000-000000000000', "
      "'by hand', '', '', 0, 0, 0, 0, '', '');"
      "INSERT INTO seats(id, event_id, section, row_number, seat_number, seat_label, price, "
      "status, version, fencing_token) SELECT 'f0000000-0000-4000-8000-' || "
      "lpad(CAST(c * 100000 + k AS TEXT), 12, '0'), 'f0000000-0000-4000-8000-000000000000', "
      "'A', c, k, '', 50000, 'available', 0, 0 FROM generate_series(0, "
          + std::to_string(pgbench_clients - 1) + ") c, generate_series(1, " + std::to_string(each)
          + ") k; ANALYZE seats");
  const auto script = folder / "by_hand.sql";
  std::ofstream{script} << hand_written;
  const auto command = fmt::format(
      "PGPASSWORD={} /usr/lib/postgresql/15/bin/pgbench -h {} -p {} -U {} -n -M prepared -c {} "
      "-j 2 -t {} -D k=0 -f '{}' {} 2>&1",
      server.password(), server.host(), server.port(), server.administrator(), pgbench_clients,
      each, script.string(), database);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> out{::popen(command.c_str(), "r"),
                                                            &::pclose};
  std::string text;
  for (int c = 0; out && (c = std::fgetc(out.get())) != EOF;)
    text += static_cast<char>(c);
  const auto at = text.find("tps = ");
  const auto stored = server.run(
      database, "SELECT count(*) FROM reservations WHERE id LIKE 'e0000000-0000-4000-8000-%'");
  if (at == std::string::npos || stored.at(0).at(0) != std::to_string(pgbench_clients * each))
    throw std::runtime_error("pgbench: " + text);
  return std::strtod(text.c_str() + at + 6, nullptr);
}

/// Processor time so far of the program and of its parts, in seconds.
std::array<double, 4> spent(const test::server_process& server) {
  return {cpu_seconds(server.pid()), cpu_seconds(test::postgres_server::shared().pid()),
          cpu_seconds(test::shared_redis_server().pid()),
          cpu_seconds(test::shared_kafka_broker().pid())};
}

void reserve_bench() {
  constexpr std::array names{"tiketi", "postgresql", "redis", "kafka"};
  std::vector<double> ours;
  std::vector<double> theirs;
  std::vector<double> ratios;
  std::array<std::vector<double>, 4> costs;
  for (int round = 0; round < rounds; ++round) {
    sale s;
    test::server_process server{s.server_options()};
    if (!server.start())
      throw std::runtime_error(server.log_tail());
    nlohmann::json map;
    const auto event = s.largest_hall(server.port(), map);
    const auto count = map.at("seats").size();
    const auto before = spent(server);
    const auto a = reserve_over_http(s, server.port(), event, map, count, visitors_at_once);
    const auto after = spent(server);
    expect_all(a, 200, "reserve");
    server.stop();
    const auto& databases = test::databases_of(s.data.path());
    if (databases.rows("ticket", "SELECT count(*) FROM reservations").at(0).at(0)
        != std::to_string(count))
      throw std::runtime_error("acknowledged and stored reservations differ");
    const auto b = pgbench(databases.name_of("ticket"), 200, s.data.path());
    ours.push_back(a.per_second());
    theirs.push_back(b);
    ratios.push_back(a.per_second() / b);
    std::cerr << fmt::format(
        "  reserve: {:.0f}/s (p50 {:.1f} ms, p99 {:.1f} ms) against {:.0f}/s of pgbench;",
        a.per_second(), a.p50_ms, a.p99_ms, b);
    for (std::size_t i = 0; i < names.size(); ++i) {
      costs[i].push_back((after[i] - before[i]) * 1e6 / static_cast<double>(count));
      std::cerr << fmt::format(" {} {:.0f} us", names[i], costs[i].back());
    }
    std::cerr << '\n';
  }
  report_ratio("reserve_pg_vs_pgbench", median(ratios),
               fmt::format("pgbench -M prepared -c 32, {:.0f}/s; tiketi over HTTP {:.0f}/s",
                           median(theirs), median(ours)));
  for (std::size_t i = 0; i < names.size(); ++i)
    report_value(fmt::format("reserve_cpu_{}", names[i]), median(costs[i]), "us",
                 "per reservation");
}

struct pending_reservation {
  std::string id;
  std::string user;
};

void pay(const sale& s, std::uint16_t port, const std::string& event,
         const std::vector<pending_reservation>& all, std::size_t connections) {
  const auto at = *parse_id<event_id>(event);
  std::vector<std::string> requests;
  requests.reserve(all.size());
  for (const auto& r : all)
    requests.push_back(
        post_request("/api/v1/payments/process", s.headers_of(at, *parse_id<user_id>(r.user)),
                     fmt::format(R"({{"reservationId":"{}","paymentMethod":"naver_pay"}})", r.id)));
  expect_all(
      run_load({port, connections, all.size(), {}}, [&](std::size_t i) { return requests[i]; }),
      200, "payment");
}

/// When the ticket role had applied each confirmation, in milliseconds, by event.
std::map<std::string, std::int64_t> applied_at(const test::server_databases& databases,
                                               std::size_t count) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes{2};
  for (;;) {
    const auto rows = databases.rows(
        "ticket", "SELECT event_id, processed_at FROM processed_events WHERE consumer = 'ticket'");
    std::map<std::string, std::int64_t> out;
    for (const auto& row : rows)
      out.emplace(row[0], std::stoll(row[1]));
    if (out.size() >= count)
      return out;
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error(fmt::format("only {} of {} events applied", out.size(), count));
    // Another process does the work; asking more often would take its time.
    std::this_thread::sleep_for(std::chrono::milliseconds{200});
  }
}

/// Outbox -> Kafka -> applied: how late at a steady rate, and how fast after an outage.
void confirmations_bench() {
  constexpr std::size_t half = 4'000;
  sale s;
  test::server_process server{s.server_options()};
  if (!server.start())
    throw std::runtime_error(server.log_tail());
  nlohmann::json map;
  const auto event = s.largest_hall(server.port(), map);
  expect_all(reserve_over_http(s, server.port(), event, map, 2 * half), 200, "reserve");
  const auto& databases = test::databases_of(s.data.path());
  std::vector<pending_reservation> first;
  std::vector<pending_reservation> second;
  for (const auto& row : databases.rows("ticket", "SELECT id, user_id FROM reservations"))
    (first.size() < half ? first : second).push_back({row[0], row[1]});
  const auto before = applied_at(databases, 0).size();

  pay(s, server.port(), event, first, 8);
  const auto applied = applied_at(databases, before + half);
  std::vector<double> delays;
  for (const auto& row : databases.rows("payment", "SELECT event_id, occurred_at FROM outbox"))
    if (const auto found = applied.find(row[0]); found != applied.end())
      delays.push_back(static_cast<double>(found->second - std::stoll(row[1])));
  if (delays.size() < half)
    throw std::runtime_error("confirmations without an event");
  std::sort(delays.begin(), delays.end());

  auto& broker = test::shared_kafka_broker();
  broker.kill();
  pay(s, server.port(), event, second, 32);
  if (!broker.start())
    throw std::runtime_error(broker.log_tail());
  std::vector<std::int64_t> times;
  for (const auto& [id, at] : applied_at(databases, before + 2 * half))
    if (!applied.contains(id))
      times.push_back(at);
  std::sort(times.begin(), times.end());
  const auto seconds = static_cast<double>(times.back() - times.front()) / 1e3;
  std::cerr << "  applied after the outage, ms since the first:";
  for (std::size_t i = 0; i <= 10; ++i)
    std::cerr << ' ' << times[(times.size() - 1) * i / 10] - times.front();
  std::cerr << '\n';
  server.stop();
  report_value("confirmations_per_second", static_cast<double>(times.size()) / seconds, "1/s",
               fmt::format("{} events after an outage of Kafka", times.size()));
  report_value("confirmation_delay_p99", delays[delays.size() * 99 / 100], "ms",
               fmt::format("median {:.0f} ms", delays[delays.size() / 2]));
}

} // namespace
} // namespace tiketi::bench

int main(int argc, char** argv) {
  // `--only <word>`: reserve or confirmations.
  std::string only;
  for (int i = 1; i + 1 < argc; ++i)
    if (std::string{argv[i]} == "--only")
      only = argv[i + 1];
  ::setenv("TIKETI_TEST_BACKEND", "production", 1);
  tiketi::test::postgres_server::shared_options().settings.clear();
  try {
    if (only.empty() || only == "reserve")
      tiketi::bench::reserve_bench();
    if (only.empty() || only == "confirmations")
      tiketi::bench::confirmations_bench();
  } catch (const std::exception& e) {
    std::cerr << "production_bench: " << e.what() << '\n';
    return 1;
  }
}
