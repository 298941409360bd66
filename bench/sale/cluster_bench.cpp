// A sale on a cluster: two nodes of the real program with PostgreSQL, Redis and Kafka on this
// machine. What does it cost to come to the node that an event does not live on?

#include "actors/cluster/shard_map.hpp"
#include "bench/sale/sale.hpp"
#include "bench/support/cpu_time.hpp"
#include "bench/support/report.hpp"
#include "tests/support/cluster_process.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/kafka_broker.hpp"
#include "tests/support/metrics.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/production_parts.hpp"
#include "tests/support/server_databases.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

namespace tiketi::bench {
namespace {

constexpr int rounds = 5;
constexpr std::size_t nodes = 2;
constexpr std::size_t waiting = 100'000;

/// Who has which shards, when each node has about as many as the others: the first one that starts
/// has all, and gives some away.
nlohmann::json settled_shards(const sale& s, test::cluster_process& cluster) {
  test::http_client operators{cluster.port(0)};
  operators.common = {
      {"Authorization", "Bearer " + s.server_options().environment.at("INTERNAL_API_TOKEN")}};
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes{1};
  for (nlohmann::json before;;) {
    auto seen = operators.get("/internal/cluster/shards").json();
    const auto& owners = seen.at("owners");
    const auto share = seen.at("shards").get<std::size_t>() / nodes;
    if (before == owners && owners.size() == nodes && seen.at("unowned").get<std::string>().empty()
        && std::all_of(owners.begin(), owners.end(), [&](const auto& owner) {
             return owner.at("count").template get<std::size_t>() > share * 3 / 4;
           }))
      return seen;
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error("the shards are not shared out: " + seen.dump());
    before = owners;
    std::this_thread::sleep_for(std::chrono::milliseconds{500}); // other processes do the work
  }
}

/// Which node an event lives on.
std::size_t owner_of(const sale& s, test::cluster_process& cluster, const std::string& event) {
  const auto seen = settled_shards(s, cluster);
  const auto shard = cluster::shard_of(route_of(*parse_id<event_id>(event)),
                                       seen.at("shards").get<std::uint32_t>());
  for (const auto& owner : seen.at("owners")) {
    std::istringstream ranges{owner.at("shards").get<std::string>()};
    for (std::string range; std::getline(ranges, range, ',');) {
      const auto dash = range.find('-');
      const auto first = std::stoul(range.substr(0, dash));
      const auto last = dash == std::string::npos ? first : std::stoul(range.substr(dash + 1));
      if (first <= shard && shard <= last)
        for (std::size_t i = 0; i < cluster.size(); ++i)
          if (owner.at("node") == test::cluster_process::name(i))
            return i;
    }
  }
  throw std::runtime_error("no node has the event: " + seen.dump());
}

double spent_by_nodes(test::cluster_process& cluster) {
  double out = 0;
  for (std::size_t i = 0; i < cluster.size(); ++i)
    out += cpu_seconds(cluster.pid(i));
  return out;
}

double spent_by_all(test::cluster_process& cluster) {
  return spent_by_nodes(cluster) + cpu_seconds(test::postgres_server::shared().pid())
         + cpu_seconds(test::shared_redis_server().pid())
         + cpu_seconds(test::shared_kafka_broker().pid());
}

double forwarded(test::cluster_process& cluster, std::size_t node) {
  return test::metric(cluster.port(node), "cluster_forwarded_total");
}

struct cost {
  double nodes_us = 0;
  double all_us = 0;
  double per_second = 0;
};

/// Reservations of the seats of `map` from `from` on, which enter at one node.
cost reserve_at(const sale& s, test::cluster_process& cluster, std::size_t node,
                const std::string& event, const nlohmann::json& map, std::size_t from,
                std::size_t count, bool at_owner) {
  nlohmann::json part;
  part["seats"] = nlohmann::json::array();
  for (std::size_t i = 0; i < count; ++i)
    part["seats"].push_back(map.at("seats").at(from + i));
  const auto forwarded_before = forwarded(cluster, node);
  const auto nodes_before = spent_by_nodes(cluster);
  const auto all_before = spent_by_all(cluster);
  const auto load = reserve_over_http(s, cluster.port(node), event, part, count);
  expect_all(load, 200, "reserve");
  const auto per = 1e6 / static_cast<double>(count);
  const cost out{(spent_by_nodes(cluster) - nodes_before) * per,
                 (spent_by_all(cluster) - all_before) * per, load.per_second()};
  // Some questions of the nodes are always on their way.
  if ((forwarded(cluster, node) - forwarded_before > static_cast<double>(count) / 2) == at_owner)
    throw std::runtime_error("the event is not where it was thought to be");
  return out;
}

void reserve_bench(const sale& s, test::cluster_process& cluster, const std::string& event,
                   const nlohmann::json& map) {
  const auto owner = owner_of(s, cluster, event);
  const auto other = (owner + 1) % nodes;
  const auto part = map.at("seats").size() / (2 * rounds + 2);
  std::size_t from = 0;
  const auto next = [&](std::size_t node) {
    const auto out = reserve_at(s, cluster, node, event, map, from, part, node == owner);
    from += part;
    return out;
  };
  next(owner); // caches and connections
  next(other);
  std::vector<double> by_nodes;
  std::vector<double> by_all;
  std::vector<double> here_us;
  for (int round = 0; round < rounds; ++round) {
    const auto here = next(owner);
    const auto there = next(other);
    by_nodes.push_back(there.nodes_us / here.nodes_us);
    by_all.push_back(there.all_us / here.all_us);
    here_us.push_back(here.nodes_us);
    std::cerr << fmt::format("  reserve: at the owner {:.0f} us ({:.0f} us with the servers, "
                             "{:.0f}/s), elsewhere {:.0f} us ({:.0f} us, {:.0f}/s)\n",
                             here.nodes_us, here.all_us, here.per_second, there.nodes_us,
                             there.all_us, there.per_second);
  }
  report_ratio("nonowner_reserve_cost", median(by_nodes),
               fmt::format("processor time of all nodes at the owner, {:.0f} us; with the servers "
                           "the ratio is {:.2f}",
                           median(here_us), median(by_all)));
}

std::string nth_user(std::size_t n) {
  return fmt::format("d0000000-0000-4000-8000-{:012}", n);
}

/// A long line in the journal: one has the only slot, the others wait.
void fill_line(const std::string& database, const std::string& event, std::int64_t far) {
  test::postgres_server::shared().run(
      database,
      fmt::format(
          "INSERT INTO queue_limits(event_id, threshold) VALUES ('{0}', 1);"
          "INSERT INTO queue_active(event_id, user_id, expires_at, ends_at) VALUES ('{0}', "
          "'{1}', {2}, {2});"
          "INSERT INTO queue_waiting(event_id, sequence, user_id) SELECT '{0}', n, "
          "'d0000000-0000-4000-8000-' || lpad(CAST(n AS TEXT), 12, '0') FROM generate_series(1, "
          "{3}) n",
          event, nth_user(0), far, waiting));
}

void poll_bench(const sale& s, test::cluster_process& cluster, const std::string& event) {
  const auto owner = owner_of(s, cluster, event);
  const auto other = (owner + 1) % nodes;
  std::vector<std::string> requests;
  for (std::size_t i = 0; i < 512; ++i)
    requests.push_back(
        get_request("/api/v1/queue/status/" + event,
                    s.session_of(*parse_id<user_id>(nth_user(1 + i * (waiting / 512))))));
  const auto load = [&](std::size_t node, std::chrono::milliseconds time) {
    auto out = run_load({cluster.port(node), 64, 0, time},
                        [&](std::size_t i) { return requests[i % requests.size()]; });
    expect_all(out, 200, "status");
    return out;
  };
  for (const auto node : {owner, other}) {
    test::http_client browser{cluster.port(node)};
    browser.common = {{"Authorization", "Bearer " + s.session_of(*parse_id<user_id>(nth_user(7)))}};
    const auto reply = browser.get("/api/v1/queue/status/" + event).json();
    if (reply.value("queueSize", std::size_t{0}) != waiting || reply.value("position", 0) != 7)
      throw std::runtime_error((node == owner ? "owner: " : "other: ")
                               + std::string{"not everybody waits: "} + reply.dump() + "\n"
                               + cluster.log_tail());
    load(node, std::chrono::seconds{1});
  }
  std::vector<double> ratios;
  std::vector<double> here;
  std::vector<double> there;
  for (int round = 0; round < rounds; ++round) {
    here.push_back(load(owner, std::chrono::seconds{2}).per_second());
    there.push_back(load(other, std::chrono::seconds{2}).per_second());
    ratios.push_back(there.back() / here.back());
    std::cerr << fmt::format("  polls: {:.0f}/s at the owner, {:.0f}/s elsewhere\n", here.back(),
                             there.back());
  }
  report_ratio("nonowner_poll_ratio", median(ratios),
               fmt::format("the owner, {:.0f}/s; elsewhere {:.0f}/s", median(here), median(there)));
}

void run(const std::string& only) {
  const sale s;
  test::cluster_process cluster{
      {.node = s.server_options(), .nodes = nodes, .behind_proxies = false}};
  if (!cluster.start())
    throw std::runtime_error(cluster.log_tail());
  nlohmann::json map;
  const auto event = s.largest_hall(cluster.port(0), map);
  const auto& databases = test::databases_of(s.data.path());
  if (only.empty() || only == "reserve")
    reserve_bench(s, cluster, event, map);
  if (only.empty() || only == "polls") {
    cluster.stop();
    fill_line(databases.name_of("queue"), event, to_millis(s.env->now()) + 3'600'000);
    if (!cluster.start())
      throw std::runtime_error(cluster.log_tail());
    poll_bench(s, cluster, event);
  }
  cluster.stop();
}

} // namespace
} // namespace tiketi::bench

int main(int argc, char** argv) {
  // `--only <word>`: reserve or polls.
  std::string only;
  for (int i = 1; i + 1 < argc; ++i)
    if (std::string{argv[i]} == "--only")
      only = argv[i + 1];
  ::setenv("TIKETI_TEST_BACKEND", "production", 1);
  tiketi::test::postgres_server::shared_options().settings.clear();
  try {
    tiketi::bench::run(only);
  } catch (const std::exception& e) {
    std::cerr << "cluster_bench: " << e.what() << '\n';
    return 1;
  }
}
