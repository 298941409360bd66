#include "tests/event/sale_fixture.hpp"

namespace tiketi::ticket {
namespace {

using namespace std::chrono_literals;

std::string trace_of(char digit) {
  return "00-" + std::string(32, digit) + "-" + std::string(16, digit) + "-01";
}

/// Which request each event of the ticket role belongs to.
class event_trace_test : public sale_test {
protected:
  std::string trace_of_last(const std::string& what) const {
    for (auto e = state().outbox.rbegin(); e != state().outbox.rend(); ++e)
      if (e->type == what)
        return e->trace;
    ADD_FAILURE() << "no " << what;
    return {};
  }

  reservation_view traced_hold(int who, int seat_number, const std::string& trace) {
    auto m = want(who, {seat_number});
    m.trace = trace;
    const auto r = ask<reservation_view>(role.region, m);
    EXPECT_TRUE(r) << r.error().text;
    return r ? *r : reservation_view{};
  }

  /// A payment as the payment role's outbox tells of it.
  domain_event paid_event(const reservation_view& r, const std::string& what, int msg,
                          const std::string& trace) {
    domain_event e;
    e.id = message(msg);
    e.topic = "payment-events";
    e.key = to_string(r.id);
    e.type = what;
    e.trace = trace;
    e.payload = nlohmann::json{
        {"paymentType", "reservation"},
        {"reservationId", to_string(r.id)},
        {"paymentId", to_string(id<payment_id>(7))},
        {"userId", to_string(r.user)},
        {"amount", r.total_amount},
        {"paymentMethod", "card"},
        {"reason",
         "asked"}}.dump();
    return e;
  }
};

TEST_F(event_trace_test, a_hold_carries_the_trace_of_its_request) {
  traced_hold(1, 0, trace_of('a'));
  EXPECT_EQ(trace_of_last("RESERVATION_CREATED"), trace_of('a'));
  auto tickets = order(2, 1);
  tickets.trace = trace_of('b');
  ASSERT_TRUE(ask<reservation_view>(role.region, tickets));
  EXPECT_EQ(trace_of_last("RESERVATION_CREATED"), trace_of('b'));
  reserve_best best;
  best.event = event.id;
  best.user = user(3);
  best.wish.count = 2;
  best.trace = trace_of('c');
  ASSERT_TRUE(ask<reservation_view>(role.region, best));
  EXPECT_EQ(trace_of_last("RESERVATION_CREATED"), trace_of('c'));
}

TEST_F(event_trace_test, what_is_no_traceparent_is_left_out) {
  for (const std::string trace : {"", "abc", "00-abc-def-01"}) {
    traced_hold(1, static_cast<int>(state().outbox.size()), trace);
    EXPECT_EQ(trace_of_last("RESERVATION_CREATED"), "");
  }
  ASSERT_TRUE(ask<reservation_view>(
      role.region, cancel_reservation{state().reservations.begin()->first, user(1), {}, {}, "x"}));
  EXPECT_EQ(trace_of_last("RESERVATION_CANCELLED"), "");
}

TEST_F(event_trace_test, each_change_carries_the_trace_of_what_led_to_it) {
  const auto r = traced_hold(1, 0, trace_of('a'));
  auto payment = payment_for(r, 1);
  payment.trace = trace_of('b');
  ASSERT_EQ(ask<payment_outcome>(role.region, payment)->verdict, payment_verdict::confirmed);
  EXPECT_EQ(trace_of_last("RESERVATION_CONFIRMED"), trace_of('b'));
  ASSERT_TRUE(
      ask<reservation_view>(role.region, cancel_reservation{r.id, r.user, {}, {}, trace_of('c')}));
  EXPECT_EQ(trace_of_last("RESERVATION_CANCELLED"), trace_of('c'));

  const auto other = traced_hold(2, 1, trace_of('a'));
  ASSERT_TRUE(ask<reservation_view>(role.region, end_reservation{other.id, "why", trace_of('d')}));
  EXPECT_EQ(trace_of_last("RESERVATION_CANCELLED"), trace_of('d'));
}

TEST_F(event_trace_test, what_time_does_belongs_to_no_request) {
  traced_hold(1, 0, trace_of('a'));
  pass(6min, 1s);
  EXPECT_EQ(trace_of_last("RESERVATION_EXPIRED"), "");
}

TEST_F(event_trace_test, an_event_that_is_applied_hands_its_trace_on) {
  const auto r = traced_hold(1, 0, trace_of('a'));
  ASSERT_TRUE(
      ask<applied>(role.consumer, deliver{paid_event(r, "PAYMENT_CONFIRMED", 1, trace_of('b'))}));
  EXPECT_EQ(trace_of_last("RESERVATION_CONFIRMED"), trace_of('b'));
  ASSERT_TRUE(
      ask<applied>(role.consumer, deliver{paid_event(r, "PAYMENT_REFUNDED", 2, trace_of('c'))}));
  EXPECT_EQ(trace_of_last("RESERVATION_CANCELLED"), trace_of('c'));
}

TEST_F(event_trace_test, commands_that_wait_keep_their_own) {
  const auto r = traced_hold(1, 0, trace_of('a'));
  auto payment = payment_for(r, 1);
  payment.trace = trace_of('b');
  auto paid = begin<payment_outcome>(role.region, payment);
  auto given_up =
      begin<reservation_view>(role.region, cancel_reservation{r.id, r.user, {}, {}, trace_of('c')});
  sched.run();
  ASSERT_TRUE(paid->has_value() && paid->value());
  ASSERT_TRUE(given_up->has_value() && given_up->value());
  EXPECT_EQ(trace_of_last("RESERVATION_CONFIRMED"), trace_of('b'));
  EXPECT_EQ(trace_of_last("RESERVATION_CANCELLED"), trace_of('c'));
}

TEST_F(event_trace_test, a_ticket_that_changes_hands) {
  const auto r = traced_hold(1, 0, trace_of('a'));
  ASSERT_EQ(pay(r, 1)->verdict, payment_verdict::confirmed);
  const auto first =
      ask<transfer_view>(role.transfers, create_listing{r.id, r.user, trace_of('b')});
  ASSERT_TRUE(first) << first.error().text;
  EXPECT_EQ(trace_of_last("TRANSFER_LISTED"), trace_of('b'));
  ASSERT_TRUE(ask<listing_cancelled>(role.transfers,
                                     cancel_listing{first->terms.id, r.user, trace_of('c')}));
  EXPECT_EQ(trace_of_last("TRANSFER_CANCELLED"), trace_of('c'));
  const auto t = ask<transfer_view>(role.transfers, create_listing{r.id, r.user, {}});
  ASSERT_TRUE(t);
  EXPECT_EQ(trace_of_last("TRANSFER_LISTED"), "");
  const apply_transfer_payment money{message(2),           t->terms.id, id<payment_id>(2), user(2),
                                     t->terms.total_price, "card",      trace_of('d')};
  ASSERT_EQ(ask<payment_outcome>(role.transfers, money)->verdict, payment_verdict::confirmed);
  EXPECT_EQ(trace_of_last("TRANSFER_COMPLETED"), trace_of('d'));
  ASSERT_TRUE(ask<reservation_view>(
      role.transfers, give_up_bought{t->terms.id, user(2), id<payment_id>(2), trace_of('e')}));
  EXPECT_EQ(trace_of_last("RESERVATION_CANCELLED"), trace_of('e'));
}

TEST_F(event_trace_test, actors_look_at_their_mailboxes_once_per_tick) {
  ASSERT_TRUE(hold(1, {0}));
  const auto depths = [this](const std::string& actor) {
    for (const auto& family : registry.Collect())
      if (family.name == "tiketi_mailbox_depth")
        for (const auto& m : family.metric)
          if (m.label.front().value == actor)
            return m.histogram;
    ADD_FAILURE() << actor;
    return prometheus::ClientMetric::Histogram{};
  };
  EXPECT_EQ(depths("event_region").sample_count, 0u);
  const auto before = depths("event").sample_count;
  advance_clock(1s); // the region's tick is in its mailbox, and three questions behind it
  auto first = self->request(role.region, caf::infinite, get_seat_map{event.id});
  auto second = self->request(role.region, caf::infinite, get_seat_map{event.id});
  auto third = self->request(role.region, caf::infinite, get_seat_map{event.id});
  sched.run();
  for (auto* answer : {&first, &second, &third})
    answer->receive([](const seat_map_view&) {},
                    [](const caf::error& err) { ADD_FAILURE() << to_failure(err).text; });
  EXPECT_EQ(depths("event_region").sample_count, 1u);
  EXPECT_EQ(depths("event_region").sample_sum, 3);
  EXPECT_GT(depths("event").sample_count, before);
}

} // namespace
} // namespace tiketi::ticket
