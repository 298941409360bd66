#include "tests/sim/cluster_simulation.hpp"

#include <chrono>
#include <cstdlib>
#include <iostream>

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

namespace tiketi::sim {
namespace {

using namespace std::chrono_literals;

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

void tell(const cluster_plan& plan, const cluster_run& run,
          std::chrono::steady_clock::time_point begun) {
  const auto took =
      std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begun);
  std::cout << "  " << plan.nodes << " nodes, seed " << plan.seed << ": " << run.asked << " asked, "
            << run.repeated << " repeated, " << run.holds << " holds, " << run.refused
            << " refused, " << run.confirmed << " confirmed, " << run.refunded << " refunded, "
            << run.cancelled << " cancelled, " << run.expired << " expired, " << run.queued
            << " queued, " << run.served_elsewhere << " for other nodes, " << run.moves
            << " shards moved, " << run.kills << " kills, " << run.freezes << " freezes, "
            << run.partitions << " partitions, " << run.drains << " drains, " << run.faults
            << " faults, " << run.messages << " messages, " << took.count() << " ms\n";
}

cluster_run simulate(cluster_plan plan) {
  spdlog::set_level(spdlog::level::off);
  const auto begun = std::chrono::steady_clock::now();
  auto run = simulate_cluster(plan);
  tell(plan, run, begun);
  return run;
}

TEST(cluster_simulation, five_nodes) {
  cluster_plan plan;
  plan.nodes = number_from("TIKETI_SIM_NODES", 5);
  plan.events = number_from("TIKETI_SIM_EVENTS", 8);
  plan.seed = number_from("TIKETI_CLUSTER_SIM_SEED", 1);
  plan.sky = static_cast<weather>(number_from("TIKETI_SIM_SKY", 0));
  plan.bug = static_cast<cluster_bug>(number_from("TIKETI_SIM_BUG", 0));
  const auto run = simulate(plan);
  if (std::getenv("TIKETI_CLUSTER_SIM_SEED") != nullptr)
    for (const auto& line : run.trace)
      std::cout << line << '\n';
  ASSERT_EQ(run.violation, "") << "seed " << plan.seed;
}

} // namespace
} // namespace tiketi::sim
