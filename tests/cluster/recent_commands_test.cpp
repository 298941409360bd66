#include "actors/cluster/recent_commands.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace tiketi::cluster {
namespace {

using verdict = recent_commands::verdict;
constexpr time_point t0 = from_millis(1'771'754'400'000);

uuid id(std::uint64_t n) {
  uuid out;
  for (std::size_t i = 0; i < 8; ++i)
    out.bytes[i] = static_cast<std::uint8_t>(n >> (8 * i));
  return out;
}

command_reply done(std::string payload) {
  return {reply_code::done, 3, std::move(payload)};
}

TEST(recent_commands_test, a_repetition_gets_the_first_answer) {
  recent_commands recent{{}};
  EXPECT_EQ(recent.begin(id(1), t0 + seconds{5}, t0), verdict::begin);
  EXPECT_EQ(recent.begin(id(1), t0 + seconds{5}, t0), verdict::running);
  recent.finished(id(1), done("x"));
  EXPECT_EQ(recent.begin(id(1), t0 + seconds{5}, t0 + seconds{4}), verdict::finished);
  EXPECT_EQ(recent.answer(id(1)), done("x"));
  recent.finished(id(1), done("y"));
  EXPECT_EQ(recent.answer(id(1)), done("x")) << "only the first counts";
}

TEST(recent_commands_test, what_had_no_effect_may_run_again) {
  recent_commands recent{{}};
  recent.begin(id(1), t0 + seconds{5}, t0);
  recent.not_applied(id(1));
  EXPECT_EQ(recent.size(), 0u);
  EXPECT_EQ(recent.begin(id(1), t0 + seconds{5}, t0), verdict::begin);
  recent.finished(id(1), done("x"));
  recent.not_applied(id(1));
  EXPECT_EQ(recent.begin(id(1), t0 + seconds{5}, t0), verdict::finished) << "too late to say so";
}

TEST(recent_commands_test, is_forgotten_when_no_repetition_can_pass_its_deadline_anywhere) {
  recent_limits limits;
  limits.skew = seconds{2};
  recent_commands recent{limits};
  recent.begin(id(1), t0 + seconds{5}, t0);
  recent.finished(id(1), done("x"));
  recent.begin(id(2), t0 + seconds{30}, t0 + milliseconds{6999});
  EXPECT_EQ(recent.size(), 2u);
  recent.begin(id(3), t0 + seconds{30}, t0 + seconds{7});
  EXPECT_EQ(recent.size(), 2u);
  EXPECT_EQ(recent.bytes(), 0u);
}

TEST(recent_commands_test, a_repetition_with_a_later_deadline_is_remembered_for_that_long) {
  recent_commands recent{{}};
  recent.begin(id(1), t0 + seconds{5}, t0);
  recent.finished(id(1), done("x"));
  EXPECT_EQ(recent.begin(id(1), t0 + seconds{50}, t0 + seconds{4}), verdict::finished);
  EXPECT_EQ(recent.begin(id(1), t0 + seconds{50}, t0 + seconds{40}), verdict::finished);
}

TEST(recent_commands_test, no_room_refuses_and_forgets_nothing) {
  recent_limits limits;
  limits.commands_max = 3;
  recent_commands recent{limits};
  for (std::uint64_t n = 1; n <= 3; ++n) {
    EXPECT_EQ(recent.begin(id(n), t0 + seconds{5}, t0), verdict::begin);
    recent.finished(id(n), done("x"));
  }
  EXPECT_EQ(recent.begin(id(4), t0 + seconds{5}, t0), verdict::full);
  for (std::uint64_t n = 1; n <= 3; ++n)
    EXPECT_EQ(recent.begin(id(n), t0 + seconds{5}, t0), verdict::finished);
  EXPECT_EQ(recent.begin(id(4), t0 + seconds{20}, t0 + seconds{8}), verdict::begin);
  EXPECT_EQ(recent.begin(id(9), t0 + seconds{61}, t0), verdict::too_far);
}

TEST(recent_commands_test, of_answers_without_room_remains_that_they_were_given) {
  recent_limits limits;
  limits.bytes_max = 10;
  recent_commands recent{limits};
  for (std::uint64_t n = 1; n <= 3; ++n) {
    recent.begin(id(n), t0 + seconds{5}, t0);
    recent.finished(id(n), done(std::string(4, 'x')));
    EXPECT_LE(recent.bytes(), 10u);
  }
  EXPECT_EQ(recent.begin(id(1), t0 + seconds{5}, t0), verdict::finished);
  EXPECT_EQ(recent.answer(id(1)), (command_reply{reply_code::forgotten, 3, {}}));
  EXPECT_EQ(recent.answer(id(3)), done("xxxx"));
  recent.begin(id(4), t0 + seconds{5}, t0);
  recent.finished(id(4), done(std::string(11, 'x')));
  EXPECT_EQ(recent.answer(id(4)).code, reply_code::forgotten) << "larger than all the room";
  EXPECT_EQ(recent.answer(id(3)), done("xxxx")) << "which cost the others nothing";
}

// Whatever is sent, repeated and lost: what a sender may still repeat is applied once.
TEST(recent_commands_test, nothing_that_may_be_repeated_is_applied_twice) {
  std::mt19937_64 chance{5};
  recent_limits limits;
  limits.commands_max = 30;
  limits.bytes_max = 50;
  limits.deadline_max = seconds{10};
  recent_commands recent{limits};
  struct sent {
    time_point deadline;
    int effects = 0;
    bool running = false;
  };
  std::vector<sent> all;
  auto now = t0;
  std::map<verdict, int> seen;
  for (int n = 0; n < 20'000; ++n) {
    now += milliseconds{chance() % 40};
    if (all.empty() || chance() % 4 == 0)
      all.push_back({now + milliseconds{chance() % 5000}});
    // One of the last, so that there are repetitions.
    const auto which = all.size() - 1 - chance() % std::min<std::size_t>(all.size(), 40);
    auto& one = all[which];
    if (one.running && chance() % 2 == 0) {
      one.running = false;
      if (chance() % 5 == 0) {
        recent.not_applied(id(which));
      } else {
        ++one.effects;
        recent.finished(id(which), done(std::string(chance() % 20, 'x')));
      }
    } else if (now < one.deadline) { // otherwise the check before refuses it
      const auto what = recent.begin(id(which), one.deadline, now);
      ++seen[what];
      ASSERT_EQ(what == verdict::running, one.running);
      if (what == verdict::begin)
        one.running = true;
      ASSERT_TRUE(what == verdict::finished || one.effects == 0);
    }
    ASSERT_LE(one.effects, 1);
    ASSERT_LE(recent.size(), 30u);
    ASSERT_LE(recent.bytes(), 50u);
  }
  for (const auto what : {verdict::begin, verdict::running, verdict::finished, verdict::full})
    EXPECT_GT(seen[what], 100) << static_cast<int>(what);
}

} // namespace
} // namespace tiketi::cluster
