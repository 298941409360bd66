#include "actors/cluster/shard_map.hpp"

#include <algorithm>

namespace tiketi::cluster {

namespace {

/// splitmix64: every bit of the input reaches every bit of the output.
constexpr std::uint64_t mixed(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// FNV-1a
constexpr std::uint64_t hash_of(std::string_view text) noexcept {
  std::uint64_t h = 0xcbf29ce484222325ULL;
  for (const char c : text)
    h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return h;
}

} // namespace

shard_id shard_of(std::uint64_t key, shard_id shards) noexcept {
  return static_cast<shard_id>(mixed(key) % shards);
}

shard_map::shard_map(std::uint64_t epoch, std::span<const candidate> candidates, shard_id shards)
    : epoch_(epoch), owners_(std::min(shards, shards_max), nobody) {
  std::vector<candidate> sorted(candidates.begin(), candidates.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const candidate& a, const candidate& b) { return a.node < b.node; });
  if (sorted.size() >= nobody)
    sorted.resize(nobody);
  std::vector<std::uint64_t> highest(owners_.size(), 0);
  for (const auto& one : sorted) {
    const auto place = static_cast<std::uint16_t>(nodes_.size());
    nodes_.push_back(one.node);
    const auto name = hash_of(one.node);
    for (std::uint32_t unit = 0; unit < std::min(one.weight, weight_max); ++unit) {
      const auto seed = mixed(name + unit);
      for (shard_id shard = 0; shard < owners_.size(); ++shard) {
        // Of two equal numbers the first name's counts.
        const auto number = mixed(seed ^ mixed(shard));
        if (owners_[shard] == nobody || number > highest[shard]) {
          owners_[shard] = place;
          highest[shard] = number;
        }
      }
    }
  }
}

std::string_view shard_map::owner(shard_id shard) const noexcept {
  if (shard >= owners_.size() || owners_[shard] == nobody)
    return {};
  return nodes_[owners_[shard]];
}

std::string_view shard_map::owner_of_key(std::uint64_t key) const noexcept {
  return owners_.empty() ? std::string_view{} : owner(shard_of(key, shards()));
}

std::vector<shard_id> shard_map::shards_of(std::string_view node) const {
  std::vector<shard_id> out;
  for (shard_id shard = 0; shard < owners_.size(); ++shard)
    if (owner(shard) == node && !node.empty())
      out.push_back(shard);
  return out;
}

} // namespace tiketi::cluster
