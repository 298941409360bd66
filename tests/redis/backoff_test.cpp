#include "net/redis/backoff.hpp"

#include <gtest/gtest.h>

namespace tiketi::net {
namespace {

TEST(redis_backoff, doubles_up_to_the_longest) {
  backoff b{{milliseconds{50}, milliseconds{300}}};
  for (const int whole : {50, 100, 200, 300, 300})
    EXPECT_EQ(b.next(0), milliseconds{whole});
  b.reset();
  EXPECT_EQ(b.next(0), milliseconds{50});
}

TEST(redis_backoff, leaves_out_a_random_half_at_most) {
  backoff b{{milliseconds{100}, milliseconds{100}}};
  EXPECT_EQ(b.next(50), milliseconds{50});
  EXPECT_EQ(b.next(51), milliseconds{100});
  for (std::uint64_t chance = 0; chance < 1000; ++chance) {
    const auto wait = b.next(chance * 0x9e3779b97f4a7c15ULL);
    EXPECT_GE(wait, milliseconds{50});
    EXPECT_LE(wait, milliseconds{100});
  }
}

} // namespace
} // namespace tiketi::net
