#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Which node owns which shard. Pure, and the same on every machine: integers only.

namespace tiketi::cluster {

using shard_id = std::uint32_t;

inline constexpr shard_id shards_default = 1024;
inline constexpr shard_id shards_max = 65'536;
inline constexpr std::uint32_t weight_default = 8;
inline constexpr std::uint32_t weight_max = 64;

/// The shard of a key, below `shards` (> 0). For an event and all that belongs to it the key is its
/// route tag, so that its sale, its queue and its payments fall into the same shard.
shard_id shard_of(std::uint64_t key, shard_id shards) noexcept;

/// A node that may own shards.
struct candidate {
  std::string node;
  std::uint32_t weight = weight_default; ///< its part of the shards, in relation to the others
};

/// The owner of every shard by weighted rendezvous hashing (Thaler, Ravishankar, "Using name-based
/// mappings to increase hit rates", 1998): a node draws one number per shard and unit of weight,
/// the highest number owns the shard. So a node that comes takes shards from the others and moves
/// none between them, a node that goes leaves the others what they have, and a weight that grows or
/// shrinks moves shards to or from its node only.
class shard_map {
public:
  shard_map() = default;

  /// `epoch`: of the view that the candidates come from. Their order does not matter; names are
  /// unique; a weight of 0 owns nothing, one above `weight_max` counts as that.
  shard_map(std::uint64_t epoch, std::span<const candidate> candidates, shard_id shards);

  std::uint64_t epoch() const noexcept { return epoch_; }
  shard_id shards() const noexcept { return static_cast<shard_id>(owners_.size()); }

  /// Empty: nobody can own it.
  std::string_view owner(shard_id shard) const noexcept;
  std::string_view owner_of_key(std::uint64_t key) const noexcept;

  /// In ascending order.
  std::vector<shard_id> shards_of(std::string_view node) const;

private:
  static constexpr std::uint16_t nobody = 0xffff;

  std::uint64_t epoch_ = 0;
  std::vector<std::string> nodes_;
  std::vector<std::uint16_t> owners_; ///< places in `nodes_`
};

} // namespace tiketi::cluster
