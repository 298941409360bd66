#include "actors/ticket_type/ticket_type.hpp"

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

TEST(ticket_type, grants_until_nothing_is_left) {
  ticket_type t(5, 3);
  EXPECT_FALSE(t.take(who(1), 4));
  EXPECT_FALSE(t.take(who(1), 0));
  EXPECT_FALSE(t.take(who(1), -2));
  EXPECT_TRUE(t.take(who(1), 2));
  EXPECT_FALSE(t.take(who(1), 1)); // one grant per reservation
  EXPECT_TRUE(t.take(who(2), 1));
  EXPECT_FALSE(t.take(who(3), 1));
  EXPECT_EQ(t.remaining(), 0);
}

TEST(ticket_type, a_grant_comes_back_once) {
  ticket_type t(5, 3);
  EXPECT_TRUE(t.take(who(1), 2));
  EXPECT_TRUE(t.put_back(who(1)));
  EXPECT_FALSE(t.put_back(who(1)));
  EXPECT_EQ(t.remaining(), 3);
  EXPECT_TRUE(t.take(who(1), 3));
  EXPECT_TRUE(t.settle(who(1)));
  EXPECT_FALSE(t.settle(who(1)));
  EXPECT_FALSE(t.put_back(who(1)));
  EXPECT_EQ(t.remaining(), 0);
}

TEST(ticket_type, restock_never_exceeds_the_total) {
  ticket_type t(5, 3);
  EXPECT_TRUE(t.take(who(1), 1));
  t.restock(10);
  EXPECT_EQ(t.remaining(), 4); // the open grant is still out
  t.restock(-1);
  EXPECT_EQ(t.remaining(), 4);
  EXPECT_EQ(ticket_type(3, 9).remaining(), 3);
  EXPECT_EQ(ticket_type(3, -9).remaining(), 0);
}

TEST(ticket_type, resize_keeps_what_is_out) {
  ticket_type t(10, 4);
  EXPECT_TRUE(t.take(who(1), 1));
  t.resize(20);
  EXPECT_EQ(t.remaining(), 13);
  t.resize(3);
  EXPECT_EQ(t.total(), 7);
  EXPECT_EQ(t.remaining(), 0);
  EXPECT_TRUE(t.put_back(who(1)));
  EXPECT_EQ(t.remaining(), 1);
}

// Random walks against a ledger that is obviously right.
TEST(ticket_type, never_sells_more_than_there_is) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 rng(seed);
    const auto total = static_cast<std::int32_t>(rng() % 12);
    ticket_type t(total, total);
    std::map<std::uint8_t, std::int32_t> open;
    std::map<std::uint8_t, std::int32_t> sold;
    const auto sum = [](const auto& m) {
      std::int32_t n = 0;
      for (const auto& [id, q] : m)
        n += q;
      return n;
    };
    for (int step = 0; step < 200; ++step) {
      const auto id = static_cast<std::uint8_t>(1 + rng() % 6);
      switch (rng() % 4) {
      case 0: {
        const auto q = static_cast<std::int32_t>(1 + rng() % 4);
        if (t.take(who(id), q))
          open[id] = q;
        break;
      }
      case 1:
        EXPECT_EQ(t.put_back(who(id)), open.erase(id) != 0);
        break;
      case 2:
        EXPECT_EQ(t.settle(who(id)), open.contains(id));
        if (open.contains(id)) {
          sold[id] += open[id];
          open.erase(id);
        }
        break;
      default:
        if (sold.contains(id)) {
          t.restock(sold[id]);
          sold.erase(id);
        }
      }
      ASSERT_EQ(t.remaining() + sum(open) + sum(sold), total) << "seed " << seed;
      ASSERT_GE(t.remaining(), 0);
    }
  }
}

} // namespace
} // namespace tiketi::ticket
