#include "tests/sim/sale_simulation.hpp"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

namespace tiketi::sim {
namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(sale_simulation, every_promise_holds_for_every_seed) {
  if (const auto seed = number_from("TIKETI_SIM_SEED", 0); seed != 0) {
    const auto run = simulate(seed);
    for (const auto& line : run.trace)
      std::cout << line << '\n';
    ASSERT_EQ(run.violation, "") << "seed " << seed;
    return;
  }
  const auto first = number_from("TIKETI_SIM_FIRST", 1);
  const auto count = number_from("TIKETI_SIM_SEEDS", 3000);
  std::atomic<std::uint64_t> next{first};
  std::mutex mutex;
  run_result sum;
  std::uint64_t runs = 0;
  std::uint64_t failed_seed = 0;
  spdlog::set_level(spdlog::level::off);
  const auto work = [&] {
    for (auto seed = next++; seed < first + count; seed = next++) {
      auto run = simulate(seed);
      const std::lock_guard lock{mutex};
      ++runs;
      sum.holds += run.holds;
      sum.confirmed += run.confirmed;
      sum.expired += run.expired;
      sum.cancelled += run.cancelled;
      sum.refunded += run.refunded;
      sum.listed += run.listed;
      sum.resold += run.resold;
      sum.resale_refused += run.resale_refused;
      sum.members += run.members;
      sum.earned += run.earned;
      sum.revoked += run.revoked;
      sum.crashes += run.crashes;
      sum.faults += run.faults;
      if (!run.violation.empty() && (failed_seed == 0 || seed < failed_seed)) {
        failed_seed = seed;
        sum.violation = run.violation;
        next = first + count;
      }
      if (runs % 500 == 0)
        std::cout << "  " << runs << " of " << count << " seeds" << std::endl;
    }
  };
  std::thread other{work};
  work();
  other.join();
  std::cout << runs << " seeds: " << sum.holds << " holds, " << sum.confirmed << " confirmed, "
            << sum.expired << " expired, " << sum.cancelled << " cancelled, " << sum.refunded
            << " refunded, " << sum.listed << " listings, " << sum.resold << " resold, "
            << sum.resale_refused << " resales sent back, " << sum.members << " members, "
            << sum.earned << " times points, " << sum.revoked << " times back, " << sum.faults
            << " faults, " << sum.crashes << " crashes\n";
  if (failed_seed != 0)
    std::cout << "replay: TIKETI_SIM_SEED=" << failed_seed << " "
              << ::testing::internal::GetArgvs().front() << '\n';
  ASSERT_EQ(sum.violation, "") << "seed " << failed_seed;
  // A simulation in which nothing happens would keep every promise too.
  EXPECT_GT(sum.confirmed, runs / 4);
  EXPECT_GT(sum.expired, runs / 4);
  EXPECT_GT(sum.cancelled, runs / 8);
  EXPECT_GT(sum.refunded, runs / 20);
  EXPECT_GT(sum.listed, runs / 10);
  EXPECT_GT(sum.resold, runs / 25);
  EXPECT_GT(sum.resale_refused, 0U);
  EXPECT_GT(sum.members, runs / 8);
  EXPECT_GT(sum.earned, runs / 20);
  EXPECT_GT(sum.revoked, runs / 100);
  EXPECT_GT(sum.crashes, runs / 4);
  EXPECT_GT(sum.faults, runs);
}

TEST(sale_simulation, the_same_seed_is_the_same_run) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const auto a = simulate(seed);
    const auto b = simulate(seed);
    EXPECT_EQ(a.trace, b.trace) << "seed " << seed;
    EXPECT_EQ(a.violation, b.violation);
  }
}

} // namespace
} // namespace tiketi::sim
