#pragma once

#include "actors/base/environment.hpp"
#include "actors/base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace tiketi::auth {

/// Argon2id. The defaults are OWASP's "Password Storage Cheat Sheet" minimum (19 MiB, 2, 1).
struct argon2_options {
  std::uint32_t memory_kib = 19'456; ///< 8 … 4'194'304
  std::uint32_t passes = 2;          ///< 1 … 100
  std::uint32_t lanes = 1;           ///< 1 … 16; each is a thread while hashing
};

/// A PHC string (`$argon2id$v=19$m=…`) with a random salt of 16 bytes. Blocks for tens of
/// milliseconds. Fails with `overloaded` when there is no memory.
result<std::string> hash_password(std::string_view password, const argon2_options& options,
                                  environment& env);

/// Constant time in the hash. Blocks as long as hashing did. False for any other text than a PHC
/// string of Argon2id; fails with `overloaded` when there is no memory.
result<bool> verify_password(std::string_view phc, std::string_view password);

/// A PHC string that no password matches and that costs what a real one costs: verified for
/// unknown accounts, so that the time taken does not tell which accounts exist.
std::string dummy_hash(const argon2_options& options);

} // namespace tiketi::auth
