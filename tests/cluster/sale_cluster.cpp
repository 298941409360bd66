#include "tests/cluster/sale_cluster.hpp"

#include "actors/base/ids.hpp"
#include "actors/cluster/shard_map.hpp"
#include "tests/sale/sale_client.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/server_databases.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>

namespace tiketi::test {

namespace {

cluster_options settings(const sale_cluster::options& wanted, const std::filesystem::path& data) {
  cluster_options out;
  out.nodes = wanted.nodes;
  out.node.data = data;
  out.behind_proxies = wanted.behind_proxies;
  out.node.arguments = load_arguments();
  // Less than by default, so that what the line says late is not mistaken for a wrong order.
  out.node.arguments.emplace_back("--cluster.read_stale_ms=1500");
  out.node.arguments.insert(out.node.arguments.end(), wanted.arguments.begin(),
                            wanted.arguments.end());
  const auto set = [&](const std::string& name, long long value) {
    out.node.arguments.push_back("--" + name + "=" + std::to_string(value));
  };
  set("cluster.lease_ms", wanted.lease.count());
  set("cluster.margin_ms", wanted.margin.count());
  set("ticket.hold_ttl_seconds", wanted.hold_ttl.count() / 1000);
  set("ticket.seats_per_user_and_event", 100);
  set("auth.access_ttl_seconds", 86'000);
  set("queue.active_ttl_seconds", 86'000);
  set("queue.session_max_seconds", 86'000);
  set("queue.entry_token_ttl_seconds", 86'000);
  set("queue.leave_grace_seconds", 1);
  set("gateway.idempotency_keys_per_user", 1'000'000); // visitors here stay longer than people do
  if (const char* level = std::getenv("TIKETI_TEST_LOG_LEVEL"))
    out.node.arguments.push_back(std::string{"--log.level="} + level);
  return out;
}

} // namespace

sale_cluster::sale_cluster(options o) : wanted(o), cluster(settings(o, data.path())) {}

std::string sale_cluster::start() {
  if (!cluster.start(std::chrono::seconds{90}))
    return "the cluster did not start: " + cluster.log_tail();
  http_client browser{cluster.port(0)};
  const auto listed = browser.get("/api/v1/events?status=on_sale&page=1&limit=100");
  if (listed.status != 200)
    return "the events were answered " + std::to_string(listed.status) + ' ' + listed.body + '\n'
           + cluster.log_tail(9000);
  const auto events = listed.json();
  if (!events.is_object())
    return "the list of events is no JSON: " + listed.body.substr(0, 500);
  for (const auto& e : events.at("events")) {
    const std::string id = e.at("id");
    const auto map = browser.get("/api/v1/seats/events/" + id);
    hall found{id, {}};
    const auto answer = map.json();
    if (map.status == 200 && !answer.is_object())
      return "the seat map of " + id + " is no JSON: " + map.body.substr(0, 500) + " ("
             + std::to_string(map.body.size()) + " bytes)";
    if (map.status == 200)
      for (const auto& seat : seats_of(answer))
        if (seat.status == "available" && found.seats.size() < wanted.seats_per_hall)
          found.seats.push_back(seat.id);
    if (found.seats.size() < wanted.seats_per_hall || halls.size() == wanted.halls) {
      if (queue.empty())
        queue = id;
    } else {
      halls.push_back(std::move(found));
    }
  }
  if (halls.size() < 2 || queue.empty())
    return "the demo has too few events";
  const auto login = browser.post(
      "/api/v1/auth/login", {{"email", "admin@tiketi.local"}, {"password", "admin-password"}});
  if (login.status != 200 || !login.json().is_object())
    return "the administrator cannot log in: " + login.body;
  browser.common = {{"Authorization", "Bearer " + login.json().at("token").get<std::string>()}};
  const auto set = browser.post("/api/v1/queue/admin/threshold/" + queue
                                + "?threshold=" + std::to_string(wanted.line_threshold));
  return set.status == 200 ? std::string{} : "no threshold: " + set.body;
}

rows_reader sale_cluster::rows() const {
  return
      [&databases = databases_of(data.path())](const std::string& role, const std::string& query) {
        return databases.rows(role, query);
      };
}

std::vector<std::size_t> sale_cluster::owners() const {
  std::map<std::string, std::string> by_shard;
  for (auto& row : rows()("cluster", "select shard, owner from cluster_shards"))
    by_shard.emplace(row[0], row[1]);
  const auto shards = static_cast<cluster::shard_id>(by_shard.size());
  std::vector<std::size_t> out;
  for (const auto& place : halls) {
    const auto tag = route_of(*parse_id<event_id>(place.event));
    const auto owner = by_shard[std::to_string(cluster::shard_of(tag, shards))];
    std::size_t node = 0;
    while (node < cluster.size() && cluster_process::name(node) != owner)
      ++node;
    out.push_back(node);
  }
  return out;
}

std::size_t sale_cluster::shards_of(std::size_t node) const {
  const auto found = rows()(
      "cluster", "select count(*) from cluster_shards s join cluster_nodes n on n.node = s.owner "
                 "and n.incarnation = s.incarnation where n.member = 1 and s.owner = '"
                     + cluster_process::name(node) + "'");
  return std::stoul(found.at(0).at(0));
}

std::size_t nodes_wanted() {
  const char* wanted = std::getenv("TIKETI_TEST_NODES");
  return wanted == nullptr ? 3 : std::max<std::size_t>(1, std::strtoull(wanted, nullptr, 10));
}

} // namespace tiketi::test
