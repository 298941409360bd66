#include "tests/cluster/fault_load.hpp"
#include "tests/cluster/faults.hpp"
#include "tests/cluster/sale_cluster.hpp"
#include "tests/sale/sale_client.hpp"
#include "tests/support/http_client.hpp"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <thread>

#include <gtest/gtest.h>

namespace tiketi::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

std::size_t faults_wanted() {
  if (const char* wanted = std::getenv("TIKETI_TEST_FAULTS"))
    return std::strtoull(wanted, nullptr, 10);
  return full_run() ? 200 : 4;
}

/// Where a history that is wrong stays to be looked at.
std::filesystem::path evidence() {
  auto out =
      std::filesystem::temp_directory_path() / ("tiketi-faults-" + std::to_string(test_seed()));
  std::filesystem::create_directories(out);
  return out;
}

bool until(seconds limit, const std::function<bool()>& there) {
  const auto deadline = steady_clock::now() + limit;
  while (!there()) {
    if (steady_clock::now() > deadline)
      return false;
    // Other processes do the work; the pause only saves processor time.
    std::this_thread::sleep_for(milliseconds{100});
  }
  return true;
}

std::string seats_in(const std::vector<hall>& halls) {
  std::string out;
  for (const auto& place : halls)
    for (const auto& seat : place.seats)
      out += (out.empty() ? "'" : ", '") + seat + "'";
  return out;
}

/// What became of each hold, by the database, which forgets none.
std::map<std::string, hold_fate> fates_in(const sale_cluster& sale) {
  std::map<std::string, hold_fate> out;
  for (const auto& row :
       sale.rows()("ticket", "select idempotency_key, status, coalesce(paid_by, '') from "
                             "reservations where idempotency_key is not null"))
    out[row[0]] = {!row[2].empty(), row[1] == "cancelled", row[1] == "expired"};
  return out;
}

/// How each seat ended, by the database.
void read_at_last(const sale_cluster& sale, seat_history& history) {
  const auto now = now_ns();
  const auto rows = sale.rows()(
      "ticket", "select s.id, s.status, coalesce(r.idempotency_key, '') from seats s left join "
                "reservations r on r.id = s.holder where s.id in ("
                    + seats_in(sale.halls) + ")");
  for (const auto& row : rows) {
    seat_operation read;
    read.seat = row[0];
    read.op = "read";
    read.hold = row[2];
    read.state = row[1] == "available" ? "free" : row[1] == "locked" ? "held" : "sold";
    read.call = now;
    read.end = now_ns();
    read.node = "database";
    history.add(std::move(read));
  }
}

/// Every node's seat maps say what the database says.
std::string map_that_differs(const sale_cluster& sale) {
  std::map<std::string, std::string> stored;
  for (auto& row : sale.rows()("ticket", "select id, status from seats where id in ("
                                             + seats_in(sale.halls) + ")"))
    stored.emplace(row[0], row[1]);
  for (std::size_t node = 0; node < sale.cluster.size(); ++node) {
    http_client browser{sale.cluster.port(node)};
    for (const auto& place : sale.halls) {
      const auto reply = browser.get("/api/v1/seats/events/" + place.event);
      if (reply.status != 200)
        return cluster_process::name(node) + " answers " + std::to_string(reply.status);
      const auto answer = reply.json();
      for (const auto& seat : seats_of(answer))
        if (const auto found = stored.find(seat.id);
            found != stored.end() && found->second != seat.status)
          return cluster_process::name(node) + " shows " + seat.id + " as " + seat.status + ", not "
                 + found->second;
    }
  }
  return {};
}

TEST(faults_test, a_sale_survives_whatever_happens_to_its_parts) {
  sale_cluster sale{{.nodes = nodes_wanted()}};
  const auto wrong = sale.start();
  ASSERT_EQ(wrong, "");

  load_options options;
  for (std::size_t i = 0; i < sale.cluster.size(); ++i)
    options.ports.push_back(sale.cluster.port(i));
  options.halls = sale.halls;
  options.queue = sale.queue;
  options.seed = test_seed();
  options.hold_ttl = sale.wanted.hold_ttl;
  if (faults_wanted() < 20) { // each client signs up and enters every hall first
    options.clients = 16;
    options.in_line = 6;
  }
  fault_load load{options};
  ASSERT_TRUE(load.prepare()) << sale.cluster.log_tail();
  load.start();
  std::string silent;
  ASSERT_TRUE(load.all_served(seconds{30}, silent)) << silent << sale.cluster.log_tail();

  const auto plan =
      plan_faults(test_seed(), faults_wanted(), sale.cluster.size(), sale.wanted.lease);
  std::size_t number = 0;
  for (const auto& f : plan) {
    std::cout << "  " << ++number << " of " << plan.size() << ": " << describe(f) << std::flush;
    std::this_thread::sleep_for(f.calm);
    const auto failed = play(f, sale.cluster);
    const auto healed = steady_clock::now();
    ASSERT_EQ(failed, "") << sale.cluster.log_tail();
    for (std::size_t i = 0; i < sale.cluster.size(); ++i)
      ASSERT_TRUE(sale.cluster.alive(i)) << cluster_process::name(i) << " ended by itself\n"
                                         << sale.cluster.log_tail();
    ASSERT_TRUE(load.all_served(seconds{30}, silent)) << "not served any more: " << silent << '\n'
                                                      << sale.cluster.log_tail();
    std::cout << "; all served after "
              << std::chrono::duration_cast<milliseconds>(steady_clock::now() - healed).count()
              << " ms" << std::endl;
  }
  load.stop();
  for (const auto& [answer, times] : load.answers())
    std::cout << "  " << answer << ": " << times << '\n';

  EXPECT_TRUE(until(seconds{60}, [&] { return nothing_pending(sale.rows()); }))
      << sale.cluster.log_tail();
  EXPECT_EQ(load.surprises(), 0u);
  EXPECT_GT(load.told().size(), 20 * plan.size()) << "no load";
  audit_sale(load.told(), sale.rows());
  check_line(load.line(), sale.wanted.line_threshold, seconds{2});
  EXPECT_GT(load.line().size(), plan.size()) << "nobody stood in line";
  std::string different;
  EXPECT_TRUE(until(seconds{10}, [&] { return (different = map_that_differs(sale)).empty(); }))
      << different;

  const auto fates = fates_in(sale);
  EXPECT_EQ(load.history().refused_but_made(fates), std::vector<std::string>{});
  load.history().settle(fates);
  read_at_last(sale, load.history());
  const auto place = evidence();
  load.history().write(place / "history.jsonl");
  const auto verdict = judge(place / "history.jsonl", place);
  std::cout << "  the judge: " << verdict.words << std::flush;
  EXPECT_EQ(verdict.status, 0) << "the history and pictures are in " << place;
  EXPECT_EQ(sale.cluster.stop(), 0) << sale.cluster.log_tail();
  if (HasFailure()) {
    std::ofstream{place / "nodes.log"} << sale.cluster.log_tail(std::size_t{64} << 20);
    std::ofstream rows{place / "reservations.txt"};
    std::ofstream stays{place / "line.txt"};
    stays << "person, join, joined, looks (call, end, status), leave\n";
    for (const auto& stay : load.line()) {
      stays << stay.person << ' ' << stay.join_call << ' ' << stay.join_end;
      for (const auto& look : stay.looks)
        stays << ' ' << look.call << ' ' << look.end << ' ' << look.status;
      stays << ' ' << stay.leave_call << '\n';
    }
    rows << "at (ms since 1970), reservation, what; times of the history began at "
         << std::chrono::duration_cast<milliseconds>(
                std::chrono::system_clock::now().time_since_epoch())
                    .count()
                - now_ns() / 1'000'000
         << '\n';
    for (const auto& row :
         sale.rows()("ticket", "select created_at, id, 'made by ' || coalesce(idempotency_key, "
                               "'') from reservations union all select at, reservation_id, "
                               "action from reservation_history order by 1"))
      rows << row[0] << ' ' << row[1] << ' ' << row[2] << '\n';
  } else
    std::filesystem::remove_all(place);
}

} // namespace
} // namespace tiketi::test
