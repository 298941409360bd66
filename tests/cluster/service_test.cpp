// What visitors notice when nodes die or are restarted one after the other.

#include "tests/cluster/history.hpp"
#include "tests/cluster/outages.hpp"
#include "tests/cluster/trickle.hpp"
#include "tests/sale/sale_client.hpp"

#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tiketi::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// One cluster for all tests.
class service_test : public ::testing::Test {
protected:
  static void SetUpTestSuite() {
    sale = new sale_cluster{{.nodes = nodes_wanted(),
                             .lease = milliseconds{3000},
                             .margin = milliseconds{500},
                             .hold_ttl = seconds{60},
                             .arguments = {"--runtime.shutdown_grace_ms=1000"},
                             .behind_proxies = false}};
    wrong = sale->start();
  }

  static void TearDownTestSuite() { delete sale; }

  void SetUp() override {
    ASSERT_EQ(wrong, "");
    load.emplace(*sale, test_seed());
    ASSERT_TRUE(load->prepare()) << sale->cluster.log_tail();
    load->start();
    for (std::size_t hall = 0; hall < sale->halls.size(); ++hall)
      ASSERT_NE(load->served(hall, now_ns(), seconds{30}), 0) << sale->cluster.log_tail();
  }

  static void expect_none(const std::vector<trickle::failure>& failures) {
    for (std::size_t i = 0; i < std::min<std::size_t>(failures.size(), 10); ++i)
      ADD_FAILURE() << sale->halls[failures[i].hall].event << ": " << failures[i].what;
    EXPECT_EQ(failures.size(), 0u) << sale->cluster.log_tail(20'000);
  }

  static inline sale_cluster* sale = nullptr;
  static inline std::string wrong;
  std::optional<trickle> load;
};

TEST_F(service_test, a_rolling_restart_fails_no_request) {
  for (std::size_t node = 0; node < sale->cluster.size(); ++node) {
    const auto begin = now_ns();
    load->leaves(node, true);
    ASSERT_EQ(sale->cluster.stop(node), 0) << sale->cluster.log_tail();
    ASSERT_TRUE(sale->cluster.start(node)) << sale->cluster.log_tail();
    for (std::size_t hall = 0; hall < sale->halls.size(); ++hall)
      ASSERT_NE(load->served(hall, now_ns(), seconds{30}), 0) << sale->cluster.log_tail();
    load->leaves(node, false);
    std::cout << "  " << cluster_process::name(node) << " restarted in "
              << (now_ns() - begin) / 1'000'000 << " ms\n";
  }
  load->stop();
  const auto sum = load->result();
  std::cout << "  " << sum.answered << " requests, " << sum.failures.size() << " failed, "
            << sum.repeated << " asked another node, the slowest took " << sum.slowest.count()
            << " ms\n";
  for (const auto& words : sum.unready)
    std::cout << "  not ready: " << words << '\n';
  EXPECT_GT(sum.answered, 100u) << "no load";
  expect_none(sum.failures);
}

TEST_F(service_test, a_dead_node_s_events_are_served_again_and_others_all_the_time) {
  outages kills{*sale, *load};
  const int times = full_run() ? 20 : 3;
  for (int i = 0; i < times; ++i) {
    const auto node = kills.busiest();
    const auto before = kills.waits().size();
    ASSERT_EQ(kills.kill(node), "") << sale->cluster.log_tail();
    std::cout << "  killed " << cluster_process::name(node) << ":";
    for (std::size_t n = before; n < kills.waits().size(); ++n)
      std::cout << ' ' << kills.waits()[n].count();
    std::cout << " ms\n";
    EXPECT_GT(kills.waits().size(), before) << "it owned nothing";
  }
  load->stop();
  const auto sum = load->result();
  const auto failures = kills.unexpected(sum);
  std::map<std::string, std::size_t> meanwhile;
  for (const auto& failure : sum.failures)
    ++meanwhile[failure.what.substr(0, 120)];
  for (const auto& [what, times_told] : meanwhile)
    std::cout << "  " << times_told << " times " << what << '\n';
  std::cout << "  without service: p50 " << percentile(kills.waits(), 0.5).count() << " ms, p99 "
            << percentile(kills.waits(), 0.99).count() << " ms, most "
            << percentile(kills.waits(), 1).count() << " ms, with a lease of "
            << sale->wanted.lease.count() << " ms; " << sum.answered << " requests, "
            << sum.failures.size() - failures.size() << " failed for dead nodes' events, "
            << failures.size() << " for others\n";
  expect_none(failures);
}

} // namespace
} // namespace tiketi::test
