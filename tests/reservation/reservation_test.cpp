#include "actors/reservation/reservation.hpp"

#include <gtest/gtest.h>

namespace tiketi::ticket {
namespace {

using phase = reservation::phase;
using hold_step = reservation::hold_step;
using change_step = reservation::change_step;
using wake_step = reservation::wake_step;
using standing_step = reservation::standing_step;

constexpr time_point start_time = from_millis(1'000'000);
constexpr time_point end_time = start_time + std::chrono::minutes{5};

template <class Id>
Id id(std::uint8_t n) {
  Id out;
  out.value.bytes[0] = n;
  return out;
}

uuid message(std::uint8_t n) {
  uuid out;
  out.bytes[1] = n;
  return out;
}

reservation_view view_of(int seats, int types = 0) {
  reservation_view v;
  v.id = id<reservation_id>(1);
  v.user = id<user_id>(2);
  v.event = id<event_id>(3);
  v.created_at = start_time;
  v.expires_at = end_time;
  for (int i = 0; i < seats; ++i) {
    reservation_item item;
    item.seat = id<seat_id>(static_cast<std::uint8_t>(10 + i));
    item.unit_price = 100;
    v.items.push_back(item);
    v.total_amount += 100;
  }
  for (int i = 0; i < types; ++i) {
    reservation_item item;
    item.ticket_type = id<ticket_type_id>(static_cast<std::uint8_t>(20 + i));
    item.unit_price = 100;
    item.quantity = 2;
    v.items.push_back(item);
    v.total_amount += 200;
  }
  return v;
}

reservation started(int seats, int types = 0) {
  return reservation::start(view_of(seats, types), {});
}

ticket_written outcome(commit_status status) {
  ticket_written out;
  out.status = status;
  return out;
}

ticket_written found(commit_status status, std::optional<reservation_status> what) {
  auto out = outcome(status);
  out.found = what;
  return out;
}

reservation committing() {
  auto r = started(2);
  EXPECT_EQ(r.on_seat_granted(0, 5, 1), hold_step::wait);
  EXPECT_EQ(r.on_seat_granted(1, 9, 4), hold_step::ask_tokens);
  EXPECT_EQ(r.on_tokens({6, 10}), hold_step::commit);
  return r;
}

reservation live(reservation_status status = reservation_status::pending) {
  auto v = view_of(2);
  v.status = status;
  v.items[0].token = 6;
  v.items[1].token = 10;
  if (status == reservation_status::confirmed) {
    v.payment = payment_state::completed;
    v.paid_by = id<payment_id>(7);
  }
  return reservation::restore(v, {});
}

apply_payment payment(std::uint8_t pay = 7, std::uint8_t msg = 1) {
  return {message(msg), id<reservation_id>(1), id<payment_id>(pay), id<user_id>(2), 200, "card"};
}

change change_of(const std::variant<payment_outcome, change>& x) {
  EXPECT_TRUE(std::holds_alternative<change>(x));
  return std::holds_alternative<change>(x) ? std::get<change>(x) : change{};
}

change change_of(const std::variant<refund_applied, change>& x) {
  EXPECT_TRUE(std::holds_alternative<change>(x));
  return std::holds_alternative<change>(x) ? std::get<change>(x) : change{};
}

reservation confirming() {
  auto r = live();
  EXPECT_TRUE(r.begin(change_of(r.decide(payment()))));
  EXPECT_EQ(r.state(), phase::verifying);
  r.on_seats_verified();
  EXPECT_EQ(r.state(), phase::changing);
  return r;
}

// -- hold
// ------------------------------------------------------------------------------------------

TEST(reservation_hold, every_combination_of_answers) {
  // Per seat: granted, refused, unreachable. The decision comes with the last answer only.
  for (int code = 0; code < 27; ++code) {
    auto r = started(3);
    int rest = code;
    bool refused = false;
    bool unreachable = false;
    hold_step last = hold_step::wait;
    for (std::size_t i = 0; i < 3; ++i, rest /= 3) {
      EXPECT_EQ(last, hold_step::wait);
      switch (rest % 3) {
      case 0:
        last = r.on_seat_granted(i, 1, 1);
        break;
      case 1:
        last = r.on_refused(i);
        refused = true;
        break;
      default:
        last = r.on_unreachable(i);
        unreachable = true;
      }
    }
    if (refused) {
      EXPECT_EQ(last, hold_step::fail);
      EXPECT_EQ(r.why_failed().error.code, errc::seat_unavailable);
      EXPECT_FALSE(r.why_failed().stale);
    } else if (unreachable) {
      EXPECT_EQ(last, hold_step::fail);
      EXPECT_EQ(r.why_failed().error.code, errc::unavailable);
    } else {
      EXPECT_EQ(last, hold_step::ask_tokens);
    }
    rest = code;
    std::vector<std::size_t> conflicts;
    for (std::size_t i = 0; i < 3; ++i, rest /= 3) {
      EXPECT_EQ(r.granted(i), rest % 3 == 0);
      if (rest % 3 == 1)
        conflicts.push_back(i);
    }
    EXPECT_EQ(r.why_failed().conflicts, conflicts);
  }
}

TEST(reservation_hold, a_repeated_answer_counts_once) {
  auto r = started(2);
  EXPECT_EQ(r.on_seat_granted(0, 1, 1), hold_step::wait);
  EXPECT_EQ(r.on_seat_granted(0, 1, 1), hold_step::wait);
  EXPECT_EQ(r.on_refused(0), hold_step::wait);
  EXPECT_EQ(r.on_unreachable(0), hold_step::wait);
  EXPECT_EQ(r.on_seat_granted(1, 1, 1), hold_step::ask_tokens);
}

TEST(reservation_hold, tokens_must_be_new) {
  const auto granting = [] {
    auto r = started(2);
    (void)r.on_seat_granted(0, 5, 1);
    (void)r.on_seat_granted(1, 9, 4);
    EXPECT_EQ(r.floors(), (std::vector<std::uint64_t>{5, 9}));
    return r;
  };
  for (const auto& bad :
       std::vector<std::vector<std::uint64_t>>{{}, {6}, {6, 9}, {5, 10}, {6, 10, 11}, {0, 0}}) {
    auto r = granting();
    EXPECT_EQ(r.on_tokens(bad), hold_step::fail);
    EXPECT_EQ(r.why_failed().error.code, errc::unavailable);
  }
  auto r = granting();
  EXPECT_EQ(r.on_tokens({6, 10}), hold_step::commit);
  EXPECT_EQ(r.view().items[0].token, 6U);
  EXPECT_EQ(r.view().items[1].token, 10U);
  EXPECT_EQ(r.view().items[1].seat_version, 4U);
  auto down = granting();
  EXPECT_EQ(down.on_no_tokens(errc::unavailable), hold_step::fail);
  EXPECT_EQ(down.on_tokens({6, 10}), hold_step::wait);
}

TEST(reservation_hold, tickets_need_no_tokens) {
  auto r = started(0, 2);
  EXPECT_EQ(r.on_stock_granted(0), hold_step::wait);
  EXPECT_EQ(r.on_stock_granted(1), hold_step::commit);
  auto out = started(0, 2);
  (void)out.on_stock_granted(0);
  EXPECT_EQ(out.on_refused(1), hold_step::fail);
  EXPECT_EQ(out.why_failed().error.code, errc::sold_out);
}

TEST(reservation_hold, store_outcomes) {
  auto r = committing();
  EXPECT_EQ(r.on_created(outcome(commit_status::committed), start_time), hold_step::held);
  EXPECT_EQ(r.state(), phase::live);
  EXPECT_TRUE(r.pending());

  r = committing();
  EXPECT_EQ(r.on_created(outcome(commit_status::failed), start_time), hold_step::fail);
  EXPECT_EQ(r.why_failed().error.code, errc::unavailable);

  r = committing();
  auto rejected = outcome(commit_status::rejected);
  rejected.conflicts = {id<seat_id>(11)};
  EXPECT_EQ(r.on_created(rejected, start_time), hold_step::fail);
  EXPECT_EQ(r.why_failed().error.code, errc::seat_unavailable);
  EXPECT_EQ(r.why_failed().conflicts, std::vector<std::size_t>{1});
  EXPECT_TRUE(r.why_failed().stale);

  r = committing();
  rejected = outcome(commit_status::rejected);
  rejected.same_key = id<reservation_id>(9);
  EXPECT_EQ(r.on_created(rejected, start_time), hold_step::fail);
  EXPECT_EQ(r.why_failed().same_key, id<reservation_id>(9));
  EXPECT_FALSE(r.why_failed().stale);

  r = committing();
  EXPECT_EQ(r.on_create_refused(errc::overloaded), hold_step::fail);
  EXPECT_EQ(r.why_failed().error.code, errc::overloaded);

  r = committing();
  EXPECT_EQ(r.on_create_lost(start_time), hold_step::doubt);
  EXPECT_EQ(r.state(), phase::in_doubt);
}

TEST(reservation_hold, doubt_lasts_until_the_store_knows) {
  auto r = committing();
  auto now = start_time;
  EXPECT_EQ(r.on_created(outcome(commit_status::unknown), now), hold_step::doubt);
  milliseconds before{0};
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(r.wake_at());
    const auto wait = *r.wake_at() - now;
    EXPECT_GE(wait, before);
    EXPECT_LE(wait, reservation_timing{}.retry_max);
    before = wait;
    EXPECT_EQ(r.on_wake(*r.wake_at() - milliseconds{1}, true), wake_step::nothing);
    now = *r.wake_at();
    EXPECT_EQ(r.on_wake(now, true), wake_step::look_up);
    const auto lost = i % 3;
    EXPECT_EQ(lost == 0   ? r.on_look_up_lost(now)
              : lost == 1 ? r.on_looked_up(outcome(commit_status::failed), now)
                          : r.on_looked_up(outcome(commit_status::unknown), now),
              hold_step::doubt);
    EXPECT_TRUE(r.granted(0)); // it keeps its seats
  }
  auto written = r;
  EXPECT_EQ(written.on_looked_up(found(commit_status::committed, reservation_status::pending), now),
            hold_step::held);
  EXPECT_EQ(written.state(), phase::live);
  auto absent = r;
  EXPECT_EQ(absent.on_looked_up(outcome(commit_status::committed), now), hold_step::fail);
  EXPECT_EQ(absent.on_looked_up(found(commit_status::committed, reservation_status::pending), now),
            hold_step::wait);
}

// -- decisions
// -------------------------------------------------------------------------------------

constexpr reservation_status all[] = {reservation_status::pending, reservation_status::confirmed,
                                      reservation_status::cancelled, reservation_status::expired};

TEST(reservation_decide, payable_table) {
  for (const auto status : all) {
    const auto r = live(status);
    const auto ask = [&](std::uint8_t user, time_point now) {
      return r.decide(check_payable{id<reservation_id>(1), id<user_id>(user)}, now);
    };
    EXPECT_EQ(ask(9, start_time).error().code, errc::forbidden);
    const auto mine = ask(2, end_time - milliseconds{1});
    const auto late = ask(2, end_time);
    EXPECT_TRUE(late.has_error());
    EXPECT_EQ(mine.has_value(), status == reservation_status::pending);
    if (mine) {
      EXPECT_EQ(mine->amount, 200);
      EXPECT_EQ(late.error().code, errc::expired);
    } else {
      EXPECT_EQ(mine.error().code,
                status == reservation_status::expired ? errc::expired : errc::not_pending);
    }
  }
}

TEST(reservation_decide, cancel_table) {
  for (const auto status : all) {
    const auto r = live(status);
    EXPECT_EQ(r.decide(cancel_reservation{{}, id<user_id>(9)}, start_time).error().code,
              errc::not_found);
    const auto d = r.decide(cancel_reservation{{}, id<user_id>(2)}, start_time);
    switch (status) {
    case reservation_status::pending:
      EXPECT_EQ(d->to, reservation_status::cancelled);
      EXPECT_EQ(d->payment, payment_state::pending); // nothing was paid, so nothing comes back
      EXPECT_EQ(d->stock, stock_effect::free);
      EXPECT_EQ(d->event_type, "RESERVATION_CANCELLED");
      break;
    case reservation_status::confirmed:
      EXPECT_EQ(d->payment, payment_state::refund_requested);
      EXPECT_EQ(d->about, id<payment_id>(7));
      EXPECT_EQ(d->stock, stock_effect::free);
      break;
    case reservation_status::cancelled:
      EXPECT_EQ(d.error(), failure(errc::already_ended, "Already cancelled reservation"));
      break;
    case reservation_status::expired:
      EXPECT_EQ(d.error(), failure(errc::already_ended, "Reservation has already expired"));
    }
  }
}

TEST(reservation_decide, what_an_earlier_owner_has_cancelled_is_the_answer_to_the_repetition) {
  for (const auto status : all) {
    const auto r = live(status);
    const bool cancelled = status == reservation_status::cancelled;
    cancel_reservation mine{{}, id<user_id>(2)};
    end_reservation end{{}, "r"};
    EXPECT_FALSE(r.done_before(mine)) << "the first time it is a second cancellation";
    EXPECT_FALSE(r.done_before(end));
    mine.repeated = end.repeated = true;
    EXPECT_EQ(r.done_before(mine), cancelled);
    EXPECT_EQ(r.done_before(end), cancelled);
    mine.user = id<user_id>(9);
    EXPECT_FALSE(r.done_before(mine)) << "somebody else's does not exist";
  }
}

TEST(reservation_decide, what_was_paid_is_taken_back_until_the_deadline) {
  for (const auto status : all) {
    const auto r = live(status);
    cancel_reservation command{{}, id<user_id>(2)};
    command.refundable_until = end_time;
    const auto early = r.decide(command, end_time - milliseconds{1});
    const auto late = r.decide(command, end_time);
    EXPECT_EQ(early.has_value(),
              status == reservation_status::pending || status == reservation_status::confirmed);
    if (status == reservation_status::confirmed) {
      EXPECT_EQ(late.error().code, errc::conflict);
      EXPECT_NE(late.error().text.find(to_iso(end_time)), std::string::npos);
    } else {
      // Unpaid, it only holds seats that others want; ended, the end is what is told.
      EXPECT_EQ(late.has_value(), status == reservation_status::pending);
    }
    // An administrator, and the end of the event, are not bound by it.
    EXPECT_EQ(r.decide(end_reservation{{}, "Event cancelled"}).has_value(), early.has_value());
  }
}

TEST(reservation_decide, payment_table) {
  for (const auto status : all)
    for (const bool same_payment : {true, false}) {
      const auto r = live(status);
      const auto d = r.decide(payment(same_payment ? 7 : 8));
      if (status == reservation_status::confirmed && same_payment) {
        const auto* out = std::get_if<payment_outcome>(&d);
        ASSERT_TRUE(out);
        EXPECT_EQ(out->verdict, payment_verdict::confirmed);
        EXPECT_TRUE(out->duplicate);
        continue;
      }
      const auto c = change_of(d);
      if (status == reservation_status::pending) {
        EXPECT_EQ(c.why, change_reason::confirm);
        EXPECT_EQ(c.to, reservation_status::confirmed);
        EXPECT_EQ(c.stock, stock_effect::sell);
        continue;
      }
      EXPECT_EQ(c.why, change_reason::reject);
      EXPECT_EQ(c.from, status);
      EXPECT_EQ(c.to, status);
      EXPECT_EQ(c.stock, stock_effect::keep);
      EXPECT_EQ(c.payment, r.view().payment);
      EXPECT_EQ(c.event_type, "PAYMENT_REJECTED");
      EXPECT_EQ(c.reason, status == reservation_status::confirmed ? "already_paid"
                          : status == reservation_status::expired ? "expired"
                                                                  : "cancelled");
    }
  auto wrong = payment();
  wrong.amount = 199;
  EXPECT_EQ(change_of(live().decide(wrong)).reason, "amount_mismatch");
  wrong = payment();
  wrong.user = id<user_id>(9);
  EXPECT_EQ(change_of(live().decide(wrong)).reason, "user_mismatch");
}

TEST(reservation_decide, refund_table) {
  const auto refund = [](std::uint8_t pay) {
    return apply_refund{message(5), id<reservation_id>(1), id<payment_id>(pay), "why"};
  };
  auto c = change_of(live().decide(refund(7)));
  EXPECT_EQ(c.to, reservation_status::cancelled);
  EXPECT_EQ(c.payment, payment_state::refunded);
  EXPECT_EQ(c.paid_by, id<payment_id>(7));
  EXPECT_EQ(c.stock, stock_effect::free);

  c = change_of(live(reservation_status::confirmed).decide(refund(7)));
  EXPECT_EQ(c.to, reservation_status::cancelled);
  EXPECT_EQ(c.payment, payment_state::refunded);
  EXPECT_EQ(c.stock, stock_effect::free);
  EXPECT_EQ(c.event_type, "RESERVATION_CANCELLED");

  // The refund of a second capture ends nothing.
  c = change_of(live(reservation_status::confirmed).decide(refund(8)));
  EXPECT_EQ(c.to, reservation_status::confirmed);
  EXPECT_EQ(c.payment, payment_state::completed);
  EXPECT_EQ(c.stock, stock_effect::keep);

  c = change_of(live(reservation_status::expired).decide(refund(8)));
  EXPECT_EQ(c.to, reservation_status::expired);
  EXPECT_EQ(c.stock, stock_effect::keep);

  auto v = view_of(1);
  v.status = reservation_status::cancelled;
  v.payment = payment_state::refund_requested;
  v.paid_by = id<payment_id>(7);
  const auto requested = reservation::restore(v, {});
  EXPECT_EQ(change_of(requested.decide(refund(7))).payment, payment_state::refunded);
  EXPECT_EQ(change_of(requested.decide(refund(8))).payment, payment_state::refund_requested);
  v.payment = payment_state::refunded;
  EXPECT_TRUE(
      std::holds_alternative<refund_applied>(reservation::restore(v, {}).decide(refund(7))));
}

TEST(reservation_decide, the_payment_of_an_ended_booking_is_due_for_refund_without_a_new_refusal) {
  auto v = view_of(1);
  v.status = reservation_status::cancelled;
  v.payment = payment_state::refund_requested;
  v.paid_by = id<payment_id>(7);
  const auto d = reservation::restore(v, {}).decide(payment(7));
  const auto* out = std::get_if<payment_outcome>(&d);
  ASSERT_TRUE(out);
  EXPECT_EQ(out->verdict, payment_verdict::refund_due);
  EXPECT_TRUE(out->duplicate);
}

// -- changes
// ---------------------------------------------------------------------------------------

TEST(reservation_change, confirmation_outcomes) {
  auto r = confirming();
  EXPECT_EQ(r.on_changed(outcome(commit_status::committed), start_time), change_step::done);
  EXPECT_EQ(r.view().status, reservation_status::confirmed);
  EXPECT_EQ(r.view().payment, payment_state::completed);
  EXPECT_EQ(r.view().paid_by, id<payment_id>(7));
  EXPECT_EQ(r.view().payment_method, "card");
  EXPECT_EQ(r.wake_at(), std::nullopt);

  r = confirming();
  EXPECT_EQ(r.on_changed(outcome(commit_status::failed), start_time), change_step::undone);
  EXPECT_EQ(r.state(), phase::live);
  EXPECT_TRUE(r.pending());

  r = confirming();
  EXPECT_EQ(r.on_change_refused(start_time), change_step::undone);
  EXPECT_TRUE(r.pending());

  // The store says the seats are not ours: the money must go back, durably.
  r = confirming();
  EXPECT_EQ(r.on_changed(found(commit_status::rejected, reservation_status::pending), start_time),
            change_step::rejected);
  EXPECT_EQ(r.state(), phase::changing);
  EXPECT_EQ(r.current().why, change_reason::reject);
  EXPECT_EQ(r.current().reason, "seats_lost");
  EXPECT_EQ(r.current().message, message(1));
  EXPECT_EQ(r.on_changed(outcome(commit_status::committed), start_time), change_step::done);
  EXPECT_TRUE(r.pending());

  r = confirming();
  EXPECT_EQ(r.on_changed(found(commit_status::rejected, reservation_status::expired), start_time),
            change_step::stale);
  r = confirming();
  EXPECT_EQ(r.on_changed(outcome(commit_status::rejected), start_time), change_step::stale);
}

TEST(reservation_change, a_lost_seat_turns_the_confirmation_into_a_refusal) {
  auto r = live();
  EXPECT_TRUE(r.begin(change_of(r.decide(payment()))));
  r.on_seat_lost();
  EXPECT_EQ(r.state(), phase::changing);
  EXPECT_EQ(r.current().why, change_reason::reject);
  r = live();
  EXPECT_TRUE(r.begin(change_of(r.decide(payment()))));
  r.on_seats_unreachable();
  EXPECT_EQ(r.state(), phase::live);
}

TEST(reservation_change, doubt_is_resolved_by_repeating) {
  using enum commit_status;
  auto doubtful = confirming();
  auto now = start_time;
  EXPECT_EQ(doubtful.on_changed(outcome(unknown), now), change_step::doubt);
  EXPECT_EQ(doubtful.state(), phase::change_in_doubt);
  // A repeat that certainly failed says nothing about the first attempt.
  EXPECT_EQ(doubtful.on_changed(outcome(failed), now), change_step::doubt);
  EXPECT_EQ(doubtful.on_change_refused(now), change_step::doubt);
  EXPECT_EQ(doubtful.on_change_lost(now), change_step::doubt);
  now = *doubtful.wake_at();
  EXPECT_EQ(doubtful.on_wake(now - milliseconds{1}, true), wake_step::nothing);
  EXPECT_EQ(doubtful.on_wake(now, true), wake_step::repeat_change);

  auto r = doubtful; // the first had not arrived
  EXPECT_EQ(r.on_changed(outcome(committed), now), change_step::done);
  EXPECT_EQ(r.view().status, reservation_status::confirmed);

  r = doubtful; // the first had arrived, the message is known
  auto duplicate = outcome(committed);
  duplicate.duplicate = true;
  EXPECT_EQ(r.on_changed(duplicate, now), change_step::look_up);
  auto confirmed = r;
  EXPECT_EQ(confirmed.on_change_looked_up(found(committed, reservation_status::confirmed), now),
            change_step::done);
  auto refused_long_ago = r;
  EXPECT_EQ(
      refused_long_ago.on_change_looked_up(found(committed, reservation_status::pending), now),
      change_step::duplicate);
  EXPECT_TRUE(refused_long_ago.pending());
  auto elsewhere = r;
  EXPECT_EQ(elsewhere.on_change_looked_up(found(committed, reservation_status::expired), now),
            change_step::stale);
  auto again = r;
  EXPECT_EQ(again.on_change_looked_up(outcome(unknown), now), change_step::doubt);

  r = doubtful; // the store compares the status before the message
  EXPECT_EQ(r.on_changed(found(rejected, reservation_status::confirmed), now), change_step::done);
  r = doubtful;
  EXPECT_EQ(r.on_changed(found(rejected, reservation_status::pending), now), change_step::rejected);
}

TEST(reservation_change, cancel_and_expiry_in_doubt) {
  using enum commit_status;
  for (const bool cancel : {true, false}) {
    auto r = live();
    EXPECT_FALSE(r.begin(cancel ? *r.decide(cancel_reservation{{}, id<user_id>(2)}, start_time)
                                : r.decide_expiry()));
    EXPECT_EQ(r.on_changed(outcome(unknown), start_time), change_step::doubt);
    const auto to = cancel ? reservation_status::cancelled : reservation_status::expired;
    EXPECT_EQ(r.on_changed(found(rejected, to), start_time), change_step::done);
    EXPECT_EQ(r.view().status, to);
    EXPECT_EQ(r.view().payment, payment_state::pending);
    // The same answer without an attempt in doubt means that somebody else did it.
    auto first = live();
    (void)first.begin(first.decide_expiry());
    EXPECT_EQ(first.on_changed(found(rejected, reservation_status::expired), start_time),
              change_step::stale);
  }
}

TEST(reservation_change, what_is_written) {
  auto r = confirming();
  const auto w = r.write_of_current(start_time);
  EXPECT_EQ(w.from, reservation_status::pending);
  EXPECT_EQ(w.to, reservation_status::confirmed);
  EXPECT_EQ(w.stock, stock_effect::sell);
  EXPECT_EQ(w.items.size(), 2U);
  EXPECT_EQ(w.items[1].token, 10U);
  EXPECT_EQ(w.message, message(1));
  EXPECT_EQ(w.history.action, "confirmed");
  EXPECT_NE(w.history.detail.find(to_string(id<payment_id>(7))), std::string::npos);
}

TEST(reservation_change, ends_once) {
  // Every pair of ends: whatever comes second finds it ended.
  auto r = live();
  (void)r.begin(r.decide_expiry());
  EXPECT_EQ(r.on_changed(outcome(commit_status::committed), end_time), change_step::done);
  EXPECT_TRUE(r.decide(cancel_reservation{{}, id<user_id>(2)}, start_time).has_error());
  EXPECT_EQ(change_of(r.decide(payment())).why, change_reason::reject);
  EXPECT_EQ(r.on_wake(end_time + std::chrono::hours{1}, false), wake_step::nothing);
  // A late answer of the store to a change that is over has no effect.
  EXPECT_EQ(r.on_changed(found(commit_status::rejected, reservation_status::pending), end_time),
            change_step::undone);
  EXPECT_EQ(r.view().status, reservation_status::expired);
}

// -- time
// ------------------------------------------------------------------------------------------

payment::payment_standing standing(payment::standing s, std::uint8_t pay = 7) {
  payment::payment_standing out;
  out.state = s;
  out.payment = id<payment_id>(pay);
  return out;
}

TEST(reservation_time, without_a_payment_role_it_expires_on_time) {
  auto r = live();
  EXPECT_EQ(r.on_wake(*r.wake_at(), false), wake_step::nothing);
  EXPECT_EQ(r.wake_at(), end_time);
  EXPECT_EQ(r.on_wake(end_time - milliseconds{1}, false), wake_step::nothing);
  EXPECT_EQ(r.on_wake(end_time, false), wake_step::expire);
  // The write failed: it is tried again.
  (void)r.begin(r.decide_expiry());
  EXPECT_EQ(r.on_changed(outcome(commit_status::failed), end_time), change_step::undone);
  EXPECT_GT(*r.wake_at(), end_time);
  EXPECT_EQ(r.on_wake(*r.wake_at(), false), wake_step::expire);
}

// Asks at `when` and answers at once.
standing_step ask(reservation& r, payment::standing s, time_point when, std::uint8_t pay = 7) {
  EXPECT_EQ(r.on_wake(when, true), wake_step::ask_standing);
  return r.on_standing(standing(s, pay), r.question(), when);
}

TEST(reservation_time, standing_decides_at_the_end) {
  using payment::standing;
  auto r = live();
  EXPECT_EQ(ask(r, standing::none, end_time), standing_step::expire);
  r = live();
  EXPECT_EQ(ask(r, standing::captured, end_time), standing_step::confirm);
  r = live();
  auto now = end_time;
  int questions = 0;
  while (ask(r, standing::capturing, now) == standing_step::nothing) {
    ASSERT_LT(++questions, 1'000);
    ASSERT_GT(*r.wake_at(), now);
    now = *r.wake_at();
  }
  EXPECT_GE(now, end_time + reservation_timing{}.capturing_max);
  EXPECT_LE(now, end_time + reservation_timing{}.capturing_max + milliseconds{1'000});
}

TEST(reservation_time, a_silent_payment_role_is_waited_for_up_to_a_bound) {
  auto r = live();
  auto now = end_time;
  wake_step step = wake_step::nothing;
  int rounds = 0;
  for (; step != wake_step::expire; now = *r.wake_at()) {
    ASSERT_LT(++rounds, 1'000);
    step = r.on_wake(now, true);
  }
  EXPECT_LE(now, end_time + reservation_timing{}.unreachable_max + milliseconds{5'000});

  r = live();
  EXPECT_EQ(r.on_wake(end_time, true), wake_step::ask_standing);
  EXPECT_EQ(r.on_no_standing(r.question(), end_time), standing_step::nothing);
  const auto late = end_time + reservation_timing{}.unreachable_max;
  EXPECT_EQ(r.on_wake(late, true), wake_step::ask_standing);
  EXPECT_EQ(r.on_no_standing(r.question(), late), standing_step::expire);
}

TEST(reservation_time, reconciles_before_the_end_and_never_expires_early) {
  using payment::standing;
  auto r = live();
  const auto first = start_time + reservation_timing{}.reconcile_after;
  EXPECT_EQ(r.wake_at(), first);
  for (auto now = first; now < end_time; now = *r.wake_at()) {
    const auto kind =
        now.time_since_epoch().count() % 2 == 0 ? standing::none : standing::capturing;
    EXPECT_EQ(ask(r, kind, now), standing_step::nothing);
    ASSERT_GT(*r.wake_at(), now);
    ASSERT_LE(*r.wake_at(), end_time);
  }
  EXPECT_EQ(r.wake_at(), end_time);
  r = live();
  EXPECT_EQ(ask(r, standing::captured, first), standing_step::confirm);
  r = live();
  EXPECT_EQ(r.on_wake(first, true), wake_step::ask_standing);
  EXPECT_EQ(r.on_no_standing(r.question(), first), standing_step::nothing);
}

TEST(reservation_time, an_answer_to_an_older_question_is_ignored) {
  auto r = live();
  EXPECT_EQ(r.on_wake(end_time, true), wake_step::ask_standing);
  const auto old = r.question();
  EXPECT_EQ(r.on_wake(*r.wake_at(), true), wake_step::nothing); // timed out
  EXPECT_EQ(r.on_wake(*r.wake_at(), true), wake_step::ask_standing);
  EXPECT_EQ(r.on_standing(standing(payment::standing::none), old, end_time),
            standing_step::nothing);
  EXPECT_EQ(r.on_standing(standing(payment::standing::none), r.question(), end_time),
            standing_step::expire);
}

TEST(reservation_time, an_answer_during_a_change_decides_nothing) {
  auto r = live();
  EXPECT_EQ(r.on_wake(end_time, true), wake_step::ask_standing);
  (void)r.begin(change_of(r.decide(payment())));
  EXPECT_EQ(r.on_standing(standing(payment::standing::none), r.question(), end_time),
            standing_step::nothing);
  r.on_seats_verified();
  EXPECT_EQ(r.on_changed(outcome(commit_status::committed), end_time), change_step::done);
  EXPECT_EQ(r.view().status, reservation_status::confirmed);
}

TEST(reservation_time, a_refused_payment_does_not_keep_it_alive) {
  auto r = live();
  auto wrong = payment();
  wrong.amount = 1;
  (void)r.begin(change_of(r.decide(wrong)));
  EXPECT_EQ(r.on_changed(outcome(commit_status::committed), start_time), change_step::done);
  EXPECT_TRUE(r.pending());
  EXPECT_EQ(ask(r, payment::standing::captured, end_time), standing_step::expire);
  // and its refund ends nothing either
  EXPECT_EQ(change_of(r.decide(apply_refund{message(5), {}, id<payment_id>(7), "x"})).to,
            reservation_status::pending);
}

} // namespace
} // namespace tiketi::ticket
