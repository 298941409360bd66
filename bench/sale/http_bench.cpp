// The hot paths of a sale over HTTP: the real program in its own process, real SQLite files, this
// process as the clients. Every figure is a ratio against a baseline measured in turn with it.

#include "bench/sale/sale.hpp"
#include "bench/support/beast_server.hpp"
#include "bench/support/report.hpp"
#include "storage/sql/database.hpp"
#include "storage/sql/ticket_store.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"
#include "tests/support/stored_rows.hpp"

#include <cstdlib>
#include <iostream>
#include <memory>

#include <fmt/format.h>

namespace tiketi::bench {
namespace {

constexpr int rounds = 3;

/// Requests per second of the program against those of the bare server, in turn.
void compare(const std::string& name, std::uint16_t port, std::size_t connections,
             std::chrono::milliseconds duration,
             const std::function<std::string(std::size_t)>& next, const std::string& body) {
  beast_server bare{body, socket_threads};
  auto plain = get_request("/", {});
  std::vector<double> ours;
  std::vector<double> theirs;
  std::vector<double> ratios;
  for (int i = 0; i < rounds; ++i) {
    const auto a = run_load({port, connections, 0, duration}, next);
    expect_all(a, 200, name.c_str());
    const auto b =
        run_load({bare.port(), connections, 0, duration}, [&](std::size_t) { return plain; });
    ours.push_back(a.per_second());
    theirs.push_back(b.per_second());
    ratios.push_back(a.per_second() / b.per_second());
    std::cerr << fmt::format("  {}: {:.0f}/s (p99 {:.1f} ms) against {:.0f}/s bare, {} bytes\n",
                             name, a.per_second(), a.p99_ms, b.per_second(), body.size());
  }
  report_ratio(name, median(ratios),
               fmt::format("bare Beast, {:.0f}/s; tiketi {:.0f}/s", median(theirs), median(ours)));
}

void seat_map_bench() {
  sale s;
  test::server_process server{s.server_options()};
  if (!server.start())
    throw std::runtime_error(server.log_tail());
  nlohmann::json map;
  const auto event = s.largest_hall(server.port(), map);
  std::cerr << "  hall of " << map.at("seats").size() << " seats\n";
  test::http_client browser{server.port()};
  const auto reply = browser.get("/api/v1/seats/events/" + event);
  const auto unchanged =
      browser.get("/api/v1/seats/events/" + event, {{"If-None-Match", reply.headers.at("etag")}});
  if (unchanged.status != 304)
    throw std::runtime_error("an unchanged map was sent again");
  auto request = get_request("/api/v1/seats/events/" + event, {});
  compare(
      "seat_map_vs_beast", server.port(), 16, std::chrono::seconds{3},
      [&](std::size_t) { return request; }, reply.body);
  server.stop();
}

void queue_status_bench(std::size_t waiting) {
  sale s;
  std::string event;
  {
    // A first start makes the schema and the demo events.
    test::server_process server{s.server_options()};
    if (!server.start())
      throw std::runtime_error(server.log_tail());
    nlohmann::json map;
    event = s.largest_hall(server.port(), map);
    server.stop();
  }
  // A million people are in the journal when the program starts; a threshold of one with somebody
  // active keeps them waiting.
  std::vector<std::string> users(waiting);
  for (auto& u : users)
    u = to_string(make_uuid(*s.env));
  {
    auto db = sql::database::open({.target = (s.data.path() / "queue.db").string()});
    auto& session = db->session();
    soci::transaction tr(session);
    const auto far = to_millis(s.env->now()) + 3'600'000;
    session << "INSERT INTO queue_limits(event_id, threshold) VALUES (:e, 1)", soci::use(event);
    const auto somebody = to_string(make_uuid(*s.env));
    session << "INSERT INTO queue_active(event_id, user_id, expires_at, ends_at) VALUES (:e, :u, "
               ":x, :y)",
        soci::use(event), soci::use(somebody), soci::use(static_cast<long long>(far)),
        soci::use(static_cast<long long>(far));
    long long sequence = 0;
    std::string user;
    soci::statement insert =
        (session.prepare
             << "INSERT INTO queue_waiting(event_id, sequence, user_id) VALUES (:e, :s, :u)",
         soci::use(event), soci::use(sequence), soci::use(user));
    for (const auto& u : users) {
      ++sequence;
      user = u;
      insert.execute(true);
    }
    tr.commit();
  }
  test::server_process server{s.server_options()};
  if (!server.start(std::chrono::minutes{2}))
    throw std::runtime_error(server.log_tail());
  // People from all over the line, each with an own session.
  std::vector<std::string> requests;
  for (std::size_t i = 0; i < 512; ++i) {
    const user_id user = *parse_id<user_id>(users[i * (waiting / 512)]);
    requests.push_back(get_request("/api/v1/queue/status/" + event, s.session_of(user)));
  }
  test::http_client browser{server.port()};
  browser.common = {
      {"Authorization", "Bearer " + s.session_of(*parse_id<user_id>(users[waiting / 2]))}};
  const auto reply = browser.get("/api/v1/queue/status/" + event);
  if (reply.json().value("queueSize", std::size_t{0}) != waiting)
    throw std::runtime_error("not everybody waits: " + reply.body);
  compare(
      "queue_status_vs_beast", server.port(), 64, std::chrono::seconds{3},
      [&](std::size_t i) { return requests[i % requests.size()]; }, reply.body);
  server.stop();
}

/// One durable transaction per reservation: the same statements on the same kind of file.
double single_transactions(const event_id& event, const nlohmann::json& map, std::size_t count,
                           const std::filesystem::path& file, environment& env) {
  auto writes = sql::make_ticket_writes(*sql::database::open({.target = file.string()}), env);
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < count; ++i) {
    const auto& seat = map.at("seats").at(map.at("seats").size() - 1 - i);
    const auto now = env.now();
    ticket::create_reservation c;
    auto& r = c.reservation;
    r.id = make_reservation_id(event, env);
    r.user = user_id{make_uuid(env)};
    r.event = event;
    r.number = "TK" + to_string(r.id).substr(0, 18);
    r.total_amount = seat.at("price");
    r.created_at = now;
    r.expires_at = now + std::chrono::minutes{5};
    ticket::reservation_item item;
    item.seat = *parse_id<seat_id>(seat.at("id").get<std::string>());
    item.name = seat.at("seat_label");
    item.unit_price = r.total_amount;
    item.token = 1;
    item.seat_version = 1;
    r.items.push_back(item);
    c.idempotency_key = to_string(make_uuid(env));
    domain_event e;
    e.id = make_uuid(env);
    e.topic = "reservation-events";
    e.key = to_string(r.id);
    e.type = "RESERVATION_CREATED";
    e.occurred_at = now;
    e.payload = std::string(300, ' ');
    c.events.push_back(e);
    std::vector<ticket::ticket_write> batch{{c}};
    const auto done = writes->commit(batch);
    if (done.front().status != commit_status::committed)
      throw std::runtime_error("the baseline could not write");
  }
  return static_cast<double>(count)
         / std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void reserve_bench() {
  std::vector<double> ours;
  std::vector<double> theirs;
  std::vector<double> ratios;
  for (int round = 0; round < rounds; ++round) {
    sale s;
    auto options = s.server_options();
    test::server_process server{options};
    if (!server.start())
      throw std::runtime_error(server.log_tail());
    nlohmann::json map;
    const auto event = s.largest_hall(server.port(), map);
    const auto id = *parse_id<event_id>(event);
    // The last 2,000 seats belong to the baseline.
    const std::size_t single = 2'000;
    const std::size_t count = map.at("seats").size() - single;
    const auto a = reserve_over_http(s, server.port(), event, map, count);
    expect_all(a, 200, "reserve");
    server.stop();
    const auto stored =
        test::stored_number(s.data.path() / "ticket.db", "select count(*) from reservations");
    if (stored != static_cast<long long>(count))
      throw std::runtime_error("acknowledged and stored reservations differ");
    const auto b = single_transactions(id, map, single, s.data.path() / "ticket.db", *s.env);
    ours.push_back(a.per_second());
    theirs.push_back(b);
    ratios.push_back(a.per_second() / b);
    std::cerr << fmt::format(
        "  reserve: {:.0f}/s (p50 {:.1f} ms, p99 {:.1f} ms) against {:.0f}/s one by one\n",
        a.per_second(), a.p50_ms, a.p99_ms, b);
  }
  report_ratio("reserve_sqlite_vs_single_tx", median(ratios),
               fmt::format("one transaction each, {:.0f}/s; tiketi over HTTP {:.0f}/s",
                           median(theirs), median(ours)));
}

} // namespace
} // namespace tiketi::bench

int main(int argc, char** argv) {
  // `--only <word>`: seat_map, status or reserve; `--waiting <n>`: people in the line.
  std::string only;
  std::size_t waiting = 1'000'000;
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::string{argv[i]} == "--only")
      only = argv[i + 1];
    if (std::string{argv[i]} == "--waiting")
      waiting = std::strtoull(argv[i + 1], nullptr, 10);
  }
  try {
    if (only.empty() || only == "seat_map")
      tiketi::bench::seat_map_bench();
    if (only.empty() || only == "status")
      tiketi::bench::queue_status_bench(waiting);
    if (only.empty() || only == "reserve")
      tiketi::bench::reserve_bench();
  } catch (const std::exception& e) {
    std::cerr << "http_bench: " << e.what() << '\n';
    return 1;
  }
}
