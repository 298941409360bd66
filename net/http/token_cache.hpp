#pragma once

#include "actors/base/result.hpp"
#include "net/http/message.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string_view>
#include <unordered_map>

namespace tiketi::net {

/// An access token that was found valid.
struct verified_token {
  identity who;
  time_point expires_at;
};

/// Checks signature, expiry and kind of an access token. Thread-safe.
using token_verifier =
    std::function<result<verified_token>(std::string_view token, time_point now)>;

/// Remembers checked tokens, so that a signature is checked once and not with every request.
/// Keeps SHA-256 digests instead of tokens, and valid ones only, so that junk cannot push them
/// out. Holds at most `entries_max`, and drops the half that was not used lately. One thread only.
class token_cache {
public:
  token_cache(token_verifier verify, std::size_t entries_max);

  /// Nothing for an invalid or expired token.
  std::optional<identity> find(std::string_view token, time_point now);

  std::size_t size() const noexcept { return recent_.size() + older_.size(); }

private:
  using digest = std::array<std::uint8_t, 32>;

  struct digest_hash {
    std::size_t operator()(const digest& x) const noexcept {
      std::size_t out = 0;
      std::memcpy(&out, x.data(), sizeof out);
      return out;
    }
  };

  using generation = std::unordered_map<digest, verified_token, digest_hash>;

  const verified_token& remember(const digest& key, verified_token token);

  token_verifier verify_;
  std::size_t half_;
  generation recent_;
  generation older_;
};

} // namespace tiketi::net
