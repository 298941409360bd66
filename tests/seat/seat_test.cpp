#include "actors/seat/seat.hpp"

#include <gtest/gtest.h>

namespace tiketi::ticket {
namespace {

reservation_id who(std::uint8_t n) {
  reservation_id id;
  id.value.bytes[15] = n;
  return id;
}

// Every phase, reached as production reaches it: held by 1 with token 7, version 3 before.
seat in(seat::phase phase) {
  seat s(seat_status::available, 3, 6, {});
  if (phase == seat::phase::available)
    return s;
  EXPECT_TRUE(s.claim(who(1)));
  if (phase == seat::phase::granted)
    return s;
  EXPECT_TRUE(s.settle(who(1), 7));
  if (phase == seat::phase::held)
    return s;
  EXPECT_TRUE(s.sell(who(1), 7));
  return s;
}

constexpr seat::phase phases[] = {seat::phase::available, seat::phase::granted, seat::phase::held,
                                  seat::phase::sold};

TEST(seat, claim_table) {
  for (const auto phase : phases) {
    auto stranger = in(phase);
    EXPECT_EQ(stranger.claim(who(2)).has_value(), phase == seat::phase::available);
    EXPECT_EQ(stranger.holder(), phase == seat::phase::available ? who(2) : who(1));
    auto holder = in(phase);
    const auto claim = holder.claim(who(1));
    EXPECT_EQ(claim.has_value(), phase == seat::phase::available || phase == seat::phase::granted);
    if (claim) {
      EXPECT_EQ(*claim, (seat_claim{6, 4}));
    }
  }
}

TEST(seat, settle_table) {
  for (const auto phase : phases)
    for (const std::uint8_t n : {std::uint8_t{1}, std::uint8_t{2}})
      for (const std::uint64_t token : {0u, 5u, 6u, 7u, 8u}) {
        auto s = in(phase);
        const bool fits = phase == seat::phase::granted && n == 1 && token > 6;
        EXPECT_EQ(s.settle(who(n), token), fits);
        EXPECT_EQ(s.state(), fits ? seat::phase::held : phase);
        if (fits) {
          EXPECT_EQ(s.token(), token);
          EXPECT_EQ(s.version(), 4U);
        }
      }
}

TEST(seat, sell_and_verify_table) {
  for (const auto phase : phases)
    for (const std::uint8_t n : {std::uint8_t{1}, std::uint8_t{2}})
      for (const std::uint64_t token : {6u, 7u, 8u}) {
        auto s = in(phase);
        const bool fits =
            (phase == seat::phase::held || phase == seat::phase::sold) && n == 1 && token == 7;
        EXPECT_EQ(s.verify(who(n), token), fits);
        EXPECT_EQ(s.sell(who(n), token), fits);
        EXPECT_EQ(s.state(), fits ? seat::phase::sold : phase);
        EXPECT_EQ(s.version(), in(phase).version());
      }
}

TEST(seat, release_table) {
  for (const auto phase : phases)
    for (const std::uint8_t n : {std::uint8_t{1}, std::uint8_t{2}})
      for (const std::uint64_t token : {0u, 6u, 7u, 8u}) {
        auto s = in(phase);
        const bool fits =
            n == 1
            && (phase == seat::phase::granted || (phase != seat::phase::available && token == 7));
        EXPECT_EQ(s.release(who(n), token), fits);
        EXPECT_EQ(s.state(), fits ? seat::phase::available : phase);
        if (fits) {
          EXPECT_TRUE(s.holder().is_nil());
        }
        EXPECT_EQ(s.version(), in(phase).version());
        EXPECT_GE(s.token(), in(phase).token());
      }
}

TEST(seat, an_issued_token_that_was_not_used_raises_the_floor) {
  auto s = in(seat::phase::granted);
  EXPECT_TRUE(s.release(who(1), 11));
  EXPECT_EQ(s.claim(who(2))->floor, 11U);
  EXPECT_FALSE(s.settle(who(2), 11));
  EXPECT_TRUE(s.settle(who(2), 12));
}

TEST(seat, a_second_hold_never_touches_the_first) {
  auto s = in(seat::phase::held);
  EXPECT_FALSE(s.claim(who(2)));
  EXPECT_FALSE(s.release(who(2), 7));
  EXPECT_TRUE(s.verify(who(1), 7));
}

TEST(seat, comes_back_from_the_store_as_it_was) {
  seat held(seat_status::locked, 4, 7, who(1));
  EXPECT_TRUE(held.verify(who(1), 7));
  EXPECT_TRUE(held.release(who(1), 7));
  seat sold(seat_status::reserved, 4, 7, who(1));
  EXPECT_EQ(sold.state(), seat::phase::sold);
  seat free(seat_status::available, 4, 7, who(1));
  EXPECT_TRUE(free.holder().is_nil());
  EXPECT_EQ(*free.claim(who(2)), (seat_claim{7, 5}));
}

} // namespace
} // namespace tiketi::ticket
