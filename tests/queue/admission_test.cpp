#include "actors/queue/admission.hpp"
#include "tests/queue/seed.hpp"

namespace tiketi::queue {
namespace {

using namespace std::chrono_literals;
using test::nth_user;

constexpr time_point t0 = from_millis(1'771'754'400'000);

class active_set_test : public ::testing::Test {
protected:
  slot_rules rules{.ttl = 600s, .session_max = 3600s, .renewal_interval = 5s};
  active_set slots{rules};

  void admit(std::uint64_t n, time_point at) {
    slots.admit(nth_user(n), at + rules.ttl, at + rules.session_max);
  }
};

TEST_F(active_set_test, a_slot_runs_out_when_nobody_renews_it) {
  admit(1, t0);
  EXPECT_EQ(slots.expire(t0 + 600s - 1ms).count, 0u);
  EXPECT_EQ(slots.size(), 1u);
  EXPECT_EQ(slots.expire(t0 + 600s).count, 1u);
  EXPECT_EQ(slots.find(nth_user(1)), nullptr);
}

TEST_F(active_set_test, renewal_slides_but_never_past_the_session) {
  admit(1, t0);
  auto now = t0;
  for (;;) {
    now += 300s;
    ASSERT_LE(now, t0 + 3600s) << "a slot outlived its session";
    slots.expire(now);
    if (!slots.find(nth_user(1)))
      break;
    if (const auto until = slots.renew(nth_user(1), now))
      slots.renewed(nth_user(1), *until);
    EXPECT_EQ(slots.find(nth_user(1))->expires_at, std::min(now + 600s, t0 + 3600s));
  }
  EXPECT_EQ(now, t0 + 3600s);
}

TEST_F(active_set_test, renewals_are_written_only_now_and_then) {
  admit(1, t0);
  int writes = 0;
  for (auto now = t0; now < t0 + 60s; now += 1s) {
    if (const auto until = slots.renew(nth_user(1), now)) {
      ++writes;
      slots.renewed(nth_user(1), *until);
    }
    EXPECT_GT(slots.find(nth_user(1))->expires_at, now + 595s);
  }
  EXPECT_EQ(writes, 11);
}

TEST_F(active_set_test, a_slot_changes_only_when_the_renewal_is_written) {
  admit(1, t0);
  const auto until = slots.renew(nth_user(1), t0 + 300s);
  EXPECT_EQ(until, t0 + 900s);
  EXPECT_EQ(slots.find(nth_user(1))->expires_at, t0 + 600s);
  EXPECT_FALSE(slots.renew(nth_user(1), t0 + 300s)) << "one renewal at a time";
  slots.renewal_failed(nth_user(1));
  EXPECT_EQ(slots.find(nth_user(1))->expires_at, t0 + 600s);
  EXPECT_EQ(slots.renew(nth_user(1), t0 + 301s), t0 + 901s);
}

TEST_F(active_set_test, a_slot_does_not_run_out_under_its_renewal) {
  admit(1, t0);
  ASSERT_TRUE(slots.renew(nth_user(1), t0 + 599s));
  EXPECT_EQ(slots.expire(t0 + 601s).count, 0u);
  slots.renewed(nth_user(1), t0 + 1199s);
  EXPECT_EQ(slots.expire(t0 + 1198s).count, 0u);
  ASSERT_TRUE(slots.renew(nth_user(1), t0 + 1198s));
  EXPECT_EQ(slots.expire(t0 + 1200s).count, 0u);
  slots.renewal_failed(nth_user(1));
  EXPECT_EQ(slots.expire(t0 + 1202s).count, 1u);
}

TEST_F(active_set_test, a_slot_won_again_does_not_end_with_the_old_one) {
  admit(1, t0);
  slots.erase(nth_user(1));
  admit(1, t0 + 10s);
  EXPECT_EQ(slots.expire(t0 + 605s).count, 0u);
  EXPECT_EQ(slots.size(), 1u);
  EXPECT_EQ(slots.expire(t0 + 610s).count, 1u);
}

TEST_F(active_set_test, expiry_names_those_who_were_leaving) {
  admit(1, t0);
  admit(2, t0);
  slots.mark_leaving(nth_user(2), 7);
  const auto gone = slots.expire(t0 + 600s);
  EXPECT_EQ(gone.count, 2u);
  EXPECT_EQ(gone.leaving, std::vector<user_id>{nth_user(2)});
}

TEST(admission_rate_test, no_data_gives_the_default) {
  admission_rate rate;
  EXPECT_EQ(rate.estimated_wait(0, t0), 0);
  EXPECT_EQ(rate.estimated_wait(1, t0), 5);
  EXPECT_EQ(rate.estimated_wait(250, t0), 5);
  EXPECT_EQ(rate.estimated_wait(299, t0), 5);
  EXPECT_EQ(rate.estimated_wait(300, t0), 6);
  EXPECT_EQ(rate.estimated_wait(1'000'000, t0), 20'000);
}

TEST(admission_rate_test, five_seconds_of_data_are_needed) {
  admission_rate rate;
  rate.record(100, t0);
  EXPECT_EQ(rate.estimated_wait(1000, t0 + 4999ms), 20) << "default";
  EXPECT_EQ(rate.estimated_wait(1000, t0 + 5000ms), 50) << "100 in 5 s are 20 a second";
  EXPECT_EQ(rate.estimated_wait(1001, t0 + 5000ms), 51) << "rounded up";
}

TEST(admission_rate_test, the_window_slides) {
  admission_rate rate;
  for (int s = 0; s < 300; ++s)
    rate.record(s < 200 ? 10 : 100, t0 + seconds{s});
  // The last 60 seconds saw 100 a second, whatever came before.
  EXPECT_NEAR(static_cast<double>(rate.estimated_wait(6000, t0 + 299s)), 60.0, 2.0);
  // After a pause there is no speed to go by, and it does not explode either.
  EXPECT_EQ(rate.estimated_wait(6000, t0 + 400s), 120);
  rate.record(100, t0 + 1000s);
  EXPECT_EQ(rate.estimated_wait(6000, t0 + 1001s), 120) << "starts over";
  EXPECT_EQ(rate.estimated_wait(6000, t0 + 1010s), 600);
}

TEST(admission_rate_test, a_clock_that_goes_back_does_no_harm) {
  admission_rate rate;
  rate.record(100, t0 + 10s);
  rate.record(100, t0);
  EXPECT_EQ(rate.estimated_wait(1000, t0 + 5s), 20);
  EXPECT_GT(rate.estimated_wait(1000, t0 + 20s), 0);
}

TEST(next_poll_test, follows_the_contract) {
  const std::pair<std::size_t, std::int64_t> table[] = {
      {0, 3},       {1, 1},       {1'000, 1},    {1'001, 5},    {5'000, 5},     {5'001, 10},
      {10'000, 10}, {10'001, 30}, {100'000, 30}, {100'001, 60}, {1'000'000, 60}};
  for (const auto& [position, expected] : table)
    EXPECT_EQ(next_poll(position), expected) << position;
}

} // namespace
} // namespace tiketi::queue
