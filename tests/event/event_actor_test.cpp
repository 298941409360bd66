#include "tests/event/sale_fixture.hpp"

#include <random>

namespace tiketi::ticket {
namespace {

using namespace std::chrono_literals;
using memory::commit_fault;

// -- holds
// -----------------------------------------------------------------------------------------

TEST_F(sale_test, a_hold_is_durable_when_it_is_answered) {
  const auto r = hold(1, {0, 1}, "key");
  ASSERT_TRUE(r.has_value()) << r.error().text;
  EXPECT_EQ(r->status, reservation_status::pending);
  EXPECT_EQ(r->total_amount, 200);
  EXPECT_EQ(r->expires_at, epoch + 5min);
  EXPECT_EQ(r->items.size(), 2U);
  EXPECT_EQ(r->items[0].name, "A-1-1");
  EXPECT_GT(r->items[0].token, 0U);
  EXPECT_EQ(r->items[0].seat_version, 1U);
  EXPECT_EQ(r->event_title, "Night");
  EXPECT_FALSE(r->replayed);
  EXPECT_EQ(route_of(r->id), route_of(event.id));
  EXPECT_EQ(seat_state(0), seat_status::locked);
  EXPECT_EQ(state().reservations.at(r->id).key, "key");
  EXPECT_EQ(events_of(r->id), std::vector<std::string>{"RESERVATION_CREATED"});
  const auto payload = nlohmann::json::parse(state().outbox.back().payload);
  EXPECT_EQ(payload["type"], "RESERVATION_CREATED");
  EXPECT_EQ(payload["totalAmount"], 200);
  EXPECT_EQ(payload["seats"].size(), 2U);
  EXPECT_TRUE(payload["paymentId"].is_null());
  EXPECT_EQ(payload["timestamp"], "2026-02-22T10:00:00.000Z");
  EXPECT_EQ(shown(0), "locked");
  EXPECT_EQ(shown(2), "available");
}

TEST_F(sale_test, a_conflict_frees_everything_and_names_the_seats) {
  ASSERT_TRUE(hold(1, {1}).has_value());
  const auto loser = hold(2, {0, 1, 2});
  EXPECT_EQ(loser.error(), failure(errc::seat_unavailable, "Seat already reserved: A-1-2"));
  EXPECT_TRUE(hold(3, {0, 2}).has_value());
  // The holder's own second try is a conflict that leaves the first alone.
  EXPECT_EQ(hold(1, {1}).error().code, errc::seat_unavailable);
  EXPECT_EQ(seat_state(1), seat_status::locked);
}

TEST_F(sale_test, a_race_has_one_winner_per_seat_and_losers_hold_nothing) {
  std::mt19937 rng(5);
  for (int round = 0; round < 8; ++round) {
    std::vector<later<reservation_view>> answers;
    for (int i = 0; i < 60; ++i) {
      std::set<int> numbers;
      const auto count = 1 + rng() % 4;
      while (numbers.size() < count)
        numbers.insert(static_cast<int>(rng() % 12));
      answers.push_back(begin<reservation_view>(
          role.region,
          want(round * 100 + i, {numbers.begin(), numbers.end()}, i % 2 ? "key" : "")));
    }
    // Any order of the runnable actors, one message at a time.
    while (sched.has_job()) {
      const auto next = static_cast<std::ptrdiff_t>(rng() % sched.jobs.size());
      std::rotate(sched.jobs.begin(), sched.jobs.begin() + next, sched.jobs.begin() + next + 1);
      sched.try_run_once();
    }
    std::size_t sold = 0;
    std::vector<std::pair<reservation_id, user_id>> won;
    for (const auto& a : answers) {
      ASSERT_TRUE(a->has_value());
      if (a->value()) {
        sold += a->value()->items.size();
        won.emplace_back(a->value()->id, a->value()->user);
      } else {
        EXPECT_EQ(a->value().error().code, errc::seat_unavailable);
      }
    }
    EXPECT_GT(won.size(), 2U);
    std::size_t locked = 0;
    for (int n = 0; n < 12; ++n)
      locked += seat_state(n) == seat_status::locked;
    EXPECT_EQ(locked, sold);
    check_store();
    // Whatever is free in the store can be held at once: no actor kept a grant.
    for (int n = 0; n < 12; ++n)
      if (seat_state(n) == seat_status::available) {
        const auto r = hold(90 + n, {n});
        ASSERT_TRUE(r.has_value()) << n << " " << r.error().text;
        won.emplace_back(r->id, r->user);
      }
    for (const auto& [rid, who] : won)
      ASSERT_TRUE(ask<reservation_view>(role.region, cancel_reservation{rid, who}).has_value());
    EXPECT_EQ(gauge("seat"), 0);
    EXPECT_EQ(gauge("reservation"), 0);
  }
}

TEST_F(sale_test, refusals_change_nothing) {
  auto m = want(1, {0});
  m.event = id<event_id>(77);
  EXPECT_EQ(ask<reservation_view>(role.region, m).error(),
            failure(errc::not_found, "Event not found"));
  EXPECT_EQ(hold(1, {99}).error(), failure(errc::not_found, "Selected seat not found"));
  EXPECT_EQ(hold(1, {}).error().code, errc::invalid_request);
  EXPECT_EQ(hold(1, {0, 0}).error().code, errc::invalid_request);
  EXPECT_EQ(hold(1, {0, 1, 2, 3, 4}).error().code, errc::invalid_request);
  EXPECT_EQ(hold(1, {0}, std::string(65, 'x')).error().code, errc::invalid_request);
  auto t = order(1, 1);
  t.items[0].type = id<ticket_type_id>(1);
  EXPECT_EQ(ask<reservation_view>(role.region, t).error().code, errc::not_found);
  EXPECT_EQ(cancel(id<reservation_id>(5), 1).error().code, errc::not_found);
  EXPECT_EQ(cancel(make_reservation_id(event.id, *env), 1).error(),
            failure(errc::not_found, "Reservation not found"));
  EXPECT_TRUE(state().reservations.empty());
  EXPECT_TRUE(state().outbox.empty());
}

TEST_F(sale_test, the_sale_window_and_a_cancelled_event) {
  pass(24h * 7, 1h);
  EXPECT_EQ(hold(1, {0}).error().code, errc::sale_closed);
  put_event(true);
  role.event_changed(event.id);
  sched.run();
  EXPECT_EQ(hold(1, {0}).error(), failure(errc::sale_closed, "This event has been cancelled"));
}

TEST_F(sale_test, the_limit_counts_what_is_live) {
  const auto first = hold(1, {0, 1, 2});
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(hold(1, {3, 4}).error().code, errc::limit_exceeded);
  ASSERT_TRUE(hold(1, {3}).has_value());
  EXPECT_EQ(hold(1, {4}).error().code, errc::limit_exceeded);
  ASSERT_TRUE(cancel(first->id, 1).has_value());
  EXPECT_TRUE(hold(1, {0, 1}).has_value());
  // Losing gives the allowance back too.
  ASSERT_TRUE(hold(2, {10}).has_value());
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(hold(3, {10, 11, 12, 13}).error().code, errc::seat_unavailable);
  EXPECT_TRUE(hold(3, {11, 12, 13, 14}).has_value());
  stop();
  start();
  EXPECT_EQ(hold(3, {15}).error().code, errc::limit_exceeded);
}

TEST_F(sale_test, tickets_without_seats) {
  const auto first = ask<reservation_view>(role.region, order(1, 10));
  ASSERT_TRUE(first.has_value()) << first.error().text;
  EXPECT_EQ(first->total_amount, 500);
  EXPECT_EQ(first->number.front(), 'R');
  EXPECT_EQ(state().types.at(type).available, 2);
  EXPECT_EQ(ask<reservation_view>(role.region, order(2, 3)).error(),
            failure(errc::sold_out, "Standing quantity is not enough"));
  EXPECT_EQ(ask<reservation_view>(role.region, order(1, 1)).error().code, errc::limit_exceeded);
  ASSERT_TRUE(ask<reservation_view>(role.region, order(2, 2)).has_value());
  ASSERT_TRUE(cancel(first->id, 1).has_value());
  EXPECT_EQ(state().types.at(type).available, 10);
  const auto again = ask<reservation_view>(role.region, order(3, 10));
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(pay(*again, 1)->verdict, payment_verdict::confirmed);
  pass(6min, 10s);
  EXPECT_EQ(status_of(again->id), reservation_status::confirmed);
  EXPECT_EQ(state().types.at(type).available, 2);
}

TEST_F(sale_test, tokens_and_versions_only_grow) {
  std::uint64_t token = 0;
  for (std::uint32_t round = 1; round <= 6; ++round) {
    const auto r = hold(1, {0});
    ASSERT_TRUE(r.has_value());
    EXPECT_GT(r->items[0].token, token);
    EXPECT_EQ(r->items[0].seat_version, round);
    token = r->items[0].token;
    ASSERT_TRUE(cancel(r->id, 1).has_value());
    if (round % 2 == 0) { // a guard that has forgotten everything
      stop();
      start();
    }
  }
}

TEST_F(sale_test, a_hold_of_one_seat_takes_few_messages) {
  ASSERT_TRUE(hold(1, {0}).has_value());
  auto box = begin<reservation_view>(role.region, want(2, {1}));
  const auto steps = sched.run();
  ASSERT_TRUE(box->has_value() && box->value());
  // Twelve messages: the request to region and event, a question and an answer each with seat,
  // guard and store, the store's end of batch (shared by all that wait), a notice each to the seat
  // and the event, the answer. The rest are first steps of new actors.
  EXPECT_LE(steps, 15U);
}

// -- idempotency
// -----------------------------------------------------------------------------------

TEST_F(sale_test, the_same_key_gets_the_same_answer) {
  const auto first = hold(1, {0, 1}, "k");
  ASSERT_TRUE(first.has_value());
  const auto again = hold(1, {1, 0}, "k");
  ASSERT_TRUE(again.has_value()) << again.error().text;
  EXPECT_TRUE(again->replayed);
  EXPECT_EQ(again->id, first->id);
  EXPECT_EQ(again->items.size(), first->items.size());
  EXPECT_EQ(hold(1, {0, 2}, "k").error().code, errc::idempotency_mismatch);
  EXPECT_EQ(ask<reservation_view>(role.region, order(1, 1, "k")).error().code,
            errc::idempotency_mismatch);
  // Keys belong to a user.
  EXPECT_FALSE(hold(2, {5}, "k")->replayed);
  EXPECT_EQ(state().reservations.size(), 2U);
}

TEST_F(sale_test, duplicates_in_flight_join_the_first) {
  std::vector<later<reservation_view>> answers;
  for (int i = 0; i < 5; ++i)
    answers.push_back(begin<reservation_view>(role.region, want(1, {0}, "k")));
  auto other = begin<reservation_view>(role.region, want(1, {1}, "k"));
  sched.run();
  std::set<reservation_id> ids;
  int replayed = 0;
  for (const auto& a : answers) {
    ASSERT_TRUE(a->has_value() && a->value());
    ids.insert(a->value()->id);
    replayed += a->value()->replayed;
  }
  EXPECT_EQ(ids.size(), 1U);
  EXPECT_EQ(replayed, 4);
  EXPECT_EQ(other->value().error().code, errc::idempotency_mismatch);
  EXPECT_EQ(state().reservations.size(), 1U);
}

TEST_F(sale_test, a_key_is_found_again_after_the_end_and_after_a_restart) {
  const auto first = hold(1, {0, 1, 2, 3}, "k");
  ASSERT_TRUE(first.has_value());
  stop();
  start();
  EXPECT_EQ(hold(1, {0, 1, 2, 3}, "k")->id, first->id); // pending again
  ASSERT_EQ(pay(*first, 1)->verdict, payment_verdict::confirmed);
  store.set_away(true);
  EXPECT_EQ(hold(1, {0, 1, 2, 3}, "k").error().code, errc::unavailable)
      << "nobody can say whether it was made";
  store.set_away(false);
  const auto paid = hold(1, {0, 1, 2, 3}, "k"); // over the limit, sold, and still the same answer
  ASSERT_TRUE(paid.has_value()) << paid.error().text;
  EXPECT_EQ(paid->id, first->id);
  EXPECT_TRUE(paid->replayed);
  EXPECT_EQ(paid->status, reservation_status::confirmed);
  EXPECT_EQ(hold(1, {0, 1}, "k").error().code, errc::idempotency_mismatch);
  const auto second = hold(2, {7}, "k");
  ASSERT_TRUE(cancel(second->id, 2).has_value());
  // The seat is free, but the key is used: the store says so at the commit.
  const auto ended = hold(2, {7}, "k");
  ASSERT_TRUE(ended.has_value()) << ended.error().text;
  EXPECT_EQ(ended->id, second->id);
  EXPECT_EQ(ended->status, reservation_status::cancelled);
  EXPECT_EQ(hold(2, {8}, "k").error().code, errc::idempotency_mismatch);
  EXPECT_TRUE(hold(3, {7, 8}).has_value()); // neither try kept a seat
}

// -- stores that fail
// ------------------------------------------------------------------------------

class doubt_test : public sale_test, public testing::WithParamInterface<bool> {};

INSTANTIATE_TEST_SUITE_P(sale, doubt_test, testing::Values(true, false));

TEST_P(doubt_test, a_hold_in_doubt_keeps_its_seats_until_the_store_knows) {
  const bool arrived = GetParam();
  EXPECT_EQ(shown(0), "available"); // the event is there
  int faults = 0;
  store.on_batch([&](const auto&) {
    // The look-ups fail for a while as well.
    switch (faults++) {
    case 0:
      return arrived ? commit_fault::answer_lost : commit_fault::commit_lost;
    case 1:
    case 2:
      return commit_fault::refused;
    default:
      return commit_fault::none;
    }
  });
  const auto r = hold(1, {0, 1}, "k");
  EXPECT_EQ(r.error().code, errc::in_doubt);
  EXPECT_EQ(hold(1, {0, 1}, "k").error().code, errc::in_doubt);
  EXPECT_EQ(hold(2, {1, 2}).error().code, errc::seat_unavailable);
  pass(250ms);
  EXPECT_EQ(hold(2, {1}).error().code, errc::seat_unavailable); // still unknown
  pass(10s);
  EXPECT_GE(faults, 4);
  const auto again = hold(1, {0, 1}, "k");
  ASSERT_TRUE(again.has_value()) << again.error().text;
  EXPECT_EQ(again->replayed, arrived);
  EXPECT_EQ(state().reservations.size(), 1U);
  EXPECT_EQ(shown(0), "locked");
  EXPECT_EQ(pay(*again, 1)->verdict, payment_verdict::confirmed);
}

TEST_P(doubt_test, a_hold_in_doubt_that_nobody_asks_for_expires_or_is_gone) {
  const bool arrived = GetParam();
  EXPECT_EQ(shown(0), "available"); // the event is there
  bool first = true;
  store.on_batch([&](const auto&) {
    return !std::exchange(first, false) ? commit_fault::none
           : arrived                    ? commit_fault::answer_lost
                                        : commit_fault::commit_lost;
  });
  EXPECT_EQ(hold(1, {0}).error().code, errc::in_doubt);
  pass(1s);
  EXPECT_EQ(hold(2, {0}).has_value(), !arrived);
  pass(6min, 1s);
  EXPECT_EQ(seat_state(0), seat_status::available);
  EXPECT_EQ(gauge("reservation"), 0);
}

TEST_P(doubt_test, a_confirmation_in_doubt) {
  const bool arrived = GetParam();
  const auto r = hold(1, {0});
  int faults = 0;
  store.on_batch([&](const auto&) {
    return faults++ == 0 ? (arrived ? commit_fault::answer_lost : commit_fault::commit_lost)
                         : commit_fault::none;
  });
  EXPECT_EQ(pay(*r, 1).error().code, errc::in_doubt);
  EXPECT_EQ(cancel(r->id, 1).error().code, errc::in_doubt);
  pass(1s);
  EXPECT_EQ(status_of(r->id), reservation_status::confirmed);
  EXPECT_EQ(seat_state(0), seat_status::reserved);
  EXPECT_EQ(shown(0), "reserved");
  const auto again = pay(*r, 1);
  EXPECT_EQ(again->verdict, payment_verdict::confirmed);
  EXPECT_EQ(events_of(r->id),
            (std::vector<std::string>{"RESERVATION_CREATED", "RESERVATION_CONFIRMED"}));
}

TEST_P(doubt_test, a_cancellation_and_an_expiry_in_doubt) {
  const bool arrived = GetParam();
  const auto a = hold(1, {0});
  const auto b = hold(2, {1});
  bool faulty = true;
  store.on_batch([&](const auto&) {
    return !std::exchange(faulty, false) ? commit_fault::none
           : arrived                     ? commit_fault::answer_lost
                                         : commit_fault::commit_lost;
  });
  EXPECT_EQ(cancel(a->id, 1).error().code, errc::in_doubt);
  pass(1s);
  EXPECT_EQ(status_of(a->id), reservation_status::cancelled);
  EXPECT_EQ(cancel(a->id, 1).error(),
            failure(errc::already_ended, "Already cancelled reservation"));
  pass(4min + 58s, 1s);
  faulty = true;
  pass(10s);
  EXPECT_EQ(status_of(b->id), reservation_status::expired);
  EXPECT_TRUE(hold(3, {0, 1}).has_value());
}

TEST_F(sale_test, a_store_that_refuses_frees_the_seats) {
  store.set_away(true);
  EXPECT_EQ(hold(1, {0, 1}, "k").error().code, errc::unavailable);
  store.set_away(false);
  pass(1s);
  EXPECT_TRUE(hold(2, {0, 1}).has_value());
}

TEST_F(sale_test, an_expiry_that_cannot_be_written_is_tried_again) {
  const auto r = hold(1, {0});
  store.set_away(true);
  pass(6min, 1s);
  EXPECT_EQ(status_of(r->id), reservation_status::pending);
  EXPECT_EQ(cancel(r->id, 1).error().code, errc::unavailable);
  store.set_away(false);
  pass(3s);
  EXPECT_EQ(status_of(r->id), reservation_status::expired);
}

TEST_F(sale_test, starts_when_the_store_comes_back) {
  stop();
  store.set_away(true);
  start();
  auto early = begin<reservation_view>(role.region, want(1, {0}));
  sched.run();
  EXPECT_FALSE(early->has_value()); // kept until the list of events is there
  store.set_away(false);
  pass(2s);
  ASSERT_TRUE(early->has_value());
  EXPECT_TRUE(early->value().has_value());
}

// -- expiry
// ----------------------------------------------------------------------------------------

TEST_F(sale_test, expires_on_time_and_frees_the_seats_once) {
  const auto r = hold(1, {0, 1});
  pass(4min + 59s, 1s);
  EXPECT_EQ(status_of(r->id), reservation_status::pending);
  EXPECT_EQ(ask<payable>(role.region, check_payable{r->id, user(1)})->amount, 200);
  pass(2s);
  EXPECT_EQ(status_of(r->id), reservation_status::expired);
  EXPECT_EQ(events_of(r->id).back(), "RESERVATION_EXPIRED");
  EXPECT_EQ(shown(0), "available");
  EXPECT_EQ(cancel(r->id, 1).error(),
            failure(errc::already_ended, "Reservation has already expired"));
  EXPECT_EQ(ask<payable>(role.region, check_payable{r->id, user(1)}).error().code, errc::expired);
  EXPECT_TRUE(hold(2, {0, 1}).has_value());
  EXPECT_EQ(gauge("reservation"), 1);
}

TEST_F(sale_test, a_crash_loses_no_expiry) {
  std::vector<reservation_id> ids;
  for (int i = 0; i < 10; ++i)
    ids.push_back(hold(i, {i})->id);
  stop();
  pass(10min, 1min);
  start(); // nobody asks for anything
  pass(1s);
  for (const auto& r : ids)
    EXPECT_EQ(status_of(r), reservation_status::expired);
}

TEST_F(sale_test, a_captured_payment_is_applied_instead_of_expiring) {
  connect_payment();
  const auto r = hold(1, {0});
  pass(4min + 30s, 1s);
  EXPECT_GE(script->asked, 3); // reconciled every minute
  script->answer = {
      payment::standing::captured, message(1), id<payment_id>(1), user(1), 100, "card"};
  pass(40s);
  EXPECT_EQ(status_of(r->id), reservation_status::confirmed);
  ASSERT_EQ(saw->done.size(), 1U);
  EXPECT_EQ(saw->done[0].user, user(1));
  EXPECT_GT(saw->relay, 0);
  // The message itself comes later: it has been applied.
  EXPECT_EQ(pay(*r, 1)->verdict, payment_verdict::confirmed);
  EXPECT_EQ(saw->done.size(), 1U);
}

TEST_F(sale_test, reconciles_a_pending_reservation_before_its_end) {
  connect_payment();
  const auto r = hold(1, {0});
  script->answer = {
      payment::standing::captured, message(1), id<payment_id>(1), user(1), 100, "card"};
  pass(61s);
  EXPECT_EQ(status_of(r->id), reservation_status::confirmed);
}

TEST_F(sale_test, waits_for_a_capture_under_way_up_to_a_bound) {
  connect_payment();
  const auto a = hold(1, {0});
  script->answer.state = payment::standing::capturing;
  pass(5min + 30s, 500ms);
  EXPECT_EQ(status_of(a->id), reservation_status::pending);
  EXPECT_EQ(ask<payable>(role.region, check_payable{a->id, user(1)}).error().code, errc::expired);
  pass(32s);
  EXPECT_EQ(status_of(a->id), reservation_status::expired);
  // The capture arrives after all: it goes back, durably.
  const auto late = pay(*a, 1);
  EXPECT_EQ(late->verdict, payment_verdict::refund_due);
  EXPECT_EQ(late->reason, "expired");
  EXPECT_EQ(events_of(a->id).back(), "PAYMENT_REJECTED");
  const auto& history = state().reservations.at(a->id).view.history;
  EXPECT_EQ(history.back().action, "payment_rejected");
}

TEST_F(sale_test, a_silent_payment_role_does_not_keep_seats_for_ever) {
  connect_payment();
  script->silent = true;
  const auto r = hold(1, {0});
  pass(5min + 5s, 500ms);
  EXPECT_EQ(status_of(r->id), reservation_status::pending);
  pass(12s);
  EXPECT_EQ(status_of(r->id), reservation_status::expired);
}

TEST_F(sale_test, expiry_and_payment_at_the_same_moment) {
  // Every interleaving that a seed can find: it ends once, and the money follows.
  for (unsigned seed = 0; seed < 40; ++seed) {
    std::mt19937 rng(seed);
    const auto n = static_cast<int>(seed % seat_count);
    const auto r = hold(static_cast<int>(seed), {n});
    ASSERT_TRUE(r.has_value());
    pass(5min - 250ms, 10s - 250ms);
    auto paid = begin<payment_outcome>(role.region, payment_for(*r, static_cast<int>(seed) + 1));
    auto given_up = begin<reservation_view>(role.region, cancel_reservation{r->id, r->user});
    for (int step = 0; step < 400; ++step) {
      if (sched.has_job()) {
        const auto next = static_cast<std::ptrdiff_t>(rng() % sched.jobs.size());
        std::rotate(sched.jobs.begin(), sched.jobs.begin() + next, sched.jobs.begin() + next + 1);
        sched.try_run_once();
      } else if (paid->has_value() && given_up->has_value()) {
        break;
      }
      if (rng() % 12 == 0) {
        advance_clock(milliseconds{rng() % 3 * 125});
      }
    }
    sched.run();
    ASSERT_TRUE(paid->has_value() && given_up->has_value());
    const auto status = status_of(r->id);
    const bool confirmed = paid->value()->verdict == payment_verdict::confirmed;
    const auto events = events_of(r->id);
    const auto count = [&](const char* what) {
      return std::count(events.begin(), events.end(), what);
    };
    EXPECT_EQ(count("RESERVATION_CONFIRMED"), confirmed ? 1 : 0);
    EXPECT_EQ(count("PAYMENT_REJECTED"), confirmed ? 0 : 1);
    EXPECT_NE(status, reservation_status::pending);
    check_store();
    if (status == reservation_status::confirmed) {
      ASSERT_TRUE(cancel(r->id, static_cast<int>(seed)).has_value());
    }
  }
}

// -- payments
// --------------------------------------------------------------------------------------

TEST_F(sale_test, one_payment_confirms_once) {
  const auto r = hold(1, {0, 1});
  const auto first = pay(*r, 1);
  EXPECT_EQ(first->verdict, payment_verdict::confirmed);
  EXPECT_FALSE(first->duplicate);
  EXPECT_EQ(seat_state(0), seat_status::reserved);
  EXPECT_EQ(gauge("reservation"), 0); // given up: it lives in the store
  EXPECT_EQ(gauge("seat"), 0);
  const auto again = pay(*r, 1);
  EXPECT_EQ(again->verdict, payment_verdict::confirmed);
  EXPECT_TRUE(again->duplicate);
  const auto second = pay(*r, 2, 2);
  EXPECT_EQ(second->verdict, payment_verdict::refund_due);
  EXPECT_EQ(second->reason, "already_paid");
  EXPECT_FALSE(second->duplicate);
  const auto repeated = pay(*r, 2, 2);
  EXPECT_EQ(repeated->verdict, payment_verdict::refund_due);
  EXPECT_TRUE(repeated->duplicate);
  EXPECT_EQ(events_of(r->id),
            (std::vector<std::string>{"RESERVATION_CREATED", "RESERVATION_CONFIRMED",
                                      "PAYMENT_REJECTED"}));
  // The refund of the second one ends nothing.
  ASSERT_TRUE(
      ask<refund_applied>(role.region, apply_refund{message(3), r->id, id<payment_id>(2), "double"})
          .has_value());
  EXPECT_EQ(status_of(r->id), reservation_status::confirmed);
}

TEST_F(sale_test, a_payment_must_fit) {
  const auto r = hold(1, {0});
  auto wrong = payment_for(*r, 1);
  wrong.amount = 99;
  EXPECT_EQ(ask<payment_outcome>(role.region, wrong)->reason, "amount_mismatch");
  EXPECT_TRUE(ask<payment_outcome>(role.region, wrong)->duplicate);
  auto stranger = payment_for(*r, 2, 2);
  stranger.user = user(9);
  EXPECT_EQ(ask<payment_outcome>(role.region, stranger)->reason, "user_mismatch");
  EXPECT_EQ(status_of(r->id), reservation_status::pending);
  EXPECT_EQ(pay(*r, 3, 3)->verdict, payment_verdict::confirmed);
  const auto unknown = ask<payment_outcome>(
      role.region, apply_payment{message(4), make_reservation_id(event.id, *env), id<payment_id>(4),
                                 user(1), 100, "card"});
  EXPECT_EQ(unknown->verdict, payment_verdict::refund_due);
  EXPECT_EQ(unknown->reason, "unknown_reservation");
  EXPECT_EQ(ask<payment_outcome>(role.region, apply_payment{message(4), id<reservation_id>(3),
                                                            id<payment_id>(4), user(1), 100, "x"})
                ->reason,
            "unknown_reservation");
}

TEST_F(sale_test, a_store_that_lost_the_seat_refuses_the_payment) {
  const auto r = hold(1, {0});
  const auto other = hold(2, {1});
  // Behind the actors' backs, as another node would: the first is freed and held again.
  std::vector<ticket_write> batch;
  change_reservation free;
  free.reservation = r->id;
  free.to = reservation_status::expired;
  free.stock = stock_effect::free;
  free.items = r->items;
  batch.push_back({free});
  ASSERT_EQ(store.commit(batch).front().status, commit_status::committed);
  const auto late = pay(*r, 1);
  EXPECT_EQ(late->verdict, payment_verdict::refund_due);
  EXPECT_EQ(late->reason, "expired");
  EXPECT_EQ(pay(*other, 2)->verdict, payment_verdict::confirmed);
  EXPECT_TRUE(hold(3, {0}).has_value());
}

TEST_F(sale_test, a_seat_that_was_taken_behind_the_actors_is_found_out) {
  auto view = *hold(1, {0});
  view.id = make_reservation_id(event.id, *env);
  view.number += "x";
  view.items[0].seat = seat(5);
  create_reservation elsewhere;
  elsewhere.reservation = view;
  domain_event created;
  created.id = message(1);
  created.key = to_string(view.id);
  created.type = "RESERVATION_CREATED";
  elsewhere.events.push_back(created);
  std::vector<ticket_write> batch;
  batch.push_back({elsewhere});
  ASSERT_EQ(store.commit(batch).front().status, commit_status::committed);
  EXPECT_EQ(shown(5), "available");
  EXPECT_EQ(hold(2, {4, 5}).error(),
            failure(errc::seat_unavailable, "Seat already reserved: A-1-6"));
  EXPECT_EQ(shown(5), "locked"); // the event has read the store again
  EXPECT_EQ(shown(4), "available");
  EXPECT_EQ(shown(0), "locked");
  EXPECT_TRUE(hold(2, {4}).has_value());
  // It has an end like all others.
  pass(options.hold_ttl + seconds{10});
  EXPECT_EQ(status_of(view.id), reservation_status::expired);
  EXPECT_EQ(shown(5), "available");
  EXPECT_EQ(events_of(view.id),
            (std::vector<std::string>{"RESERVATION_CREATED", "RESERVATION_EXPIRED"}));
  EXPECT_TRUE(hold(1, {5}).has_value()) << "its limit is given back";
}

TEST_F(sale_test, the_payment_consumer) {
  const auto r = hold(1, {0});
  domain_event e;
  e.id = message(7);
  e.type = "PAYMENT_CONFIRMED";
  nlohmann::json body{{"paymentId", to_string(id<payment_id>(1))},
                      {"reservationId", to_string(r->id)},
                      {"userId", to_string(user(1))},
                      {"paymentType", "reservation"},
                      {"paymentMethod", "card"},
                      {"amount", 100}};
  e.payload = body.dump();
  EXPECT_FALSE(ask<applied>(role.consumer, deliver{e})->duplicate);
  EXPECT_EQ(status_of(r->id), reservation_status::confirmed);
  EXPECT_TRUE(ask<applied>(role.consumer, deliver{e})->duplicate);
  // the direct message with the same id
  EXPECT_TRUE(pay(*r, 7)->duplicate);
  auto refund = e;
  refund.id = message(8);
  refund.type = "PAYMENT_REFUNDED";
  body["reason"] = "changed my mind";
  refund.payload = body.dump();
  EXPECT_FALSE(ask<applied>(role.consumer, deliver{refund})->duplicate);
  EXPECT_TRUE(ask<applied>(role.consumer, deliver{refund})->duplicate);
  EXPECT_EQ(status_of(r->id), reservation_status::cancelled);
  EXPECT_EQ(state().reservations.at(r->id).view.payment, payment_state::refunded);
  EXPECT_EQ(seat_state(0), seat_status::available);
  EXPECT_EQ(shown(0), "available");

  auto other = e;
  other.type = "SOMETHING_ELSE";
  other.payload = "?";
  EXPECT_TRUE(ask<applied>(role.consumer, deliver{other}).has_value());
  body["paymentType"] = "gift";
  other.type = "PAYMENT_CONFIRMED";
  other.payload = body.dump();
  EXPECT_TRUE(ask<applied>(role.consumer, deliver{other}).has_value());
  for (const char* bad : {"", "[]", "{}", R"({"reservationId":"x"})"}) {
    e.payload = bad;
    EXPECT_EQ(ask<applied>(role.consumer, deliver{e}).error().code, errc::invalid_request);
  }
  store.set_away(true);
  body["paymentType"] = "reservation";
  e.id = message(9);
  e.payload = body.dump();
  EXPECT_FALSE(ask<applied>(role.consumer, deliver{e}).has_value()); // later again
  store.set_away(false);
}

// -- cancellation and refund
// -----------------------------------------------------------------------

TEST_F(sale_test, cancel_and_refund) {
  const auto r = hold(1, {0, 1});
  EXPECT_EQ(cancel(r->id, 2).error(), failure(errc::not_found, "Reservation not found"));
  ASSERT_EQ(pay(*r, 1)->verdict, payment_verdict::confirmed);
  EXPECT_EQ(cancel(r->id, 2).error().code, errc::not_found);
  const auto ended = cancel(r->id, 1);
  ASSERT_TRUE(ended.has_value()) << ended.error().text;
  EXPECT_EQ(ended->status, reservation_status::cancelled);
  EXPECT_EQ(ended->payment, payment_state::refund_requested);
  EXPECT_EQ(seat_state(0), seat_status::available);
  const auto payload = nlohmann::json::parse(state().outbox.back().payload);
  EXPECT_EQ(payload["type"], "RESERVATION_CANCELLED");
  EXPECT_EQ(payload["paymentId"], to_string(id<payment_id>(1)));
  EXPECT_EQ(payload["reason"], "User requested cancellation");
  EXPECT_EQ(cancel(r->id, 1).error().code, errc::already_ended);
  // The copy of the payment's message that comes late must not ask for a second refund.
  EXPECT_EQ(pay(*r, 1)->verdict, payment_verdict::refund_due);
  EXPECT_EQ(events_of(r->id).back(), "RESERVATION_CANCELLED");
  const apply_refund refund{message(2), r->id, id<payment_id>(1), "User requested cancellation"};
  EXPECT_FALSE(ask<refund_applied>(role.region, refund)->duplicate);
  EXPECT_TRUE(ask<refund_applied>(role.region, refund)->duplicate);
  const auto& view = state().reservations.at(r->id).view;
  EXPECT_EQ(view.payment, payment_state::refunded);
  EXPECT_EQ(view.history.size(), 3U); // confirmed, cancelled, refunded
  EXPECT_TRUE(hold(1, {0, 1, 2, 3}).has_value());
}

TEST_F(sale_test, cancelling_what_was_never_paid_refunds_nothing) {
  const auto r = hold(1, {0});
  const auto ended = cancel(r->id, 1);
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->payment, payment_state::pending);
  EXPECT_TRUE(nlohmann::json::parse(state().outbox.back().payload)["paymentId"].is_null());
}

TEST_F(sale_test, tickets_are_taken_back_until_the_deadline) {
  stop();
  options.refund_deadline = (event.event_date - epoch) - 30min;
  start();
  const auto early = hold(1, {0});
  const auto late = hold(2, {1});
  ASSERT_TRUE(ask<payment_outcome>(role.region, payment_for(*early, 1)).has_value());
  ASSERT_TRUE(ask<payment_outcome>(role.region, payment_for(*late, 2)).has_value());
  EXPECT_TRUE(cancel(early->id, 1).has_value());
  pass(30min, 1min);
  EXPECT_EQ(cancel(late->id, 2).error().code, errc::conflict);
  EXPECT_EQ(status_of(late->id), reservation_status::confirmed);
  EXPECT_EQ(seat_state(1), seat_status::reserved);
}

TEST_F(sale_test, commands_at_once_are_carried_out_one_by_one) {
  const auto r = hold(1, {0});
  auto paid = begin<payment_outcome>(role.region, payment_for(*r, 1));
  auto first = begin<reservation_view>(role.region, cancel_reservation{r->id, r->user});
  auto second = begin<reservation_view>(role.region, cancel_reservation{r->id, r->user});
  auto other = begin<payment_outcome>(role.region, payment_for(*r, 2, 2));
  sched.run();
  ASSERT_TRUE(paid->has_value() && first->has_value() && second->has_value() && other->has_value());
  int cancelled = 0;
  for (const auto& c : {first, second})
    cancelled += c->value().has_value();
  EXPECT_EQ(cancelled, 1);
  EXPECT_EQ(other->value()->verdict == payment_verdict::confirmed
                && paid->value()->verdict == payment_verdict::confirmed,
            false);
  EXPECT_EQ(status_of(r->id), reservation_status::cancelled);
}

// -- life of the actors
// ----------------------------------------------------------------------------

TEST_F(sale_test, an_idle_event_is_given_up_and_comes_back) {
  stop();
  options.idle_after = 10s;
  start();
  const auto before = shown(0);
  EXPECT_EQ(gauge("event"), 1);
  pass(11s);
  EXPECT_EQ(gauge("event"), 0);
  EXPECT_EQ(shown(0), before);
  EXPECT_EQ(gauge("event"), 1);
  const auto r = hold(1, {0});
  pass(1min, 1s);
  EXPECT_EQ(gauge("event"), 1); // not with a pending reservation
  ASSERT_TRUE(cancel(r->id, 1).has_value());
  pass(12s);
  EXPECT_EQ(gauge("event"), 0);
}

TEST_F(sale_test, passivation_loses_no_message) {
  stop();
  options.idle_after = 1ms;
  options.tick = 5ms;
  start();
  std::mt19937 rng(11);
  std::vector<later<reservation_view>> holds;
  std::vector<later<seat_map_view>> maps;
  const auto cancel_answered = [&] {
    for (auto& h : holds)
      if (h->has_value() && h->value()) {
        begin<reservation_view>(role.region, cancel_reservation{h->value()->id, h->value()->user});
        *h = failure{errc::conflict};
      }
  };
  int starts = 0;
  double last = 0;
  for (int step = 0; step < 6'000; ++step) {
    if (rng() % 40 == 0)
      maps.push_back(begin<seat_map_view>(role.region, get_seat_map{event.id}));
    if (rng() % 150 == 0)
      holds.push_back(begin<reservation_view>(
          role.region, want(static_cast<int>(rng() % 200), {static_cast<int>(rng() % 40)})));
    if (rng() % 10 == 0)
      advance_clock(2ms);
    if (sched.has_job()) {
      const auto next = static_cast<std::ptrdiff_t>(rng() % sched.jobs.size());
      std::rotate(sched.jobs.begin(), sched.jobs.begin() + next, sched.jobs.begin() + next + 1);
      sched.try_run_once();
    }
    cancel_answered();
    const auto now = gauge("event");
    starts += now > last;
    last = now;
  }
  sched.run();
  cancel_answered();
  pass(50ms, 5ms);
  for (const auto& m : maps) {
    ASSERT_TRUE(m->has_value());
    EXPECT_TRUE(m->value().has_value()) << m->value().error().text;
  }
  for (const auto& h : holds)
    EXPECT_TRUE(h->has_value());
  EXPECT_GT(starts, 5);
  EXPECT_EQ(gauge("reservation"), 0);
}

TEST_F(sale_test, a_crash_at_any_step_leaves_a_store_that_goes_on) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    std::mt19937 rng(seed);
    std::vector<later<reservation_view>> answers;
    for (int i = 0; i < 6; ++i)
      answers.push_back(begin<reservation_view>(
          role.region, want(static_cast<int>(seed % 50) * 10 + i,
                            {static_cast<int>(rng() % 8), 8 + static_cast<int>(rng() % 8)},
                            "c" + std::to_string(seed))));
    for (auto steps = rng() % 120; steps-- > 0 && sched.has_job();) {
      const auto next = static_cast<std::ptrdiff_t>(rng() % sched.jobs.size());
      std::rotate(sched.jobs.begin(), sched.jobs.begin() + next, sched.jobs.begin() + next + 1);
      sched.try_run_once();
    }
    stop();
    for (const auto& a : answers)
      if (a->has_value() && a->value()) {
        EXPECT_TRUE(state().reservations.contains(a->value()->id)) << "acknowledged and lost";
      }
    start(seed % 2 ? 2 : 1);
    check_store();
    pass(6min, 1min);
    for (int n = 0; n < 16; ++n)
      ASSERT_EQ(seat_state(n), seat_status::available) << "seed " << seed;
  }
}

TEST_F(sale_test, new_seats_and_types_arrive_while_the_event_runs) {
  const auto r = hold(1, {0});
  const auto before = ask<seat_map_view>(role.region, get_seat_map{event.id});
  change_catalog c;
  c.event = event;
  c.event.title = "Renamed";
  seat_row s;
  s.id = seat(200);
  s.section = "0"; // sorts before all others, so every slot moves
  s.row = 1;
  s.number = 1;
  s.label = "0-1-1";
  s.price = 5;
  c.seats.push_back(s);
  ticket_type_view t;
  t.id = type;
  t.event = event.id;
  t.name = "Standing";
  t.price = 50;
  t.total = 14;
  t.available = 14;
  c.types.push_back(t);
  t.id = id<ticket_type_id>(10);
  t.name = "Balcony";
  c.types.push_back(t);
  write(c);
  auto racing = begin<reservation_view>(role.region, want(2, {1}));
  role.event_changed(event.id);
  sched.run();
  ASSERT_TRUE(racing->has_value() && racing->value());
  const auto after = ask<seat_map_view>(role.region, get_seat_map{event.id});
  EXPECT_NE(before->etag, after->etag);
  EXPECT_EQ(nlohmann::json::parse(*after->body)["event"]["title"], "Renamed");
  EXPECT_EQ(shown(0), "locked");
  EXPECT_EQ(shown(1), "locked");
  EXPECT_EQ(shown(2), "available");
  EXPECT_TRUE(hold(3, {200}).has_value());
  EXPECT_EQ(hold(3, {0}).error().code, errc::seat_unavailable);
  ASSERT_TRUE(cancel(r->id, 1).has_value());
  EXPECT_EQ(shown(0), "available");
  EXPECT_TRUE(hold(4, {0}).has_value());
  auto balcony = order(5, 2);
  balcony.items[0].type = id<ticket_type_id>(10);
  EXPECT_TRUE(ask<reservation_view>(role.region, balcony).has_value());
  for (int who = 6; who < 13; ++who)
    EXPECT_TRUE(ask<reservation_view>(role.region, order(who, 2)).has_value()) << who;
  EXPECT_EQ(ask<reservation_view>(role.region, order(14, 1)).error().code, errc::sold_out);
}

TEST_F(sale_test, a_refresh_that_fails_is_tried_again) {
  EXPECT_EQ(shown(0), "available");
  put_event(true);
  store.set_away(true);
  role.event_changed(event.id);
  sched.run();
  store.set_away(false);
  pass(500ms);
  EXPECT_EQ(hold(1, {0}).error().code, errc::sale_closed);
}

TEST_F(sale_test, an_event_of_later_is_known_at_once) {
  change_catalog c;
  c.event = event;
  c.event.id = id<event_id>(2);
  write(c);
  EXPECT_EQ(ask<seat_map_view>(role.region, get_seat_map{c.event.id}).error().code,
            errc::not_found);
  role.event_changed(c.event.id);
  sched.run();
  const auto map = ask<seat_map_view>(role.region, get_seat_map{c.event.id});
  ASSERT_TRUE(map.has_value());
  EXPECT_TRUE(nlohmann::json::parse(*map->body)["seats"].empty());
}

TEST_F(sale_test, buffers_are_bounded) {
  stop();
  options.buffer_max = 3;
  options.duplicates_max = 2;
  start();
  std::vector<later<seat_map_view>> maps;
  for (int i = 0; i < 8; ++i)
    maps.push_back(begin<seat_map_view>(role.region, get_seat_map{event.id}));
  sched.run();
  std::size_t refused = 0;
  for (const auto& m : maps)
    if (!m->value()) {
      EXPECT_EQ(m->value().error().code, errc::overloaded);
      ++refused;
    }
  EXPECT_GT(refused, 0U);
  EXPECT_LT(refused, 8U);
  std::vector<later<reservation_view>> same;
  for (int i = 0; i < 8; ++i)
    same.push_back(begin<reservation_view>(role.region, want(1, {0}, "k")));
  sched.run();
  refused = 0;
  for (const auto& s : same)
    refused += s->value().has_error() && s->value().error().code == errc::overloaded;
  EXPECT_GT(refused, 0U);
}

// -- who follows the seat map
// ------------------------------------------------------------------------------

TEST_F(sale_test, changes_of_the_seat_map_by_version) {
  const auto changes = [&](std::string since, bool with_map = false) {
    return ask<seat_changes>(role.region, get_seat_changes{event.id, std::move(since), with_map});
  };
  const auto first = changes("");
  ASSERT_TRUE(first.has_value()) << first.error().text;
  EXPECT_TRUE(first->whole);
  ASSERT_TRUE(first->map.body);
  EXPECT_EQ('"' + first->version + '"', first->map.etag);
  auto now = changes(first->version);
  EXPECT_FALSE(now->whole);
  EXPECT_TRUE(now->changes.empty());
  EXPECT_FALSE(now->map.body);
  EXPECT_EQ(now->version, first->version);
  const auto held = hold(1, {3, 5});
  ASSERT_TRUE(held.has_value());
  now = changes(first->version, true);
  EXPECT_FALSE(now->whole);
  ASSERT_EQ(now->changes.size(), 2U);
  EXPECT_EQ(now->changes[0].seat, seat(3));
  EXPECT_EQ(now->changes[0].status, seat_status::locked);
  EXPECT_EQ(now->changes[1].seat, seat(5));
  EXPECT_EQ('"' + now->version + '"', now->map.etag);
  ASSERT_TRUE(cancel(held->id, 1).has_value());
  EXPECT_EQ(changes(now->version)->changes.size(), 2U);
  EXPECT_EQ(changes(first->version)->changes[0].status, seat_status::available);
  const auto last = changes("")->version;
  stop();
  start();
  EXPECT_TRUE(changes(last)->whole) << "another activation knows nothing of it";
  EXPECT_EQ(ask<seat_changes>(role.region, get_seat_changes{id<event_id>(77), "", false}).error(),
            failure(errc::not_found, "Event not found"));
}

} // namespace
} // namespace tiketi::ticket
