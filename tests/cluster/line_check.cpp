#include "tests/cluster/fault_load.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace tiketi::test {

namespace {

std::int64_t first_active(const stay_in_line& stay) {
  for (const auto& look : stay.looks)
    if (look.status == "active")
      return look.end;
  return 0;
}

/// The start of the last look that found the person waiting.
std::int64_t last_waiting(const stay_in_line& stay) {
  std::int64_t out = 0;
  for (const auto& look : stay.looks)
    if (look.status == "queued")
      out = look.call;
  return out;
}

} // namespace

void check_line(const std::vector<stay_in_line>& line, std::size_t threshold,
                std::chrono::milliseconds staleness) {
  const auto slack = std::chrono::nanoseconds{staleness}.count();
  for (const auto& later : line) {
    const auto admitted = first_active(later);
    if (admitted == 0)
      continue;
    for (const auto& earlier : line)
      if (earlier.join_end < later.join_call) {
        EXPECT_LE(last_waiting(earlier), admitted + slack)
            << "person " << later.person << " was admitted before " << earlier.person
            << ", who had joined earlier";
      }
  }
  // Between two looks that found a person active, the person was.
  std::vector<std::pair<std::int64_t, int>> steps;
  for (const auto& stay : line) {
    EXPECT_TRUE(std::none_of(
        stay.looks.begin(), stay.looks.end(),
        [](const auto& look) { return look.status != "active" && look.status != "queued"; }))
        << "person " << stay.person << " lost the place";
    std::int64_t begin = 0;
    std::int64_t end = 0;
    for (const auto& look : stay.looks)
      if (look.status == "active") {
        begin = begin == 0 ? look.end : begin;
        end = look.call;
      }
    if (begin != 0 && end > begin) {
      steps.emplace_back(begin, 1);
      steps.emplace_back(end, -1);
    }
  }
  std::sort(steps.begin(), steps.end());
  int active = 0;
  int most = 0;
  for (const auto& [at, step] : steps)
    most = std::max(most, active += step);
  EXPECT_LE(most, static_cast<int>(threshold)) << "more were active than allowed";
}

} // namespace tiketi::test
