#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tiketi::sim {

struct run_result {
  std::string violation;          ///< empty: every promise held
  std::vector<std::string> trace; ///< what happened, in order
  // What the run came to, so that a test can see that it was no idle one.
  std::size_t holds = 0;
  std::size_t confirmed = 0;
  std::size_t expired = 0;
  std::size_t cancelled = 0;
  std::size_t refunded = 0;
  std::size_t listed = 0;
  std::size_t resold = 0;
  std::size_t resale_refused = 0; ///< paid for, and given back
  std::size_t members = 0;
  std::size_t earned = 0;  ///< times something written brought points
  std::size_t revoked = 0; ///< times deleting it took them back
  std::size_t crashes = 0;
  std::size_t faults = 0;
};

/// One whole sale with its real actors under CAF's deterministic coordinator: people queue, hold,
/// pay, cancel, let go, sell on, join and write for points, on stores that refuse, forget to answer
/// and lose commits, with a bank that does the same, and the process dying in between. Which actor
/// runs next, what people do, how far time moves and every fault follow from `seed`. P1 to P6 are
/// checked after every commit and at the end, when the faults have stopped and everything had time
/// to heal.
run_result simulate(std::uint64_t seed);

} // namespace tiketi::sim
