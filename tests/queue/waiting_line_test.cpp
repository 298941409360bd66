#include "actors/queue/waiting_line.hpp"
#include "tests/queue/seed.hpp"

#include <algorithm>
#include <random>

namespace tiketi::queue {
namespace {

using test::nth_user;

/// The same behaviour, slow and obvious.
class naive_line {
public:
  struct member {
    waiting_user who;
    std::uint32_t seen;
    bool leaving;
  };

  bool push_back(const user_id& user, std::uint64_t sequence, std::uint32_t now_s) {
    if (find(user) != members.end() || sequence <= last)
      return false;
    members.push_back({{user, sequence}, now_s, false});
    last = sequence;
    return true;
  }

  std::vector<member>::iterator find(const user_id& user) {
    return std::find_if(members.begin(), members.end(),
                        [&](const member& m) { return m.who.user == user; });
  }

  std::size_t position(const user_id& user) {
    const auto found = find(user);
    return found == members.end() ? 0 : static_cast<std::size_t>(found - members.begin()) + 1;
  }

  std::vector<member> members;
  std::uint64_t last = 0;
};

void expect_same(const waiting_line& line, naive_line& model) {
  ASSERT_EQ(line.size(), model.members.size());
  std::vector<waiting_user> expected;
  for (const auto& m : model.members)
    expected.push_back(m.who);
  ASSERT_EQ(line.front(line.size() + 1), expected);
  for (const auto& m : model.members) {
    ASSERT_EQ(line.position(m.who.user), model.position(m.who.user));
    ASSERT_EQ(line.sequence_of(m.who.user), m.who.sequence);
    ASSERT_EQ(line.leaving_since(m.who.user).has_value(), m.leaving);
  }
}

/// Random operations; `join_weight` of 100 are joins, so lines of several shapes come about.
void run_against_model(std::uint64_t seed, int join_weight, int steps, std::uint64_t users) {
  SCOPED_TRACE(test::replay(seed));
  std::mt19937_64 random{seed};
  const auto below = [&](std::uint64_t n) { return random() % n; };
  waiting_line line;
  naive_line model;
  std::uint64_t sequence = below(3) == 0 ? 0xffffff00 : 0; // crosses 32 bits now and then
  std::uint32_t clock = 1000;
  for (int step = 0; step < steps; ++step) {
    clock += static_cast<std::uint32_t>(below(2));
    const auto user = nth_user(below(users));
    if (static_cast<int>(below(100)) < join_weight) {
      sequence += 1 + below(3);
      ASSERT_EQ(line.push_back(user, sequence, clock), model.push_back(user, sequence, clock));
      continue;
    }
    switch (below(6)) {
    case 0: { // leave from anywhere
      const auto found = model.find(user);
      ASSERT_EQ(line.erase(user), found != model.members.end());
      if (found != model.members.end())
        model.members.erase(found);
      break;
    }
    case 1: { // admission
      const auto first = line.front(1 + below(5));
      for (const auto& who : first) {
        ASSERT_EQ(who, model.members.front().who);
        ASSERT_TRUE(line.erase(who.user));
        model.members.erase(model.members.begin());
      }
      break;
    }
    case 2: {
      const auto found = model.find(user);
      ASSERT_EQ(line.touch(user, clock), found != model.members.end());
      if (found != model.members.end()) {
        found->seen = clock;
        found->leaving = false;
      }
      break;
    }
    case 3: {
      const auto found = model.find(user);
      ASSERT_EQ(line.mark_leaving(user, clock), found != model.members.end());
      if (found != model.members.end()) {
        found->seen = clock;
        found->leaving = true;
      }
      break;
    }
    case 4: {
      ASSERT_EQ(line.position(user), model.position(user));
      ASSERT_EQ(line.contains(user), model.position(user) != 0);
      break;
    }
    default: { // a whole round finds exactly the stale ones, whatever its pieces are
      const auto before = clock - static_cast<std::uint32_t>(below(50));
      std::vector<waiting_user> expected;
      for (const auto& m : model.members)
        if (!m.leaving && m.seen < before)
          expected.push_back(m.who);
      auto found = line.sweep(before, 1u << 30, 1u << 30);
      std::sort(found.begin(), found.end(),
                [](const auto& a, const auto& b) { return a.sequence < b.sequence; });
      ASSERT_EQ(found, expected);
      break;
    }
    }
    if (below(200) == 0)
      expect_same(line, model);
    if (below(5000) == 0) {
      line.clear();
      model.members.clear();
    }
  }
  expect_same(line, model);
}

TEST(waiting_line_test, behaves_like_the_model_when_it_grows) {
  run_against_model(test::test_seed(), 80, 4000, 20'000);
}

TEST(waiting_line_test, behaves_like_the_model_when_users_come_and_go) {
  for (int i = 0; i < 4; ++i)
    run_against_model(test::test_seed() + static_cast<std::uint64_t>(i), 50, 4000, 3'000);
}

TEST(waiting_line_test, behaves_like_the_model_when_it_is_mostly_empty) {
  for (int i = 0; i < 10; ++i)
    run_against_model(test::test_seed() + static_cast<std::uint64_t>(i), 30, 4000, 40);
}

TEST(waiting_line_test, positions_close_ranks) {
  waiting_line line;
  for (std::uint64_t i = 0; i < 5000; ++i)
    ASSERT_TRUE(line.push_back(nth_user(i), i + 1, 1));
  EXPECT_EQ(line.position(nth_user(0)), 1u);
  EXPECT_EQ(line.position(nth_user(4999)), 5000u);
  EXPECT_EQ(line.position(nth_user(5000)), 0u);
  for (std::uint64_t i = 0; i < 5000; i += 2)
    ASSERT_TRUE(line.erase(nth_user(i)));
  EXPECT_EQ(line.position(nth_user(1)), 1u);
  EXPECT_EQ(line.position(nth_user(4999)), 2500u);
}

TEST(waiting_line_test, a_user_has_one_place_and_order_follows_the_numbers) {
  waiting_line line;
  EXPECT_TRUE(line.push_back(nth_user(1), 10, 1));
  EXPECT_FALSE(line.push_back(nth_user(1), 11, 1)) << "has a place";
  EXPECT_FALSE(line.push_back(nth_user(2), 10, 1)) << "numbers increase";
  EXPECT_FALSE(line.push_back(nth_user(2), 9, 1));
  EXPECT_TRUE(line.erase(nth_user(1)));
  EXPECT_FALSE(line.push_back(nth_user(2), 10, 1)) << "also after everybody left";
  EXPECT_TRUE(line.push_back(nth_user(2), 11, 1));
  EXPECT_EQ(line.size(), 1u);
}

TEST(waiting_line_test, a_sweep_is_bounded_and_goes_round) {
  waiting_line line;
  for (std::uint64_t i = 0; i < 10'000; ++i)
    line.push_back(nth_user(i), i + 1, i % 10 == 0 ? 1 : 100);
  std::size_t found = 0;
  for (int i = 0; i < 10; ++i) {
    const auto piece = line.sweep(50, 1024, 1000);
    EXPECT_LE(piece.size(), 110u);
    found += piece.size();
    for (const auto& who : piece)
      line.erase(who.user);
  }
  EXPECT_EQ(found, 1000u) << "ten pieces of 1024 slots are one round";
  EXPECT_EQ(line.sweep(1000, 100'000, 7).size(), 7u);
}

TEST(waiting_line_test, memory_follows_the_number_of_users) {
  waiting_line line;
  constexpr std::uint64_t many = 100'000;
  std::uint64_t peak_per_user = 0;
  for (std::uint64_t i = 0; i < many; ++i) {
    line.push_back(nth_user(i), i + 1, 1);
    if (i > 20'000)
      peak_per_user = std::max<std::uint64_t>(peak_per_user, line.bytes() / (i + 1));
  }
  EXPECT_LT(peak_per_user, 40u);
  // The first user stays, so nothing can simply be cut off at the front.
  for (std::uint64_t i = 1; i < many; ++i)
    line.erase(nth_user(i));
  EXPECT_EQ(line.position(nth_user(0)), 1u);
  EXPECT_LT(line.bytes(), 400'000u) << "given back";
}

TEST(waiting_line_test, seconds_survive_the_round_trip) {
  const auto t = from_millis(1'771'754'400'000);
  EXPECT_EQ(from_line_seconds(line_seconds(t)), t);
  EXPECT_EQ(line_seconds(time_point{}), 0u);
}

} // namespace
} // namespace tiketi::queue
