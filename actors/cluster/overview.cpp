#include "actors/cluster/overview.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tiketi::cluster {

shard_owners owners_of(const cluster_view& view, std::span<const shard_lease> leases,
                       shard_id shards) {
  shard_owners out;
  out.epoch = view.epoch;
  out.shards = shards;
  std::vector<const std::string*> names(shards, nullptr);
  for (const auto& lease : leases) {
    const auto* owner = view.find(lease.owner.node);
    if (lease.shard < shards && owner != nullptr && owner->key == lease.owner)
      names[lease.shard] = &owner->key.node;
  }
  for (shard_id shard = 0; shard < shards; ++shard)
    out.owners[names[shard] == nullptr ? std::string{} : *names[shard]].push_back(shard);
  return out;
}

cluster_overview overview_of(const cluster_view& view, const shard_owners& owners, time_point now) {
  cluster_overview out;
  out.epoch = view.epoch;
  out.shards = owners.shards;
  const auto count = [&](const std::string& node) {
    const auto found = owners.owners.find(node);
    return found == owners.owners.end() ? std::size_t{0} : found->second.size();
  };
  for (const auto& one : view.members)
    out.members.push_back(
        {one, std::max(milliseconds{0}, now - one.renewed_at), count(one.key.node)});
  out.unowned = count("");
  return out;
}

result<shard_owners> read_owners(cluster_store& store, std::string_view role, shard_id shards) {
  const auto view = store.view();
  if (!view)
    return view.error();
  const auto leases = store.shards(role);
  if (!leases)
    return leases.error();
  return owners_of(*view, *leases, shards);
}

result<cluster_overview> read_overview(cluster_store& store, std::string_view role,
                                       shard_id shards) {
  const auto leases = store.shards(role);
  if (!leases)
    return leases.error();
  const auto view = store.view();
  if (!view)
    return view.error();
  // Last, so that no renewal is later than now.
  const auto now = store.clock();
  if (!now)
    return now.error();
  return overview_of(*view, owners_of(*view, *leases, shards), *now);
}

std::string ranges_of(std::span<const shard_id> shards) {
  std::string out;
  for (std::size_t i = 0; i < shards.size();) {
    auto last = i;
    while (last + 1 < shards.size() && shards[last + 1] == shards[last] + 1)
      ++last;
    out += out.empty() ? "" : ",";
    out += last == i ? fmt::format("{}", shards[i]) : fmt::format("{}-{}", shards[i], shards[last]);
    i = last + 1;
  }
  return out;
}

} // namespace tiketi::cluster
