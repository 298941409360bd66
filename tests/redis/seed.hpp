#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

namespace tiketi::test {

/// The seed of this run: TIKETI_TEST_SEED, or a new one; printed either way.
inline std::uint64_t random_test_seed() {
  const char* given = std::getenv("TIKETI_TEST_SEED");
  const std::uint64_t seed = given ? std::stoull(given) : std::random_device{}();
  std::cout << "replay with TIKETI_TEST_SEED=" << seed << std::endl;
  return seed;
}

} // namespace tiketi::test
