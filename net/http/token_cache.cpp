#include "net/http/token_cache.hpp"

#include <utility>

#include <openssl/sha.h>

namespace tiketi::net {

namespace {

/// Longer ones are no tokens of ours.
constexpr std::size_t token_bytes_max = 4096;

} // namespace

token_cache::token_cache(token_verifier verify, std::size_t entries_max)
    : verify_(std::move(verify)), half_(entries_max < 2 ? 1 : entries_max / 2) {}

const verified_token& token_cache::remember(const digest& key, verified_token token) {
  if (recent_.size() >= half_) {
    older_ = std::move(recent_);
    recent_.clear();
  }
  return recent_.insert_or_assign(key, std::move(token)).first->second;
}

std::optional<identity> token_cache::find(std::string_view token, time_point now) {
  if (token.empty() || token.size() > token_bytes_max || !verify_)
    return std::nullopt;
  digest key;
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), key.data());
  const verified_token* known = nullptr;
  if (const auto it = recent_.find(key); it != recent_.end()) {
    known = &it->second;
  } else if (const auto old = older_.find(key); old != older_.end()) {
    auto moved = std::move(old->second);
    older_.erase(old);
    known = &remember(key, std::move(moved));
  } else {
    auto fresh = verify_(token, now);
    if (!fresh)
      return std::nullopt;
    known = &remember(key, std::move(*fresh));
  }
  if (known->expires_at <= now) {
    recent_.erase(key);
    return std::nullopt;
  }
  return known->who;
}

} // namespace tiketi::net
