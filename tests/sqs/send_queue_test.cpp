#include "actors/base/environment.hpp"
#include "actors/sqs/send_queue.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace tiketi::sqs {
namespace {

using namespace std::chrono_literals;
using outcome = send_queue::outcome;
using added = send_queue::added;

constexpr time_point start = from_millis(1'771'754'400'000);

uuid nth(int n) {
  uuid out;
  out.bytes[0] = static_cast<std::uint8_t>(n >> 8);
  out.bytes[1] = static_cast<std::uint8_t>(n);
  return out;
}

int number_of(const uuid& id) {
  return id.bytes[0] * 256 + id.bytes[1];
}

std::vector<int> numbers(const std::optional<send_queue::call>& c) {
  std::vector<int> out;
  if (c)
    for (const auto& id : c->entries)
      out.push_back(number_of(id));
  return out;
}

void answer(send_queue& q, const send_queue::call& c, outcome what, time_point now) {
  q.answered(c.number, std::vector<outcome>(c.entries.size(), what), now, 0);
}

using list = std::vector<int>;

TEST(send_queue_test, ten_of_a_group_go_together_and_one_call_at_a_time) {
  send_queue q{{}};
  for (int n = 1; n <= 12; ++n)
    EXPECT_EQ(q.add(nth(n), n, "a"), added::fresh);
  EXPECT_EQ(q.add(nth(3), 3, "a"), added::known);
  const auto first = q.next(start);
  EXPECT_EQ(numbers(first), (list{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
  EXPECT_FALSE(q.next(start)) << "the group is under way";
  EXPECT_EQ(q.add(nth(20), 20, "b"), added::fresh);
  const auto other = q.next(start);
  EXPECT_EQ(numbers(other), list{20}) << "another group need not wait";
  answer(q, *first, outcome::over, start);
  EXPECT_EQ(numbers(q.next(start)), (list{11, 12}));
  EXPECT_EQ(q.held(), 3u);
}

TEST(send_queue_test, a_call_is_filled_from_several_groups_the_oldest_first) {
  send_queue q{{.per_group = 1}};
  q.add(nth(5), 5, "a");
  q.add(nth(6), 6, "a");
  q.add(nth(3), 3, "b");
  q.add(nth(4), 4, "c");
  const auto first = q.next(start);
  EXPECT_EQ(numbers(first), (list{3, 4, 5}));
  answer(q, *first, outcome::over, start);
  EXPECT_EQ(numbers(q.next(start)), list{6});
}

TEST(send_queue_test, what_failed_goes_first_and_its_group_waits) {
  send_queue q{{}};
  for (int n = 1; n <= 4; ++n)
    q.add(nth(n), n, n == 4 ? "b" : "a");
  const auto first = q.next(start);
  ASSERT_EQ(numbers(first), (list{1, 2, 3, 4}));
  q.answered(first->number,
             std::vector{outcome::over, outcome::again, outcome::over, outcome::over}, start, 0);
  q.add(nth(5), 5, "a");
  q.add(nth(6), 6, "b");
  EXPECT_EQ(numbers(q.next(start)), list{6}) << "only the group of the failure waits";
  EXPECT_FALSE(q.next(start + 249ms));
  const auto again = q.next(start + 250ms);
  EXPECT_EQ(numbers(again), (list{2, 5})) << "the failed one alone of its call, and before 5";
  q.answered(again->number, std::vector{outcome::again, outcome::over}, start + 250ms, 0);
  EXPECT_FALSE(q.next(start + 749ms)) << "each failure doubles the wait";
  EXPECT_EQ(numbers(q.next(start + 750ms)), list{2});
}

TEST(send_queue_test, a_message_to_be_sent_alone_is) {
  send_queue q{{}};
  for (int n = 1; n <= 3; ++n)
    q.add(nth(n), n, "a");
  q.add(nth(4), 4, "b");
  const auto first = q.next(start);
  ASSERT_EQ(numbers(first), (list{1, 2, 3, 4}));
  answer(q, *first, outcome::alone, start);
  const auto one = q.next(start);
  EXPECT_EQ(numbers(one), list{1});
  const auto four = q.next(start);
  EXPECT_EQ(numbers(four), list{4});
  answer(q, *one, outcome::over, start);
  q.add(nth(5), 5, "c");
  const auto two = q.next(start);
  EXPECT_EQ(numbers(two), list{2});
  EXPECT_EQ(numbers(q.next(start)), list{5}) << "others are not held up by it";
}

TEST(send_queue_test, when_nothing_gets_through_all_rest_and_one_call_tries) {
  send_queue q{{.wait_first = 500ms, .wait_max = 4000ms}};
  for (int n = 1; n <= 3; ++n)
    q.add(nth(n), n, std::string(1, static_cast<char>('a' + n)) + std::string(n == 3 ? 1 : 0, 'x'));
  auto c = q.next(start);
  ASSERT_TRUE(c);
  q.failed(c->number, false, start, 0);
  q.add(nth(9), 9, "z");
  EXPECT_FALSE(q.next(start + 249ms));
  auto at = start + 250ms;
  c = q.next(at);
  ASSERT_EQ(numbers(c), (list{1, 2, 3, 9})) << "in order again";
  q.add(nth(10), 10, "y");
  EXPECT_FALSE(q.next(at)) << "one call at a time until one gets through";
  q.failed(c->number, true, at, 0);
  EXPECT_FALSE(q.next(at + 1999ms)) << "a person has to help: not soon";
  c = q.next(at + 2000ms);
  ASSERT_EQ(numbers(c), (list{1, 2, 3, 9, 10}));
  q.add(nth(11), 11, "w");
  answer(q, *c, outcome::over, at);
  EXPECT_EQ(numbers(q.next(at + 2000ms)), list{11});
}

TEST(send_queue_test, waits_never_exceed_their_bound) {
  send_queue q{{.wait_first = 500ms, .wait_max = 4000ms}};
  q.add(nth(1), 1, "a");
  auto at = start;
  for (int i = 0; i < 40; ++i) {
    const auto c = q.next(at);
    ASSERT_TRUE(c) << i;
    q.failed(c->number, i % 2 == 0, at, 0xffff'ffff'ffff'ffffULL);
    EXPECT_FALSE(q.next(at));
    at += 4000ms;
  }
}

TEST(send_queue_test, over_the_bound_messages_are_refused) {
  send_queue q{{.held_max = 2}};
  EXPECT_EQ(q.add(nth(1), 1, "a"), added::fresh);
  EXPECT_EQ(q.add(nth(2), 2, "a"), added::fresh);
  EXPECT_EQ(q.add(nth(3), 3, "a"), added::full);
  EXPECT_EQ(q.add(nth(1), 1, "a"), added::known);
  answer(q, *q.next(start), outcome::over, start);
  EXPECT_EQ(q.add(nth(3), 3, "a"), added::fresh);
}

/// Any answers in any order: no message is lost or sent twice at once, no call breaks a bound, and
/// with one message of a group per call each group arrives in order.
TEST(send_queue_test, order_holds_whatever_the_service_does) {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    std::mt19937 random{seed};
    const auto below = [&](std::size_t n) { return random() % n; };
    const send_rules rules{.per_call = 1 + below(10),
                           .per_group = seed % 2 == 0 ? 1 : 1 + below(10),
                           .calls_max = 1 + below(4)};
    send_queue q{rules};
    std::map<std::string, list> accepted;
    std::map<std::uint64_t, send_queue::call> open;
    std::map<int, std::string> group_of;
    int added_so_far = 0;
    auto now = start;
    for (int step = 0; step < 4000; ++step) {
      const bool draining = step > 2000;
      if (!draining && added_so_far < 300 && below(3) == 0) {
        const auto n = ++added_so_far;
        group_of[n] = std::string(1, static_cast<char>('a' + below(5)));
        ASSERT_EQ(q.add(nth(n), n, group_of[n]), added::fresh);
      }
      now += milliseconds{draining ? 1000 : static_cast<int>(below(200))};
      while (auto c = q.next(now)) {
        std::map<std::string, std::size_t> per_group;
        for (const auto n : numbers(c))
          ++per_group[group_of[n]];
        ASSERT_LE(c->entries.size(), rules.per_call);
        for (const auto& [name, count] : per_group) {
          ASSERT_LE(count, rules.per_group);
          for (const auto& [number, other] : open)
            for (const auto& id : other.entries)
              ASSERT_NE(group_of[number_of(id)], name) << "two calls about one group";
        }
        open.emplace(c->number, *c);
        ASSERT_LE(open.size(), rules.calls_max);
      }
      if (open.empty() || below(2) == 0)
        continue;
      auto which = std::next(open.begin(), static_cast<std::ptrdiff_t>(below(open.size())));
      const auto c = which->second;
      open.erase(which);
      if (!draining && below(4) == 0) {
        q.failed(c.number, below(2) == 0, now, random());
        continue;
      }
      std::vector<outcome> outcomes;
      for (const auto& id : c.entries) {
        const auto n = number_of(id);
        const auto dice = draining ? 9 : below(10);
        outcomes.push_back(dice < 2 ? outcome::again : dice < 3 ? outcome::alone : outcome::over);
        if (outcomes.back() == outcome::over)
          accepted[group_of[n]].push_back(n);
      }
      q.answered(c.number, outcomes, now, random());
    }
    std::size_t total = 0;
    for (const auto& [name, order] : accepted) {
      total += order.size();
      EXPECT_EQ(std::set(order.begin(), order.end()).size(), order.size());
      if (rules.per_group == 1) {
        EXPECT_TRUE(std::is_sorted(order.begin(), order.end())) << "seed " << seed;
      }
    }
    EXPECT_EQ(total, static_cast<std::size_t>(added_so_far)) << "seed " << seed;
    EXPECT_EQ(q.held(), 0u);
  }
}

} // namespace
} // namespace tiketi::sqs
