#include "actors/remote/breaker.hpp"

#include <deque>
#include <random>

#include <gtest/gtest.h>

namespace tiketi::remote {
namespace {

using namespace std::chrono_literals;

constexpr time_point start = from_millis(1'000'000);

breaker_options small() {
  breaker_options o;
  o.window = 4;
  o.failure_percent = 50;
  o.slow_percent = 75;
  o.slow_after = 100ms;
  o.open_for = 1000ms;
  o.trials = 2;
  return o;
}

class breaker_test : public ::testing::Test {
protected:
  void call(call_outcome outcome, milliseconds took = 1ms) {
    const auto p = b.acquire(now);
    ASSERT_TRUE(p.granted);
    b.record(p, outcome, took, now);
  }

  void open() {
    for (int i = 0; i < 4; ++i)
      call(call_outcome::failure);
    ASSERT_EQ(b.state(now), breaker_state::open);
  }

  breaker b{small()};
  time_point now = start;
};

TEST_F(breaker_test, judges_nothing_before_the_window_is_full) {
  for (int i = 0; i < 3; ++i)
    call(call_outcome::failure);
  EXPECT_EQ(b.state(now), breaker_state::closed);
  call(call_outcome::success);
  EXPECT_EQ(b.state(now), breaker_state::open);
}

TEST_F(breaker_test, opens_at_exactly_the_share_of_failures) {
  call(call_outcome::failure);
  for (int i = 0; i < 3; ++i)
    call(call_outcome::success);
  EXPECT_EQ(b.state(now), breaker_state::closed) << "one of four";
  call(call_outcome::failure); // replaces the first failure
  EXPECT_EQ(b.state(now), breaker_state::closed) << "still one of the last four";
  call(call_outcome::failure);
  EXPECT_EQ(b.state(now), breaker_state::open) << "two of the last four";
}

TEST_F(breaker_test, opens_at_the_share_of_slow_calls) {
  call(call_outcome::success, 100ms); // the limit itself is not slow
  for (int i = 0; i < 2; ++i)
    call(call_outcome::success, 101ms);
  call(call_outcome::success);
  EXPECT_EQ(b.state(now), breaker_state::closed);
  call(call_outcome::success, 101ms);
  EXPECT_EQ(b.state(now), breaker_state::open);
}

TEST_F(breaker_test, abandoned_calls_say_nothing) {
  for (int i = 0; i < 100; ++i)
    call(call_outcome::abandoned);
  for (int i = 0; i < 3; ++i)
    call(call_outcome::failure);
  EXPECT_EQ(b.state(now), breaker_state::closed);
}

TEST_F(breaker_test, refuses_while_open_and_says_for_how_long) {
  open();
  now += 400ms;
  const auto p = b.acquire(now);
  EXPECT_FALSE(p.granted);
  EXPECT_EQ(p.wait, 600ms);
  now += 599ms;
  EXPECT_FALSE(b.acquire(now).granted);
  EXPECT_EQ(b.state(now), breaker_state::open);
  now += 1ms;
  EXPECT_EQ(b.state(now), breaker_state::half_open);
  EXPECT_TRUE(b.acquire(now).granted);
}

TEST_F(breaker_test, lets_no_more_trials_through_than_it_judges) {
  open();
  now += 1000ms;
  const auto first = b.acquire(now);
  const auto second = b.acquire(now);
  EXPECT_TRUE(first.granted);
  EXPECT_TRUE(second.granted);
  EXPECT_FALSE(b.acquire(now).granted);
  b.record(first, call_outcome::success, 1ms, now);
  EXPECT_FALSE(b.acquire(now).granted) << "a trial that ended makes no room for another";
  b.record(second, call_outcome::success, 1ms, now);
  EXPECT_EQ(b.state(now), breaker_state::closed);
}

TEST_F(breaker_test, an_abandoned_trial_makes_room_for_another) {
  open();
  now += 1000ms;
  const auto first = b.acquire(now);
  const auto second = b.acquire(now);
  ASSERT_TRUE(second.granted);
  b.record(first, call_outcome::abandoned, 1ms, now);
  EXPECT_TRUE(b.acquire(now).granted);
  EXPECT_FALSE(b.acquire(now).granted);
}

TEST_F(breaker_test, a_failed_trial_opens_again_for_the_whole_time) {
  open();
  now += 1000ms;
  call(call_outcome::failure); // one of two is half
  EXPECT_EQ(b.state(now), breaker_state::open);
  now += 999ms;
  EXPECT_FALSE(b.acquire(now).granted);
  now += 1ms;
  EXPECT_TRUE(b.acquire(now).granted);
}

TEST_F(breaker_test, slow_trials_open_again) {
  open();
  now += 1000ms;
  call(call_outcome::success, 101ms);
  EXPECT_EQ(b.state(now), breaker_state::half_open);
  call(call_outcome::success, 101ms);
  EXPECT_EQ(b.state(now), breaker_state::open);
}

TEST_F(breaker_test, closes_with_an_empty_window) {
  open();
  now += 1000ms;
  call(call_outcome::success);
  call(call_outcome::success);
  for (int i = 0; i < 3; ++i)
    call(call_outcome::failure);
  EXPECT_EQ(b.state(now), breaker_state::closed) << "old failures are forgotten";
  call(call_outcome::failure);
  EXPECT_EQ(b.state(now), breaker_state::open);
}

TEST_F(breaker_test, late_news_of_another_time_change_nothing) {
  std::vector<breaker::permit> old;
  for (int i = 0; i < 6; ++i)
    old.push_back(b.acquire(now));
  for (int i = 0; i < 4; ++i)
    b.record(old[static_cast<std::size_t>(i)], call_outcome::failure, 1ms, now);
  ASSERT_EQ(b.state(now), breaker_state::open);
  now += 1000ms;
  const auto trial = b.acquire(now);
  ASSERT_TRUE(trial.granted);
  b.record(old[4], call_outcome::failure, 5000ms, now);
  b.record(old[5], call_outcome::success, 1ms, now);
  EXPECT_EQ(b.state(now), breaker_state::half_open);
  b.record(trial, call_outcome::success, 1ms, now);
  call(call_outcome::success);
  EXPECT_EQ(b.state(now), breaker_state::closed);
}

TEST_F(breaker_test, a_clock_that_is_set_back_does_not_keep_it_open_longer) {
  open();
  now -= 1h;
  const auto p = b.acquire(now);
  EXPECT_FALSE(p.granted);
  EXPECT_EQ(p.wait, 1000ms);
  now += 1000ms;
  EXPECT_TRUE(b.acquire(now).granted);
}

/// Every sequence of eleven steps, against the rules told a second time in the plainest way.
TEST(breaker_model_test, every_short_history_follows_the_rules) {
  struct model {
    breaker_state state = breaker_state::closed;
    std::deque<std::pair<bool, bool>> last; // failed, slow
    time_point opened;
  };
  const auto options = small();
  // 0 success, 1 failure, 2 slow success, 3: time passes
  constexpr int kinds = 4;
  constexpr int length = 9;
  int histories = 1;
  for (int i = 0; i < length; ++i)
    histories *= kinds;
  for (int h = 0; h < histories; ++h) {
    breaker b{options};
    model m;
    auto now = start;
    auto code = h;
    for (int step = 0; step < length; ++step, code /= kinds) {
      const int kind = code % kinds;
      if (kind == 3) {
        now += 500ms;
        continue;
      }
      if (m.state == breaker_state::open && now - m.opened >= options.open_for) {
        m.state = breaker_state::half_open;
        m.last.clear();
      }
      const auto p = b.acquire(now);
      ASSERT_EQ(p.granted, m.state != breaker_state::open) << h << " step " << step;
      if (!p.granted)
        continue;
      b.record(p, kind == 1 ? call_outcome::failure : call_outcome::success,
               kind == 2 ? 101ms : 1ms, now);
      m.last.emplace_back(kind == 1, kind == 2);
      const auto of = m.state == breaker_state::closed ? options.window : options.trials;
      if (m.last.size() > of)
        m.last.pop_front();
      std::size_t failed = 0, slow = 0;
      for (const auto& [f, s] : m.last) {
        failed += f ? 1 : 0;
        slow += s ? 1 : 0;
      }
      const bool bad = failed * 100 >= of * 50 || slow * 100 >= of * 75;
      const bool full = m.last.size() == of;
      if (bad && (full || m.state == breaker_state::half_open)) {
        m = {breaker_state::open, {}, now};
      } else if (full && m.state == breaker_state::half_open) {
        m = {breaker_state::closed, {}, now};
      }
      if (m.state != breaker_state::open) {
        ASSERT_EQ(b.state(now), m.state) << h << " step " << step;
      }
    }
  }
}

} // namespace
} // namespace tiketi::remote
