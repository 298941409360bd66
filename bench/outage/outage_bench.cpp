// How long the events of a node that dies stand still: three nodes of the real program on real
// servers, one of them killed again and again under a trickle of requests.

#include "bench/support/report.hpp"
#include "tests/cluster/history.hpp"
#include "tests/cluster/outages.hpp"
#include "tests/cluster/trickle.hpp"
#include "tests/support/postgres_server.hpp"

#include <exception>
#include <iostream>
#include <stdexcept>

#include <fmt/format.h>

namespace tiketi::bench {
namespace {

using std::chrono::milliseconds;

constexpr int kills = 25;
constexpr std::size_t log_bytes = 100'000; ///< shown when a run fails

void outage_bench() {
  // The lease that a cluster has by default.
  test::sale_cluster sale{{.lease = milliseconds{3000},
                           .margin = milliseconds{500},
                           .hold_ttl = milliseconds{60'000},
                           .halls = 12,
                           .behind_proxies = false}};
  if (const auto wrong = sale.start(); !wrong.empty())
    throw std::runtime_error(wrong);
  test::trickle load{sale, 1};
  if (!load.prepare())
    throw std::runtime_error("visitors were refused: " + sale.cluster.log_tail());
  load.start();
  test::outages outages{sale, load};
  for (int i = 0; i < kills; ++i) {
    const auto node = outages.busiest();
    const auto before = outages.waits().size();
    if (const auto wrong = outages.kill(node); !wrong.empty())
      throw std::runtime_error(wrong + '\n' + sale.cluster.log_tail(log_bytes));
    std::cerr << "  kill " << i + 1 << " of " << kills << ':';
    for (std::size_t n = before; n < outages.waits().size(); ++n)
      std::cerr << ' ' << outages.waits()[n].count();
    std::cerr << " ms\n";
  }
  load.stop();
  const auto sum = load.result();
  const auto others = outages.unexpected(sum);
  for (const auto& failure : others)
    std::cerr << "  an event that was nobody's who died: " << failure.what << '\n';
  const auto bound = sale.wanted.lease + milliseconds{1000};
  const auto p50 = test::percentile(outages.waits(), 0.5);
  const auto p99 = test::percentile(outages.waits(), 0.99);
  const auto most = test::percentile(outages.waits(), 1);
  report_ratio("cluster_time_without_service",
               static_cast<double>(p99.count()) / static_cast<double>(bound.count()),
               fmt::format("lease {} ms + 1 s; {} outages of events, p50 {} ms, p99 {} ms, most "
                           "{} ms",
                           sale.wanted.lease.count(), outages.waits().size(), p50.count(),
                           p99.count(), most.count()));
  report_value("cluster_failed_for_others", static_cast<double>(others.size()), "requests",
               fmt::format("of {} answered while {} nodes died", sum.answered, kills));
}

} // namespace
} // namespace tiketi::bench

int main() {
  tiketi::test::postgres_server::shared_options().settings.clear(); // commits are flushed
  try {
    tiketi::bench::outage_bench();
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 1;
  }
}
