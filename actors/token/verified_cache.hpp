#pragma once

#include "actors/base/result.hpp"
#include "actors/base/time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace tiketi {

/// SHA-256 of a token: what caches keep instead of the token itself.
using token_digest = std::array<std::uint8_t, 32>;

token_digest digest_of(std::string_view token);

/// Remembers checked tokens, so that a signature is checked once and not with every request.
/// Keeps digests instead of tokens, and valid ones only, so that junk cannot push them out. Holds
/// at most `entries_max`, and drops the half that was not used lately (two generations, as in
/// 2Q-like caches: no list to maintain on a hit). `Claims` has a member `expires_at`. Thread-safe:
/// shards with a lock each, which nobody holds while a signature is checked.
template <class Claims>
class verified_cache {
public:
  /// Checks signature, expiry and kind of a token. Must be thread-safe.
  using verifier = std::function<result<Claims>(std::string_view token, time_point now)>;

  verified_cache(verifier verify, std::size_t entries_max)
      : verify_(std::move(verify)),
        half_(entries_max < 2 * shard_count ? 1 : entries_max / (2 * shard_count)) {}

  /// Nothing for an invalid or expired token.
  std::optional<Claims> find(std::string_view token, time_point now) {
    if (token.empty() || token.size() > token_bytes_max || !verify_)
      return std::nullopt;
    const auto key = digest_of(token);
    auto& home = shards_[key.back() % shard_count];
    {
      const std::lock_guard lock(home.mutex);
      if (auto known = home.find(key, half_)) {
        if (known->expires_at > now)
          return known;
        home.recent.erase(key);
        return std::nullopt;
      }
    }
    auto fresh = verify_(token, now);
    if (!fresh || fresh->expires_at <= now)
      return std::nullopt;
    const std::lock_guard lock(home.mutex);
    home.remember(key, *fresh, half_);
    return std::move(*fresh);
  }

  std::size_t size() const {
    std::size_t out = 0;
    for (auto& home : shards_) {
      const std::lock_guard lock(home.mutex);
      out += home.recent.size() + home.older.size();
    }
    return out;
  }

private:
  /// Longer ones are no tokens of ours and not worth a digest.
  static constexpr std::size_t token_bytes_max = 4096;
  static constexpr std::size_t shard_count = 16;

  struct digest_hash {
    std::size_t operator()(const token_digest& x) const noexcept {
      std::size_t out = 0;
      std::memcpy(&out, x.data(), sizeof out);
      return out;
    }
  };

  using generation = std::unordered_map<token_digest, Claims, digest_hash>;

  struct shard {
    mutable std::mutex mutex;
    generation recent;
    generation older;

    std::optional<Claims> find(const token_digest& key, std::size_t half) {
      if (const auto it = recent.find(key); it != recent.end())
        return it->second;
      const auto old = older.find(key);
      if (old == older.end())
        return std::nullopt;
      auto moved = std::move(old->second);
      older.erase(old);
      remember(key, moved, half);
      return moved;
    }

    void remember(const token_digest& key, const Claims& claims, std::size_t half) {
      if (recent.size() >= half) {
        older = std::move(recent);
        recent.clear();
      }
      recent.insert_or_assign(key, claims);
    }
  };

  verifier verify_;
  std::size_t half_; ///< of one shard
  std::array<shard, shard_count> shards_;
};

} // namespace tiketi
