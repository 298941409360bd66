#include "tests/event/sale_fixture.hpp"

namespace tiketi::ticket {
namespace {

using namespace std::chrono_literals;
using memory::commit_fault;

/// Tickets on their way from one person to the next, with the real actors of the sale.
class transfer_actor_test : public sale_test {
protected:
  /// A confirmed reservation of this person.
  reservation_view bought(int who, std::vector<int> seats, int msg) {
    const auto r = hold(who, std::move(seats));
    EXPECT_TRUE(r) << r.error().text;
    EXPECT_EQ(pay(*r, msg, msg)->verdict, payment_verdict::confirmed);
    return *r;
  }

  result<transfer_view> offer(const reservation_view& r, int who) {
    return ask<transfer_view>(role.transfers, create_listing{r.id, user(who)});
  }

  result<payable> may_buy(const transfer_view& t, int who) {
    return ask<payable>(role.transfers, check_transfer{t.terms.id, user(who)});
  }

  apply_transfer_payment payment(const transfer_view& t, int who, int msg) const {
    return {message(msg), t.terms.id,          id<payment_id>(static_cast<std::uint8_t>(msg)),
            user(who),    t.terms.total_price, "card"};
  }

  result<payment_outcome> buy(const transfer_view& t, int who, int msg) {
    return ask<payment_outcome>(role.transfers, payment(t, who, msg));
  }

  const memory::ticket_state::transfer& stored(const transfer_view& t) const {
    return state().transfers.at(t.terms.id);
  }

  user_id owner(const reservation_view& r) const { return state().reservations.at(r.id).view.user; }

  std::vector<std::string> events_about(const transfer_view& t) const {
    std::vector<std::string> out;
    for (const auto& e : state().outbox)
      if (e.key == to_string(t.terms.id))
        out.push_back(e.type);
    return out;
  }

  std::vector<std::string> last_event(const std::string& field) const {
    const auto body = nlohmann::json::parse(state().outbox.back().payload);
    return {state().outbox.back().type, body.contains(field) ? body[field].dump() : "absent"};
  }
};

TEST_F(transfer_actor_test, a_ticket_changes_hands) {
  const auto r = bought(1, {0, 1}, 1);
  const auto t = offer(r, 1);
  ASSERT_TRUE(t) << t.error().text;
  EXPECT_EQ(t->terms.original_price, 200);
  EXPECT_EQ(t->terms.fee, 20);
  EXPECT_EQ(t->terms.total_price, 220);
  EXPECT_EQ(t->seats, "A-1-1, A-1-2");
  EXPECT_EQ(t->event_title, "Night");
  EXPECT_EQ(ask<transfer_page>(role.transfers, list_transfers{})->total, 1);
  EXPECT_EQ(ask<transfer_page>(role.transfers, list_own_transfers{user(1)})->transfers.size(), 1u);
  EXPECT_EQ(may_buy(*t, 2)->amount, 220);

  const auto sold = buy(*t, 2, 2);
  ASSERT_TRUE(sold) << sold.error().text;
  EXPECT_EQ(sold->verdict, payment_verdict::confirmed);
  EXPECT_FALSE(sold->duplicate);
  EXPECT_EQ(owner(r), user(2));
  EXPECT_EQ(stored(*t).view.status, transfer_status::completed);
  EXPECT_EQ(stored(*t).view.buyer, user(2));
  EXPECT_EQ(seat_state(0), seat_status::reserved);
  EXPECT_EQ(events_about(*t), (std::vector<std::string>{"TRANSFER_LISTED", "TRANSFER_COMPLETED"}));
  EXPECT_EQ(ask<transfer_page>(role.transfers, list_transfers{})->total, 0);
  EXPECT_EQ(ask<transfer_page>(role.transfers, list_own_transfers{user(1)})->transfers.size(), 1u);
  EXPECT_TRUE(ask<reservation_view>(role.reader, get_reservation{r.id, user(2)}));
  EXPECT_EQ(ask<reservation_view>(role.reader, get_reservation{r.id, user(1)}).error().code,
            errc::not_found);

  EXPECT_TRUE(buy(*t, 2, 2)->duplicate) << "the copy that comes through the outbox";
  EXPECT_EQ(buy(*t, 3, 3)->verdict, payment_verdict::refund_due) << "too late";
  EXPECT_EQ(last_event("referenceId"),
            (std::vector<std::string>{"PAYMENT_REJECTED", '"' + to_string(t->terms.id) + '"'}));
  EXPECT_EQ(owner(r), user(2));
  EXPECT_EQ(cancel(r.id, 1).error().code, errc::not_found);
  EXPECT_EQ(
      ask<listing_cancelled>(role.transfers, cancel_listing{t->terms.id, user(1)}).error().code,
      errc::not_pending);
}

TEST_F(transfer_actor_test, the_buyer_gives_it_up_and_the_right_payment_goes_back) {
  const auto r = bought(1, {0}, 1);
  const auto t = offer(r, 1);
  ASSERT_EQ(buy(*t, 2, 2)->verdict, payment_verdict::confirmed);
  const auto ended = ask<reservation_view>(role.transfers,
                                           give_up_bought{t->terms.id, user(2), id<payment_id>(2)});
  ASSERT_TRUE(ended) << ended.error().text;
  EXPECT_EQ(ended->status, reservation_status::cancelled);
  EXPECT_EQ(ended->payment, payment_state::refund_requested);
  EXPECT_EQ(last_event("paymentId")[1], '"' + to_string(id<payment_id>(2)) + '"');
  EXPECT_EQ(
      last_event("referenceId"),
      (std::vector<std::string>{"RESERVATION_CANCELLED", '"' + to_string(t->terms.id) + '"'}));
  EXPECT_EQ(seat_state(0), seat_status::available);
  EXPECT_FALSE(ask<refund_applied>(role.transfers, apply_transfer_refund{message(9), t->terms.id,
                                                                         id<payment_id>(2), "r"})
                   ->duplicate);
  EXPECT_EQ(state().reservations.at(r.id).view.payment, payment_state::refunded);
}

TEST_F(transfer_actor_test, two_buyers_at_once_and_one_of_them_gets_it) {
  for (int round = 0; round < 10; ++round) {
    const auto r = bought(1 + round * 10, {round}, 1 + round * 5);
    const auto t = offer(r, 1 + round * 10);
    ASSERT_TRUE(t);
    auto a = begin<payment_outcome>(role.transfers, payment(*t, 2 + round * 10, 2 + round * 5));
    auto b = begin<payment_outcome>(role.transfers, payment(*t, 3 + round * 10, 3 + round * 5));
    sched.run();
    ASSERT_TRUE(*a && (*a)->has_value() && *b && (*b)->has_value());
    const int winners = ((**a)->verdict == payment_verdict::confirmed)
                        + ((**b)->verdict == payment_verdict::confirmed);
    EXPECT_EQ(winners, 1);
    EXPECT_EQ(owner(r), (**a)->verdict == payment_verdict::confirmed ? user(2 + round * 10)
                                                                     : user(3 + round * 10));
  }
}

TEST_F(transfer_actor_test, taking_it_back_races_the_sale) {
  for (int round = 0; round < 10; ++round) {
    const auto who = 1 + round * 10;
    const auto r = bought(who, {round}, 1 + round * 5);
    const auto t = offer(r, who);
    ASSERT_TRUE(t);
    later<payment_outcome> sale;
    later<listing_cancelled> back;
    const auto sell = [&] {
      sale = begin<payment_outcome>(role.transfers, payment(*t, who + 1, 2 + round * 5));
    };
    if (round % 2 == 0)
      sell();
    back = begin<listing_cancelled>(role.transfers, cancel_listing{t->terms.id, user(who)});
    if (round % 2 == 1)
      sell();
    sched.run();
    ASSERT_TRUE(*sale && (*sale)->has_value() && *back);
    const bool sold = (**sale)->verdict == payment_verdict::confirmed;
    EXPECT_NE(sold, (*back)->has_value()) << "exactly one of the two";
    EXPECT_EQ(owner(r), user(sold ? who + 1 : who));
    EXPECT_EQ(stored(*t).view.status,
              sold ? transfer_status::completed : transfer_status::cancelled);
  }
}

TEST_F(transfer_actor_test, two_offers_at_once_make_one_listing) {
  const auto r = bought(1, {0}, 1);
  auto a = begin<transfer_view>(role.transfers, create_listing{r.id, user(1)});
  auto b = begin<transfer_view>(role.transfers, create_listing{r.id, user(1)});
  sched.run();
  EXPECT_NE((*a)->has_value(), (*b)->has_value());
  EXPECT_EQ(state().transfers.size(), 1u);
  EXPECT_EQ(((*a)->has_value() ? *b : *a)->error(),
            (failure{errc::conflict, "Transfer already listed for this reservation"}));
}

TEST_F(transfer_actor_test, cancelling_while_it_is_offered_is_refused) {
  const auto r = bought(1, {0}, 1);
  const auto t = offer(r, 1);
  EXPECT_EQ(cancel(r.id, 1).error().code, errc::conflict);
  EXPECT_EQ(status_of(r.id), reservation_status::confirmed);
  ASSERT_TRUE(ask<listing_cancelled>(role.transfers, cancel_listing{t->terms.id, user(1)}));
  EXPECT_TRUE(cancel(r.id, 1));
  EXPECT_EQ(buy(*t, 2, 2)->verdict, payment_verdict::refund_due);
}

TEST_F(transfer_actor_test, a_refund_while_it_is_offered_ends_offer_and_reservation_together) {
  const auto r = bought(1, {0}, 1);
  const auto t = offer(r, 1);
  ASSERT_TRUE(ask<refund_applied>(role.region,
                                  apply_refund{message(9), r.id, id<payment_id>(1), "operator"}));
  EXPECT_EQ(status_of(r.id), reservation_status::cancelled);
  EXPECT_EQ(stored(*t).view.status, transfer_status::cancelled);
  EXPECT_EQ(events_about(*t), (std::vector<std::string>{"TRANSFER_LISTED", "TRANSFER_CANCELLED"}));
  EXPECT_EQ(buy(*t, 2, 2)->verdict, payment_verdict::refund_due);
}

TEST_F(transfer_actor_test, limits_follow_the_ticket) {
  const auto r = bought(1, {0, 1, 2, 3}, 1);
  EXPECT_EQ(hold(1, {4}).error().code, errc::limit_exceeded);
  ASSERT_TRUE(hold(2, {5}));
  const auto t = offer(r, 1);
  EXPECT_EQ(may_buy(*t, 2).error().code, errc::limit_exceeded) << "1 and 4 more";
  EXPECT_TRUE(may_buy(*t, 3));
  ASSERT_EQ(buy(*t, 3, 2)->verdict, payment_verdict::confirmed);
  EXPECT_TRUE(hold(1, {4})) << "the seller has none any more";
  EXPECT_EQ(hold(3, {6}).error().code, errc::limit_exceeded) << "the buyer has four";
  stop();
  start();
  EXPECT_EQ(hold(3, {6}).error().code, errc::limit_exceeded) << "also after a restart";
}

TEST_F(transfer_actor_test, nobody_but_the_owner_offers_and_nothing_that_is_not_paid) {
  const auto r = bought(1, {0}, 1);
  EXPECT_EQ(offer(r, 2).error(), (failure{errc::forbidden, "Not your reservation"}));
  auto unknown = r;
  unknown.id = make_reservation_id(event.id, *env);
  EXPECT_EQ(offer(unknown, 1).error(), (failure{errc::not_found, "Reservation not found"}));
  EXPECT_EQ(offer(*hold(1, {1}), 1).error().code, errc::not_pending);
  transfer_view nothing;
  nothing.terms.id = id<transfer_id>(99);
  EXPECT_EQ(may_buy(nothing, 1).error(), (failure{errc::not_found, "Transfer not found"}));
  EXPECT_EQ(buy(nothing, 1, 3)->verdict, payment_verdict::refund_due);
  EXPECT_EQ(ask<transfer_view>(role.transfers, get_transfer{nothing.terms.id}).error().code,
            errc::not_found);
}

TEST_F(transfer_actor_test, a_listing_survives_a_crash_and_is_sold_after_it) {
  const auto r = bought(1, {0}, 1);
  const auto t = offer(r, 1);
  stop();
  start();
  EXPECT_EQ(cancel(r.id, 1).error().code, errc::conflict);
  ASSERT_EQ(buy(*t, 2, 2)->verdict, payment_verdict::confirmed);
  stop();
  start();
  EXPECT_EQ(owner(r), user(2));
  // What was told before the crash comes again: the seller's payment, and the buyer's.
  EXPECT_EQ(pay(r, 1, 1)->verdict, payment_verdict::confirmed);
  EXPECT_EQ(buy(*t, 2, 2)->verdict, payment_verdict::confirmed);
  EXPECT_EQ(owner(r), user(2));
  const auto again = offer(r, 2);
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(again->terms.original_price, 100) << "from the ticket's price, not the last one";
  ASSERT_EQ(buy(*again, 3, 3)->verdict, payment_verdict::confirmed);
  EXPECT_EQ(owner(r), user(3));
}

TEST_F(transfer_actor_test, doubts_about_a_sale_end_in_one_owner) {
  for (const auto fault :
       {commit_fault::answer_lost, commit_fault::commit_lost, commit_fault::refused}) {
    const auto n = static_cast<int>(fault) * 10;
    const auto r = bought(n + 1, {n / 10}, n + 1);
    const auto t = offer(r, n + 1);
    ASSERT_TRUE(t);
    bool once = true;
    store.on_batch([&](const auto& batch) {
      const auto* c = std::get_if<change_reservation>(&batch.front().command);
      const bool sale = c && c->listing.effect == listing_effect::sell;
      return sale && std::exchange(once, false) ? fault : commit_fault::none;
    });
    const auto first = buy(*t, n + 2, n + 2);
    EXPECT_FALSE(first) << "nobody can say yet";
    pass(2s);
    store.on_batch({});
    const auto second = buy(*t, n + 2, n + 2);
    ASSERT_TRUE(second) << second.error().text;
    EXPECT_EQ(second->verdict, payment_verdict::confirmed);
    EXPECT_EQ(owner(r), user(n + 2));
    EXPECT_EQ(stored(*t).view.status, transfer_status::completed);
    EXPECT_EQ(events_about(*t),
              (std::vector<std::string>{"TRANSFER_LISTED", "TRANSFER_COMPLETED"}));
  }
}

TEST_F(transfer_actor_test, the_sellers_key_is_not_the_buyers) {
  const auto r = hold(1, {0}, "key");
  ASSERT_EQ(pay(*r, 1, 1)->verdict, payment_verdict::confirmed);
  ASSERT_TRUE(hold(2, {1}, "key"));
  const auto t = offer(*r, 1);
  ASSERT_TRUE(t);
  ASSERT_EQ(buy(*t, 2, 2)->verdict, payment_verdict::confirmed);
  EXPECT_EQ(hold(2, {1}, "key")->items[0].seat, seat(1)) << "the buyer's own first use";
  EXPECT_EQ(hold(1, {0}, "key").error().code, errc::seat_unavailable);
}

TEST_F(transfer_actor_test, nothing_is_offered_or_bought_when_the_event_is_over) {
  const auto r = bought(1, {0}, 1);
  const auto t = offer(r, 1);
  const auto r2 = bought(1, {1}, 2);
  advance_clock(24h * 31);
  sched.run();
  EXPECT_EQ(offer(r2, 1).error().code, errc::sale_closed);
  EXPECT_EQ(may_buy(*t, 2).error().code, errc::sale_closed);
  // What was paid in time is honoured.
  EXPECT_EQ(buy(*t, 2, 3)->verdict, payment_verdict::confirmed);
}

TEST_F(transfer_actor_test, a_cancelled_event_ends_offers_and_pays_back_whoever_has_the_ticket) {
  const auto kept = bought(1, {0}, 1);
  const auto offered = bought(1, {1}, 2);
  const auto sold = bought(1, {2}, 3);
  const auto open = offer(offered, 1);
  const auto done = offer(sold, 1);
  ASSERT_EQ(buy(*done, 2, 4)->verdict, payment_verdict::confirmed);
  event.cancelled = true;
  change_catalog c;
  c.event = event;
  write(c);
  role.event_changed(event.id);
  // Somebody pays for the offer just then.
  const auto late = begin<payment_outcome>(role.transfers, payment(*open, 3, 5));
  sched.run();
  pass(2s);
  EXPECT_EQ(owner(sold), user(2));
  std::map<std::string, std::string> given_back; // by reservation: whose payment
  for (const auto& e : state().outbox)
    if (e.type == "RESERVATION_CANCELLED") {
      const auto body = nlohmann::json::parse(e.payload);
      EXPECT_EQ(body["reason"], "Event cancelled");
      EXPECT_TRUE(given_back.emplace(e.key, body["paymentId"]).second) << "ended twice";
    }
  EXPECT_EQ(given_back.size(), 3u);
  EXPECT_EQ(given_back[to_string(kept.id)], to_string(id<payment_id>(1)));
  EXPECT_EQ(given_back[to_string(sold.id)], to_string(id<payment_id>(4)));
  ASSERT_TRUE(*late && (*late)->has_value());
  const bool in_time = (**late)->verdict == payment_verdict::confirmed;
  EXPECT_EQ(given_back[to_string(offered.id)],
            to_string(id<payment_id>(static_cast<std::uint8_t>(in_time ? 5 : 2))));
  EXPECT_EQ(stored(*open).view.status,
            in_time ? transfer_status::completed : transfer_status::cancelled);
  EXPECT_EQ(stored(*done).view.status, transfer_status::completed) << "it was a sale";
  EXPECT_EQ(offer(kept, 1).error().code, errc::sale_closed);
  for (int seat = 0; seat < 3; ++seat)
    EXPECT_EQ(seat_state(seat), seat_status::available);
}

TEST_F(transfer_actor_test, members_only_where_the_event_has_an_artist) {
  const auto artist = id<artist_id>(50);
  const auto member = [&](int who, std::int64_t points) {
    membership::change_membership c;
    c.next.id = id<membership_id>(static_cast<std::uint8_t>(who));
    c.next.user = user(who);
    c.next.artist = artist;
    c.next.status = membership::membership_status::active;
    c.next.points = points;
    c.next.expires_at = epoch + 1000h;
    c.next.version = 1;
    std::vector<ticket_write> batch{{c}};
    ASSERT_EQ(store.commit(batch).front().status, commit_status::committed);
  };
  event.artist = artist;
  event.sale_start = epoch - 48h;
  change_catalog c;
  c.event = event;
  write(c);
  role.event_changed(event.id);
  sched.run();
  const auto r = bought(1, {0}, 1);
  EXPECT_EQ(offer(r, 1).error(),
            (failure{errc::forbidden, "Active membership required for this artist"}));
  member(1, 600);
  const auto t = offer(r, 1);
  ASSERT_TRUE(t) << t.error().text;
  EXPECT_EQ(t->terms.fee_percent, 5);
  EXPECT_EQ(t->terms.artist, artist);
  EXPECT_EQ(may_buy(*t, 2).error(),
            (failure{errc::forbidden, "Buyer must have active membership for this artist"}));
  member(2, 0);
  EXPECT_EQ(may_buy(*t, 2)->amount, 105);
  list_transfers of_artist;
  of_artist.artist = artist;
  EXPECT_EQ(ask<transfer_page>(role.transfers, of_artist)->total, 1);
  of_artist.artist = id<artist_id>(51);
  EXPECT_EQ(ask<transfer_page>(role.transfers, of_artist)->total, 0);
}

} // namespace
} // namespace tiketi::ticket
