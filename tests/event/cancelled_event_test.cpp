// What becomes of a sale whose event was cancelled, whose seats leave it, or which an administrator
// touches.

#include "tests/event/sale_fixture.hpp"

#include <random>

namespace tiketi::ticket {
namespace {

using namespace std::chrono_literals;
using memory::commit_fault;

class cancelled_event_test : public sale_test {
protected:
  void cancel_event() {
    event.cancelled = true;
    change_catalog c;
    c.event = event;
    write(c);
  }

  /// As the consumer of the catalog's messages does it.
  void cancel_event_and_tell() {
    cancel_event();
    role.event_changed(event.id);
    sched.run();
  }

  std::size_t live() const {
    std::size_t out = 0;
    for (const auto& [id, r] : state().reservations)
      out += r.view.status == reservation_status::pending
             || r.view.status == reservation_status::confirmed;
    return out;
  }

  /// Every reservation was cancelled exactly once, and what was paid is asked back.
  void expect_all_ended() {
    EXPECT_EQ(live(), 0U);
    for (const auto& [id, r] : state().reservations) {
      const auto events = events_of(id);
      EXPECT_EQ(std::count(events.begin(), events.end(), "RESERVATION_CANCELLED"), 1);
      EXPECT_EQ(r.view.payment,
                r.view.paid_by.is_nil() ? payment_state::pending : payment_state::refund_requested);
    }
  }
};

TEST_F(cancelled_event_test, live_reservations_end_and_money_goes_back) {
  const auto pending = hold(1, {0, 1});
  const auto paid = hold(2, {2});
  ASSERT_EQ(pay(*paid, 1)->verdict, payment_verdict::confirmed);
  const auto standing = ask<reservation_view>(role.region, order(3, 4));
  ASSERT_TRUE(standing.has_value());
  cancel_event_and_tell();
  expect_all_ended();
  EXPECT_EQ(status_of(paid->id), reservation_status::cancelled);
  EXPECT_EQ(state().reservations.at(paid->id).view.history.back().detail,
            "Event cancelled, payment " + to_string(id<payment_id>(1)));
  const auto payload = nlohmann::json::parse(state().outbox.back().payload);
  EXPECT_EQ(payload["reason"], "Event cancelled");
  EXPECT_EQ(state().types.at(type).available, 12);
  EXPECT_EQ(hold(4, {3}).error().code, errc::sale_closed);
  // A payment that comes later goes back.
  EXPECT_EQ(pay(*pending, 2, 2)->verdict, payment_verdict::refund_due);
}

TEST_F(cancelled_event_test, nothing_more_can_be_paid) {
  const auto r = hold(1, {0});
  // The end of the reservation cannot be written for now.
  cancel_event();
  store.on_batch([](const auto&) { return commit_fault::refused; });
  role.event_changed(event.id);
  sched.run();
  EXPECT_EQ(status_of(r->id), reservation_status::pending);
  EXPECT_EQ(ask<payable>(role.region, check_payable{r->id, user(1)}).error().code,
            errc::sale_closed);
  store.on_batch({});
  pass(1s);
  expect_all_ended();
}

TEST_F(cancelled_event_test, an_event_nobody_asks_for_is_started_to_end_its_sale) {
  const auto paid = hold(2, {2});
  ASSERT_EQ(pay(*paid, 1)->verdict, payment_verdict::confirmed);
  stop();
  start(); // nothing is pending, so the event has no actor
  EXPECT_EQ(gauge("event"), 0);
  cancel_event_and_tell();
  pass(500ms);
  expect_all_ended();
}

TEST_F(cancelled_event_test, a_crash_between_message_and_end_changes_nothing) {
  const auto paid = hold(1, {0});
  ASSERT_EQ(pay(*paid, 1)->verdict, payment_verdict::confirmed);
  ASSERT_TRUE(hold(2, {1}).has_value());
  cancel_event(); // durable, but nobody was told
  stop();
  start();
  pass(500ms);
  expect_all_ended();
}

TEST_F(cancelled_event_test, crashes_and_faults_while_it_ends) {
  std::mt19937 rng(11);
  for (int round = 0; round < 6; ++round) {
    SCOPED_TRACE(round);
    event.cancelled = false;
    change_catalog again;
    again.event = event;
    write(again);
    options.ends_at_once = 2;
    stop();
    start();
    for (int i = 0; i < 9; ++i) {
      const auto r = hold(round * 20 + i, {i});
      ASSERT_TRUE(r.has_value()) << r.error().text;
      if (i % 2 == 0) {
        ASSERT_EQ(pay(*r, round * 20 + i + 1, round * 9 + i + 1)->verdict,
                  payment_verdict::confirmed);
      }
    }
    store.on_batch([&](const auto&) {
      switch (rng() % 5) {
      case 0:
        return commit_fault::refused;
      case 1:
        return commit_fault::answer_lost;
      case 2:
        return commit_fault::commit_lost;
      default:
        return commit_fault::none;
      }
    });
    event.cancelled = true;
    change_catalog c;
    c.event = event;
    for (;;) {
      std::vector<ticket_write> batch;
      batch.push_back({c});
      if (store.commit(batch).front().status == commit_status::committed)
        break;
    }
    role.event_changed(event.id);
    for (int crash = 0; crash < 3; ++crash) {
      for (auto n = rng() % 60; n > 0 && sched.has_job(); --n)
        sched.try_run_once();
      if (rng() % 2 == 0)
        advance(milliseconds{250});
      stop();
      start();
    }
    pass(60s);
    store.on_batch({});
    pass(60s);
    expect_all_ended();
    check_store();
  }
}

TEST_F(cancelled_event_test, no_order_of_payment_and_end_leaves_a_sold_seat) {
  std::mt19937 rng(3);
  for (int round = 0; round < 40; ++round) {
    SCOPED_TRACE(round);
    event.cancelled = false;
    change_catalog again;
    again.event = event;
    write(again);
    stop();
    start();
    const auto r = hold(round + 1, {5});
    ASSERT_TRUE(r.has_value()) << r.error().text;
    auto paying = begin<payment_outcome>(role.region, payment_for(*r, round + 1, round + 1));
    auto late = begin<reservation_view>(role.region, want(round + 100, {6}));
    cancel_event();
    role.event_changed(event.id);
    while (sched.has_job()) {
      const auto next = static_cast<std::ptrdiff_t>(rng() % sched.jobs.size());
      std::rotate(sched.jobs.begin(), sched.jobs.begin() + next, sched.jobs.begin() + next + 1);
      sched.try_run_once();
    }
    pass(2s);
    ASSERT_TRUE(paying->has_value() && paying->value());
    ASSERT_TRUE(late->has_value());
    EXPECT_EQ(live(), 0U);
    // Confirmed and then ended, or refused: the money goes back either way.
    const auto& stored = state().reservations.at(r->id).view;
    if (paying->value()->verdict == payment_verdict::confirmed) {
      EXPECT_EQ(stored.payment, payment_state::refund_requested);
    } else {
      const auto events = events_of(r->id);
      EXPECT_EQ(std::count(events.begin(), events.end(), "PAYMENT_REJECTED"), 1);
    }
    check_store();
  }
}

TEST_F(cancelled_event_test, an_event_that_goes_on_is_left_alone) {
  ASSERT_TRUE(hold(1, {0}).has_value());
  role.event_changed(event.id);
  pass(5s);
  EXPECT_EQ(live(), 1U);
}

TEST_F(cancelled_event_test, an_administrator_ends_somebody_elses_reservation_once) {
  const auto r = hold(1, {0});
  const end_reservation command{r->id, "Cancelled by an administrator"};
  ASSERT_TRUE(ask<reservation_view>(role.region, command).has_value());
  EXPECT_EQ(ask<reservation_view>(role.region, command).error().code, errc::already_ended);
  EXPECT_EQ(status_of(r->id), reservation_status::cancelled);
  EXPECT_EQ(shown(0), "available");
  const auto unknown = end_reservation{make_reservation_id(event.id, *env), ""};
  EXPECT_EQ(ask<reservation_view>(role.region, unknown).error().code, errc::not_found);
}

TEST_F(cancelled_event_test, a_seat_that_leaves_the_sale_under_a_hold_is_not_sold) {
  EXPECT_EQ(shown(0), "available");
  const auto sold = hold(9, {3});
  ASSERT_EQ(pay(*sold, 1)->verdict, payment_verdict::confirmed);
  // The plan changes in the store while the event still shows the old one.
  change_catalog c;
  c.event = event;
  c.whole_plan = true;
  auto kept = state().seats.at(seat(2)).row;
  kept.price = 777;
  c.seats.push_back(kept);
  write(c);
  EXPECT_EQ(hold(1, {0}).error().code, errc::seat_unavailable);
  sched.run();
  EXPECT_EQ(shown(0), "missing");
  EXPECT_EQ(shown(3), "reserved") << "somebody has it";
  EXPECT_EQ(hold(1, {0}).error().code, errc::not_found);
  EXPECT_EQ(hold(1, {2})->total_amount, 777);
  EXPECT_EQ(status_of(sold->id), reservation_status::confirmed);
  EXPECT_EQ(gauge("seat"), 1) << "the pending one's";
}

TEST_F(cancelled_event_test, a_seat_that_comes_back_keeps_its_tokens) {
  const auto first = hold(1, {0});
  const auto token = first->items[0].token;
  ASSERT_TRUE(cancel(first->id, 1).has_value());
  change_catalog none;
  none.event = event;
  none.whole_plan = true;
  const auto row = state().seats.at(seat(0)).row;
  write(none);
  role.event_changed(event.id);
  sched.run();
  EXPECT_EQ(shown(0), "missing");
  change_catalog back = none;
  back.seats.push_back(row);
  write(back);
  role.event_changed(event.id);
  sched.run();
  const auto second = hold(2, {0});
  ASSERT_TRUE(second.has_value()) << second.error().text;
  EXPECT_GT(second->items[0].token, token);
}

} // namespace
} // namespace tiketi::ticket
