#include "actors/token/tokens.hpp"
#include "actors/vwr/numbered_room.hpp"
#include "actors/vwr/request_ids.hpp"

#include <random>

#include <gtest/gtest.h>

namespace tiketi::vwr {
namespace {

constexpr time_point t0 = from_millis(1'771'754'400'000);
const std::string secret = "a secret of at least thirty-two bytes!!";
const event_id concert = *parse_id<event_id>("00000000-0000-4000-8000-0000000000e1");
const event_id other = *parse_id<event_id>("00000000-0000-4000-8000-0000000000e2");

class request_ids_test : public ::testing::Test {
protected:
  request_ids ids = *request_ids::make(secret, seconds{86'400});
};

TEST_F(request_ids_test, an_id_says_again_what_was_sealed) {
  std::mt19937_64 chance{1};
  for (int i = 0; i < 2'000; ++i) {
    const auto number = 1 + chance() % number_max;
    const auto generation = 1 + chance() % 5'000;
    const auto at = t0 + seconds{static_cast<std::int64_t>(chance() % 1'000'000'000)};
    const auto id = ids.seal(concert, "someone", generation, number, at);
    const auto text = to_string(id);
    EXPECT_EQ(text[14], '8') << "version";
    EXPECT_TRUE(text[19] >= '8' && text[19] <= 'b') << "variant";
    const auto found = ids.open(concert, "someone", *parse_uuid(text), at + seconds{86'000});
    ASSERT_TRUE(found) << text;
    EXPECT_EQ(found->number, number);
    EXPECT_EQ(found->generation, generation % generations);
  }
}

TEST_F(request_ids_test, it_opens_for_its_event_and_holder_only) {
  const auto id = ids.seal(concert, "someone", 1, 7, t0);
  EXPECT_TRUE(ids.open(concert, "someone", id, t0));
  EXPECT_FALSE(ids.open(other, "someone", id, t0));
  EXPECT_FALSE(ids.open(concert, "someone else", id, t0));
  EXPECT_FALSE(ids.open(concert, "", id, t0));
  const auto foreign = *request_ids::make("another secret of thirty-two bytes!!!", seconds{86'400});
  EXPECT_FALSE(foreign.open(concert, "someone", id, t0));
}

TEST_F(request_ids_test, no_bit_of_it_can_be_changed) {
  const auto id = ids.seal(concert, "someone", 3, 123'456, t0);
  for (std::size_t bit = 0; bit < 128; ++bit) {
    auto forged = id;
    forged.bytes[bit / 8] = static_cast<std::uint8_t>(forged.bytes[bit / 8] ^ (1u << bit % 8));
    EXPECT_FALSE(ids.open(concert, "someone", forged, t0)) << "bit " << bit;
  }
}

TEST_F(request_ids_test, it_grows_old) {
  const auto id = ids.seal(concert, "someone", 1, 7, t0);
  EXPECT_TRUE(ids.open(concert, "someone", id, t0 + seconds{86'400}));
  EXPECT_FALSE(ids.open(concert, "someone", id, t0 + seconds{86'400 + 120}));
  EXPECT_FALSE(ids.open(concert, "someone", id, t0 + seconds{400 * 86'400}));
  EXPECT_TRUE(ids.open(concert, "someone", id, t0 - seconds{3600})) << "a clock was set back";
}

TEST_F(request_ids_test, bad_settings_are_refused) {
  EXPECT_FALSE(request_ids::make("short", seconds{60}));
  EXPECT_FALSE(request_ids::make(secret, seconds{0}));
  EXPECT_FALSE(request_ids::make(secret, seconds{86'400LL * 365 * 20}));
}

TEST(room_token_test, a_token_carries_tier_and_position_and_is_no_entry_token) {
  const auto tokens = *room_tokens::make(secret);
  const auto token = tokens.sign({concert, "anon-1", 42, t0, t0 + seconds{600}});
  const auto claims = tokens.verify(token, t0 + seconds{599});
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->event, concert);
  EXPECT_EQ(claims->holder, "anon-1");
  EXPECT_EQ(claims->position, 42u);
  EXPECT_FALSE(tokens.verify(token, t0 + seconds{600}));
  const auto entries = *entry_tokens::make(secret);
  EXPECT_FALSE(entries.verify(token, t0)) << "even where the secrets were the same";
  const auto user = *parse_id<user_id>("00000000-0000-4000-8000-00000000000a");
  EXPECT_FALSE(tokens.verify(entries.sign({concert, user, t0, t0 + seconds{600}}), t0));
  EXPECT_FALSE(room_tokens::make("short"));
}

TEST(room_token_test, a_derived_secret_is_another_one) {
  const auto derived = derive_secret(secret, "waiting room");
  EXPECT_EQ(derived.size(), 64u);
  EXPECT_EQ(derived, derive_secret(secret, "waiting room"));
  EXPECT_NE(derived, derive_secret(secret, "something else"));
  EXPECT_NE(derived, derive_secret(secret + "!", "waiting room"));
}

} // namespace
} // namespace tiketi::vwr
