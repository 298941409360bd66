#pragma once

#include "actors/base/ids.hpp"

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace tiketi::test {

/// The seed of a random test: TIKETI_SEED, or another one in each run. Name it in a SCOPED_TRACE.
inline std::uint64_t test_seed() {
  if (const char* text = std::getenv("TIKETI_SEED"))
    return std::stoull(text);
  return std::random_device{}();
}

inline std::string replay(std::uint64_t seed) {
  return "replay with TIKETI_SEED=" + std::to_string(seed);
}

/// The same user for the same number; spread over all bits like real ids.
inline user_id nth_user(std::uint64_t n) {
  std::mt19937_64 engine{n + 1};
  user_id user;
  const std::uint64_t words[2] = {engine(), engine()};
  std::memcpy(user.value.bytes.data(), words, sizeof words);
  return user;
}

} // namespace tiketi::test
