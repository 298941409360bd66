#include "tests/event/sale_fixture.hpp"

#include <random>

namespace tiketi::ticket {
namespace {

using namespace std::chrono_literals;

/// Four rows of ten seats, A-1-1 ... A-4-10, all at 100 won.
class best_hold_test : public sale_test {
protected:
  reserve_best wish(int who, std::int32_t count, std::string key = {}) const {
    reserve_best out;
    out.event = event.id;
    out.user = user(who);
    out.wish.count = count;
    out.idempotency_key = std::move(key);
    return out;
  }

  result<reservation_view> best(const reserve_best& m) {
    return ask<reservation_view>(role.region, m);
  }

  static std::string names(const reservation_view& r) {
    std::string out;
    for (const auto& item : r.items)
      out += (out.empty() ? "" : " ") + item.name;
    return out;
  }
};

TEST_F(best_hold_test, holds_as_an_ordinary_request_does) {
  const auto r = best(wish(1, 2, "key"));
  ASSERT_TRUE(r.has_value()) << r.error().text;
  EXPECT_EQ(names(*r), "A-1-5 A-1-6");
  EXPECT_EQ(r->status, reservation_status::pending);
  EXPECT_EQ(r->total_amount, 200);
  EXPECT_EQ(r->expires_at, epoch + 5min);
  EXPECT_GT(r->items[0].token, 0U);
  EXPECT_EQ(r->items[0].seat_version, 1U);
  EXPECT_EQ(r->number.substr(0, 2), "TK");
  EXPECT_EQ(state().reservations.at(r->id).key, "key");
  EXPECT_EQ(events_of(r->id), std::vector<std::string>{"RESERVATION_CREATED"});
  EXPECT_EQ(shown(4), "locked");
  EXPECT_EQ(shown(5), "locked");
  EXPECT_EQ(pay(*r, 1)->verdict, payment_verdict::confirmed);
  EXPECT_EQ(names(*best(wish(2, 2))), "A-1-3 A-1-4");
}

TEST_F(best_hold_test, follows_what_is_free) {
  const auto first = best(wish(1, 4));
  ASSERT_EQ(names(*first), "A-1-4 A-1-5 A-1-6 A-1-7");
  EXPECT_EQ(names(*best(wish(2, 3))), "A-1-1 A-1-2 A-1-3");
  EXPECT_EQ(names(*best(wish(3, 4))), "A-2-4 A-2-5 A-2-6 A-2-7");
  ASSERT_TRUE(cancel(first->id, 1).has_value());
  EXPECT_EQ(names(*best(wish(4, 2))), "A-1-4 A-1-5");
  pass(6min, 1s); // everything expires
  EXPECT_EQ(names(*best(wish(5, 4))), "A-1-4 A-1-5 A-1-6 A-1-7");
}

TEST_F(best_hold_test, a_seat_somebody_is_taking_is_not_free) {
  EXPECT_EQ(shown(0), "available"); // the event is there
  auto other = begin<reservation_view>(role.region, want(1, {4, 5}));
  auto mine = begin<reservation_view>(role.region, wish(2, 2));
  sched.run();
  ASSERT_TRUE(other->has_value() && other->value());
  ASSERT_TRUE(mine->has_value() && mine->value());
  EXPECT_EQ(names(*mine->value()), "A-1-3 A-1-4");
}

TEST_F(best_hold_test, everybody_at_once_gets_other_seats) {
  std::mt19937 rng(7);
  std::vector<later<reservation_view>> answers;
  for (int i = 0; i < 20; ++i)
    answers.push_back(begin<reservation_view>(role.region, wish(100 + i, 1 + i % 4)));
  while (sched.has_job()) {
    const auto next = static_cast<std::ptrdiff_t>(rng() % sched.jobs.size());
    std::rotate(sched.jobs.begin(), sched.jobs.begin() + next, sched.jobs.begin() + next + 1);
    sched.try_run_once();
  }
  std::set<seat_id> taken;
  std::size_t refused = 0;
  for (const auto& a : answers) {
    ASSERT_TRUE(a->has_value());
    if (!a->value()) {
      EXPECT_EQ(a->value().error().code, errc::seat_unavailable);
      ++refused;
      continue;
    }
    for (const auto& item : a->value()->items)
      EXPECT_TRUE(taken.insert(item.seat).second);
  }
  // 50 seats are wished and 40 are there.
  EXPECT_GE(taken.size(), 37U);
  EXPECT_GE(refused, 3U);
}

TEST_F(best_hold_test, refusals_change_nothing) {
  EXPECT_EQ(best(wish(1, 0)).error(),
            failure(errc::invalid_request, "count must be between 1 and 4"));
  EXPECT_EQ(best(wish(1, 5)).error().code, errc::invalid_request);
  EXPECT_EQ(best(wish(1, 1, std::string(65, 'x'))).error().code, errc::invalid_request);
  auto m = wish(1, 2);
  m.wish.section = "B";
  EXPECT_EQ(best(m).error(), failure(errc::not_found, "Section not found"));
  m.wish.section = "A";
  m.wish.price_max = 99;
  EXPECT_EQ(best(m).error(),
            failure(errc::seat_unavailable, "No 2 such seats side by side are available"));
  m.wish.price_max = -1;
  EXPECT_EQ(best(m).error().code, errc::invalid_request);
  m = wish(1, 2);
  m.wish.accessible = true;
  EXPECT_EQ(best(m).error().code, errc::seat_unavailable);
  m = wish(1, 2);
  m.event = id<event_id>(77);
  EXPECT_EQ(best(m).error(), failure(errc::not_found, "Event not found"));
  ASSERT_TRUE(hold(1, {0, 1, 2}).has_value());
  EXPECT_EQ(best(wish(1, 2)).error().code, errc::limit_exceeded);
  EXPECT_TRUE(best(wish(1, 1)).has_value());
  EXPECT_EQ(state().reservations.size(), 2U);
  pass(24h * 7, 1h);
  EXPECT_EQ(best(wish(2, 1)).error().code, errc::sale_closed);
}

TEST_F(best_hold_test, an_event_without_seats) {
  change_catalog c;
  c.event.id = id<event_id>(2);
  c.event.title = "Standing only";
  write(c);
  role.event_changed(c.event.id);
  sched.run();
  auto m = wish(1, 1);
  m.event = c.event.id;
  EXPECT_EQ(best(m).error(), failure(errc::not_found, "This event does not have seat selection"));
}

TEST_F(best_hold_test, accessible_seats_come_from_the_layout) {
  change_catalog c;
  c.event = event;
  c.event.layout_config = R"({"sections":[{"name":"A","rows":4,"seatsPerRow":10,"price":100,
      "accessible":[{"row":1,"from":4,"to":7},{"row":3,"from":1,"to":2}]}]})";
  write(c);
  role.event_changed(event.id);
  sched.run();
  EXPECT_EQ(names(*best(wish(1, 4))), "A-2-4 A-2-5 A-2-6 A-2-7");
  auto m = wish(2, 2);
  m.wish.accessible = true;
  EXPECT_EQ(names(*best(m)), "A-1-5 A-1-6");
  m.user = user(3);
  EXPECT_EQ(names(*best(m)), "A-3-1 A-3-2");
  m.user = user(4);
  EXPECT_EQ(best(m).error().code, errc::seat_unavailable);
}

TEST_F(best_hold_test, chooses_again_where_the_store_knows_better) {
  ASSERT_EQ(shown(4), "available"); // the event has read its seats
  // Seats leave the sale and the event is not told: only the store knows.
  change_catalog c;
  c.event = event;
  c.whole_plan = true;
  for (const auto& [sid, s] : state().seats)
    if (s.row.row > 1)
      c.seats.push_back(s.row);
  c.types.push_back(state().types.at(type));
  write(c);
  auto m = wish(1, 4, "k");
  m.trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const auto r = best(m);
  ASSERT_TRUE(r.has_value()) << r.error().text;
  EXPECT_EQ(names(*r), "A-2-4 A-2-5 A-2-6 A-2-7");
  EXPECT_EQ(state().reservations.size(), 1U);
  EXPECT_EQ(state().outbox.back().trace, m.trace);
  EXPECT_EQ(gauge("reservation"), 1);
  EXPECT_TRUE(best(wish(1, 4, "k"))->replayed);
  EXPECT_EQ(names(*best(wish(2, 2))), "A-3-5 A-3-6") << "the conflict made it read the store again";
}

TEST_F(best_hold_test, tries_are_bounded) {
  stop();
  options.choices_max = 2;
  start();
  ASSERT_EQ(shown(4), "available");
  change_catalog c;
  c.event = event;
  c.whole_plan = true;
  for (const auto& [sid, s] : state().seats)
    if (s.row.row == 4)
      c.seats.push_back(s.row);
  c.types.push_back(state().types.at(type));
  write(c);
  // Rows 1 and 2 are tried; the third is not.
  std::vector<later<reservation_view>> answers;
  for (int i = 0; i < 3; ++i)
    answers.push_back(begin<reservation_view>(role.region, wish(1, 4, "k")));
  sched.run();
  for (const auto& a : answers) {
    ASSERT_TRUE(a->has_value());
    EXPECT_EQ(a->value().error(),
              failure(errc::seat_unavailable, "Others were faster. Please try again."));
  }
  EXPECT_TRUE(state().reservations.empty());
  EXPECT_EQ(names(*best(wish(1, 4, "k"))), "A-4-4 A-4-5 A-4-6 A-4-7");
}

TEST_F(best_hold_test, the_same_key_gets_the_same_answer) {
  std::vector<later<reservation_view>> answers;
  for (int i = 0; i < 3; ++i)
    answers.push_back(begin<reservation_view>(role.region, wish(1, 2, "k")));
  auto other = begin<reservation_view>(role.region, wish(1, 1, "k"));
  sched.run();
  const auto first = answers[0]->value().value();
  for (const auto& a : answers) {
    ASSERT_TRUE(a->has_value() && a->value());
    EXPECT_EQ(a->value()->id, first.id);
  }
  EXPECT_EQ(other->value().error().code, errc::idempotency_mismatch);
  EXPECT_EQ(best(wish(1, 2, "k"))->id, first.id);
  EXPECT_EQ(hold(1, {0, 1}, "k").error().code, errc::idempotency_mismatch);
  stop();
  start();
  // From the store on, what counts is whether this could have been the answer.
  auto again = best(wish(1, 2, "k"));
  ASSERT_TRUE(again.has_value()) << again.error().text;
  EXPECT_EQ(again->id, first.id);
  EXPECT_TRUE(again->replayed);
  EXPECT_EQ(best(wish(1, 3, "k")).error().code, errc::idempotency_mismatch);
  auto cheap = wish(1, 2, "k");
  cheap.wish.price_max = 99;
  EXPECT_EQ(best(cheap).error().code, errc::idempotency_mismatch);
  ASSERT_TRUE(cancel(first.id, 1).has_value());
  again = best(wish(1, 2, "k"));
  ASSERT_TRUE(again.has_value()) << again.error().text;
  EXPECT_EQ(again->id, first.id);
  EXPECT_EQ(again->status, reservation_status::cancelled);
  EXPECT_EQ(best(wish(1, 1, "k")).error().code, errc::idempotency_mismatch);
  EXPECT_EQ(state().reservations.size(), 1U);
}

TEST_F(best_hold_test, a_hold_in_doubt_keeps_its_seats) {
  EXPECT_EQ(shown(0), "available");
  int faults = 0;
  store.on_batch([&](const auto&) {
    return faults++ == 0 ? memory::commit_fault::answer_lost : memory::commit_fault::none;
  });
  EXPECT_EQ(best(wish(1, 2, "k")).error().code, errc::in_doubt);
  EXPECT_EQ(names(*best(wish(2, 2))), "A-1-3 A-1-4");
  pass(1s);
  EXPECT_EQ(names(*best(wish(1, 2, "k"))), "A-1-5 A-1-6");
}

} // namespace
} // namespace tiketi::ticket
