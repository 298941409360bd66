#include "actors/cluster/membership.hpp"

#include <gtest/gtest.h>

namespace tiketi::cluster {
namespace {

using std::chrono::milliseconds;

constexpr mono t0 = std::chrono::hours{10};
constexpr time_point database_time = from_millis(1'771'754'400'000);

member row(const std::string& node, std::uint64_t incarnation, std::uint64_t renewals) {
  member out;
  out.key = {node, incarnation};
  out.renewals = renewals;
  out.lease = milliseconds{3000};
  out.runs = {"1.0.0", 1};
  return out;
}

cluster_view view_of(std::uint64_t epoch, std::vector<member> members) {
  return {epoch, std::move(members)};
}

/// A member since `t0`, with "b" beside it.
class membership_test : public ::testing::Test {
protected:
  void SetUp() override {
    const auto call = m.due(t0);
    ASSERT_TRUE(call);
    EXPECT_EQ(call->what, store_call::kind::join);
    join_answer answer;
    answer.incarnation = 4;
    answer.cluster = "c";
    answer.view = view_of(1, {row("a", 4, 0), row("b", 1, 7)});
    answer.database_now = database_time;
    m.joined(*call, answer, t0 + milliseconds{40});
  }

  store_call renewal_at(mono now) {
    const auto call = m.due(now);
    EXPECT_TRUE(call) << now.count();
    EXPECT_EQ(call->what, store_call::kind::renew);
    return call.value_or(store_call{});
  }

  renew_answer alive(std::uint64_t renewals_of_b) const {
    return {true, view_of(1, {row("a", 4, 1), row("b", 1, renewals_of_b)}), database_time};
  }

  membership m{"a", lease_rules{}};
};

TEST_F(membership_test, serves_from_before_the_call_was_sent_less_the_margin) {
  EXPECT_EQ(m.stands(), standing::member);
  EXPECT_EQ(m.key(), (node_key{"a", 4}));
  EXPECT_EQ(m.serves_until(), t0 + milliseconds{2500});
  EXPECT_TRUE(m.may_serve(t0 + milliseconds{2499}));
  EXPECT_FALSE(m.may_serve(t0 + milliseconds{2500}));
}

TEST_F(membership_test, renews_in_its_rhythm_and_one_call_at_a_time) {
  EXPECT_FALSE(m.due(t0 + milliseconds{999}));
  const auto call = renewal_at(t0 + milliseconds{1000});
  EXPECT_FALSE(m.due(t0 + milliseconds{5000})) << "one is under way";
  m.renewed(call, alive(8), t0 + milliseconds{1900});
  EXPECT_EQ(m.serves_until(), t0 + milliseconds{3500}) << "not from the answer";
  EXPECT_EQ(m.next_due(), t0 + milliseconds{2000});
}

TEST_F(membership_test, a_failed_renewal_is_soon_repeated_and_counts_for_nothing) {
  auto call = renewal_at(t0 + milliseconds{1000});
  m.failed(call, t0 + milliseconds{1100});
  EXPECT_EQ(m.serves_until(), t0 + milliseconds{2500});
  EXPECT_FALSE(m.due(t0 + milliseconds{1299}));
  renewal_at(t0 + milliseconds{1300});
}

TEST_F(membership_test, an_answer_to_an_earlier_call_counts_for_nothing) {
  const auto first = renewal_at(t0 + milliseconds{1000});
  m.failed(first, t0 + milliseconds{1000});
  auto late = first;
  late.sent += milliseconds{10'000};
  m.renewed(late, alive(8), t0 + milliseconds{1100});
  const auto second = renewal_at(t0 + milliseconds{1200});
  m.renewed(late, alive(8), t0 + milliseconds{1300});
  EXPECT_EQ(m.serves_until(), t0 + milliseconds{2500});
  m.renewed(second, alive(8), t0 + milliseconds{1300});
  EXPECT_EQ(m.serves_until(), t0 + milliseconds{3700});
}

TEST_F(membership_test, a_woken_node_serves_nothing_before_it_has_renewed) {
  // Stopped between sending and hearing, for an hour.
  const auto call = renewal_at(t0 + milliseconds{1000});
  const auto woken = t0 + std::chrono::hours{1};
  EXPECT_FALSE(m.may_serve(woken));
  m.renewed(call, alive(8), woken);
  EXPECT_FALSE(m.may_serve(woken)) << "that was an hour ago";
  const auto again = renewal_at(woken);
  m.renewed(again, alive(9), woken + milliseconds{5});
  EXPECT_TRUE(m.may_serve(woken + milliseconds{5}));
}

TEST_F(membership_test, who_was_given_up_joins_again_and_serves_nothing_meanwhile) {
  const auto call = renewal_at(t0 + milliseconds{1000});
  m.renewed(call, {false, view_of(2, {row("b", 1, 9)}), database_time}, t0 + milliseconds{1010});
  EXPECT_FALSE(m.may_serve(t0 + milliseconds{1010})) << "though the lease would go on";
  EXPECT_EQ(m.stands(), standing::joining);
  const auto join = m.due(t0 + milliseconds{1010});
  ASSERT_TRUE(join);
  EXPECT_EQ(join->what, store_call::kind::join);
}

TEST_F(membership_test, a_lease_ends_after_its_length_without_a_renewal_under_ones_eyes) {
  const auto read = t0 + milliseconds{40};
  EXPECT_EQ(m.next_end(), read + milliseconds{3000});
  EXPECT_TRUE(m.ended(read + milliseconds{2999}).empty());
  const auto ended = m.ended(read + milliseconds{3000});
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0], (seen_lease{{"b", 1}, 7}));
}

TEST_F(membership_test, a_renewal_of_another_starts_its_time_again_an_older_view_does_not) {
  m.saw(view_of(1, {row("a", 4, 0), row("b", 1, 8)}), t0 + milliseconds{2000});
  m.saw(view_of(1, {row("a", 4, 0), row("b", 1, 7)}), t0 + milliseconds{2500});
  m.saw(view_of(1, {row("a", 4, 0), row("b", 1, 8)}), t0 + milliseconds{2600});
  EXPECT_TRUE(m.ended(t0 + milliseconds{4999}).empty());
  EXPECT_EQ(m.ended(t0 + milliseconds{5000}).size(), 1u);
  m.saw(view_of(2, {row("a", 4, 0), row("b", 2, 0)}), t0 + milliseconds{5000});
  EXPECT_TRUE(m.ended(t0 + milliseconds{7999}).empty()) << "another process";
}

TEST_F(membership_test, the_length_of_a_lease_is_what_its_owner_said) {
  auto patient = row("b", 1, 8);
  patient.lease = milliseconds{9000};
  m.saw(view_of(2, {row("a", 4, 0), patient}), t0);
  EXPECT_TRUE(m.ended(t0 + milliseconds{8999}).empty());
  EXPECT_EQ(m.ended(t0 + milliseconds{9000}).size(), 1u);
}

TEST_F(membership_test, nothing_is_ended_for_a_while_after_the_store_was_silent) {
  const auto late = t0 + milliseconds{5000};
  m.put_off_end(late);
  EXPECT_TRUE(m.ended(late + milliseconds{199}).empty());
  EXPECT_EQ(m.ended(late + milliseconds{200}).size(), 1u);
  EXPECT_EQ(m.next_end(), late + milliseconds{200});
}

TEST_F(membership_test, an_older_view_counts_for_nothing) {
  m.saw(view_of(5, {row("a", 4, 0)}), t0 + milliseconds{100});
  m.saw(view_of(4, {row("a", 4, 0), row("z", 1, 0)}), t0 + milliseconds{200});
  EXPECT_EQ(m.view().epoch, 5u);
  EXPECT_EQ(m.view().find("z"), nullptr);
}

TEST_F(membership_test, the_clock_of_all_is_the_databases_whatever_this_machine_thinks) {
  // Sent at t0, answered 40 ms later: the database spoke in the middle.
  EXPECT_EQ(m.cluster_time(t0 + milliseconds{20}), database_time);
  EXPECT_EQ(m.cluster_time(t0 + milliseconds{1020}), database_time + seconds{1});
  EXPECT_FALSE((membership{"x", lease_rules{}}.cluster_time(t0)));
}

TEST_F(membership_test, who_leaves_stops_at_once_and_then_says_so) {
  const auto renewal = renewal_at(t0 + milliseconds{1000});
  m.leave();
  EXPECT_FALSE(m.may_serve(t0 + milliseconds{1001}));
  m.renewed(renewal, alive(8), t0 + milliseconds{1002});
  EXPECT_FALSE(m.may_serve(t0 + milliseconds{1002})) << "an answer on its way changes nothing";
  const auto call = m.due(t0 + milliseconds{1003});
  ASSERT_TRUE(call);
  EXPECT_EQ(call->what, store_call::kind::leave);
  m.has_left(*call);
  EXPECT_EQ(m.stands(), standing::left);
  EXPECT_FALSE(m.due(t0 + std::chrono::hours{1}));
}

TEST_F(membership_test, knows_that_it_drains) {
  EXPECT_FALSE(m.draining());
  auto self = row("a", 4, 0);
  self.draining = true;
  m.saw(view_of(2, {self}), t0);
  EXPECT_TRUE(m.draining());
  EXPECT_TRUE(m.may_serve(t0)) << "until its shards are with others";
}

TEST(joining_test, a_taken_name_is_tried_again_and_its_lease_is_watched) {
  membership m{"a", lease_rules{}};
  const auto call = m.due(t0);
  join_answer answer;
  answer.what = join_answer::outcome::name_taken;
  answer.view = view_of(3, {row("a", 1, 5)});
  m.joined(*call, answer, t0);
  EXPECT_EQ(m.stands(), standing::joining);
  EXPECT_EQ(m.next_due(), t0 + milliseconds{200});
  const auto ended = m.ended(t0 + milliseconds{3000});
  ASSERT_EQ(ended.size(), 1u) << "the process before this one";
  EXPECT_EQ(ended[0], (seen_lease{{"a", 1}, 5}));
}

TEST(joining_test, who_does_not_fit_asks_no_more) {
  membership m{"a", lease_rules{}};
  join_answer answer;
  answer.what = join_answer::outcome::incompatible;
  answer.text = "too old";
  m.joined(*m.due(t0), answer, t0);
  EXPECT_EQ(m.stands(), standing::refused);
  EXPECT_EQ(m.refusal(), "too old");
  EXPECT_FALSE(m.due(t0 + std::chrono::hours{1}));
  EXPECT_FALSE(m.may_serve(t0));
}

TEST(lease_rules_test, rules_that_cannot_work_are_named) {
  EXPECT_FALSE(problem_of(lease_rules{}));
  EXPECT_TRUE(
      problem_of({milliseconds{2400}, milliseconds{1000}, milliseconds{200}, milliseconds{500}}));
  EXPECT_TRUE(
      problem_of({milliseconds{3000}, milliseconds{0}, milliseconds{0}, milliseconds{500}}));
  EXPECT_TRUE(
      problem_of({milliseconds{3000}, milliseconds{1000}, milliseconds{2000}, milliseconds{500}}));
  EXPECT_TRUE(
      problem_of({milliseconds{3000}, milliseconds{1000}, milliseconds{200}, milliseconds{-1}}));
  EXPECT_NEAR(tolerated_drift(lease_rules{}), 0.0909, 0.0001);
}

TEST(version_test, one_minor_release_and_one_protocol_apart) {
  const software mine{"1.4.2", 7};
  EXPECT_FALSE(incompatible(mine, "b", {"1.4.0", 7}));
  EXPECT_FALSE(incompatible(mine, "b", {"1.5.9", 8}));
  EXPECT_FALSE(incompatible(mine, "b", {"1.3.0-rc1", 6}));
  EXPECT_EQ(incompatible(mine, "b", {"1.6.0", 7}),
            "this node runs version 1.4.2, node b runs 1.6.0: one minor release apart is allowed, "
            "so update in steps");
  EXPECT_TRUE(incompatible(mine, "b", {"2.4.2", 7}));
  EXPECT_TRUE(incompatible(mine, "b", {"1.4.2", 9}));
  EXPECT_TRUE(incompatible(mine, "b", {"1", 7}));
  EXPECT_TRUE(incompatible({"x", 7}, "b", {"1.4", 7}));
  EXPECT_EQ(parse_release("12.34"), (release{12, 34}));
  for (const auto* none : {"", "1", "1.", ".1", "a.b", "1.2x", "-1.2"})
    EXPECT_FALSE(parse_release(none)) << none;
}

} // namespace
} // namespace tiketi::cluster
