// A random sale of some thousand steps by the real roles: every figure of every report must equal
// the one counted straight from the roles' own tables.

#include "tests/stats/compare.hpp"
#include "tests/stats/shop.hpp"

#include <spdlog/spdlog.h>

namespace tiketi::test {
namespace {

using namespace std::chrono_literals;

class stats_sale_test : public shop_test {
protected:
  /// All reports over all spans, now.
  void compare_all(bool year) {
    const auto now = env->now();
    const auto truth = books();
    for (const auto& query : all_queries(truth, year)) {
      const auto made = report(query);
      ASSERT_TRUE(made) << made.error().text;
      ASSERT_EQ(difference(truth, query, now, *made->body), "");
    }
  }
};

TEST_F(stats_sale_test, every_figure_of_every_report_equals_the_books_of_the_roles) {
  const auto seed = test_seed();
  spdlog::set_level(spdlog::level::off);
  open_shop(seed);
  constexpr int steps = 3000;
  for (int i = 1; i <= steps && !HasFatalFailure(); ++i) {
    step();
    if (i % 500 == 0) {
      settle();
      compare_all(i == steps);
    }
  }
  if (HasFatalFailure())
    return;
  EXPECT_EQ(dead_events(), 0);
  const auto truth = books();
  std::int64_t confirmed = 0, cancelled = 0, expired = 0, refunded = 0;
  for (const auto& r : truth.reservations) {
    confirmed += r.confirmed.has_value(); // whatever became of it
    cancelled += r.view.status == ticket::reservation_status::cancelled;
    expired += r.view.status == ticket::reservation_status::expired;
  }
  for (const auto& p : truth.payments)
    refunded += p.refunded.has_value();
  std::printf("%lld holds, %lld confirmed, %lld cancelled, %lld expired, %lld refunded, %zu "
              "resold, %lld memberships, %lld declined, %lld refused, %lld deliveries repeated\n",
              static_cast<long long>(counts.holds), static_cast<long long>(confirmed),
              static_cast<long long>(cancelled), static_cast<long long>(expired),
              static_cast<long long>(refunded), truth.transfers.size(),
              static_cast<long long>(truth.memberships), static_cast<long long>(counts.declined),
              static_cast<long long>(counts.refused), static_cast<long long>(counts.repeated));
  // A sale in which nothing happens would be counted right too.
  EXPECT_GT(confirmed, 50);
  EXPECT_GT(cancelled, 30);
  EXPECT_GT(expired, 30);
  EXPECT_GT(refunded, 30);
  EXPECT_GT(counts.declined, 5);
  EXPECT_GT(truth.transfers.size(), 10u);
  EXPECT_GT(truth.memberships, 5);
  EXPECT_GT(counts.repeated, 50);
  // Some days without anybody.
  for (int i = 0; i < 3; ++i) {
    advance(24h);
    settle();
  }
  compare_all(false);
}

} // namespace
} // namespace tiketi::test
