#include "actors/bus/delivery_window.hpp"

#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace tiketi {
namespace {

using namespace std::chrono_literals;

constexpr time_point start = from_millis(1'771'754'400'000);

domain_event event(std::int64_t sequence, std::string key) {
  domain_event e;
  e.sequence = sequence;
  e.key = std::move(key);
  return e;
}

std::vector<std::int64_t> sequences(const std::vector<delivery_window::delivery>& batch) {
  std::vector<std::int64_t> out;
  for (const auto& d : batch)
    out.push_back(d.event.sequence);
  return out;
}

TEST(delivery_window_test, one_event_per_key_is_in_flight_and_order_is_kept) {
  delivery_window w{0, 100, 10};
  w.add(event(1, "a"));
  w.add(event(2, "a"));
  w.add(event(3, "b"));
  EXPECT_EQ(sequences(w.take(start, 1s)), (std::vector<std::int64_t>{1, 3}));
  EXPECT_TRUE(w.take(start, 1s).empty());
  EXPECT_TRUE(w.applied(3));
  EXPECT_EQ(w.cursor(), 0) << "the mark does not pass event 1";
  EXPECT_TRUE(w.applied(1));
  EXPECT_EQ(w.cursor(), 1);
  EXPECT_EQ(sequences(w.take(start, 1s)), std::vector<std::int64_t>{2});
  EXPECT_TRUE(w.applied(2));
  EXPECT_EQ(w.cursor(), 3);
  EXPECT_EQ(w.held(), 0u);
}

TEST(delivery_window_test, who_orders_itself_gets_a_whole_key_at_once_and_in_order) {
  delivery_window w{0, 100, 3, true};
  for (std::int64_t n = 1; n <= 4; ++n)
    w.add(event(n, "a"));
  EXPECT_EQ(sequences(w.take(start, 1s)), (std::vector<std::int64_t>{1, 2, 3})) << "the bound";
  EXPECT_TRUE(w.applied(2));
  EXPECT_EQ(w.cursor(), 0) << "the mark does not pass event 1";
  EXPECT_TRUE(w.failed(1, 1, start + 500ms));
  EXPECT_EQ(sequences(w.take(start, 1s)), std::vector<std::int64_t>{4}) << "nobody waits for 1";
  EXPECT_EQ(sequences(w.take(start + 500ms, 1s)), std::vector<std::int64_t>{1});
  EXPECT_TRUE(w.applied(1));
  EXPECT_EQ(w.cursor(), 2);
  EXPECT_FALSE(w.applied(1));
  EXPECT_TRUE(w.applied(3));
  EXPECT_TRUE(w.applied(4));
  EXPECT_EQ(w.cursor(), 4);
  EXPECT_EQ(w.held(), 0u);
}

TEST(delivery_window_test, a_failing_key_blocks_only_itself) {
  delivery_window w{0, 100, 10};
  w.add(event(1, "a"));
  w.add(event(2, "a"));
  w.add(event(3, "b"));
  w.add(event(4, "b"));
  w.take(start, 1s);
  EXPECT_TRUE(w.failed(1, 1, start + 500ms));
  EXPECT_TRUE(w.applied(3));
  EXPECT_EQ(sequences(w.take(start, 1s)), std::vector<std::int64_t>{4});
  EXPECT_TRUE(w.take(start + 499ms, 1s).empty());
  const auto again = w.take(start + 500ms, 1s);
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].event.sequence, 1);
  EXPECT_EQ(again[0].attempt, 2u);
}

TEST(delivery_window_test, in_flight_and_held_have_bounds) {
  delivery_window w{0, 4, 2};
  for (int i = 1; i <= 4; ++i)
    w.add(event(i, std::to_string(i)));
  EXPECT_EQ(w.room(), 0u);
  EXPECT_EQ(w.take(start, 1s).size(), 2u);
  EXPECT_EQ(w.in_flight(), 2u);
  w.applied(2);
  EXPECT_EQ(w.room(), 1u);
  EXPECT_EQ(sequences(w.take(start, 1s)), std::vector<std::int64_t>{3});
}

TEST(delivery_window_test, the_oldest_is_the_first_that_is_not_applied) {
  delivery_window w{0, 4, 4};
  EXPECT_FALSE(w.oldest());
  for (int i = 1; i <= 3; ++i) {
    auto e = event(i, std::to_string(i));
    e.occurred_at = start + i * 1s;
    w.add(e);
  }
  EXPECT_EQ(w.oldest(), start + 1s);
  w.take(start, 1s);
  w.applied(2);
  EXPECT_EQ(w.oldest(), start + 1s) << "in flight is not applied";
  w.applied(1);
  EXPECT_EQ(w.oldest(), start + 3s);
  EXPECT_TRUE(w.failed(3, 1, start + 9s));
  EXPECT_EQ(w.oldest(), start + 3s) << "nor is what waits for its next attempt";
  w.applied(3);
  EXPECT_FALSE(w.oldest());
}

TEST(delivery_window_test, a_late_failure_of_an_older_attempt_is_ignored) {
  delivery_window w{0, 4, 2};
  w.add(event(1, "a"));
  w.take(start, 1s);
  ASSERT_EQ(w.overdue(start + 1s).size(), 1u);
  EXPECT_TRUE(w.overdue(start + 999ms).empty());
  EXPECT_TRUE(w.failed(1, 1, start + 2s));
  EXPECT_EQ(w.take(start + 2s, 1s).at(0).attempt, 2u);
  EXPECT_FALSE(w.failed(1, 1, start + 3s));
  EXPECT_EQ(w.in_flight(), 1u);
  EXPECT_TRUE(w.applied(1)) << "an answer to any attempt counts";
  EXPECT_FALSE(w.applied(1));
}

TEST(delivery_window_test, events_read_twice_or_for_others_are_not_held) {
  delivery_window w{5, 10, 2};
  w.add(event(5, "a"));
  EXPECT_EQ(w.held(), 0u);
  w.skip_to(9);
  EXPECT_EQ(w.cursor(), 9);
  w.add(event(8, "a"));
  EXPECT_EQ(w.held(), 0u);
  w.add(event(11, "a"));
  w.skip_to(20);
  EXPECT_EQ(w.cursor(), 10);
  EXPECT_EQ(w.read_to(), 20);
  EXPECT_FALSE(w.applied(11)) << "never delivered";
}

TEST(delivery_window_test, back_off_doubles_up_to_its_bound) {
  EXPECT_EQ(back_off(1, 200ms, 5s), 200ms);
  EXPECT_EQ(back_off(2, 200ms, 5s), 400ms);
  EXPECT_EQ(back_off(6, 200ms, 5s), 5s);
  EXPECT_EQ(back_off(4'000'000'000u, 200ms, 5s), 5s);
}

// A consumer that dedups, an outbox that grows, answers in any order, failures, lost answers and
// crashes that fall back to the last stored cursor: every event is applied once, in order per key.
TEST(delivery_window_test, model_random_answers_failures_and_crashes) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    std::mt19937_64 rng{seed};
    auto below = [&](std::uint64_t n) { return rng() % n; };
    std::vector<domain_event> log;
    std::map<std::string, std::vector<std::int64_t>> effects;
    std::map<std::string, std::int64_t> last_applied;
    std::int64_t stored = 0;
    delivery_window w{stored, 8, 3};
    std::vector<delivery_window::delivery> flying;
    auto now = start;
    const std::size_t total = 40;
    int crashes = 0;
    for (int step = 0; step < 20'000 && !(log.size() == total && w.cursor() == 40); ++step) {
      switch (below(8)) {
      case 0:
        if (log.size() < total)
          log.push_back(
              event(static_cast<std::int64_t>(log.size()) + 1, std::string(1, "abcd"[below(4)])));
        break;
      case 1:
        while (w.room() > 0 && w.read_to() < static_cast<std::int64_t>(log.size()))
          w.add(log[static_cast<std::size_t>(w.read_to())]);
        break;
      case 2:
        for (auto& d : w.take(now, 50ms))
          flying.push_back(std::move(d));
        ASSERT_LE(w.in_flight(), 3u);
        ASSERT_LE(w.held(), 8u);
        break;
      case 3:
      case 4:
        if (!flying.empty()) {
          const auto i = below(flying.size());
          const auto d = flying[i];
          flying.erase(flying.begin() + static_cast<std::ptrdiff_t>(i));
          const auto outcome = below(4);
          if (outcome == 0) {
            w.failed(d.event.sequence, d.attempt, now + 10ms);
            break;
          }
          if (d.event.sequence > last_applied[d.event.key]) {
            effects[d.event.key].push_back(d.event.sequence);
            last_applied[d.event.key] = d.event.sequence;
          }
          if (outcome != 1) // 1: applied, but the answer is lost
            w.applied(d.event.sequence);
        }
        break;
      case 5:
        now += milliseconds{below(40)};
        for (const auto& [sequence, attempt] : w.overdue(now))
          ASSERT_TRUE(w.failed(sequence, attempt, now + 5ms));
        break;
      case 6:
        stored = w.cursor();
        break;
      default:
        if (crashes < 5 && below(20) == 0) {
          ++crashes;
          w = delivery_window{stored, 8, 3};
          flying.clear();
        }
        break;
      }
      for (std::int64_t s = 1; s <= w.cursor(); ++s) {
        const auto& e = log[static_cast<std::size_t>(s - 1)];
        ASSERT_GE(last_applied[e.key], s) << "seed " << seed << ": the cursor passed event " << s;
      }
    }
    std::map<std::string, std::vector<std::int64_t>> expected;
    for (const auto& e : log)
      expected[e.key].push_back(e.sequence);
    ASSERT_EQ(effects, expected) << "seed " << seed;
  }
}

} // namespace
} // namespace tiketi
