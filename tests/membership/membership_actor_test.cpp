#include "actors/community/points.hpp"
#include "actors/membership/membership.hpp"
#include "tests/event/sale_fixture.hpp"

namespace tiketi::membership {
namespace {

using namespace std::chrono_literals;
using memory::commit_fault;
using ticket::payment_outcome;
using ticket::payment_verdict;
using ticket::reservation_view;

/// The sale of an artist's event, with its members.
class membership_actor_test : public ticket::sale_test {
protected:
  void SetUp() override {
    sale_test::SetUp();
    put_artist_card card;
    card.artist = {artist, "Artist", "https://img/a.png", 30'000};
    write_any({card});
    event.artist = artist;
    event.artist_name = "Artist";
    // The pre-sale is over, unless a test moves it.
    event.sale_start = epoch - 48h;
    put_again();
  }

  void put_again() {
    ticket::change_catalog c;
    c.event = event;
    write(std::move(c));
    role.event_changed(event.id);
    sched.run();
  }

  void write_any(ticket::ticket_write w) {
    std::vector<ticket::ticket_write> batch{std::move(w)};
    ASSERT_EQ(store.commit(batch).front().status, commit_status::committed);
  }

  result<membership_view> join(int who) {
    return ask<membership_view>(role.members, subscribe{user(who), artist});
  }

  apply_membership_payment payment_for(const membership_row& m, int msg, int pay) const {
    return {message(msg), m.id,    id<payment_id>(static_cast<std::uint8_t>(pay)),
            m.user,       m.price, "card"};
  }

  result<payment_outcome> pay_for(const membership_row& m, int msg, int pay) {
    return ask<payment_outcome>(role.members, payment_for(m, msg, pay));
  }

  membership_row member(int who, int msg, int pay) {
    const auto m = join(who);
    EXPECT_TRUE(m);
    EXPECT_EQ(pay_for(m->row, msg, pay)->verdict, payment_verdict::confirmed);
    return state().memberships.at(m->row.id);
  }

  std::int64_t points(const membership_id& m) const { return state().memberships.at(m).points; }

  result<awarded> give(int who, const char* action, std::int64_t n, int reference,
                       bool anybody = false) {
    return ask<awarded>(role.members, award{user(who), anybody ? artist_id{} : artist, action, n,
                                            "text", message(reference)});
  }

  std::vector<std::string> membership_events() const {
    std::vector<std::string> out;
    for (const auto& e : state().outbox)
      if (e.topic == membership_topic)
        out.push_back(e.type);
    return out;
  }

  artist_id artist = id<artist_id>(50);
};

TEST_F(membership_actor_test, joining_is_paid_for_and_pays_off_once) {
  const auto m = join(1);
  ASSERT_TRUE(m);
  EXPECT_EQ(m->row.price, 30'000);
  EXPECT_EQ(m->artist.name, "Artist");
  EXPECT_EQ(join(1)->row.id, m->row.id);
  EXPECT_EQ(ask<ticket::payable>(role.members, check_membership{m->row.id, user(1)})->amount,
            30'000);
  const auto first = pay_for(m->row, 1, 1);
  EXPECT_EQ(first->verdict, payment_verdict::confirmed);
  EXPECT_FALSE(first->duplicate);
  const auto again = pay_for(m->row, 1, 1);
  EXPECT_EQ(again->verdict, payment_verdict::confirmed);
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(points(m->row.id), 200);
  EXPECT_EQ(membership_events(), std::vector<std::string>{"MEMBERSHIP_ACTIVATED"});
  EXPECT_EQ(join(1).error(), (failure{errc::conflict, "Already an active member of this artist"}));
  EXPECT_EQ(ask<member_tier>(role.members, get_tier{user(1), artist})->value, tier::silver);
  EXPECT_EQ(ask<member_tier>(role.members, get_tier{user(2), artist})->value, tier::bronze);
  EXPECT_EQ(ask<membership_view>(role.members, subscribe{user(1), id<artist_id>(99)}).error(),
            (failure{errc::not_found, "Artist not found"}));
}

TEST_F(membership_actor_test, events_carry_the_trace_of_the_payment) {
  const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  auto money = payment_for(join(1)->row, 1, 1);
  money.trace = trace;
  ASSERT_EQ(ask<payment_outcome>(role.members, money)->verdict, payment_verdict::confirmed);
  EXPECT_EQ(state().outbox.back().trace, trace);
  money.message = message(2);
  money.payment = id<payment_id>(2);
  money.trace = "nonsense";
  ASSERT_EQ(ask<payment_outcome>(role.members, money)->verdict, payment_verdict::refund_due);
  EXPECT_EQ(state().outbox.back().type, "PAYMENT_REJECTED");
  EXPECT_EQ(state().outbox.back().trace, "");
}

TEST_F(membership_actor_test, a_second_payment_is_sent_back_and_the_outbox_says_so) {
  const auto m = member(1, 1, 1);
  const auto second = pay_for(m, 2, 2);
  EXPECT_EQ(second->verdict, payment_verdict::refund_due);
  EXPECT_EQ(second->reason, "already_active");
  EXPECT_EQ(membership_events(),
            (std::vector<std::string>{"MEMBERSHIP_ACTIVATED", "PAYMENT_REJECTED"}));
  // Told again by the copy from the outbox: still refused, and written once.
  EXPECT_EQ(pay_for(m, 2, 2)->verdict, payment_verdict::refund_due);
  EXPECT_EQ(membership_events().size(), 2u);
  EXPECT_EQ(points(m.id), 200);
}

TEST_F(membership_actor_test, the_same_message_at_once_activates_once) {
  const auto m = join(1);
  std::vector<later<payment_outcome>> answers;
  for (int i = 0; i < 6; ++i)
    answers.push_back(begin<payment_outcome>(role.members, payment_for(m->row, 1, 1)));
  sched.run();
  for (const auto& a : answers) {
    ASSERT_TRUE(*a && (*a)->has_value());
    EXPECT_EQ((**a)->verdict, payment_verdict::confirmed);
  }
  EXPECT_EQ(points(m->row.id), 200);
  EXPECT_EQ(state().point_log.size(), 1u);
  EXPECT_EQ(membership_events().size(), 1u);
}

TEST_F(membership_actor_test, subscribing_at_once_makes_one_membership) {
  std::vector<later<membership_view>> answers;
  for (int i = 0; i < 6; ++i)
    answers.push_back(begin<membership_view>(role.members, subscribe{user(1), artist}));
  sched.run();
  EXPECT_EQ(state().memberships.size(), 1u);
  for (const auto& a : answers) {
    ASSERT_TRUE(*a && (*a)->has_value());
    EXPECT_EQ((**a)->row.id, state().memberships.begin()->first);
  }
}

TEST_F(membership_actor_test, a_commit_whose_answer_is_lost_still_counts_once) {
  const auto m = join(1);
  bool once = true;
  store.on_batch([&](const auto&) {
    return std::exchange(once, false) ? commit_fault::answer_lost : commit_fault::none;
  });
  EXPECT_EQ(pay_for(m->row, 1, 1).error().code, errc::in_doubt);
  const auto again = pay_for(m->row, 1, 1);
  EXPECT_EQ(again->verdict, payment_verdict::confirmed);
  EXPECT_EQ(points(m->row.id), 200);
}

TEST_F(membership_actor_test, points_count_once_per_action_and_reference) {
  const auto m = member(1, 1, 1);
  EXPECT_EQ(give(1, "COMMUNITY_POST", 30, 9)->memberships, 1);
  EXPECT_EQ(give(1, "COMMUNITY_POST", 30, 9)->memberships, 0);
  EXPECT_EQ(give(1, "COMMUNITY_COMMENT", 10, 9)->memberships, 1) << "another action";
  EXPECT_EQ(give(1, "COMMUNITY_POST", 30, 10, true)->memberships, 1) << "of any artist";
  EXPECT_EQ(give(2, "COMMUNITY_POST", 30, 9)->memberships, 0) << "no member";
  EXPECT_EQ(points(m.id), 270);
  EXPECT_EQ(give(1, "COMMUNITY_POST", 0, 11).error().code, errc::invalid_request);

  const auto detail = ask<membership_detail>(role.members, get_membership{user(1), artist});
  ASSERT_EQ(detail->found.size(), 1u);
  EXPECT_EQ(detail->history.size(), 4u);
  EXPECT_EQ(give(1, "NEWS_CREATION", 300, 12)->memberships, 1);
  EXPECT_EQ(ask<member_tier>(role.members, get_tier{user(1), artist})->value, tier::gold);
}

TEST_F(membership_actor_test, a_paid_booking_gives_points_however_often_it_is_told) {
  const auto m = member(1, 1, 1);
  const auto r = hold(1, {0});
  ASSERT_TRUE(r) << r.error().text;
  ASSERT_EQ(pay(*r, 2, 2)->verdict, payment_verdict::confirmed);
  int told = 0;
  for (const auto& e : std::vector<domain_event>(state().outbox)) {
    if (e.topic != "reservation-events")
      continue;
    for (int i = 0; i < 3; ++i, ++told)
      EXPECT_TRUE(ask<applied>(role.points, deliver{e}).has_value());
  }
  EXPECT_EQ(told, 6) << "created and confirmed";
  EXPECT_EQ(points(m.id), 300);
  domain_event bad;
  bad.id = message(40);
  bad.topic = "reservation-events";
  bad.type = "RESERVATION_CONFIRMED";
  bad.payload = "{}";
  EXPECT_EQ(ask<applied>(role.points, deliver{bad}).error().code, errc::invalid_request);
}

TEST_F(membership_actor_test, what_is_written_earns_points_and_what_is_deleted_loses_them) {
  const auto m = member(1, 1, 1);
  const community::point_award post{user(1), community::point_action::post, 30, message(9), artist};
  const community::point_award comment{user(1), community::point_action::comment, 10, message(10),
                                       artist};
  const community::point_award news{user(1), community::point_action::news, 30, message(11), {}};
  const auto told = [&](const domain_event& e) {
    const auto answer = ask<applied>(role.points, deliver{e});
    EXPECT_TRUE(answer) << answer.error().text;
    return answer && !answer->duplicate;
  };
  for (const auto& award : {post, comment, news}) {
    EXPECT_TRUE(told(community::earned_event(award, epoch)));
    EXPECT_FALSE(told(community::earned_event(award, epoch)));
  }
  EXPECT_EQ(points(m.id), 270);
  EXPECT_TRUE(told(community::revoked_event(post, epoch)));
  EXPECT_FALSE(told(community::revoked_event(post, epoch)));
  EXPECT_FALSE(told(community::earned_event(post, epoch))) << "told once more, late";
  EXPECT_EQ(points(m.id), 240);
  const auto detail = ask<membership_detail>(role.members, get_membership{user(1), artist});
  ASSERT_EQ(detail->history.size(), 5u);
  std::int64_t sum = 0;
  for (const auto& entry : detail->history)
    sum += entry.points;
  EXPECT_EQ(sum, 240);
}

TEST_F(membership_actor_test, points_that_bring_a_tier_are_gone_with_what_earned_them) {
  member(1, 1, 1);
  ASSERT_EQ(give(1, "NEWS_CREATION", 280, 30)->memberships, 1);
  const community::point_award post{user(1), community::point_action::post, 30, message(9), artist};
  const auto my_tier = [&] {
    return ask<member_tier>(role.members, get_tier{user(1), artist})->value;
  };
  EXPECT_EQ(my_tier(), tier::silver);
  ASSERT_TRUE(ask<applied>(role.points, deliver{community::earned_event(post, epoch)}));
  EXPECT_EQ(my_tier(), tier::gold);
  ASSERT_TRUE(ask<applied>(role.points, deliver{community::revoked_event(post, epoch)}));
  EXPECT_EQ(my_tier(), tier::silver);
}

TEST_F(membership_actor_test, points_whose_commit_is_in_doubt_count_once) {
  const auto m = member(1, 1, 1);
  const community::point_award post{user(1), community::point_action::post, 30, message(9), artist};
  for (const bool back : {false, true}) {
    const auto told =
        back ? community::revoked_event(post, epoch) : community::earned_event(post, epoch);
    bool once = true;
    store.on_batch([&](const auto&) {
      return std::exchange(once, false) ? commit_fault::answer_lost : commit_fault::none;
    });
    EXPECT_EQ(ask<applied>(role.points, deliver{told}).error().code, errc::in_doubt);
    EXPECT_TRUE(ask<applied>(role.points, deliver{told})->duplicate) << "the relay tries again";
    EXPECT_EQ(points(m.id), back ? 200 : 230);
  }
}

TEST_F(membership_actor_test, it_ends_after_a_year_and_can_be_renewed) {
  const auto m = member(1, 1, 1);
  advance_clock(365 * 24h);
  sched.run();
  advance(61s);
  EXPECT_EQ(state().memberships.at(m.id).status, membership_status::expired);
  EXPECT_EQ(membership_events().back(), "MEMBERSHIP_EXPIRED");
  EXPECT_EQ(ask<member_tier>(role.members, get_tier{user(1), artist})->value, tier::bronze);
  EXPECT_EQ(give(1, "COMMUNITY_POST", 30, 9)->memberships, 0);
  const auto renewed = member(1, 2, 2);
  EXPECT_EQ(renewed.id, m.id);
  EXPECT_EQ(renewed.points, 400);
  EXPECT_EQ(ask<ticket::payment_outcome>(role.members, payment_for(m, 1, 1))->verdict,
            payment_verdict::confirmed)
      << "the first payment did its work";
}

TEST_F(membership_actor_test, members_buy_first) {
  member(1, 1, 1);
  member(2, 2, 2); // silver
  ASSERT_EQ(give(1, "NEWS_CREATION", 400, 9)->memberships, 1);
  event.sale_start = epoch - 2h; // gold's turn
  put_again();
  EXPECT_TRUE(hold(1, {0}).has_value());
  EXPECT_EQ(hold(2, {1}).error().code, errc::sale_closed) << "silver";
  EXPECT_EQ(hold(3, {1}).error().code, errc::sale_closed) << "no member";
  EXPECT_EQ(ask<reservation_view>(role.region, order(3, 1)).error().code, errc::sale_closed);
  EXPECT_EQ(seat_state(1), ticket::seat_status::available);
  // A repeat finds its reservation, pre-sale or not.
  const auto first = hold(1, {2}, "key");
  EXPECT_TRUE(hold(1, {2}, "key")->replayed);
  EXPECT_EQ(hold(1, {2}, "key")->id, first->id);

  event.sale_start = epoch - 47h; // silver's
  put_again();
  EXPECT_TRUE(hold(2, {1}).has_value());
  EXPECT_EQ(hold(3, {3}).error().code, errc::sale_closed);
  event.sale_start = epoch - 48h;
  put_again();
  EXPECT_TRUE(hold(3, {3}).has_value());
}

TEST_F(membership_actor_test, nobody_slips_into_the_pre_sale_while_memberships_cannot_be_read) {
  member(1, 1, 1);
  event.sale_start = epoch - 47h;
  put_again();
  EXPECT_EQ(shown(0), "available"); // the event is there, and can answer
  store.set_away(true);
  EXPECT_EQ(hold(1, {0}).error().code, errc::unavailable);
  store.set_away(false);
  EXPECT_TRUE(hold(1, {0}).has_value());
}

} // namespace
} // namespace tiketi::membership
