#include "actors/event/expiry_heap.hpp"

#include <map>
#include <random>

#include <gtest/gtest.h>

namespace tiketi::ticket {
namespace {

reservation_id who(std::uint8_t n) {
  reservation_id id;
  id.value.bytes[15] = n;
  return id;
}

TEST(expiry_heap, earliest_first_and_bounded) {
  expiry_heap heap;
  heap.set(who(1), from_millis(30));
  heap.set(who(2), from_millis(10));
  heap.set(who(3), from_millis(10));
  heap.set(who(4), from_millis(40));
  EXPECT_TRUE(heap.pop_due(from_millis(9), 10).empty());
  EXPECT_EQ(heap.pop_due(from_millis(30), 2), (std::vector{who(2), who(3)}));
  EXPECT_EQ(heap.pop_due(from_millis(30), 2), (std::vector{who(1)}));
  EXPECT_EQ(heap.size(), 1U);
}

TEST(expiry_heap, moved_and_removed) {
  expiry_heap heap;
  heap.set(who(1), from_millis(10));
  heap.set(who(1), from_millis(20));
  heap.set(who(2), from_millis(5));
  heap.remove(who(2));
  EXPECT_TRUE(heap.pop_due(from_millis(15), 10).empty());
  EXPECT_EQ(heap.pop_due(from_millis(20), 10), (std::vector{who(1)}));
  EXPECT_TRUE(heap.pop_due(from_millis(99), 10).empty());
}

TEST(expiry_heap, does_not_grow_with_moves) {
  expiry_heap heap;
  for (int i = 0; i < 100'000; ++i)
    heap.set(who(static_cast<std::uint8_t>(i % 7)), from_millis(i));
  EXPECT_LE(heap.entries(), 2U * 7U + 65U);
  EXPECT_EQ(heap.pop_due(from_millis(100'000), 100).size(), 7U);
}

TEST(expiry_heap, agrees_with_a_sorted_map) {
  std::mt19937 rng(7);
  expiry_heap heap;
  std::map<reservation_id, time_point> model;
  for (int step = 0; step < 20'000; ++step) {
    const auto id = who(static_cast<std::uint8_t>(rng() % 40));
    const auto at = from_millis(static_cast<std::int64_t>(rng() % 1000));
    switch (rng() % 4) {
    case 0:
    case 1:
      heap.set(id, at);
      model[id] = at;
      break;
    case 2:
      heap.remove(id);
      model.erase(id);
      break;
    default:
      std::vector<std::pair<time_point, reservation_id>> due;
      for (const auto& [key, t] : model)
        if (t <= at)
          due.emplace_back(t, key);
      std::sort(due.begin(), due.end());
      std::vector<reservation_id> expected;
      for (const auto& [t, key] : due) {
        expected.push_back(key);
        model.erase(key);
      }
      ASSERT_EQ(heap.pop_due(at, 1000), expected);
    }
    ASSERT_EQ(heap.size(), model.size());
  }
}

} // namespace
} // namespace tiketi::ticket
