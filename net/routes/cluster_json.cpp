#include "net/routes/cluster_json.hpp"

namespace tiketi::net {

using nlohmann::json;

std::string_view to_string_view(cluster::standing stands) noexcept {
  switch (stands) {
  case cluster::standing::joining:
    return "joining";
  case cluster::standing::member:
    return "member";
  case cluster::standing::refused:
    return "refused";
  case cluster::standing::left:
    return "left";
  }
  return "";
}

json cluster_json(const cluster::cluster_overview& overview) {
  auto members = json::array();
  for (const auto& one : overview.members)
    members.push_back({{"node", one.who.key.node},
                       {"incarnation", one.who.key.incarnation},
                       {"address", one.who.address},
                       {"version", one.who.runs.version},
                       {"protocol", one.who.runs.protocol},
                       {"weight", one.who.weight},
                       {"draining", one.who.draining},
                       {"leaseMs", one.who.lease.count()},
                       {"renewedMsAgo", one.renewed_ago.count()},
                       {"shards", one.shards}});
  return {{"epoch", overview.epoch},
          {"members", std::move(members)},
          {"shards", overview.shards},
          {"unownedShards", overview.unowned}};
}

json shards_json(const cluster::shard_owners& owners) {
  auto by_owner = json::array();
  std::string unowned;
  for (const auto& [node, shards] : owners.owners)
    if (node.empty())
      unowned = cluster::ranges_of(shards);
    else
      by_owner.push_back(
          {{"node", node}, {"count", shards.size()}, {"shards", cluster::ranges_of(shards)}});
  return {{"epoch", owners.epoch},
          {"shards", owners.shards},
          {"owners", std::move(by_owner)},
          {"unowned", std::move(unowned)}};
}

} // namespace tiketi::net
