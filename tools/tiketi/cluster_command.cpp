#include "tools/tiketi/cluster_command.hpp"

#include "actors/cluster/overview.hpp"
#include "actors/cluster/routing.hpp"
#include "net/routes/cluster_json.hpp"
#include "storage/sql/cluster_store.hpp"
#include "tools/tiketi/databases.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace tiketi {
namespace {

using namespace cluster;

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void print(const nlohmann::json& value) {
  print(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

template <class T>
T must(result<T> got) {
  if (!got)
    throw std::runtime_error(fmt::format(
        "the cluster's database cannot be asked: {}. A database that no node and no `tiketi "
        "migrate` has used yet has no tables",
        got.error().text));
  return std::move(*got);
}

/// Not renewed for a whole lease: the others are about to end it, if there are any.
bool is_late(const member_overview& one) {
  return one.renewed_ago > one.who.lease;
}

bool is_well(const cluster_overview& all) {
  return !all.members.empty() && all.unowned == 0
         && std::none_of(all.members.begin(), all.members.end(), is_late);
}

using line = std::array<std::string, 8>;

std::string table_of(const std::vector<line>& lines) {
  std::array<std::size_t, 8> width{};
  for (const auto& one : lines)
    for (std::size_t i = 0; i < one.size(); ++i)
      width[i] = std::max(width[i], one[i].size());
  std::string out;
  for (const auto& one : lines) {
    std::string text;
    for (std::size_t i = 0; i < one.size(); ++i)
      text += fmt::format("{:<{}}  ", one[i], width[i]);
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  }
  return out;
}

int status(cluster_store& store, bool json) {
  const auto all = must(read_overview(store, sale_role, shards_default));
  const int code = is_well(all) ? 0 : 3;
  if (json) {
    auto body = net::cluster_json(all);
    body["well"] = code == 0;
    print(body);
    return code;
  }
  print(fmt::format("{} members, view {}, {} shards, {} without an owner\n", all.members.size(),
                    all.epoch, all.shards, all.unowned));
  if (all.members.empty())
    return code;
  std::vector<line> lines{
      line{"NODE", "INCARNATION", "ADDRESS", "VERSION", "WEIGHT", "SHARDS", "RENEWED", "STATE"}};
  for (const auto& one : all.members)
    lines.push_back(line{one.who.key.node, fmt::to_string(one.who.key.incarnation), one.who.address,
                         one.who.runs.version, fmt::to_string(one.who.weight),
                         fmt::to_string(one.shards),
                         fmt::format("{} ms ago", one.renewed_ago.count()),
                         is_late(one)       ? "late"
                         : one.who.draining ? "draining"
                                            : "serving"});
  print(table_of(lines));
  return code;
}

int shards(cluster_store& store, bool json) {
  const auto all = must(read_owners(store, sale_role, shards_default));
  if (json) {
    print(net::shards_json(all));
    return 0;
  }
  for (const auto& [node, owned] : all.owners)
    print(fmt::format("{:<16} {:>5}  {}\n", node.empty() ? "(nobody)" : node, owned.size(),
                      ranges_of(owned)));
  return 0;
}

std::size_t owned_by(cluster_store& store, const std::string& node) {
  const auto all = must(read_owners(store, sale_role, shards_default));
  const auto found = all.owners.find(node);
  return found == all.owners.end() ? 0 : found->second.size();
}

int set_draining(cluster_store& store, const config::cluster_order& order) {
  const bool draining = order.word == "drain";
  if (!must(store.set_draining(order.node, draining)))
    throw std::runtime_error(fmt::format("no node '{}' is a member of the cluster", order.node));
  auto left = owned_by(store, order.node);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{order.wait_seconds};
  while (draining && left > 0 && std::chrono::steady_clock::now() < deadline) {
    // Nothing tells when rows change.
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
    left = owned_by(store, order.node);
  }
  if (order.json)
    print(nlohmann::json{{"node", order.node}, {"draining", draining}, {"shards", left}});
  else
    print(draining ? fmt::format("{} drains; it owns {} shards\n", order.node, left)
                   : fmt::format("{} may own shards; it has {}\n", order.node, left));
  return draining && order.wait_seconds > 0 && left > 0 ? 1 : 0;
}

} // namespace

int run_cluster_command(const config::settings& values, const config::cluster_order& order) {
  const auto store = sql::make_cluster_store(open_server_database("cluster", values));
  if (order.word == "status")
    return status(*store, order.json);
  if (order.word == "shards")
    return shards(*store, order.json);
  return set_draining(*store, order);
}

} // namespace tiketi
