#include "net/http/rate_shares.hpp"
#include "net/http/shared_rate_limiter.hpp"
#include "tests/redis/client_fixture.hpp"
#include "tests/redis/seed.hpp"

#include <map>

namespace tiketi::net {
namespace {

constexpr rate_shares::timing timing{milliseconds{1'000}, 10};

time_point at(std::int64_t ms) {
  return from_millis(1'771'754'400'000 + ms);
}

TEST(rate_shares_test, reports_each_request_once) {
  rate_shares s;
  s.used(at(0), timing);
  s.used(at(1'500), timing);
  s.used(at(1'600), timing);
  const auto first = rate_shares::slice_at(at(0), timing);
  const auto report = s.take_report(at(1'700), timing);
  EXPECT_EQ(report, (rate_shares::counts{{first, 1}, {first + 1, 2}}));
  EXPECT_TRUE(s.take_report(at(1'700), timing).empty());
  s.put_back(report);
  EXPECT_EQ(s.take_report(at(1'800), timing), report);
}

TEST(rate_shares_test, others_are_what_is_not_ours_and_age_by_themselves) {
  rate_shares s;
  s.used(at(0), timing);
  s.take_report(at(0), timing);
  s.used(at(0), timing); // after the report
  const auto first = rate_shares::slice_at(at(0), timing);
  s.learn({{first, 5}, {first + 2, 3}});
  EXPECT_EQ(s.own(at(2'000), timing), 2);
  EXPECT_EQ(s.others(at(2'000), timing), 7);
  EXPECT_EQ(s.until_less(at(2'000), timing), milliseconds{8'000});
  EXPECT_EQ(s.own(at(9'999), timing), 2);
  EXPECT_EQ(s.own(at(10'000), timing), 0);
  EXPECT_EQ(s.others(at(10'000), timing), 3);
  EXPECT_FALSE(s.expire(at(11'999), timing));
  EXPECT_TRUE(s.expire(at(12'000), timing));
}

TEST(rate_shares_test, a_redis_that_forgot_our_reports_takes_nothing_from_us) {
  rate_shares s;
  for (int i = 0; i < 5; ++i)
    s.used(at(0), timing);
  s.take_report(at(0), timing);
  s.learn({{rate_shares::slice_at(at(0), timing), 2}}); // of somebody else, after the loss
  EXPECT_EQ(s.others(at(0), timing), 0);
  EXPECT_EQ(s.own(at(0), timing), 5);
}

class shared_rate_test : public test::redis_test {
protected:
  struct node {
    std::shared_ptr<prometheus::Registry> registry;
    std::shared_ptr<redis::client> client;
    std::shared_ptr<shared_rate_limiter> limiter;
  };

  node start_node(std::size_t share_from = 1) {
    shared_rate_options o;
    o.limits.queue = 20;
    o.limits.booking = 0;
    o.share_from = share_from;
    o.deadline = milliseconds{5'000};
    node out{std::make_shared<prometheus::Registry>(), nullptr, nullptr};
    out.client = connect(options());
    out.limiter =
        make_shared_rate_limiter(make_local_rate_limiter(o.limits), out.client, *out.registry, o);
    return out;
  }

  static rate_client user(std::uint8_t n) {
    rate_client c;
    c.bytes[3] = n;
    c.is_user = true;
    return c;
  }

  static bool passes(const node& n, std::uint8_t who, time_point now,
                     rate_category category = rate_category::queue) {
    return n.limiter->admit(category, user(who), now, nullptr)->allowed;
  }

  /// Sends the reports and waits for their answers, which come before that of this call.
  static void tell(const node& n, time_point now) {
    n.limiter->report(now);
    EXPECT_TRUE(run(*n.client, command({"PING"})).ok());
  }
};

TEST_F(shared_rate_test, one_budget_for_two_nodes) {
  const auto a = start_node();
  const auto b = start_node();
  for (int i = 0; i < 12; ++i)
    ASSERT_TRUE(passes(a, 1, at(i)));
  ASSERT_TRUE(passes(b, 1, at(20)));
  tell(a, at(100));
  tell(b, at(100)); // learns of a's twelve
  int passed = 0;
  while (passes(b, 1, at(200)))
    ++passed;
  EXPECT_EQ(passed, 7); // 12 + 1 + 7
  const auto verdict = b.limiter->admit(rate_category::queue, user(1), at(200), nullptr);
  EXPECT_GT(verdict->retry_after, milliseconds{0});
  EXPECT_LE(verdict->retry_after, milliseconds{60'000});
  EXPECT_TRUE(passes(b, 2, at(200)));                         // somebody else
  EXPECT_TRUE(passes(b, 1, at(200), rate_category::general)); // another budget
  EXPECT_TRUE(passes(b, 1, at(200), rate_category::booking)); // without a limit
  EXPECT_TRUE(passes(b, 1, at(200) + verdict->retry_after));  // the real wait
}

TEST_F(shared_rate_test, who_uses_little_is_not_told_of) {
  const auto a = start_node(50);
  for (int i = 0; i < 9; ++i)
    passes(a, 1, at(i));
  tell(a, at(100));
  EXPECT_EQ(server.command({"DBSIZE"}), "0");
  passes(a, 1, at(200));
  tell(a, at(300));
  EXPECT_EQ(server.command({"DBSIZE"}), "1");
  const auto key = server.command({"KEYS", "*"});
  EXPECT_TRUE(key.starts_with("rate:queue:{u")) << key;
  EXPECT_EQ(server.command({"HVALS", key}), "10");
  EXPECT_GT(std::stol(server.command({"PTTL", key})), 60'000);
}

TEST_F(shared_rate_test, without_redis_each_node_limits_by_itself) {
  const auto a = start_node();
  const auto b = start_node();
  passes(b, 1, at(0));
  for (int i = 0; i < 19; ++i)
    passes(a, 1, at(0));
  tell(a, at(100));
  tell(b, at(100));
  ASSERT_FALSE(passes(b, 1, at(200)));
  server.kill();
  ASSERT_TRUE(await_ready(*a.client, 0));
  ASSERT_TRUE(await_ready(*b.client, 0));
  // What the others told ages out of the window although nobody tells any more.
  const auto later = at(60'000 + 5'000);
  int passed = 0;
  for (int i = 0; i < 30; ++i)
    passed += passes(b, 1, later) ? 1 : 0;
  EXPECT_EQ(passed, 20);
  b.limiter->report(later); // refused at once; kept
  server.start();
  ASSERT_TRUE(await_ready(*b.client, 1));
  ASSERT_FALSE(passes(b, 1, later + milliseconds{10}));
  passes(b, 2, later);
  tell(b, later + milliseconds{100});
  EXPECT_NE(server.command({"DBSIZE"}), "0");
}

/// The bound that the header promises, under random traffic on three nodes.
TEST_F(shared_rate_test, the_sum_over_nodes_stays_within_the_promise) {
  std::mt19937_64 chance{test::random_test_seed()};
  const std::vector<node> nodes{start_node(10), start_node(10), start_node(10)};
  constexpr int per_report = 2; // requests on each node between two reports
  std::map<std::int64_t, int> passed;
  std::int64_t now = 0;
  for (int round = 0; round < 400; ++round) {
    for (const auto& n : nodes)
      for (int i = 0; i < per_report; ++i) {
        now += static_cast<std::int64_t>(chance() % 120);
        passed[now] += passes(n, 1, at(now)) ? 1 : 0;
      }
    for (const auto& n : nodes)
      tell(n, at(now));
    for (const auto& n : nodes) // now everybody knows of everybody
      tell(n, at(now));
  }
  // Of what others used the last 55 seconds are sure to count.
  constexpr std::int64_t window = 55'000;
  const int bound = 20 + 2 * (2 + per_report);
  int in_window = 0;
  int most = 0;
  auto oldest = passed.begin();
  for (const auto& [when, count] : passed) {
    in_window += count;
    for (; oldest->first <= when - window; ++oldest)
      in_window -= oldest->second;
    most = std::max(most, in_window);
  }
  EXPECT_LE(most, bound);
  EXPECT_GE(most, 20); // and the whole budget can be used
}

} // namespace
} // namespace tiketi::net
