#include "tests/sim/cluster_simulation.hpp"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

// TIKETI_CLUSTER_SIM_SEED=<n> replays one run with its trace, also of the planted bugs; which one
// is said by --gtest_filter. TIKETI_CLUSTER_SIM_FIRST and TIKETI_CLUSTER_SIM_SEEDS: other seeds
// than usual, and how many. TIKETI_TEST_FULL=1: many more.

namespace tiketi::sim {
namespace {

using namespace std::chrono_literals;

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

/// How many seeds: as told, as many as a full test takes, or few.
std::uint64_t seeds(std::uint64_t few, std::uint64_t many) {
  return number_from("TIKETI_CLUSTER_SIM_SEEDS",
                     std::getenv("TIKETI_TEST_FULL") != nullptr ? many : few);
}

cluster_plan small(weather sky, cluster_bug bug = cluster_bug::nothing) {
  cluster_plan plan;
  plan.nodes = 5;
  plan.events = 10;
  plan.trouble = 20s;
  plan.sky = sky;
  plan.bug = bug;
  return plan;
}

struct found {
  std::string violation; ///< empty: none
  std::uint64_t seed = 0;
  cluster_run sum;
};

void add(cluster_run& sum, const cluster_run& run) {
  sum.asked += run.asked;
  sum.repeated += run.repeated;
  sum.holds += run.holds;
  sum.refused += run.refused;
  sum.confirmed += run.confirmed;
  sum.refunded += run.refunded;
  sum.cancelled += run.cancelled;
  sum.expired += run.expired;
  sum.queued += run.queued;
  sum.served_elsewhere += run.served_elsewhere;
  sum.moves += run.moves;
  sum.kills += run.kills;
  sum.freezes += run.freezes;
  sum.partitions += run.partitions;
  sum.drains += run.drains;
  sum.faults += run.faults;
  sum.messages += run.messages;
}

/// Runs seed after seed until one breaks a promise, on two threads.
found search(cluster_plan plan, std::uint64_t count) {
  spdlog::set_level(spdlog::level::off);
  found out;
  if (const auto seed = number_from("TIKETI_CLUSTER_SIM_SEED", 0); seed != 0) {
    plan.seed = seed;
    const auto run = simulate_cluster(plan);
    for (const auto& line : run.trace)
      std::cout << line << '\n';
    add(out.sum, run);
    out.violation = run.violation;
    out.seed = seed;
    return out;
  }
  const auto begun = std::chrono::steady_clock::now();
  const auto first = number_from("TIKETI_CLUSTER_SIM_FIRST", 1);
  std::atomic<std::uint64_t> next{first};
  std::mutex mutex;
  std::uint64_t runs = 0;
  const auto work = [&] {
    for (auto seed = next++; seed < first + count; seed = next++) {
      auto mine = plan;
      mine.seed = seed;
      const auto run = simulate_cluster(mine);
      const std::lock_guard lock{mutex};
      ++runs;
      add(out.sum, run);
      if (!run.violation.empty() && (out.seed == 0 || seed < out.seed)) {
        out.violation = run.violation;
        out.seed = seed;
        next = first + count;
      }
    }
  };
  std::thread other{work};
  work();
  other.join();
  const auto took =
      std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begun);
  const auto& s = out.sum;
  std::cout << "  " << runs << " seeds, " << plan.nodes << " nodes: " << s.asked << " asked, "
            << s.repeated << " repeated, " << s.holds << " holds, " << s.refused << " refused, "
            << s.confirmed << " confirmed, " << s.refunded << " refunded, " << s.cancelled
            << " cancelled, " << s.expired << " expired, " << s.queued << " queued, "
            << s.served_elsewhere << " for other nodes, " << s.moves << " shards moved, " << s.kills
            << " kills, " << s.freezes << " freezes, " << s.partitions << " partitions, "
            << s.drains << " drains, " << s.faults << " faults, " << s.messages << " messages, "
            << took.count() << " ms\n";
  if (out.seed != 0)
    std::cout << "  seed " << out.seed << ": " << out.violation
              << "\n  replay: TIKETI_CLUSTER_SIM_SEED=" << out.seed << ' '
              << ::testing::internal::GetArgvs().front() << " --gtest_filter=*"
              << ::testing::UnitTest::GetInstance()->current_test_info()->name() << '\n';
  return out;
}

TEST(cluster_simulation, sixty_four_nodes_keep_every_promise) {
  cluster_plan plan;
  plan.nodes = number_from("TIKETI_CLUSTER_SIM_NODES", 64);
  plan.events = number_from("TIKETI_CLUSTER_SIM_EVENTS", 48);
  plan.trouble = milliseconds{number_from("TIKETI_CLUSTER_SIM_TROUBLE", 12'000)};
  const auto is = search(plan, seeds(1, 20));
  ASSERT_EQ(is.violation, "") << "seed " << is.seed;
  // A simulation in which nothing happens would keep every promise too.
  EXPECT_GT(is.sum.holds, 100U);
  EXPECT_GT(is.sum.confirmed, 20U);
  EXPECT_GT(is.sum.served_elsewhere, 500U);
  EXPECT_GT(is.sum.moves, 200U);
  EXPECT_GT(is.sum.kills, 4U);
  EXPECT_GT(is.sum.freezes, 4U);
  EXPECT_GT(is.sum.partitions, 4U);
}

TEST(cluster_simulation, five_nodes_keep_every_promise_for_every_seed) {
  const auto count = seeds(4, 300);
  const auto is = search(small(weather::storm), count);
  ASSERT_EQ(is.violation, "") << "seed " << is.seed;
  if (std::getenv("TIKETI_CLUSTER_SIM_SEED") != nullptr)
    return;
  EXPECT_GT(is.sum.holds, 20 * count);
  EXPECT_GT(is.sum.confirmed, 5 * count);
  EXPECT_GT(is.sum.expired, 5 * count);
  EXPECT_GT(is.sum.cancelled, 5 * count);
  EXPECT_GT(is.sum.refunded, 0U);
  EXPECT_GT(is.sum.queued, 20 * count);
  EXPECT_GT(is.sum.repeated, 5 * count);
  EXPECT_GT(is.sum.freezes, count);
  EXPECT_GT(is.sum.kills, count / 2);
  EXPECT_GT(is.sum.drains, count / 8);
}

TEST(cluster_simulation, in_a_rolling_restart_no_request_fails) {
  const auto count = seeds(2, 50);
  const auto is = search(small(weather::rolling_restart), count);
  ASSERT_EQ(is.violation, "") << "seed " << is.seed;
  EXPECT_EQ(is.sum.repeated, 0U);
  EXPECT_GT(is.sum.drains, 2 * is.sum.kills);
  EXPECT_GT(is.sum.holds, 20U);
}

TEST(cluster_simulation, broken_lines_alone_break_nothing) {
  const auto is = search(small(weather::broken_lines), seeds(20, 100));
  ASSERT_EQ(is.violation, "") << "seed " << is.seed;
  EXPECT_GT(is.sum.partitions, 3U);
}

TEST(cluster_simulation, the_same_seed_is_the_same_run) {
  spdlog::set_level(spdlog::level::off);
  auto plan = small(weather::storm);
  plan.trouble = 6s;
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    plan.seed = seed;
    const auto a = simulate_cluster(plan);
    const auto b = simulate_cluster(plan);
    EXPECT_EQ(a.trace, b.trace) << "seed " << seed;
    EXPECT_EQ(a.messages, b.messages);
    EXPECT_EQ(a.violation, b.violation);
  }
}

// -- planted bugs: what finds each of them is part of what is claimed
// ------------------------------

struct planted {
  const char* name;
  cluster_bug bug;
  weather sky;
  std::uint64_t seeds;  ///< it is found within so many
  const char* found_by; ///< a part of what the simulation says
};

class planted_cluster_bugs : public ::testing::TestWithParam<planted> {};

TEST_P(planted_cluster_bugs, are_found) {
  const auto& p = GetParam();
  const auto is = search(small(p.sky, p.bug), p.seeds);
  ASSERT_NE(is.violation, "") << p.name << " survives " << p.seeds << " seeds";
  EXPECT_NE(is.violation.find(p.found_by), std::string::npos) << is.violation;
}

INSTANTIATE_TEST_SUITE_P(
    cluster_simulation, planted_cluster_bugs,
    ::testing::Values(
        // A stale owner's write: the lease shows it, and without the database's last word P1 does.
        planted{"stale_owner_writes", cluster_bug::clock_stops, weather::storm, 10, "serve"},
        planted{"stale_owner_writes_unchecked", cluster_bug::clock_stops_unchecked, weather::storm,
                60, "P"},
        // Tokens that began again: nobody takes them, so a free seat cannot be had.
        planted{"token_without_floor", cluster_bug::token_without_floor, weather::storm, 20, "P7"},
        planted{"hand_over_loses_answers", cluster_bug::hand_over_loses_answers,
                weather::rolling_restart, 20, "P7"},
        planted{"commands_applied_twice", cluster_bug::commands_forgotten_unkeyed,
                weather::broken_lines, 20, "a command was applied twice"}),
    [](const auto& one) { return std::string{one.param.name}; });

TEST(cluster_simulation, the_key_of_a_hold_saves_what_an_owner_forgot) {
  const auto is =
      search(small(weather::broken_lines, cluster_bug::commands_forgotten), seeds(20, 100));
  EXPECT_EQ(is.violation, "") << "seed " << is.seed;
}

} // namespace
} // namespace tiketi::sim
