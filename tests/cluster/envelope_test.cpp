#include "actors/cluster/envelope.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace tiketi::cluster {
namespace {

constexpr time_point now = from_millis(1'771'754'400'000);

/// View 7; shard 0 of one is in `state` since view 5.
routing routes_with(shard_state state) {
  routing out;
  out.self = {"a", 2};
  out.view.epoch = 7;
  out.roles.push_back({"ticket", shard_map{7, std::vector<candidate>{{"a", 1}}, 1}, {state}, {5}});
  return out;
}

envelope command_at(std::uint64_t epoch) {
  envelope out;
  out.role = "ticket";
  out.key = 99;
  out.epoch = epoch;
  out.deadline = to_millis(now) + 1000;
  return out;
}

TEST(envelope_test, the_owner_takes_what_was_routed_since_it_serves) {
  const auto routes = routes_with(shard_state::serving);
  for (const std::uint64_t epoch : {5U, 6U, 7U}) {
    const auto out = check(command_at(epoch), routes, true, now);
    EXPECT_EQ(out.code, reply_code::done) << epoch;
    EXPECT_FALSE(out.view_is_old);
  }
  EXPECT_EQ(check(command_at(4), routes, true, now).code, reply_code::old_epoch);
  const auto newer = check(command_at(8), routes, true, now);
  EXPECT_EQ(newer.code, reply_code::done) << "its lease says that it is the owner";
  EXPECT_TRUE(newer.view_is_old);
}

// Each check that fails hides those after it: a command that fails all of them is refused for the
// first, and so on as they are put right one by one.
TEST(envelope_test, the_checks_have_their_order) {
  auto command = command_at(4);
  command.deadline = to_millis(now);
  auto routes = routes_with(shard_state::draining);
  EXPECT_EQ(check(command, routes, false, now).code, reply_code::late);
  command.deadline += 1;
  EXPECT_EQ(check(command, routes, false, now).code, reply_code::fenced);
  EXPECT_EQ(check(command, routes, true, now).code, reply_code::old_epoch);
  command.epoch = 7;
  EXPECT_EQ(check(command, routes, true, now).code, reply_code::moving);
  routes = routes_with(shard_state::serving);
  EXPECT_EQ(check(command, routes, true, now).code, reply_code::done);
}

TEST(envelope_test, who_does_not_serve_says_what_to_do) {
  for (const auto state : {shard_state::acquiring, shard_state::draining, shard_state::releasing})
    EXPECT_EQ(check(command_at(7), routes_with(state), true, now).code, reply_code::moving);
  EXPECT_EQ(check(command_at(7), routes_with(shard_state::elsewhere), true, now).code,
            reply_code::not_owner);
  EXPECT_EQ(check(command_at(8), routes_with(shard_state::elsewhere), true, now).code,
            reply_code::moving)
      << "the sender knows more than this node";
  auto stranger = routes_with(shard_state::serving);
  stranger.self.incarnation = 0;
  EXPECT_EQ(check(command_at(7), stranger, true, now).code, reply_code::fenced);
  auto other = command_at(7);
  other.role = "payment";
  EXPECT_EQ(check(other, routes_with(shard_state::serving), true, now).code, reply_code::no_region);
}

TEST(envelope_test, no_code_is_both_harmless_and_doubtful) {
  for (int n = 1; n <= static_cast<int>(reply_code::bad_deadline); ++n) {
    const auto code = static_cast<reply_code>(n);
    EXPECT_FALSE(may_try_again(code) && may_be_applied(code)) << to_string_view(code);
    EXPECT_NE(to_string_view(code), "unknown");
  }
}

} // namespace
} // namespace tiketi::cluster
