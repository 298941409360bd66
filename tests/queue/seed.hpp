#pragma once

#include "actors/base/ids.hpp"

#include <cstdint>
#include <cstdlib>
#include <cstring>
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
  const auto mix = [](std::uint64_t x) { // splitmix64
    x += 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
  };
  user_id user;
  const std::uint64_t words[2] = {mix(2 * n + 1), mix(2 * n + 2)};
  std::memcpy(user.value.bytes.data(), words, sizeof words);
  return user;
}

} // namespace tiketi::test
