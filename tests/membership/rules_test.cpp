#include "actors/base/environment.hpp"
#include "actors/event/sale.hpp"
#include "actors/membership/membership.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tiketi::membership {
namespace {

using namespace std::chrono_literals;
using ticket::payment_outcome;
using ticket::payment_verdict;

constexpr time_point start = from_millis(1'771'754'400'000); // 2026-02-22T10:00:00Z

template <class Id>
Id id(std::uint8_t n) {
  Id out;
  out.value.bytes[0] = n;
  return out;
}

class membership_rules : public ::testing::Test {
protected:
  membership_row row(membership_status status = membership_status::pending,
                     std::int64_t points = 0) const {
    membership_row m;
    m.id = id<membership_id>(1);
    m.user = id<user_id>(2);
    m.artist = id<artist_id>(3);
    m.status = status;
    m.points = points;
    m.price = 30'000;
    m.version = 4;
    if (status != membership_status::pending) {
      m.paid_by = id<payment_id>(9);
      m.expires_at = now + 24h;
    }
    return m;
  }

  apply_membership_payment payment(std::uint8_t pay = 7) const {
    apply_membership_payment p;
    p.message = id<payment_id>(static_cast<std::uint8_t>(100 + pay)).value;
    p.membership = id<membership_id>(1);
    p.payment = id<payment_id>(pay);
    p.user = id<user_id>(2);
    p.amount = 30'000;
    p.method = "card";
    return p;
  }

  void expect_refused(const std::optional<membership_row>& known,
                      const apply_membership_payment& paid, const std::string& reason) {
    const auto decided = decide_activation(known, paid, *env);
    ASSERT_TRUE(std::holds_alternative<activation>(decided)) << reason;
    const auto& step = std::get<activation>(decided);
    EXPECT_EQ(step.outcome.verdict, payment_verdict::refund_due);
    EXPECT_EQ(step.outcome.reason, reason);
    EXPECT_EQ(step.change.next.version, 0u) << "no row is touched";
    EXPECT_FALSE(step.change.points);
    ASSERT_EQ(step.change.events.size(), 1u) << "the payment role has to hear of it";
    const auto& e = step.change.events[0];
    EXPECT_EQ(e.type, "PAYMENT_REJECTED");
    const auto body = nlohmann::json::parse(e.payload);
    EXPECT_EQ(body["paymentId"], to_string(paid.payment));
    EXPECT_EQ(body["referenceId"], to_string(paid.membership));
    EXPECT_EQ(body["reason"], reason);
  }

  time_point now = start;
  std::unique_ptr<environment> env = make_seeded_environment(1, [this] { return now; });
};

TEST_F(membership_rules, tiers_follow_from_points) {
  const std::pair<std::int64_t, tier> table[] = {
      {0, tier::silver},  {499, tier::silver},   {500, tier::gold},
      {1499, tier::gold}, {1500, tier::diamond}, {1'000'000, tier::diamond},
  };
  for (const auto& [points, expected] : table)
    EXPECT_EQ(tier_of(points), expected) << points;
}

TEST_F(membership_rules, benefits_are_those_of_the_contract) {
  struct line {
    tier t;
    std::int32_t phase;
    bool access;
    std::int32_t fee;
    std::int64_t next;
  };
  for (const auto& l : {line{tier::bronze, 0, false, 0, 0}, line{tier::silver, 3, true, 10, 500},
                        line{tier::gold, 2, true, 5, 1500}, line{tier::diamond, 1, true, 5, 0}}) {
    const auto& b = benefits_of(l.t);
    EXPECT_EQ(b.pre_sale_phase, l.phase);
    EXPECT_EQ(b.transfer_access, l.access);
    EXPECT_EQ(b.transfer_fee_percent, l.fee);
    EXPECT_EQ(b.next_tier_threshold, l.next);
  }
}

TEST_F(membership_rules, only_an_active_one_counts) {
  EXPECT_EQ(effective_tier(row(membership_status::active, 2000), now), tier::diamond);
  EXPECT_EQ(effective_tier(row(membership_status::pending, 2000), now), tier::bronze);
  EXPECT_EQ(effective_tier(row(membership_status::expired, 2000), now), tier::bronze);
  auto over = row(membership_status::active, 2000);
  over.expires_at = now;
  EXPECT_EQ(effective_tier(over, now), tier::bronze) << "over to the millisecond, job or no job";
  EXPECT_EQ(effective_tier(over, now - 1ms), tier::diamond);
}

TEST_F(membership_rules, a_year_is_a_year) {
  EXPECT_EQ(to_iso(one_year_after(start)), "2027-02-22T10:00:00.000Z");
  const auto leap = parse_iso("2028-02-29T12:34:56.789Z").value();
  EXPECT_EQ(to_iso(one_year_after(leap)), "2029-02-28T12:34:56.789Z");
}

TEST_F(membership_rules, subscribing_makes_one_row_and_repeats_change_nothing) {
  const artist_card artist{id<artist_id>(3), "Artist", "", 30'000};
  const auto first =
      decide_subscription(std::nullopt, artist, id<user_id>(2), id<membership_id>(1), now);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->next.version, 1u);
  EXPECT_EQ(first->next.status, membership_status::pending);
  EXPECT_EQ(first->next.price, 30'000);
  EXPECT_EQ(first->next.points, 0);

  const auto again =
      decide_subscription(first->next, artist, id<user_id>(2), id<membership_id>(5), now + 1h);
  EXPECT_EQ(again->next.version, 0u) << "nothing to write";
  EXPECT_EQ(again->next.id, first->next.id);

  auto dearer = artist;
  dearer.membership_price = 40'000;
  const auto repriced =
      decide_subscription(first->next, dearer, id<user_id>(2), id<membership_id>(5), now);
  EXPECT_EQ(repriced->next.version, 2u);
  EXPECT_EQ(repriced->next.price, 40'000);

  EXPECT_EQ(
      decide_subscription(row(membership_status::active), artist, id<user_id>(2), {}, now).error(),
      (failure{errc::conflict, "Already an active member of this artist"}));
  const auto renewed =
      decide_subscription(row(membership_status::expired, 700), artist, id<user_id>(2), {}, now);
  EXPECT_EQ(renewed->next.status, membership_status::pending);
  EXPECT_EQ(renewed->next.points, 700) << "points stay";
  EXPECT_EQ(renewed->next.version, 5u);
}

TEST_F(membership_rules, who_may_pay) {
  const check_membership own{id<membership_id>(1), id<user_id>(2)};
  EXPECT_EQ(decide_payable(std::nullopt, own, now).error(),
            (failure{errc::not_found, "Membership not found"}));
  EXPECT_EQ(decide_payable(row(), {own.membership, id<user_id>(8)}, now).error(),
            (failure{errc::forbidden, "Not your membership"}));
  EXPECT_EQ(decide_payable(row(membership_status::active), own, now).error(),
            (failure{errc::not_pending, "Membership is not pending payment"}));
  EXPECT_EQ(decide_payable(row(), own, now)->amount, 30'000);
}

TEST_F(membership_rules, the_first_payment_welcomes_and_later_ones_renew) {
  auto decided = decide_activation(row(), payment(), *env);
  ASSERT_TRUE(std::holds_alternative<activation>(decided));
  auto step = std::get<activation>(decided);
  EXPECT_EQ(step.outcome.verdict, payment_verdict::confirmed);
  EXPECT_EQ(step.change.next.status, membership_status::active);
  EXPECT_EQ(step.change.next.points, 200);
  EXPECT_EQ(step.change.next.version, 5u);
  EXPECT_EQ(step.change.next.expires_at, one_year_after(now));
  EXPECT_EQ(step.change.next.paid_by, id<payment_id>(7));
  ASSERT_TRUE(step.change.points);
  EXPECT_EQ(step.change.points->action, "MEMBERSHIP_JOIN");
  EXPECT_EQ(step.change.points->reference, id<payment_id>(7).value);
  ASSERT_EQ(step.change.events.size(), 1u);
  EXPECT_EQ(step.change.events[0].type, "MEMBERSHIP_ACTIVATED");
  EXPECT_EQ(step.change.events[0].topic, "membership-events");
  const auto body = nlohmann::json::parse(step.change.events[0].payload);
  EXPECT_EQ(body["artistId"], to_string(id<artist_id>(3)));
  EXPECT_EQ(body["paymentType"], "membership");

  decided = decide_activation(row(membership_status::pending, 400), payment(), *env);
  step = std::get<activation>(decided);
  EXPECT_EQ(step.change.points->action, "MEMBERSHIP_RENEW");
  EXPECT_EQ(step.change.next.points, 600);
}

TEST_F(membership_rules, a_payment_that_cannot_be_used_goes_back) {
  auto paid = payment();
  expect_refused(row(membership_status::active), paid, "already_active");
  expect_refused(row(membership_status::expired), paid, "not_pending");
  paid.amount = 1;
  expect_refused(row(), paid, "amount_mismatch");
  paid = payment();
  paid.user = id<user_id>(77);
  expect_refused(row(), paid, "user_mismatch");
  const auto unknown = decide_activation(std::nullopt, payment(), *env);
  EXPECT_EQ(std::get<payment_outcome>(unknown).verdict, payment_verdict::refund_due);
}

TEST_F(membership_rules, the_same_payment_again_is_known) {
  auto m = row(membership_status::active);
  m.paid_by = id<payment_id>(7);
  const auto again = decide_activation(m, payment(), *env);
  ASSERT_TRUE(std::holds_alternative<payment_outcome>(again));
  EXPECT_EQ(std::get<payment_outcome>(again).verdict, payment_verdict::confirmed);
  EXPECT_TRUE(std::get<payment_outcome>(again).duplicate);
}

TEST_F(membership_rules, it_ends_when_its_year_is_over) {
  auto m = row(membership_status::active);
  EXPECT_FALSE(decide_expiry(m, *env));
  m.expires_at = now;
  const auto change = decide_expiry(m, *env);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->next.status, membership_status::expired);
  EXPECT_EQ(change->events.at(0).type, "MEMBERSHIP_EXPIRED");
  EXPECT_FALSE(decide_expiry(row(), *env));
  EXPECT_FALSE(decide_expiry(row(membership_status::expired), *env));
}

TEST_F(membership_rules, awards_name_what_they_are_for) {
  award ok{id<user_id>(1), {}, "COMMUNITY_POST", 30, "A post", id<user_id>(5).value};
  EXPECT_TRUE(check_award(ok));
  auto bad = ok;
  bad.reference = {};
  EXPECT_EQ(check_award(bad).error().code, errc::invalid_request);
  bad = ok;
  bad.points = 0;
  EXPECT_EQ(check_award(bad).error().code, errc::invalid_request);
  bad.points = -5;
  EXPECT_EQ(check_award(bad).error().code, errc::invalid_request);
  bad = ok;
  bad.action.clear();
  EXPECT_EQ(check_award(bad).error().code, errc::invalid_request);
}

/// Who may buy at which moment of a sale of an artist's event.
TEST_F(membership_rules, what_the_community_says_about_points) {
  nlohmann::json body{{"type", "POINTS_EARNED"},
                      {"userId", to_string(id<user_id>(2))},
                      {"actionType", "COMMUNITY_POST"},
                      {"points", 30},
                      {"description", "커뮤니티 글 작성"},
                      {"referenceId", to_string(id<user_id>(8))},
                      {"artistId", to_string(id<artist_id>(3))},
                      {"timestamp", to_iso(start)}};
  domain_event e;
  e.id = id<user_id>(77).value;
  e.topic = community_topic;
  e.type = "POINTS_EARNED";
  const auto read = [&] {
    e.payload = body.dump();
    return points_of(e, now);
  };
  const auto earned = read();
  ASSERT_TRUE(earned && *earned);
  EXPECT_EQ((*earned)->message, e.id);
  EXPECT_EQ((*earned)->user, id<user_id>(2));
  EXPECT_EQ((*earned)->artist, id<artist_id>(3));
  EXPECT_FALSE((*earned)->revoke);
  EXPECT_EQ((*earned)->entry.action, "COMMUNITY_POST");
  EXPECT_EQ((*earned)->entry.points, 30);
  EXPECT_EQ((*earned)->entry.description, "커뮤니티 글 작성");
  EXPECT_EQ((*earned)->entry.reference, id<user_id>(8).value);
  EXPECT_EQ((*earned)->entry.at, now);

  body["artistId"] = nullptr; // news: every artist
  EXPECT_TRUE((**read()).artist.is_nil());
  body["artistId"] = "soon";
  EXPECT_EQ(read().error().code, errc::invalid_request) << "not every artist";
  body["artistId"] = nullptr;
  e.type = "POINTS_REVOKED";
  EXPECT_TRUE((**read()).revoke);
  EXPECT_EQ((**read()).entry.description, "커뮤니티 글 작성 취소");
  for (const auto* field : {"userId", "actionType", "points", "referenceId"}) {
    const auto whole = body;
    body.erase(field);
    EXPECT_EQ(read().error().code, errc::invalid_request) << field;
    body = whole;
  }
  body["points"] = 0;
  EXPECT_EQ(read().error().code, errc::invalid_request);
  body["points"] = 30;
  e.type = "NEWS_PUBLISHED";
  EXPECT_FALSE(*read());
  e.type = "POINTS_EARNED";
  e.topic = "membership-events";
  EXPECT_FALSE(*read()) << "nobody else says what was earned there";
  e.topic = community_topic;
  e.payload = "[";
  EXPECT_EQ(points_of(e, now).error().code, errc::invalid_request);
}

TEST_F(membership_rules, an_entry_of_points_has_one_id) {
  const auto entry = [](std::uint8_t m, const char* action, std::uint8_t reference) {
    return point_entry_id(id<membership_id>(m), action, id<user_id>(reference).value);
  };
  EXPECT_EQ(entry(1, "A", 2), entry(1, "A", 2));
  EXPECT_NE(entry(1, "A", 2), entry(1, "A", 3));
  EXPECT_NE(entry(1, "A", 2), entry(1, "B", 2));
  EXPECT_NE(entry(1, "A", 2), entry(2, "A", 2));
  EXPECT_EQ(revoked_action("COMMUNITY_POST"), "COMMUNITY_POST_REVOKED");
}

TEST_F(membership_rules, the_pre_sale_opens_tier_by_tier) {
  ticket::event_row e;
  e.artist = id<artist_id>(3);
  e.sale_start = start;
  e.sale_end = start + 240h;
  e.event_date = start + 480h;
  using ticket::check_pre_sale;
  using ticket::pre_sale_tier;
  struct moment {
    std::chrono::milliseconds after;
    std::optional<tier> needed;
  };
  for (const auto& m :
       {moment{-1ms, std::nullopt}, moment{0ms, tier::diamond}, moment{1h - 1ms, tier::diamond},
        moment{1h, tier::gold}, moment{24h - 1ms, tier::gold}, moment{24h, tier::silver},
        moment{48h - 1ms, tier::silver}, moment{48h, std::nullopt}, moment{300h, std::nullopt}}) {
    const auto at = start + m.after;
    EXPECT_EQ(pre_sale_tier(e, at), m.needed) << m.after.count();
    for (const auto t : {tier::bronze, tier::silver, tier::gold, tier::diamond})
      EXPECT_EQ(check_pre_sale(e, t, at).has_value(), !m.needed || t >= *m.needed)
          << to_string(t) << ' ' << m.after.count();
  }
  EXPECT_EQ(check_pre_sale(e, tier::silver, start + 2h).error(),
            (failure{errc::sale_closed, "This is the pre-sale for GOLD members of the artist; you "
                                        "can buy from 2026-02-23T10:00:00.000Z"}));
  auto plain = e;
  plain.artist = {};
  EXPECT_FALSE(pre_sale_tier(plain, start)) << "nobody can be a member of nobody";
  plain = e;
  plain.cancelled = true;
  EXPECT_FALSE(pre_sale_tier(plain, start)) << "check_sale refuses";
}

} // namespace
} // namespace tiketi::membership
