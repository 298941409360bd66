#include "actors/base/environment.hpp"
#include "actors/reservation/domain_events.hpp"
#include "actors/reservation/reservation.hpp"
#include "actors/transfer/resale.hpp"

#include <map>
#include <random>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tiketi::ticket {
namespace {

using membership::tier;
using change_step = reservation::change_step;
using phase = reservation::phase;

constexpr time_point now = from_millis(1'771'754'400'000);

template <class Id>
Id id(std::uint8_t n) {
  Id out;
  out.value.bytes[0] = n;
  return out;
}

const user_id seller = id<user_id>(2);
const user_id buyer = id<user_id>(3);
const transfer_id listing = id<transfer_id>(40);
const artist_id artist = id<artist_id>(50);

reservation_view sold_view() {
  reservation_view v;
  v.id = id<reservation_id>(1);
  v.user = seller;
  v.event = id<event_id>(4);
  v.total_amount = 20'000;
  v.status = reservation_status::confirmed;
  v.payment = payment_state::completed;
  v.paid_by = id<payment_id>(7);
  v.created_at = now;
  v.expires_at = now + std::chrono::minutes{5};
  reservation_item item;
  item.seat = id<seat_id>(10);
  item.unit_price = 20'000;
  item.token = 6;
  v.items.push_back(item);
  return v;
}

reservation confirmed() {
  return reservation::restore(sold_view(), {});
}

reservation in_state(reservation_status status) {
  auto v = sold_view();
  v.status = status;
  if (status == reservation_status::pending) {
    v.paid_by = {};
    v.payment = payment_state::pending;
  }
  return reservation::restore(v, {});
}

list_ticket offer(user_id who = seller, artist_id of = {}, tier t = tier::bronze) {
  return {id<reservation_id>(1), who, listing, of, t};
}

unlist_ticket withdrawal(user_id who = seller, transfer_id of = listing) {
  return {id<reservation_id>(1), of, who};
}

buy_listed purchase(std::uint8_t pay = 8, user_id who = buyer, transfer_id of = listing,
                    std::int64_t amount = 22'000) {
  return {id<payment_id>(static_cast<std::uint8_t>(100 + pay)).value,
          id<reservation_id>(1),
          of,
          id<payment_id>(pay),
          who,
          amount,
          "card"};
}

check_listing question(user_id who = buyer, tier t = tier::bronze, std::int32_t room = 4) {
  return {id<reservation_id>(1), listing, who, t, room, room};
}

ticket_written committed(bool duplicate = false) {
  ticket_written out;
  out.status = commit_status::committed;
  out.duplicate = duplicate;
  return out;
}

ticket_written rejected(std::optional<transfer_status> listing_is) {
  ticket_written out;
  out.status = commit_status::rejected;
  out.found = reservation_status::confirmed;
  out.found_listing = listing_is;
  return out;
}

ticket_written of(commit_status status) {
  ticket_written out;
  out.status = status;
  return out;
}

void carry_out(reservation& r, change what) {
  EXPECT_FALSE(r.begin(std::move(what)));
  EXPECT_EQ(r.on_changed(committed(), now), change_step::done);
}

reservation listed(artist_id artist_of = {}, tier t = tier::bronze) {
  auto r = confirmed();
  auto decided = r.decide(offer(seller, artist_of, t), now);
  EXPECT_TRUE(decided);
  carry_out(r, *decided);
  EXPECT_EQ(r.view().listing.id, listing);
  return r;
}

change sale_of(const reservation& r, const buy_listed& command = purchase()) {
  auto decided = r.decide(command);
  EXPECT_TRUE(std::holds_alternative<change>(decided));
  return std::holds_alternative<change>(decided) ? std::get<change>(decided) : change{};
}

reservation sold() {
  auto r = listed();
  carry_out(r, sale_of(r));
  return r;
}

void expect_refused(const reservation& r, const buy_listed& command, const std::string& reason) {
  const auto what = sale_of(r, command);
  EXPECT_EQ(what.why, change_reason::reject) << reason;
  EXPECT_EQ(what.reason, reason);
  EXPECT_EQ(what.event_type, "PAYMENT_REJECTED");
  EXPECT_EQ(what.transfer, command.transfer) << "the payment role must know whose payment it is";
  EXPECT_EQ(what.listing.effect, listing_effect::keep);
  EXPECT_EQ(what.message, command.message);
}

// -- terms ---------------------------------------------------------------------------------------

TEST(resale, fees_are_those_of_the_contract) {
  struct line {
    std::int64_t total;
    artist_id of;
    tier t;
    std::int32_t percent;
    std::int64_t fee;
  };
  for (const auto& l :
       {line{20'000, {}, tier::bronze, 10, 2'000}, line{20'000, artist, tier::silver, 10, 2'000},
        line{20'000, artist, tier::gold, 5, 1'000}, line{20'000, artist, tier::diamond, 5, 1'000},
        line{99, {}, tier::bronze, 10, 9}, line{9, {}, tier::bronze, 10, 0},
        line{0, {}, tier::bronze, 10, 0}, line{119, artist, tier::gold, 5, 5},
        line{8'000'000'000'000'000'007, {}, tier::bronze, 10, 800'000'000'000'000'000}}) {
    const auto terms = resale_terms(l.total, l.of, l.t);
    ASSERT_TRUE(terms);
    EXPECT_EQ(terms->fee_percent, l.percent);
    EXPECT_EQ(terms->fee, l.fee) << l.total;
    EXPECT_EQ(terms->original_price, l.total);
  }
  EXPECT_EQ(resale_terms(1, artist, tier::bronze).error(),
            (failure{errc::forbidden, "Active membership required for this artist"}));
}

TEST(resale, nobody_sells_a_ticket_of_what_is_over) {
  event_row e;
  e.event_date = now;
  EXPECT_TRUE(check_resale(e, now - milliseconds{1}));
  EXPECT_EQ(check_resale(e, now).error().code, errc::sale_closed);
  e.cancelled = true;
  EXPECT_EQ(check_resale(e, now - milliseconds{1}).error().code, errc::sale_closed);
}

// -- decisions -----------------------------------------------------------------------------------

TEST(resale, offers_are_refused_in_the_order_of_the_contract) {
  const auto r = listed();
  EXPECT_EQ(r.decide(offer(buyer, artist), now).error(),
            (failure{errc::forbidden, "Not your reservation"}));
  for (const auto s :
       {reservation_status::pending, reservation_status::cancelled, reservation_status::expired}) {
    EXPECT_EQ(in_state(s).decide(offer(buyer), now).error().code, errc::forbidden);
    EXPECT_EQ(in_state(s).decide(offer(seller, artist), now).error(),
              (failure{errc::not_pending, "Only confirmed reservations can be transferred"}));
  }
  EXPECT_EQ(r.decide(offer(seller, artist), now).error(),
            (failure{errc::conflict, "Transfer already listed for this reservation"}));
  EXPECT_EQ(confirmed().decide(offer(seller, artist), now).error().code, errc::forbidden);
  EXPECT_TRUE(confirmed().decide(offer(seller, artist, tier::silver), now));
}

TEST(resale, an_offer_is_taken_back_by_its_seller_while_it_stands) {
  auto r = listed();
  EXPECT_EQ(r.decide(withdrawal(buyer), now).error(),
            (failure{errc::forbidden, "Not your transfer listing"}));
  EXPECT_EQ(r.decide(withdrawal(seller, id<transfer_id>(41)), now).error(),
            (failure{errc::not_pending, "Only listed transfers can be cancelled"}));
  auto back = r.decide(withdrawal(), now);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->listing.effect, listing_effect::close);
  carry_out(r, *back);
  EXPECT_TRUE(r.view().listing.id.is_nil());
  EXPECT_EQ(r.decide(withdrawal(), now).error().code, errc::not_pending);
  EXPECT_EQ(sold().decide(withdrawal(), now).error().code, errc::not_pending);
  EXPECT_TRUE(r.decide(offer(), now)) << "and may be offered again";
}

TEST(resale, who_may_buy) {
  const auto r = listed(artist, tier::gold);
  EXPECT_EQ(r.decide(question(seller, tier::gold), now).error(),
            (failure{errc::not_pending, "Cannot buy your own transfer"}));
  EXPECT_EQ(r.decide(question(), now).error(),
            (failure{errc::forbidden, "Buyer must have active membership for this artist"}));
  const auto ok = r.decide(question(buyer, tier::silver), now);
  ASSERT_TRUE(ok);
  EXPECT_EQ(ok->amount, 21'000);
  EXPECT_EQ(listed().decide(question(), now)->amount, 22'000) << "no artist, no membership";
  EXPECT_EQ(r.decide(question(buyer, tier::silver, 0), now).error().code, errc::limit_exceeded);
  for (const auto& gone : {confirmed(), sold(), in_state(reservation_status::cancelled)})
    EXPECT_EQ(gone.decide(question(buyer, tier::silver), now).error(),
              (failure{errc::not_pending, "Transfer is no longer available"}));
}

TEST(resale, a_sale_moves_the_ticket_and_every_right_with_it) {
  auto r = listed();
  const auto what = sale_of(r);
  EXPECT_EQ(what.from, reservation_status::confirmed);
  EXPECT_EQ(what.to, reservation_status::confirmed) << "the seats are not touched";
  EXPECT_EQ(what.stock, stock_effect::keep);
  EXPECT_EQ(what.listing.effect, listing_effect::sell);
  EXPECT_EQ(what.listing.seller_payment, id<payment_id>(7));
  carry_out(r, what);
  EXPECT_EQ(r.view().user, buyer);
  EXPECT_EQ(r.view().paid_by, id<payment_id>(8));
  EXPECT_EQ(r.view().bought_through, listing);
  EXPECT_EQ(r.view().spent, std::vector<payment_id>{id<payment_id>(7)});
  EXPECT_EQ(r.view().total_amount, 20'000);
  EXPECT_TRUE(r.view().listing.id.is_nil());

  // The seller's claims have ended, whichever way they are made.
  EXPECT_EQ(r.decide(cancel_reservation{r.view().id, seller}, now).error().code, errc::not_found);
  EXPECT_EQ(r.decide(cancel_reservation{r.view().id, seller, id<payment_id>(7)}, now).error().code,
            errc::not_found);
  const auto noted =
      r.decide(apply_refund{id<payment_id>(90).value, r.view().id, id<payment_id>(7), "asked"});
  ASSERT_TRUE(std::holds_alternative<change>(noted));
  EXPECT_EQ(std::get<change>(noted).to, reservation_status::confirmed) << "noted, ends nothing";
  // And the seller's payment is still known to have done its work.
  const auto late = r.decide(apply_payment{id<payment_id>(91).value, r.view().id, id<payment_id>(7),
                                           seller, 20'000, "card"});
  ASSERT_TRUE(std::holds_alternative<payment_outcome>(late));
  EXPECT_EQ(std::get<payment_outcome>(late).verdict, payment_verdict::confirmed);

  // The buyer may do all of it.
  EXPECT_TRUE(r.decide(offer(buyer), now));
  auto given_up = r.decide(cancel_reservation{r.view().id, buyer, id<payment_id>(8)}, now);
  ASSERT_TRUE(given_up);
  r.begin(*given_up);
  EXPECT_EQ(r.current().transfer, listing) << "what goes back is the payment of the resale";
  EXPECT_EQ(r.current().about, id<payment_id>(8));
}

TEST(resale, what_cannot_be_bought_goes_back) {
  expect_refused(confirmed(), purchase(), "not_listed");
  expect_refused(sold(), purchase(9), "not_listed");
  expect_refused(in_state(reservation_status::cancelled), purchase(), "not_listed");
  expect_refused(in_state(reservation_status::pending), purchase(), "not_listed");
  expect_refused(listed(), purchase(8, buyer, id<transfer_id>(41)), "not_listed");
  expect_refused(listed(), purchase(8, seller), "own_transfer");
  expect_refused(listed(), purchase(8, buyer, listing, 21'999), "amount_mismatch");
}

TEST(resale, the_same_payment_again_is_known_even_after_the_next_sale) {
  auto r = sold();
  EXPECT_EQ(std::get<payment_outcome>(r.decide(purchase())).verdict, payment_verdict::confirmed);
  auto next = offer(buyer);
  next.transfer = id<transfer_id>(41);
  carry_out(r, r.decide(next, now).value());
  carry_out(r, sale_of(r, purchase(9, id<user_id>(5), id<transfer_id>(41))));
  EXPECT_EQ(r.view().user, id<user_id>(5));
  EXPECT_EQ(std::get<payment_outcome>(r.decide(purchase())).verdict, payment_verdict::confirmed);
  EXPECT_EQ(r.view().spent.size(), 2u);
}

TEST(resale, what_an_earlier_owner_has_done_is_the_answer_to_the_repetition) {
  auto r = confirmed();
  auto first = offer();
  EXPECT_FALSE(r.done_before(first));
  carry_out(r, r.decide(first, now).value());
  EXPECT_TRUE(r.done_before(first)) << "its listing's id says so";
  auto second = first;
  second.transfer = id<transfer_id>(41);
  EXPECT_FALSE(r.done_before(second));

  unlist_ticket back{r.view().id, first.transfer, seller};
  back.repeated = true;
  EXPECT_FALSE(r.done_before(back));
  carry_out(r, r.decide(back, now).value());
  EXPECT_TRUE(r.done_before(back));
  back.user = buyer;
  EXPECT_FALSE(r.done_before(back));
  back.user = seller;
  back.repeated = false;
  EXPECT_FALSE(r.done_before(back));
}

TEST(resale, an_offered_ticket_is_frozen_for_its_seller_and_ends_with_its_reservation) {
  auto r = listed();
  EXPECT_EQ(r.decide(cancel_reservation{r.view().id, seller}, now).error().code, errc::conflict);
  // Its own payment was given back (by an operator, at the provider): that ends both.
  auto refund =
      r.decide(apply_refund{id<payment_id>(90).value, r.view().id, id<payment_id>(7), "operator"});
  ASSERT_TRUE(std::holds_alternative<change>(refund));
  r.begin(std::get<change>(refund));
  EXPECT_EQ(r.current().listing.effect, listing_effect::close);
  EXPECT_EQ(r.write_of_current(now).listing.effect, listing_effect::close) << "one transaction";
  EXPECT_EQ(r.on_changed(committed(), now), change_step::done);
  EXPECT_TRUE(r.view().listing.id.is_nil());
  expect_refused(r, purchase(), "not_listed");
}

TEST(resale, a_ticket_bought_back_belongs_to_the_new_payment_only) {
  auto r = sold();
  auto next = offer(buyer);
  next.transfer = id<transfer_id>(41);
  carry_out(r, r.decide(next, now).value());
  carry_out(r, sale_of(r, purchase(9, seller, id<transfer_id>(41))));
  ASSERT_EQ(r.view().user, seller);
  // With the first payment nothing can be undone any more, also when the ticket has ended.
  const cancel_reservation with_old{r.view().id, seller, id<payment_id>(7)};
  EXPECT_EQ(r.decide(with_old, now).error().code, errc::conflict);
  carry_out(r, r.decide(cancel_reservation{r.view().id, seller, id<payment_id>(9)}, now).value());
  EXPECT_EQ(r.decide(with_old, now).error().code, errc::conflict);
}

// -- doubt ---------------------------------------------------------------------------------------

TEST(resale, an_offer_in_doubt_finds_itself_again) {
  auto r = confirmed();
  r.begin(r.decide(offer(), now).value());
  EXPECT_EQ(r.on_changed(of(commit_status::unknown), now), change_step::doubt);
  EXPECT_EQ(r.on_changed(rejected(transfer_status::listed), now), change_step::done);
  EXPECT_EQ(r.view().listing.id, listing);

  r.begin(r.decide(withdrawal(), now).value());
  EXPECT_EQ(r.on_change_lost(now), change_step::doubt);
  EXPECT_EQ(r.on_changed(rejected(transfer_status::cancelled), now), change_step::done);
  EXPECT_TRUE(r.view().listing.id.is_nil());
}

TEST(resale, a_sale_in_doubt_finds_its_message_again) {
  auto r = listed();
  r.begin(sale_of(r));
  EXPECT_EQ(r.on_changed(of(commit_status::unknown), now), change_step::doubt);
  EXPECT_EQ(r.on_changed(committed(true), now), change_step::done);
  EXPECT_EQ(r.view().user, buyer);
}

TEST(resale, what_the_store_knows_better_is_read_again) {
  auto r = listed();
  r.begin(sale_of(r));
  EXPECT_EQ(r.on_changed(committed(true), now), change_step::stale)
      << "applied by an earlier actor";
  r = listed();
  r.begin(sale_of(r));
  EXPECT_EQ(r.on_changed(rejected(transfer_status::cancelled), now), change_step::stale);
  r = confirmed();
  r.begin(r.decide(offer(), now).value());
  EXPECT_EQ(r.on_changed(rejected(std::nullopt), now), change_step::stale);
  r = confirmed();
  r.begin(r.decide(offer(), now).value());
  EXPECT_EQ(r.on_changed(of(commit_status::failed), now), change_step::undone);
  EXPECT_TRUE(r.view().listing.id.is_nil());
}

/// Any order of commands: one owner at any time, one use of each payment, and money that nobody got
/// a ticket for is refused.
TEST(resale, model_every_payment_buys_once_or_goes_back) {
  std::mt19937_64 rng{7};
  int sales = 0;
  int refused = 0;
  for (int round = 0; round < 400; ++round) {
    auto r = confirmed();
    std::map<payment_id, bool> used{{id<payment_id>(7), true}};
    std::uint8_t next_listing = 60;
    std::uint8_t next_payment = 120;
    auto ended = false;
    for (int step = 0; step < 30; ++step) {
      const auto who = id<user_id>(static_cast<std::uint8_t>(2 + rng() % 3));
      const auto before = r.view();
      switch (rng() % 4) {
      case 0: {
        auto command = offer(who);
        command.transfer = id<transfer_id>(next_listing++);
        if (auto decided = r.decide(command, now)) {
          ASSERT_EQ(who, before.user);
          carry_out(r, *decided);
        }
        break;
      }
      case 1:
        if (auto decided = r.decide(withdrawal(who, before.listing.id), now);
            decided && !before.listing.id.is_nil())
          carry_out(r, *decided);
        break;
      case 2: {
        auto command = purchase(next_payment, who, before.listing.id,
                                before.listing.id.is_nil() ? 1 : before.listing.total_price);
        if (rng() % 3 == 0)
          command.transfer = id<transfer_id>(60); // an old one
        ++next_payment;
        auto decided = r.decide(command);
        ASSERT_TRUE(std::holds_alternative<change>(decided));
        const auto what = std::get<change>(decided);
        carry_out(r, what);
        used[command.payment] = what.why == change_reason::transfer;
        if (what.why == change_reason::transfer) {
          ++sales;
          ASSERT_NE(before.user, r.view().user);
          ASSERT_EQ(r.view().user, who);
          ASSERT_EQ(r.view().paid_by, command.payment);
        } else {
          ++refused;
          ASSERT_EQ(r.view().user, before.user);
          ASSERT_EQ(r.view().paid_by, before.paid_by);
        }
        break;
      }
      default:
        if (auto decided = r.decide(cancel_reservation{before.id, who}, now)) {
          ASSERT_EQ(who, before.user);
          ASSERT_TRUE(before.listing.id.is_nil());
          carry_out(r, *decided);
          ended = true;
        }
        break;
      }
      std::size_t bought = 0;
      for (const auto& [p, yes] : used)
        bought += yes ? 1 : 0;
      ASSERT_EQ(r.view().spent.size() + 1, bought) << "each payment is spent once";
      ASSERT_TRUE(used.at(r.view().paid_by));
      ASSERT_TRUE(!ended || r.view().listing.id.is_nil());
    }
  }
  EXPECT_GT(sales, 100);
  EXPECT_GT(refused, 100);
}

// -- events --------------------------------------------------------------------------------------

TEST(resale, events_tell_what_changed_hands) {
  auto env = make_seeded_environment(1, [] { return now; });
  auto r = listed(artist, tier::gold);
  const auto what = sale_of(r, purchase(8, buyer, listing, 21'000));
  const auto e = transfer_event(r.view(), what, now, *env);
  ASSERT_TRUE(e);
  EXPECT_EQ(e->topic, "transfer-events");
  EXPECT_EQ(e->key, to_string(listing));
  EXPECT_EQ(e->type, "TRANSFER_COMPLETED");
  const auto body = nlohmann::json::parse(e->payload);
  EXPECT_EQ(body["transferId"], to_string(listing));
  EXPECT_EQ(body["reservationId"], to_string(r.view().id));
  EXPECT_EQ(body["sellerId"], to_string(seller));
  EXPECT_EQ(body["buyerId"], to_string(buyer));
  EXPECT_EQ(body["totalPrice"], 21'000);
  EXPECT_EQ(body["originalPrice"], 20'000);
  EXPECT_EQ(body["paymentId"], to_string(id<payment_id>(8)));
  EXPECT_EQ(body["sellerPaymentId"], to_string(id<payment_id>(7)));
  EXPECT_EQ(body["paymentType"], "transfer");
  EXPECT_EQ(body["referenceId"], to_string(listing));
  EXPECT_TRUE(body["sagaId"].is_null());

  const auto refusal = sale_of(confirmed());
  EXPECT_FALSE(transfer_event(confirmed().view(), refusal, now, *env));
  const auto rejection = changed_event(confirmed().view(), refusal, now, *env);
  const auto told = nlohmann::json::parse(rejection.payload);
  EXPECT_EQ(told["paymentType"], "transfer");
  EXPECT_EQ(told["referenceId"], to_string(listing));
}

} // namespace
} // namespace tiketi::ticket
