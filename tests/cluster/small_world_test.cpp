#include "tests/cluster/small_world.hpp"

#include <cstdlib>
#include <deque>
#include <iostream>
#include <random>
#include <string>
#include <unordered_set>

#include <gtest/gtest.h>

// No shard is ever served by two nodes at one true time, whatever is delayed, lost, stopped,
// restarted or drained, with clocks a seventh off in the worst directions. The rules come from
// `agent`, which is what the program runs.

namespace tiketi::cluster::test {
namespace {

struct found {
  std::size_t states = 0;
  std::size_t depth = 0;         ///< all states up to here were visited
  std::vector<std::size_t> path; ///< to a shard that is served twice; empty: there is none
};

std::string told(small_world world, const std::vector<std::size_t>& path) {
  std::string out;
  for (const auto which : path)
    out += world.name_of(which) + "; ";
  return out;
}

/// Breadth first, every interleaving, each state once.
found search(const small_world& from, std::size_t depth_max, std::size_t states_max) {
  struct entry {
    small_world world;
    std::size_t depth;
    std::size_t parent; ///< in `steps`
  };
  std::vector<std::pair<std::size_t, std::size_t>> steps{{0, 0}}; // parent, step
  std::deque<entry> waiting{{from, 0, 0}};
  std::unordered_set<std::size_t> seen;
  found out;
  while (!waiting.empty()) {
    const auto here = std::move(waiting.front());
    waiting.pop_front();
    out.depth = here.depth;
    if (here.depth == depth_max)
      continue;
    for (std::size_t which = 0; which < here.world.steps(); ++which) {
      if (!here.world.can(which))
        continue;
      auto next = here.world;
      if (!next.step(which) || !seen.insert(std::hash<std::string>{}(next.fingerprint())).second)
        continue;
      steps.emplace_back(here.parent, which);
      if (next.served_twice()) {
        for (auto at = steps.size() - 1; at != 0; at = steps[at].first)
          out.path.insert(out.path.begin(), steps[at].second);
        out.states = seen.size();
        return out;
      }
      if (seen.size() >= states_max) {
        out.states = seen.size();
        return out;
      }
      waiting.push_back({std::move(next), here.depth + 1, steps.size() - 1});
    }
  }
  out.states = seen.size();
  return out;
}

/// The first node has joined and serves, the others have not begun.
small_world first_serves(small_world::setup setup) {
  small_world world{std::move(setup)};
  EXPECT_TRUE(world.step(1));
  EXPECT_TRUE(world.step(1));
  EXPECT_EQ(world.servers(0), (std::vector<std::size_t>{0}));
  return world;
}

// A slow clock keeps its owner serving, a fast one ends its lease early.
const std::vector<int> worst{6, 8};

/// TIKETI_SEARCH_STATES makes every search so much larger.
std::size_t states_max(std::size_t usual) {
  const char* wanted = std::getenv("TIKETI_SEARCH_STATES");
  return wanted == nullptr ? usual : std::stoul(wanted);
}

void expect_safe(const small_world::setup& setup, std::size_t states, std::size_t depth) {
  const auto start = first_serves(setup);
  const auto out = search(start, 64, states_max(states));
  EXPECT_TRUE(out.path.empty()) << told(start, out.path);
  EXPECT_GT(out.depth, depth) << "the search got nowhere";
  std::cout << out.states << " states, complete to depth " << out.depth - 1 << '\n';
}

TEST(small_world_test, two_nodes_never_serve_one_shard) {
  expect_safe({.rates = worst, .losses = 0}, 20'000, 8);
}

TEST(small_world_test, lost_answers_and_late_calls_change_nothing) {
  expect_safe({.rates = worst, .losses = 1}, 6'000, 5);
}

TEST(small_world_test, nor_does_a_process_that_dies_and_comes_back) {
  expect_safe({.rates = worst, .losses = 0, .restarts = 1}, 6'000, 5);
}

TEST(small_world_test, nor_does_a_drain) {
  expect_safe({.rates = worst, .losses = 0, .drains = 1}, 6'000, 5);
}

TEST(small_world_test, nor_do_three_nodes) {
  expect_safe({.rates = {6, 8, 7}, .losses = 0}, 4'000, 3);
}

/// The search must find what these break; a search that cannot fail shows nothing.
struct planted_bug {
  planted what;
  std::vector<std::size_t> prefix = {}; ///< steps before the search begins
  int drains = 0;
};

class planted_bug_test : public ::testing::TestWithParam<planted_bug> {};

TEST_P(planted_bug_test, is_found) {
  const auto& bug = GetParam();
  auto start = first_serves({.rates = worst, .bug = bug.what, .losses = 0, .drains = bug.drains});
  for (const auto which : bug.prefix)
    ASSERT_TRUE(start.step(which)) << start.name_of(which);
  const auto out = search(start, 64, states_max(20'000));
  EXPECT_FALSE(out.path.empty()) << out.states << " states";
  std::cout << out.states << " states: " << told(start, out.path) << '\n';
}

constexpr std::size_t passes = 0;
constexpr std::size_t a_calls_and_hears = 1;
constexpr std::size_t a_drains = 6;
constexpr std::size_t a_calls = 7;
constexpr std::size_t a_is_carried_out = 2;
constexpr std::size_t b_calls_and_hears = 8;

INSTANTIATE_TEST_SUITE_P(
    small_world, planted_bug_test,
    ::testing::Values(planted_bug{planted::no_margin}, planted_bug{planted::serves_after_waking},
                      planted_bug{planted::counts_from_answer,
                                  {passes, passes, a_calls, a_is_carried_out, b_calls_and_hears}},
                      planted_bug{planted::ends_without_recheck},
                      planted_bug{planted::keeps_after_loss},
                      planted_bug{planted::serves_while_releasing,
                                  {b_calls_and_hears, a_drains, passes, a_calls_and_hears},
                                  1}));

// What a search cannot reach in its few steps, walks reach at random: hundreds of steps, several
// shards, and nodes that come, go, drain and fail.
TEST(small_world_test, long_walks_never_serve_a_shard_twice) {
  std::size_t served = 0;
  std::size_t moved = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    std::mt19937_64 chance{seed};
    small_world world{{.rates = {static_cast<int>(6 + chance() % 3), 8, 6, 7},
                       .shards = 4,
                       .losses = 20,
                       .restarts = 3,
                       .drains = 4}};
    std::vector<std::size_t> path;
    std::vector<std::size_t> last(4, 99);
    for (int n = 0; n < 600; ++n) {
      // Mostly what makes progress, so that something is served; sometimes anything.
      const auto i = chance() % 4;
      const auto which = chance() % 8 == 0   ? 0
                         : chance() % 10 < 8 ? 1 + 7 * i
                                             : chance() % world.steps();
      path.push_back(which);
      world.step(which);
      ASSERT_FALSE(world.served_twice()) << "seed " << seed << ": " << n << " steps";
      for (shard_id shard = 0; shard < 4; ++shard)
        if (const auto who = world.servers(shard); !who.empty()) {
          ++served;
          moved += who.front() != last[shard] ? 1 : 0;
          last[shard] = who.front();
        }
    }
  }
  EXPECT_GT(served, 40u * 600u) << "a cluster that serves nothing is safe but useless";
  EXPECT_GT(moved, 300u);
}

} // namespace
} // namespace tiketi::cluster::test
