#include "actors/cluster/replica.hpp"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tiketi::cluster {
namespace {

using namespace std::chrono_literals;

constexpr time_point t0 = from_millis(1'771'754'400'000);

class replica_test : public ::testing::Test {
protected:
  static replica_rules rules() {
    replica_rules r;
    r.age_max = 200ms;
    r.stale_max = 2000ms;
    r.hurry = 50ms;
    r.waiting_max = 3;
    r.patience = 8s;
    return r;
  }

  void start(replica_rules r) {
    clock.emplace(r, [this](std::uint64_t n) { asked.push_back(n); });
  }

  void SetUp() override { start(rules()); }

  void wait(const std::string& who) {
    clock->wait(now, [this, who](const failure* why) {
      heard.push_back(who + (why ? std::string{" "} + std::string{to_string_view(why->code)} : ""));
    });
  }

  void wait_for_next(const std::string& who, std::optional<time_point> came = {}) {
    clock->wait_for_next(came.value_or(now), now, [this, who](const failure* why) {
      heard.push_back(who + (why ? " failed" : ""));
    });
  }

  using names = std::vector<std::string>;

  time_point now = t0;
  std::vector<std::uint64_t> asked;
  names heard;
  std::optional<replica_clock> clock;
};

TEST_F(replica_test, many_readers_one_question) {
  EXPECT_FALSE(clock->fresh(now));
  wait("a");
  wait("b");
  EXPECT_EQ(asked.size(), 1u);
  EXPECT_TRUE(heard.empty());
  now += 10ms;
  clock->answered(now);
  EXPECT_EQ(heard, (names{"a", "b"}));
  EXPECT_EQ(clock->age(now), 10ms) << "what the owner said was true when it was asked";
  EXPECT_EQ(asked.size(), 1u) << "nobody reads: nobody asks";
}

TEST_F(replica_test, asks_ahead_so_that_steady_readers_never_wait) {
  wait("a");
  clock->answered(now);
  for (int i = 0; i < 100; ++i) {
    now += 40ms;
    const auto before = asked.size();
    EXPECT_TRUE(clock->fresh(now)) << i;
    if (asked.size() > before)
      clock->answered(now);
  }
  EXPECT_GE(asked.size(), 30u);
  EXPECT_LE(asked.size(), 42u);
}

TEST_F(replica_test, what_is_too_old_is_asked_for_again) {
  wait("a");
  clock->answered(now);
  now += 201ms;
  EXPECT_FALSE(clock->fresh(now));
  wait("b");
  EXPECT_EQ(asked.size(), 2u);
  EXPECT_EQ(heard, (names{"a"}));
  clock->answered(now);
  EXPECT_EQ(heard, (names{"a", "b"}));
}

TEST_F(replica_test, with_age_0_each_answer_is_newer_than_its_question) {
  auto r = rules();
  r.age_max = 0ms;
  r.stale_max = 0ms;
  start(r);
  EXPECT_FALSE(clock->fresh(now));
  wait("a");
  EXPECT_FALSE(clock->fresh(now));
  wait("b"); // comes while the question for a is under way
  clock->answered(now);
  EXPECT_EQ(heard, (names{"a"}));
  EXPECT_EQ(asked.size(), 2u);
  clock->answered(now);
  EXPECT_EQ(heard, (names{"a", "b"}));
  EXPECT_FALSE(clock->fresh(now));
}

TEST_F(replica_test, an_owner_that_does_not_answer_is_stood_in_for_up_to_the_bound) {
  wait("a");
  clock->answered(now);
  now += 300ms;
  EXPECT_FALSE(clock->fresh(now));
  wait("b");
  now += 49ms;
  clock->hurry(2, now);
  EXPECT_EQ(heard, (names{"a"})) << "not yet";
  now += 1ms;
  clock->hurry(1, now);
  EXPECT_EQ(heard, (names{"a"})) << "of an earlier question";
  clock->hurry(2, now);
  EXPECT_EQ(heard, (names{"a", "b"}));
  EXPECT_TRUE(clock->fresh(now)) << "from now on nobody waits for this owner";
  now = t0 + 2000ms;
  EXPECT_TRUE(clock->fresh(now));
  now += 1ms;
  EXPECT_FALSE(clock->fresh(now)) << "older than anybody may be told";
  wait("c");
  const failure gone{errc::unavailable};
  clock->failed(gone, now);
  EXPECT_EQ(heard, (names{"a", "b", "c " + std::string{to_string_view(errc::unavailable)}}));
  EXPECT_FALSE(clock->asking());
}

TEST_F(replica_test, a_failure_is_told_unless_there_is_something_to_say) {
  const failure gone{errc::unavailable};
  wait("a");
  clock->failed(gone, now);
  EXPECT_EQ(heard.size(), 1u);
  EXPECT_NE(heard[0], "a");
  heard.clear();
  wait("a");
  clock->answered(now);
  now += 500ms;
  wait("b");
  wait_for_next("c");
  clock->failed(gone, now);
  EXPECT_EQ(heard, (names{"a", "b", "c failed"}));
}

TEST_F(replica_test, who_needs_the_next_answer_gets_no_earlier_one) {
  wait("a");
  wait_for_next("b");
  clock->answered(now);
  EXPECT_EQ(heard, (names{"a"}));
  EXPECT_EQ(asked.size(), 2u) << "asked for b";
  clock->answered(now);
  EXPECT_EQ(heard, (names{"a", "b"}));
  wait_for_next("c");
  now += 60ms;
  clock->hurry(3, now);
  EXPECT_EQ(heard, (names{"a", "b"})) << "something old is of no use";
  clock->answered(now);
  EXPECT_EQ(heard.back(), "c");
}

TEST_F(replica_test, two_questions_for_one_reader_take_no_longer_than_his_patience) {
  clock->wait(now, [this](const failure* why) {
    ASSERT_EQ(why, nullptr);
    wait_for_next("a", t0);
  });
  EXPECT_EQ(clock->until(), t0 + 8s);
  now += 6s;
  clock->answered(now);
  EXPECT_EQ(asked.size(), 2u);
  EXPECT_EQ(clock->until(), t0 + 8s) << "he has waited for six seconds";
  now = clock->until();
  clock->failed(errc::unavailable, now);
  EXPECT_EQ(heard, (names{"a failed"}));
  wait_for_next("b", t0);
  EXPECT_EQ(heard, (names{"a failed", "b failed"})) << "nothing is asked for who is too late";
  EXPECT_EQ(asked.size(), 2u);
}

TEST_F(replica_test, who_is_patient_is_asked_for_again_when_another_one_is_not) {
  wait("a");
  now += 1s;
  wait_for_next("b");
  now += 3s;
  wait_for_next("c");
  clock->answered(now);
  EXPECT_EQ(heard, (names{"a"}));
  EXPECT_EQ(clock->until(), t0 + 9s) << "of b";
  now = clock->until();
  clock->failed(errc::unavailable, now);
  EXPECT_EQ(heard, (names{"a", "b failed"}));
  EXPECT_EQ(asked.size(), 3u);
  EXPECT_EQ(clock->until(), t0 + 12s) << "of c";
  clock->answered(now);
  EXPECT_EQ(heard, (names{"a", "b failed", "c"}));
  EXPECT_FALSE(clock->asking());
}

TEST_F(replica_test, an_answer_that_comes_too_late_for_a_reader_starts_no_question_for_him) {
  wait("a");
  wait_for_next("b");
  now += 9s;
  clock->answered(now);
  EXPECT_EQ(heard, (names{"a", "b failed"}));
  EXPECT_EQ(asked.size(), 1u);
}

TEST_F(replica_test, a_question_with_all_its_time_fails_for_everybody) {
  wait("a");
  now += 7s;
  wait("b");
  now += 1s;
  clock->failed(errc::unavailable, now);
  EXPECT_EQ(heard.size(), 2u);
  EXPECT_EQ(asked.size(), 1u);
}

TEST_F(replica_test, more_readers_than_may_wait_are_refused) {
  wait("a");
  wait("b");
  wait("c");
  wait("d");
  EXPECT_EQ(heard, (names{"d " + std::string{to_string_view(errc::overloaded)}}));
  EXPECT_EQ(clock->waiting(), 3u);
}

TEST_F(replica_test, a_reader_may_come_again_from_its_answer) {
  clock->wait(now, [this](const failure*) { wait_for_next("again"); });
  clock->answered(now);
  EXPECT_TRUE(heard.empty());
  EXPECT_EQ(asked.size(), 2u);
  clock->answered(now);
  EXPECT_EQ(heard, (names{"again"}));
}

} // namespace
} // namespace tiketi::cluster
