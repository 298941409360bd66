#include "actors/payment/role.hpp"
#include "actors/payment/type_ids.hpp"
#include "storage/memory/payment_store.hpp"
#include "tests/payment/box_office.hpp"
#include "tests/support/actor_fixture.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <prometheus/registry.h>

namespace tiketi::payment {
namespace {

using namespace std::chrono_literals;
using memory::commit_fault;

/// A provider that moves money once per payment and can fall silent before or after.
struct bank {
  std::map<payment_id, int> taken;    ///< captures that moved money
  std::map<payment_id, int> returned; ///< refunds that moved money
  std::set<std::string> declined;     ///< methods
  std::size_t calls = 0;
  std::function<void()> on_capture;
  bool silent_before = false; ///< no answer, no effect
  bool silent_after = false;  ///< effect, no answer
  std::vector<caf::typed_response_promise<provider_answer>> open;
};

provider_actor::behavior_type bank_behavior(provider_actor::pointer self, bank* b) {
  const auto answer = [self, b](std::function<provider_answer()> work) {
    ++b->calls;
    auto promise = self->make_response_promise<provider_answer>();
    if (b->silent_before) {
      b->open.push_back(promise);
      return promise;
    }
    auto out = work();
    if (b->silent_after)
      b->open.push_back(promise);
    else
      promise.deliver(std::move(out));
    return promise;
  };
  return {
      [answer, b](const capture_money& x) -> caf::result<provider_answer> {
        return answer([b, &x] {
          if (b->declined.contains(x.payment.method))
            return provider_answer{provider_outcome::declined, {}, {}, "not enough money"};
          if (b->on_capture)
            b->on_capture();
          b->taken[x.payment.id] = 1; // idempotent by payment
          return provider_answer{provider_outcome::approved, x.payment.updated_at, "DONE", {}};
        });
      },
      [answer, b](const look_up_capture& x) -> caf::result<provider_answer> {
        return answer([b, &x] {
          if (b->taken.contains(x.payment.id))
            return provider_answer{provider_outcome::approved, x.payment.updated_at, "DONE", {}};
          return provider_answer{provider_outcome::not_found, {}, {}, {}};
        });
      },
      [answer, b](const refund_money& x) -> caf::result<provider_answer> {
        return answer([b, &x] {
          b->returned[x.payment.id] = 1;
          return provider_answer{provider_outcome::approved, {}, "CANCELED", {}};
        });
      },
  };
}

class payment_actor_test : public test::actor_test {
protected:
  void SetUp() override {
    office.owner = owner;
    start();
  }

  void TearDown() override {
    stop();
    bank_.open.clear();
    office.open.clear();
  }

  void start() {
    registry = std::make_unique<prometheus::Registry>();
    money = sys.spawn(bank_behavior, &bank_);
    tickets = sys.spawn(office_behavior, &office);
    consumer = sys.spawn(forward_to, tickets, &office);
    payment_dependencies parts;
    parts.writes = store;
    parts.region_queries = store->queries();
    parts.front_queries = store->queries();
    parts.outbox = store->outbox();
    parts.money = {money, "bank", false, true};
    parts.tickets = tickets;
    parts.subscriptions = {{"payment-events", "ticket", consumer}};
    payment_options options;
    options.detached = false;
    role = start_payment(sys, *env, *registry, options, std::move(parts));
    sched.run();
  }

  void stop() {
    stop_payment(role);
    self->send_exit(tickets, caf::exit_reason::user_shutdown);
    self->send_exit(consumer, caf::exit_reason::user_shutdown);
    sched.run();
    role = {};
    money = nullptr;
    tickets = nullptr;
    consumer = nullptr;
  }

  /// As kill -9: nothing is finished, every open answer is lost.
  void crash() {
    stop();
    bank_.open.clear();
    office.open.clear();
    bank_.silent_before = bank_.silent_after = office.silent = false;
    store->on_batch({});
    start();
  }

  void settle() {
    for (int i = 0; i < 500; ++i)
      advance(250ms);
  }

  payment_view row() const {
    EXPECT_EQ(store->state().payments.size(), 1u);
    return store->state().payments.begin()->second;
  }

  std::vector<std::string> events() const {
    std::vector<std::string> out;
    for (const auto& e : store->state().outbox)
      out.push_back(e.type);
    return out;
  }

  result<payment_done> prepare(std::int64_t amount = 0) {
    return ask<payment_done>(role.region, prepare_payment{reservation, owner, amount});
  }

  result<payment_done> process() {
    return ask<payment_done>(role.region, process_payment{reservation, owner, "card"});
  }

  confirm_payment confirmation(const std::string& key = "key") const {
    return {row().order_id, key, office.amount, owner};
  }

  result<applied> tell(std::string type, nlohmann::json payload) {
    domain_event e;
    e.id = make_uuid(*env);
    e.topic = "reservation-events";
    e.key = to_string(reservation);
    e.type = std::move(type);
    e.payload = payload.dump();
    last_news = e;
    return ask<applied>(role.consumer().actor, deliver{e});
  }

  double metric(const std::string& name) {
    for (const auto& family : registry->Collect())
      if (family.name == name)
        return family.metric.front().counter.value;
    return -1;
  }

  /// The end that every history must come to.
  void expect_consistent() {
    const auto p = row();
    const auto taken = bank_.taken.contains(p.id);
    const auto returned = bank_.returned.contains(p.id);
    EXPECT_EQ(bank_.taken.size() <= 1, true);
    if (office.now == box_office::stage::confirmed) {
      EXPECT_EQ(p.status, payment_status::captured);
      EXPECT_EQ(office.paid_by, p.id);
      EXPECT_TRUE(taken && !returned);
    } else if (taken) {
      EXPECT_EQ(p.status, payment_status::refunded);
      EXPECT_TRUE(returned);
    }
  }

  std::shared_ptr<memory::payment_store> store = std::make_shared<memory::payment_store>();
  std::unique_ptr<prometheus::Registry> registry;
  user_id owner{make_uuid(*env)};
  reservation_id reservation{make_uuid(*env)};
  bank bank_;
  box_office office;
  provider_actor money;
  ticket::payments_view tickets;
  consumer_actor consumer;
  payment_role role;
  domain_event last_news;
};

TEST_F(payment_actor_test, prepare_then_confirm_captures_once_and_confirms) {
  const auto prepared = prepare(50'000);
  ASSERT_TRUE(prepared);
  EXPECT_EQ(prepared->payment.amount, 50'000);
  EXPECT_EQ(prepare()->payment.order_id, prepared->payment.order_id) << "a pending order is reused";
  const auto done = ask<payment_done>(role.region, confirmation());
  ASSERT_TRUE(done);
  EXPECT_EQ(done->payment.status, payment_status::captured);
  EXPECT_EQ(done->payment.method, "toss");
  EXPECT_EQ(done->payment.payment_key, "key");
  EXPECT_FALSE(done->repeated);
  EXPECT_EQ(events(), std::vector<std::string>{"PAYMENT_CONFIRMED"});
  EXPECT_EQ(office.now, box_office::stage::confirmed);
  EXPECT_EQ(metric("business_payment_processed_total"), 1);
  const auto again = ask<payment_done>(role.region, confirmation());
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(ask<payment_done>(role.region, confirmation("other")).error().code,
            errc::already_confirmed);
  EXPECT_EQ(prepare().error().code, errc::already_confirmed);
  EXPECT_EQ(bank_.taken.size(), 1u);
  expect_consistent();
}

TEST_F(payment_actor_test, what_does_not_fit_is_refused_and_changes_nothing) {
  EXPECT_EQ(prepare(49'999).error().code, errc::amount_mismatch);
  EXPECT_TRUE(store->state().payments.empty());
  const auto stranger = user_id{make_uuid(*env)};
  EXPECT_EQ(ask<payment_done>(role.region, prepare_payment{reservation, stranger, 0}).error().code,
            errc::forbidden);
  ASSERT_TRUE(prepare());
  auto wrong = confirmation();
  wrong.amount = 1;
  EXPECT_EQ(ask<payment_done>(role.region, wrong).error().code, errc::amount_mismatch);
  wrong = confirmation();
  wrong.user = stranger;
  EXPECT_EQ(ask<payment_done>(role.region, wrong).error(),
            (failure{errc::not_found, "Payment not found"}));
  wrong = confirmation();
  wrong.order_id = "ORD_0_00000000";
  EXPECT_EQ(ask<payment_done>(role.region, wrong).error(),
            (failure{errc::not_found, "Payment not found"}));
  EXPECT_EQ(
      ask<payment_done>(role.region, cancel_payment{to_string(row().id), owner, "r"}).error().code,
      errc::invalid_request);
  EXPECT_EQ(row().status, payment_status::pending);
  EXPECT_EQ(bank_.calls, 0u);
}

TEST_F(payment_actor_test, two_at_once_pay_once) {
  auto first =
      self->request(role.region, caf::infinite, process_payment{reservation, owner, "card"});
  auto second =
      self->request(role.region, caf::infinite, process_payment{reservation, owner, "kakao_pay"});
  sched.run();
  int repeated = 0;
  for (auto* pending : {&first, &second})
    pending->receive([&](const payment_done& d) { repeated += d.repeated ? 1 : 0; },
                     [](const caf::error& err) { ADD_FAILURE() << to_failure(err).text; });
  EXPECT_EQ(repeated, 1);
  EXPECT_EQ(row().method, "card");
  EXPECT_EQ(bank_.calls, 1u);
  expect_consistent();
}

std::string trace_of(char digit) {
  return "00-" + std::string(32, digit) + "-" + std::string(16, digit) + "-01";
}

TEST_F(payment_actor_test, events_and_calls_carry_the_trace_of_the_command) {
  ASSERT_TRUE(
      ask<payment_done>(role.region, process_payment{reservation, owner, "card", trace_of('a')}));
  ASSERT_EQ(events(), std::vector<std::string>{"PAYMENT_CONFIRMED"});
  EXPECT_EQ(store->state().outbox.back().trace, trace_of('a'));
  // Directly, and once more through the outbox.
  EXPECT_EQ(office.traces, (std::vector<std::string>(2, trace_of('a'))));
  office.traces.clear();
  ASSERT_TRUE(ask<payment_done>(role.region,
                                cancel_payment{to_string(row().id), owner, "r", trace_of('b')}));
  ASSERT_EQ(events().back(), "PAYMENT_REFUNDED");
  EXPECT_EQ(store->state().outbox.back().trace, trace_of('b'));
  EXPECT_EQ(office.traces, (std::vector<std::string>(office.traces.size(), trace_of('b'))));
  EXPECT_GE(office.traces.size(), 2u);
}

TEST_F(payment_actor_test, two_at_once_have_their_own_traces) {
  bank_.declined = {"card"};
  auto first = self->request(role.region, caf::infinite,
                             process_payment{reservation, owner, "card", trace_of('a')});
  auto second = self->request(role.region, caf::infinite,
                              process_payment{reservation, owner, "kakao_pay", trace_of('b')});
  sched.run();
  first.receive([](const payment_done&) { ADD_FAILURE() << "declined"; }, [](const caf::error&) {});
  second.receive([](const payment_done&) {},
                 [](const caf::error& err) { ADD_FAILURE() << to_failure(err).text; });
  ASSERT_EQ(events(), (std::vector<std::string>{"PAYMENT_FAILED", "PAYMENT_CONFIRMED"}));
  EXPECT_EQ(store->state().outbox[0].trace, trace_of('a'));
  EXPECT_EQ(store->state().outbox[1].trace, trace_of('b'));
}

TEST_F(payment_actor_test, news_hand_their_trace_on_and_what_is_no_traceparent_is_left_out) {
  ASSERT_TRUE(ask<payment_done>(role.region, process_payment{reservation, owner, "card", "x"}));
  EXPECT_EQ(store->state().outbox.back().trace, "");
  domain_event news;
  news.id = make_uuid(*env);
  news.topic = "reservation-events";
  news.key = to_string(reservation);
  news.type = "RESERVATION_CANCELLED";
  news.trace = trace_of('c');
  news.payload = "{}";
  ASSERT_TRUE(ask<applied>(role.consumer().actor, deliver{news}));
  settle();
  ASSERT_EQ(events().back(), "PAYMENT_REFUNDED");
  EXPECT_EQ(store->state().outbox.back().trace, trace_of('c'));
}

TEST_F(payment_actor_test, work_that_goes_on_after_the_answer_keeps_its_trace) {
  bank_.silent_before = true;
  auto pending = self->request(role.region, caf::infinite,
                               process_payment{reservation, owner, "card", trace_of('a')});
  sched.run();
  bank_.silent_before = false;
  office.now = box_office::stage::ended;
  advance(11s);
  sched.run();
  pending.receive([](const payment_done&) { ADD_FAILURE() << "in doubt"; },
                  [](const caf::error& err) { EXPECT_EQ(to_failure(err).code, errc::in_doubt); });
  settle();
  ASSERT_EQ(events(), (std::vector<std::string>{"PAYMENT_CONFIRMED", "PAYMENT_REFUNDED"}));
  EXPECT_EQ(store->state().outbox[0].trace, trace_of('a'));
  EXPECT_EQ(store->state().outbox[1].trace, trace_of('a'));
}

TEST_F(payment_actor_test, process_uses_the_order_of_prepare) {
  const auto prepared = prepare();
  ASSERT_TRUE(prepared);
  const auto done = process();
  ASSERT_TRUE(done);
  EXPECT_EQ(done->payment.order_id, prepared->payment.order_id);
  EXPECT_EQ(row().status, payment_status::captured);
}

TEST_F(payment_actor_test, a_declined_payment_says_why_and_the_next_one_may_succeed) {
  bank_.declined = {"card"};
  const auto declined = process();
  ASSERT_FALSE(declined);
  EXPECT_EQ(declined.error().code, errc::invalid_request);
  EXPECT_EQ(declined.error().text, "Payment declined: not enough money");
  EXPECT_EQ(row().status, payment_status::failed);
  EXPECT_EQ(metric("business_payment_failed_total"), 1);
  EXPECT_TRUE(
      ask<payment_done>(role.region, process_payment{reservation, owner, "kakao_pay"}).has_value());
  EXPECT_EQ(store->state().payments.size(), 2u);
  ASSERT_EQ(store->state().log.size(), 2u);
  EXPECT_EQ(store->state().log[0].second.outcome, "declined");
  EXPECT_EQ(store->state().log[1].second.outcome, "approved");
}

TEST_F(payment_actor_test, a_confirmation_that_comes_too_late_gives_the_money_back) {
  bank_.silent_before = true; // the reservation ends while the provider works
  auto pending =
      self->request(role.region, caf::infinite, process_payment{reservation, owner, "card"});
  sched.run();
  EXPECT_EQ(row().status, payment_status::capturing);
  office.now = box_office::stage::ended;
  bank_.silent_before = false;
  advance(11s); // the provider's answer is given up, and the order looked up
  sched.run();
  pending.receive([](const payment_done&) { ADD_FAILURE() << "not confirmed"; },
                  [](const caf::error& err) { EXPECT_EQ(to_failure(err).code, errc::in_doubt); });
  settle();
  EXPECT_EQ(row().status, payment_status::refunded);
  EXPECT_EQ(row().refund_reason, "expired");
  EXPECT_EQ(row().refund_amount, 50'000);
  EXPECT_EQ(events(), (std::vector<std::string>{"PAYMENT_CONFIRMED", "PAYMENT_REFUNDED"}));
  EXPECT_EQ(metric("business_payment_refunded_total"), 1);
  EXPECT_EQ(office.refunds, std::vector<uuid>{row().refund_message});
  expect_consistent();
}

TEST_F(payment_actor_test, a_direct_refusal_is_a_conflict_that_says_the_money_went_back) {
  ASSERT_TRUE(prepare());
  // Still payable when asked, ended when the money comes.
  bool ended = false;
  store->on_batch([&](const auto&) {
    if (!ended && bank_.taken.size() == 1) {
      office.now = box_office::stage::ended;
      ended = true;
    }
    return commit_fault::none;
  });
  const auto done = ask<payment_done>(role.region, confirmation());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, errc::conflict);
  EXPECT_NE(done.error().text.find("refunded"), std::string::npos);
  expect_consistent();
  const auto repeat = ask<payment_done>(role.region, confirmation());
  EXPECT_EQ(repeat.error().code, errc::conflict) << "the repeat learns the same";
}

// Every point at which the process can die on the way to a confirmed payment.
enum class death {
  before_intent,
  intent_answer,
  provider_before,
  provider_after,
  capture_refused,
  capture_lost,
  capture_answer,
  ticket
};

class payment_crash_test : public payment_actor_test,
                           public ::testing::WithParamInterface<std::tuple<death, bool>> {};

TEST_P(payment_crash_test, is_resumed_to_one_consistent_end) {
  const auto [where, ends] = GetParam();
  ASSERT_TRUE(prepare());
  const auto fault_at = [&](payment_status to, commit_fault fault) {
    store->on_batch([to, fault](const std::vector<payment_write>& batch) {
      for (const auto& w : batch)
        if (const auto* x = std::get_if<write_payment>(&w.command))
          if (x->change.next.status == to)
            return fault;
      return std::holds_alternative<look_up_payment>(batch.front().command) ? commit_fault::refused
                                                                            : commit_fault::none;
    });
  };
  switch (where) {
  case death::before_intent:
    fault_at(payment_status::capturing, commit_fault::commit_lost);
    break;
  case death::intent_answer:
    fault_at(payment_status::capturing, commit_fault::answer_lost);
    break;
  case death::provider_before:
    bank_.silent_before = true;
    break;
  case death::provider_after:
    bank_.silent_after = true;
    break;
  case death::capture_refused:
    fault_at(payment_status::captured, commit_fault::refused);
    break;
  case death::capture_lost:
    fault_at(payment_status::captured, commit_fault::commit_lost);
    break;
  case death::capture_answer:
    fault_at(payment_status::captured, commit_fault::answer_lost);
    // The outbox is quicker than the crash.
    bank_.on_capture = [this, ends = ends] {
      if (ends)
        office.now = box_office::stage::ended;
    };
    break;
  case death::ticket:
    store->on_batch([&](const auto&) {
      office.silent = !bank_.taken.empty();
      return commit_fault::none;
    });
    break;
  }
  self->send(role.region, confirmation());
  sched.run();
  if (where != death::capture_answer) {
    ASSERT_NE(office.now, box_office::stage::confirmed);
  }
  if (ends)
    office.now = box_office::stage::ended;
  crash();
  settle();
  const auto p = row();
  EXPECT_NE(p.status, payment_status::capturing);
  EXPECT_NE(p.status, payment_status::refunding);
  if (where == death::before_intent) {
    EXPECT_EQ(p.status, payment_status::pending);
    EXPECT_TRUE(bank_.taken.empty());
  } else if (!ends) {
    EXPECT_EQ(p.status, payment_status::captured);
    EXPECT_EQ(office.now, box_office::stage::confirmed);
    EXPECT_EQ(events(), std::vector<std::string>{"PAYMENT_CONFIRMED"});
    const auto repeat = ask<payment_done>(role.region, confirmation());
    ASSERT_TRUE(repeat) << "the repeat learns the outcome";
    EXPECT_EQ(repeat->payment.id, p.id);
  } else if (where != death::ticket && where != death::capture_answer) {
    EXPECT_EQ(p.status, payment_status::refunded);
  } else {
    // Captured and told by the outbox: the ticket role's own event brings the refund.
    ASSERT_TRUE(tell("PAYMENT_REJECTED", {{"paymentId", to_string(p.id)}, {"reason", "expired"}}));
    EXPECT_EQ(row().status, payment_status::refunded);
  }
  expect_consistent();
}

INSTANTIATE_TEST_SUITE_P(
    every_step, payment_crash_test,
    ::testing::Combine(::testing::Values(death::before_intent, death::intent_answer,
                                         death::provider_before, death::provider_after,
                                         death::capture_refused, death::capture_lost,
                                         death::capture_answer, death::ticket),
                       ::testing::Bool()));

TEST_F(payment_actor_test, the_same_faults_without_a_crash_heal_too) {
  int faults = 3;
  store->on_batch([&](const std::vector<payment_write>& batch) {
    const auto* x = std::get_if<write_payment>(&batch.front().command);
    if (x && x->change.next.status == payment_status::captured && faults-- > 0)
      return faults == 1 ? commit_fault::commit_lost : commit_fault::refused;
    return commit_fault::none;
  });
  const auto first = process();
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, errc::in_doubt);
  settle();
  EXPECT_EQ(row().status, payment_status::captured);
  EXPECT_EQ(events(), std::vector<std::string>{"PAYMENT_CONFIRMED"});
  EXPECT_TRUE(process()->repeated);
  expect_consistent();
}

TEST_F(payment_actor_test, an_unreachable_ticket_role_leaves_the_outcome_to_the_outbox) {
  store->on_batch([&](const auto&) {
    office.silent = !bank_.taken.empty();
    return commit_fault::none;
  });
  auto pending =
      self->request(role.region, caf::infinite, process_payment{reservation, owner, "card"});
  sched.run();
  advance(6s);
  pending.receive([](const payment_done&) { ADD_FAILURE() << "not known"; },
                  [](const caf::error& err) { EXPECT_EQ(to_failure(err).code, errc::in_doubt); });
  EXPECT_EQ(row().status, payment_status::captured);
  store->on_batch({});
  office.silent = false;
  settle();
  EXPECT_EQ(office.now, box_office::stage::confirmed);
  EXPECT_TRUE(process()->repeated);
}

TEST_F(payment_actor_test, the_owner_gets_the_money_back_and_the_reservation_ends) {
  ASSERT_TRUE(process());
  const auto stranger = user_id{make_uuid(*env)};
  EXPECT_EQ(ask<payment_done>(role.region, cancel_payment{to_string(row().id), stranger, "x"})
                .error()
                .code,
            errc::not_found);
  const auto done =
      ask<payment_done>(role.region, cancel_payment{to_string(row().id), owner, "user-request"});
  ASSERT_TRUE(done);
  EXPECT_EQ(done->payment.refund_amount, 50'000);
  EXPECT_EQ(office.now, box_office::stage::ended) << "before the answer";
  EXPECT_EQ(row().refund_reason, "user-request");
  const auto again =
      ask<payment_done>(role.region, cancel_payment{to_string(row().id), owner, "user-request"});
  EXPECT_EQ(again.error(),
            (failure{errc::invalid_request, "Only confirmed payments can be cancelled"}));
  EXPECT_EQ(bank_.returned.size(), 1u);
  expect_consistent();
}

TEST_F(payment_actor_test, whoever_sold_the_ticket_on_does_not_get_the_money_back) {
  ASSERT_TRUE(process());
  office.owner = user_id{make_uuid(*env)};
  const auto refused =
      ask<payment_done>(role.region, cancel_payment{to_string(row().id), owner, "user-request"});
  EXPECT_EQ(refused.error(),
            (failure{errc::conflict, "The ticket belongs to somebody else by now"}));
  EXPECT_EQ(row().status, payment_status::captured);
  EXPECT_TRUE(bank_.returned.empty());
  office.owner = owner;
  expect_consistent();
}

TEST_F(payment_actor_test, cancel_races_confirm) {
  ASSERT_TRUE(prepare());
  auto confirm = self->request(role.region, caf::infinite, confirmation());
  auto cancel = self->request(role.region, caf::infinite,
                              cancel_payment{to_string(row().id), owner, "user-request"});
  sched.run();
  bool confirmed = false;
  bool cancelled = false;
  confirm.receive([&](const payment_done&) { confirmed = true; }, [](const caf::error&) {});
  cancel.receive([&](const payment_done&) { cancelled = true; }, [](const caf::error&) {});
  EXPECT_TRUE(confirmed || !cancelled) << "only what was confirmed can be cancelled";
  EXPECT_EQ(row().status, cancelled ? payment_status::refunded : payment_status::captured);
  expect_consistent();
}

TEST_F(payment_actor_test, a_cancelled_reservation_refunds_once_however_often_it_is_told) {
  ASSERT_TRUE(process());
  office.now = box_office::stage::ended;
  ASSERT_TRUE(tell("RESERVATION_CANCELLED", {{"paymentId", to_string(row().id)},
                                             {"reason", "User requested cancellation"}}));
  EXPECT_EQ(row().status, payment_status::refunded);
  EXPECT_EQ(row().refund_reason, "User requested cancellation");
  EXPECT_TRUE(store->state().processed.contains(last_news.id));
  ASSERT_TRUE(ask<applied>(role.consumer().actor, deliver{last_news}));
  crash();
  ASSERT_TRUE(ask<applied>(role.consumer().actor, deliver{last_news}));
  EXPECT_EQ(bank_.returned.size(), 1u);
  EXPECT_EQ(std::ranges::count(events(), "PAYMENT_REFUNDED"), 1);
}

TEST_F(payment_actor_test, news_are_taken_in_only_when_durable) {
  ASSERT_TRUE(process());
  store->on_batch([](const auto&) { return commit_fault::refused; });
  EXPECT_FALSE(tell("RESERVATION_CANCELLED", {{"reason", "r"}}));
  EXPECT_EQ(row().status, payment_status::captured);
  store->on_batch({});
  EXPECT_TRUE(ask<applied>(role.consumer().actor, deliver{last_news}));
  EXPECT_EQ(row().status, payment_status::refunded);
}

TEST_F(payment_actor_test, the_refund_survives_a_crash_of_the_provider_call) {
  ASSERT_TRUE(process());
  office.now = box_office::stage::ended;
  bank_.silent_before = true;
  ASSERT_TRUE(tell("RESERVATION_CANCELLED", {{"reason", "r"}})) << "the intent is durable";
  EXPECT_EQ(row().status, payment_status::refunding);
  crash();
  settle();
  EXPECT_EQ(row().status, payment_status::refunded);
  expect_consistent();
}

TEST_F(payment_actor_test, a_confirmed_reservation_resolves_its_payment) {
  ASSERT_TRUE(process());
  EXPECT_FALSE(row().resolved);
  ASSERT_TRUE(tell("RESERVATION_CONFIRMED", {{"paymentId", to_string(row().id)}}));
  EXPECT_TRUE(row().resolved);
  EXPECT_EQ(row().status, payment_status::captured);
}

TEST_F(payment_actor_test, the_end_of_an_unpaid_reservation_closes_its_order) {
  ASSERT_TRUE(prepare());
  ASSERT_TRUE(tell("RESERVATION_EXPIRED", {{"reason", "expired"}, {"paymentId", nullptr}}));
  EXPECT_EQ(row().status, payment_status::failed);
  EXPECT_EQ(ask<payment_done>(role.region, confirmation()).error().code, errc::not_pending);
}

TEST_F(payment_actor_test, unreadable_news_are_permanent_failures_and_foreign_ones_nobodys) {
  domain_event e;
  e.id = make_uuid(*env);
  e.type = "RESERVATION_CANCELLED";
  e.key = "not an id";
  e.payload = "{}";
  EXPECT_EQ(ask<applied>(role.region, deliver{e}).error().code, errc::invalid_request);
  e.key = to_string(reservation);
  e.payload = "[]";
  EXPECT_EQ(ask<applied>(role.region, deliver{e}).error().code, errc::invalid_request);
  e.payload = R"({"paymentId":7})";
  EXPECT_EQ(ask<applied>(role.region, deliver{e}).error().code, errc::invalid_request);
  e.type = "RESERVATION_CREATED";
  e.key = "whatever";
  EXPECT_TRUE(ask<applied>(role.region, deliver{e}));
}

TEST_F(payment_actor_test, standing_follows_the_payment) {
  const auto standing_now = [&] {
    return ask<payment_standing>(role.region, get_standing{reservation}).value().state;
  };
  EXPECT_EQ(standing_now(), standing::none);
  ASSERT_TRUE(prepare());
  EXPECT_EQ(standing_now(), standing::none);
  bank_.silent_after = true;
  self->send(role.region, confirmation());
  sched.run();
  EXPECT_EQ(standing_now(), standing::capturing);
  crash();
  const auto s = ask<payment_standing>(role.region, get_standing{reservation});
  ASSERT_TRUE(s);
  EXPECT_EQ(s->state, standing::captured);
  EXPECT_EQ(s->message, row().confirm_message);
  EXPECT_EQ(s->amount, 50'000);
  ASSERT_TRUE(ask<payment_done>(role.region, cancel_payment{"key", owner, "r"}));
  EXPECT_EQ(standing_now(), standing::none);
  settle(); // passivated
  store->set_away(true);
  EXPECT_FALSE(ask<payment_standing>(role.region, get_standing{reservation}));
  store->set_away(false);
  EXPECT_EQ(standing_now(), standing::none);
}

TEST_F(payment_actor_test, a_database_that_is_away_is_a_503_and_nothing_is_captured) {
  store->set_away(true);
  EXPECT_EQ(process().error().code, errc::unavailable);
  store->set_away(false);
  ASSERT_TRUE(prepare());
  store->set_away(true);
  EXPECT_EQ(process().error().code, errc::unavailable);
  EXPECT_EQ(bank_.calls, 0u);
  store->set_away(false);
  EXPECT_TRUE(process());
}

TEST_F(payment_actor_test, idle_actors_are_given_up_and_come_back) {
  ASSERT_TRUE(prepare());
  const auto before = sys.registry().running();
  settle();
  EXPECT_EQ(sys.registry().running(), before - 1);
  ASSERT_TRUE(ask<payment_done>(role.region, confirmation()));
  EXPECT_EQ(sys.registry().running(), before);
  expect_consistent();
}

TEST_F(payment_actor_test, a_payment_in_doubt_is_not_given_up) {
  bank_.silent_before = true;
  self->send(role.region, process_payment{reservation, owner, "card"});
  sched.run();
  settle();
  EXPECT_EQ(row().status, payment_status::capturing);
  EXPECT_GT(bank_.calls, 3u) << "asked again and again";
  bank_.silent_before = false;
  settle();
  EXPECT_EQ(row().status, payment_status::captured);
  expect_consistent();
}

} // namespace
} // namespace tiketi::payment
