#include "actors/payment/role.hpp"
#include "actors/payment/toss.hpp"
#include "actors/remote/role.hpp"
#include "net/client/curl_transport.hpp"
#include "storage/memory/payment_store.hpp"
#include "tests/payment/box_office.hpp"
#include "tests/payment/toss_bank.hpp"
#include "tests/support/actor_fixture.hpp"
#include "tests/support/paced_transport.hpp"

#include <atomic>

#include <prometheus/registry.h>

namespace tiketi::payment {
namespace {

using namespace std::chrono_literals;
using manner = test::local_reply::manner;
using fate = toss_bank::fate;
using next = toss_verdict::next;
using nlohmann::json;

constexpr time_point now = from_millis(1'771'754'400'000);

// -- reading answers -----------------------------------------------------------------------------

payment_view sample() {
  payment_view p;
  p.id = parse_id<payment_id>("11111111-1111-4111-8111-111111111111").value();
  p.order_id = "ORD_1_AAAA";
  p.payment_key = "key/1 ?";
  p.amount = 50'000;
  return p;
}

json said(const std::string& status = "DONE") {
  return {{"paymentKey", "key/1 ?"}, {"orderId", "ORD_1_AAAA"},
          {"status", status},        {"totalAmount", 50'000},
          {"balanceAmount", 50'000}, {"approvedAt", "2026-02-22T19:00:01+09:00"}};
}

remote::http_answer answered(int status, const std::string& body) {
  remote::http_answer a;
  a.status = status;
  a.body = body;
  return a;
}

remote::http_answer refused(int status, const std::string& code) {
  return answered(status, json{{"code", code}, {"message", "text of " + code}}.dump());
}

remote::http_answer broken(remote::http_failure f) {
  remote::http_answer a;
  a.error = f;
  return a;
}

TEST(toss_protocol_test, requests_are_what_the_provider_documents) {
  const toss_options options{"https://api.example", "sk", {}};
  const auto confirm = toss_confirm(options, sample());
  EXPECT_EQ(confirm.method, "POST");
  EXPECT_EQ(confirm.url, "https://api.example/v1/payments/confirm");
  EXPECT_EQ(json::parse(confirm.body),
            (json{{"paymentKey", "key/1 ?"}, {"orderId", "ORD_1_AAAA"}, {"amount", 50'000}}));
  EXPECT_EQ(remote::find_header(confirm.headers, "Authorization"), "Basic c2s6");
  EXPECT_EQ(remote::find_header(confirm.headers, "Idempotency-Key"), to_string(sample().id));
  EXPECT_EQ(remote::find_header(confirm.headers, "Content-Type"), "application/json");
  EXPECT_EQ(toss_find_order(options, sample()).url,
            "https://api.example/v1/payments/orders/ORD_1_AAAA");
  EXPECT_EQ(toss_find_key(options, "../a b/c").url,
            "https://api.example/v1/payments/%2E%2E%2Fa%20b%2Fc");
  const auto cancel = toss_cancel(options, "k", std::string(400, 'r'), "once");
  EXPECT_EQ(cancel.url, "https://api.example/v1/payments/k/cancel");
  EXPECT_EQ(json::parse(cancel.body)["cancelReason"], std::string(200, 'r'));
  EXPECT_EQ(remote::find_header(cancel.headers, "Idempotency-Key"), "once");
  std::string korean;
  for (int i = 0; i < 300; ++i)
    korean += "환";
  EXPECT_EQ(json::parse(toss_cancel(options, "k", korean, "x").body)["cancelReason"]
                .get<std::string>()
                .size(),
            600u)
      << "200 characters, none of them cut";
}

TEST(toss_protocol_test, approved_only_when_order_key_amount_and_status_are_right) {
  const auto good = read_confirmed(sample(), answered(200, said().dump()), now);
  EXPECT_EQ(good.what, next::answer);
  EXPECT_EQ(good.answer.outcome, provider_outcome::approved);
  EXPECT_EQ(to_iso(good.answer.at), "2026-02-22T10:00:01.000Z");
  EXPECT_EQ(good.answer.status, "DONE");

  const auto with = [](const char* field, const json& value) {
    auto body = said();
    body[field] = value;
    return read_confirmed(sample(), answered(200, body.dump()), now);
  };
  for (const auto& wrong :
       {with("totalAmount", 49'999), with("paymentKey", "other"), with("currency", "USD"),
        with("status", "PARTIAL_CANCELED"), with("status", "WAITING_FOR_DEPOSIT")}) {
    EXPECT_EQ(wrong.what, next::give_back);
    EXPECT_EQ(wrong.answer.outcome, provider_outcome::declined);
  }
  EXPECT_EQ(with("paymentKey", "other").payment_key, "other");
  const auto foreign = with("orderId", "ORD_2");
  EXPECT_EQ(foreign.what, next::look_up) << "somebody else's payment is never given back";
  EXPECT_EQ(foreign.answer.outcome, provider_outcome::declined);
  for (const char* over : {"CANCELED", "ABORTED", "EXPIRED"})
    EXPECT_EQ(with("status", over).answer.outcome, provider_outcome::declined) << over;
  for (const char* open : {"IN_PROGRESS", "READY", "SOMETHING_NEW"})
    EXPECT_EQ(with("status", open).answer.outcome, provider_outcome::unknown) << open;
  EXPECT_EQ(with("approvedAt", nullptr).answer.at, now);
}

TEST(toss_protocol_test, an_answer_that_cannot_be_read_is_looked_up) {
  for (const char* body :
       {"", "{", "[]", "null", "{}", R"({"paymentKey":"key/1 ?","orderId":"ORD_1_AAAA"})",
        R"({"paymentKey":1,"orderId":2,"status":3,"totalAmount":"50000"})", "\xff\xfe"}) {
    const auto v = read_confirmed(sample(), answered(200, body), now);
    EXPECT_EQ(v.what, next::look_up) << body;
    EXPECT_EQ(v.answer.outcome, provider_outcome::unknown) << body;
    EXPECT_EQ(read_found(sample(), answered(200, body), now).answer.outcome,
              provider_outcome::unknown);
    EXPECT_EQ(read_cancelled("k", answered(200, body), now).outcome, provider_outcome::unknown);
  }
}

TEST(toss_protocol_test, what_tells_nothing_is_unknown) {
  for (const int status : {100, 204, 301, 401, 408, 409, 425, 429, 500, 502, 503, 504}) {
    const auto a = refused(status, "X");
    EXPECT_EQ(read_confirmed(sample(), a, now).what, next::answer) << status;
    EXPECT_EQ(read_confirmed(sample(), a, now).answer.outcome, provider_outcome::unknown);
    EXPECT_EQ(read_found(sample(), a, now).answer.outcome, provider_outcome::unknown);
    EXPECT_EQ(read_cancelled("k", a, now).outcome, provider_outcome::unknown);
  }
  for (const auto f : {remote::http_failure::refused, remote::http_failure::timed_out,
                       remote::http_failure::lost, remote::http_failure::circuit_open}) {
    EXPECT_EQ(read_confirmed(sample(), broken(f), now).answer.outcome, provider_outcome::unknown);
    EXPECT_EQ(read_found(sample(), broken(f), now).answer.outcome, provider_outcome::unknown);
    EXPECT_EQ(read_cancelled("k", broken(f), now).outcome, provider_outcome::unknown);
  }
  EXPECT_EQ(read_confirmed(sample(), refused(400, "INVALID_API_KEY"), now).answer.outcome,
            provider_outcome::unknown);
}

TEST(toss_protocol_test, no_refusal_is_believed_before_it_is_looked_up) {
  for (const int status : {400, 403, 404, 422}) {
    const auto v = read_confirmed(sample(), refused(status, "REJECT_CARD_PAYMENT"), now);
    EXPECT_EQ(v.what, next::look_up);
    EXPECT_EQ(v.answer.outcome, provider_outcome::declined);
    EXPECT_EQ(v.answer.text, "text of REJECT_CARD_PAYMENT");
  }
  const auto twice = read_confirmed(sample(), refused(400, "ALREADY_PROCESSED_PAYMENT"), now);
  EXPECT_EQ(twice.what, next::look_up);
  EXPECT_EQ(twice.answer.outcome, provider_outcome::unknown) << "never declined by itself";
}

TEST(toss_protocol_test, a_look_up_tells_what_became_of_the_order) {
  const auto found = [](const std::string& status) {
    return read_found(sample(), answered(200, said(status).dump()), now).answer.outcome;
  };
  EXPECT_EQ(found("DONE"), provider_outcome::approved);
  EXPECT_EQ(found("IN_PROGRESS"), provider_outcome::not_found);
  EXPECT_EQ(found("READY"), provider_outcome::not_found);
  EXPECT_EQ(found("EXPIRED"), provider_outcome::declined);
  EXPECT_EQ(found("CANCELED"), provider_outcome::declined);
  EXPECT_EQ(read_found(sample(), refused(404, "NOT_FOUND_PAYMENT"), now).answer.outcome,
            provider_outcome::not_found);
  EXPECT_EQ(read_found(sample(), refused(404, "NO_SUCH_PAGE"), now).answer.outcome,
            provider_outcome::unknown)
      << "a proxy's 404 says nothing about the money";
  auto foreign = said();
  foreign["orderId"] = "ORD_2";
  EXPECT_EQ(read_found(sample(), answered(200, foreign.dump()), now).answer.outcome,
            provider_outcome::unknown);
}

TEST(toss_protocol_test, money_is_back_only_when_all_of_it_is) {
  auto body = said("CANCELED");
  EXPECT_EQ(read_cancelled("key/1 ?", answered(200, body.dump()), now).outcome,
            provider_outcome::approved);
  EXPECT_EQ(read_cancelled("other", answered(200, body.dump()), now).outcome,
            provider_outcome::unknown);
  body = said("PARTIAL_CANCELED");
  EXPECT_EQ(read_cancelled("key/1 ?", answered(200, body.dump()), now).outcome,
            provider_outcome::unknown);
  body["balanceAmount"] = 0;
  EXPECT_EQ(read_cancelled("key/1 ?", answered(200, body.dump()), now).outcome,
            provider_outcome::approved);
  EXPECT_EQ(read_cancelled("key/1 ?", answered(200, said().dump()), now).outcome,
            provider_outcome::unknown);
}

// -- the whole payment role, against a provider that misbehaves
// --------------------------------------

/// Virtual time for the role; real calls over real sockets.
class toss_payment_test : public test::actor_test {
protected:
  void SetUp() override {
    office.owner = owner;
    remote::remote_options calls;
    calls.attempt_timeout = 120ms;
    calls.retry = {2, 50ms, 100ms};
    calls.breaker.window = 10;
    calls.breaker.open_for = 2000ms;
    client = remote::start_remote(sys, *env, registry, calls, paced, {"toss"});
    tickets = sys.spawn(office_behavior, &office);
    consumer = sys.spawn(forward_to, tickets, &office);
    start();
  }

  void TearDown() override {
    stop();
    self->send_exit(tickets, caf::exit_reason::user_shutdown);
    self->send_exit(consumer, caf::exit_reason::user_shutdown);
    remote::stop_remote(client);
    sched.run();
    paced->shutdown();
    tickets = nullptr;
    consumer = nullptr;
    client = nullptr;
  }

  void start() {
    role_registry = std::make_unique<prometheus::Registry>();
    payment_dependencies parts;
    parts.writes = store;
    parts.region_queries = store->queries();
    parts.front_queries = store->queries();
    parts.outbox = store->outbox();
    parts.money = start_toss_provider(sys, *env, client, {bank.url(), secret, 1000ms});
    parts.tickets = tickets;
    parts.subscriptions = {{"payment-events", "ticket", consumer}};
    payment_options options;
    options.detached = false;
    options.provider_timeout = 2000ms;
    role = start_payment(sys, *env, *role_registry, options, std::move(parts));
    sched.run();
  }

  void stop() {
    stop_payment(role);
    sched.run();
    role = {};
  }

  /// Runs actors, real calls and virtual waits until the answer is there.
  template <class Message>
  result<payment_done> run(Message message) {
    auto pending = self->request(role.region, caf::infinite, std::move(message));
    for (int i = 0; i < 4000 && self->mailbox().empty(); ++i) {
      sched.run();
      if (self->mailbox().empty() && !paced->pump())
        advance(20ms);
    }
    result<payment_done> out = failure{errc::internal, "no answer"};
    if (self->mailbox().empty()) {
      ADD_FAILURE() << "no answer";
      return out;
    }
    pending.receive([&](payment_done& x) { out = std::move(x); },
                    [&](caf::error& err) { out = to_failure(err); });
    return out;
  }

  /// Two minutes: everything that repeats itself has had its turn.
  void settle() {
    for (int i = 0; i < 480; ++i) {
      sched.run();
      while (paced->pump())
        sched.run();
      advance(250ms);
    }
  }

  void heal() {
    bank.set_mood({});
    settle();
  }

  payment_view row() const {
    EXPECT_EQ(store->state().payments.size(), 1u);
    return store->state().payments.begin()->second;
  }

  /// Gets an order and sends the payer through the provider's window.
  void begin(std::int64_t authorised = 50'000) {
    const auto done = run(prepare_payment{reservation, owner, 50'000});
    ASSERT_TRUE(done) << done.error().text;
    bank.authorise("key", done->payment.order_id, authorised);
  }

  result<payment_done> confirm() {
    return run(confirm_payment{row().order_id, "key", 50'000, owner});
  }

  /// P3 on both sides of the wire: money without a seat never stays, a seat is never without money.
  void expect_balance() {
    const auto money = bank.at("key");
    const auto p = row();
    EXPECT_LE(money.taken, 1);
    EXPECT_LE(money.returned, money.taken);
    const bool ours = money.taken > money.returned;
    const bool sold = office.now == box_office::stage::confirmed;
    EXPECT_EQ(ours, sold) << "status " << to_string(p.status) << ", bank says " << money.status;
    if (sold) {
      EXPECT_EQ(office.paid_by, p.id);
    }
    EXPECT_TRUE(p.status == payment_status::captured || p.status == payment_status::failed
                || p.status == payment_status::refunded || p.status == payment_status::pending)
        << "still " << to_string(p.status);
    EXPECT_EQ(p.status == payment_status::captured, sold);
  }

  toss_bank bank;
  std::string secret = toss_bank::secret;
  box_office office;
  prometheus::Registry registry;
  std::unique_ptr<prometheus::Registry> role_registry;
  std::shared_ptr<memory::payment_store> store = std::make_shared<memory::payment_store>();
  std::shared_ptr<test::paced_transport> paced =
      std::make_shared<test::paced_transport>(net::make_curl_transport({}));
  remote::client_actor client;
  tickets_impl tickets;
  consumer_actor consumer;
  payment_role role;
  std::atomic<bool> expired{false}; ///< set by the provider's thread
  user_id owner{make_uuid(*env)};
  reservation_id reservation{make_uuid(*env)};
};

TEST_F(toss_payment_test, a_good_payment) {
  begin();
  const auto done = confirm();
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(done->payment.status, payment_status::captured);
  EXPECT_EQ(done->payment.provider, "toss");
  EXPECT_EQ(done->payment.provider_status, "DONE");
  EXPECT_FALSE(done->payment.demo);
  EXPECT_EQ(to_iso(done->payment.approved_at), "2026-02-22T10:00:01.000Z");
  EXPECT_EQ(bank.calls(), std::vector<std::string>{"confirm"});
  expect_balance();
  const auto again = confirm();
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(bank.calls().size(), 1u) << "the provider is not asked again";
}

TEST_F(toss_payment_test, the_provider_is_told_which_request_it_was) {
  begin();
  const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  ASSERT_TRUE(run(confirm_payment{row().order_id, "key", 50'000, owner, trace}));
  for (const auto& seen : bank.traces())
    EXPECT_EQ(seen.substr(0, 36), trace.substr(0, 36));
  EXPECT_EQ(bank.traces().size(), bank.calls().size());
}

TEST_F(toss_payment_test, a_key_the_browser_made_up_buys_nothing) {
  begin();
  const auto done = run(confirm_payment{row().order_id, "made-up", 50'000, owner});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, errc::invalid_request);
  settle();
  expect_balance();
  EXPECT_EQ(office.now, box_office::stage::pending) << "the payer may try again";
}

TEST_F(toss_payment_test, less_money_than_the_price_buys_nothing) {
  begin(100);
  ASSERT_FALSE(confirm());
  settle();
  expect_balance();
}

TEST_F(toss_payment_test, a_declined_card_can_be_followed_by_another) {
  begin();
  bank.set_mood([](const std::string& what, int) {
    fate f;
    if (what == "confirm")
      f.error = "REJECT_CARD_PAYMENT";
    return f;
  });
  const auto first = confirm();
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, errc::invalid_request);
  EXPECT_NE(first.error().text.find("because of REJECT_CARD_PAYMENT"), std::string::npos)
      << first.error().text;
  expect_balance();
  bank.set_mood({});
  const auto fresh = run(prepare_payment{reservation, owner, 50'000});
  ASSERT_TRUE(fresh);
  bank.authorise("key2", fresh->payment.order_id, 50'000);
  const auto second = run(confirm_payment{fresh->payment.order_id, "key2", 50'000, owner});
  ASSERT_TRUE(second) << second.error().text;
  EXPECT_EQ(bank.at("key").taken, 0);
  EXPECT_EQ(bank.at("key2").taken, 1);
}

struct trouble {
  const char* name;
  bool ends_well; ///< the money is taken in the end
  toss_bank::mood_fn mood;
};

toss_bank::mood_fn on(std::string which, fate f, int times = 1000) {
  return [which = std::move(which), f, times](const std::string& what, int nth) {
    return what == which && nth <= times ? f : fate{};
  };
}

fate badly(manner how, std::chrono::milliseconds delay = 0ms) {
  fate f;
  f.how = how;
  f.delay = delay;
  return f;
}

fate told(nlohmann::json changed) {
  fate f;
  f.changed = std::move(changed);
  return f;
}

fate status(int code) {
  fate f;
  f.status = code;
  return f;
}

fate nothing_happens() {
  fate f;
  f.ignored = true;
  return f;
}

std::vector<trouble> troubles() {
  return {
      {"slow, but in time", true, on("confirm", badly(manner::whole, 40ms))},
      {"answer after the time-out", true, on("confirm", badly(manner::whole, 200ms))},
      {"no answer, effect", true, on("confirm", badly(manner::silence))},
      {"connection reset, effect", true, on("confirm", badly(manner::reset))},
      {"half an answer, effect", true, on("confirm", badly(manner::half))},
      {"no HTTP, effect", true, on("confirm", badly(manner::garbage))},
      {"500, effect", true, on("confirm", status(500))},
      {"500, no effect, once", true, on("confirm", nothing_happens(), 1)},
      {"500, no effect, three times", true, on("confirm", nothing_happens(), 3)},
      {"reset once, then well", true, on("confirm", badly(manner::reset), 1)},
      {"an answer that tells the wrong amount", false, on("confirm", told({{"totalAmount", 1}}))},
      {"an answer about another order", true, on("confirm", told({{"orderId", "ORD_OTHER"}}))},
      {"an answer about another key", true, on("confirm", told({{"paymentKey", "other"}}))},
      {"an answer without meaning", true, on("confirm", told({{"status", nullptr}}))},
      {"still at work", true, on("confirm", told({{"status", "IN_PROGRESS"}}))},
      {"already processed", true,
       [](const std::string& what, int nth) {
         // The effect is there, its answer is lost, and the repeat is refused as a duplicate.
         if (what != "confirm")
           return fate{};
         if (nth == 1)
           return badly(manner::reset);
         fate f;
         f.error = "ALREADY_PROCESSED_PAYMENT";
         return f;
       }},
      {"a refusal after an effect", true,
       [](const std::string& what, int nth) {
         if (what != "confirm")
           return fate{};
         if (nth == 1)
           return badly(manner::silence);
         fate f;
         f.error = "REJECT_CARD_PAYMENT";
         return f;
       }},
  };
}

class toss_trouble_test : public toss_payment_test,
                          public ::testing::WithParamInterface<std::size_t> {};

TEST_P(toss_trouble_test, no_money_without_a_seat_and_no_seat_without_money) {
  const auto t = troubles()[GetParam()];
  SCOPED_TRACE(t.name);
  begin();
  bank.set_mood(t.mood);
  const auto first = confirm();
  if (!first) {
    EXPECT_TRUE(first.error().code == errc::in_doubt || first.error().code == errc::invalid_request)
        << first.error().text;
  }
  settle();
  expect_balance();
  heal();
  expect_balance();
  EXPECT_EQ(bank.at("key").taken == 1 && bank.at("key").returned == 0, t.ends_well)
      << bank.at("key").status;
  // The payer asks again and hears what became of it; no second capture.
  const auto second = confirm();
  EXPECT_EQ(second.has_value(), t.ends_well);
  expect_balance();
}

TEST_P(toss_trouble_test, nor_when_the_reservation_ends_meanwhile) {
  const auto t = troubles()[GetParam()];
  SCOPED_TRACE(t.name);
  begin();
  bank.set_mood([this, mood = t.mood](const std::string& what, int nth) {
    if (what == "confirm")
      expired = true;
    return mood(what, nth);
  });
  auto pending = self->request(role.region, caf::infinite,
                               confirm_payment{row().order_id, "key", 50'000, owner});
  for (int i = 0; i < 4000 && self->mailbox().empty(); ++i) {
    if (expired)
      office.now = box_office::stage::ended;
    sched.run();
    if (self->mailbox().empty() && !paced->pump())
      advance(20ms);
  }
  pending.receive([](const payment_done&) { ADD_FAILURE() << "sold, although it had ended"; },
                  [](caf::error&) {});
  settle();
  heal();
  expect_balance();
  const auto money = bank.at("key");
  EXPECT_EQ(money.taken, money.returned) << "every won went back";
}

TEST_P(toss_trouble_test, nor_when_the_program_is_killed_in_between) {
  const auto t = troubles()[GetParam()];
  SCOPED_TRACE(t.name);
  begin();
  bank.set_mood(t.mood);
  const auto order = row().order_id;
  caf::anon_send(role.region, confirm_payment{order, "key", 50'000, owner});
  sched.run();
  stop();
  while (paced->pump())
    sched.run();
  start();
  settle();
  heal();
  expect_balance();
  EXPECT_NE(row().status, payment_status::pending);
}

INSTANTIATE_TEST_SUITE_P(every_trouble, toss_trouble_test,
                         ::testing::Range<std::size_t>(0, troubles().size()));

TEST_F(toss_payment_test, a_confirmation_that_takes_minutes_is_waited_for) {
  begin();
  fate unfinished;
  unfinished.unfinished = true;
  bank.set_mood(on("confirm", unfinished, 1));
  const auto first = confirm();
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, errc::in_doubt);
  settle();
  EXPECT_EQ(row().status, payment_status::capturing) << "neither declined nor captured";
  bank.finish();
  settle();
  EXPECT_EQ(bank.at("key").taken, 1);
  expect_balance();
  EXPECT_EQ(row().status, payment_status::captured);
}

TEST_F(toss_payment_test, money_that_does_not_fit_goes_back_and_the_payer_may_try_again) {
  begin();
  bank.set_mood(on("confirm", told({{"totalAmount", 1}})));
  const auto done = confirm();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, errc::invalid_request);
  EXPECT_EQ(bank.at("key").taken, 1);
  EXPECT_EQ(bank.at("key").returned, 1);
  EXPECT_EQ(row().status, payment_status::failed);
  EXPECT_EQ(office.now, box_office::stage::pending);
}

TEST_F(toss_payment_test, money_that_cannot_be_given_back_is_not_forgotten) {
  begin();
  bank.set_mood([](const std::string& what, int) {
    if (what == "cancel")
      return nothing_happens();
    // As if it had been charged wrongly, whoever asks.
    return told({{"totalAmount", 1}});
  });
  EXPECT_FALSE(confirm());
  settle();
  EXPECT_EQ(row().status, payment_status::capturing) << "never called declined while it is there";
  bank.set_mood([](const std::string& what, int) {
    return what == "cancel" ? fate{} : told({{"totalAmount", 1}});
  });
  settle();
  EXPECT_EQ(bank.at("key").returned, 1);
  EXPECT_EQ(row().status, payment_status::failed);
}

TEST_F(toss_payment_test, a_refund_survives_every_trouble_and_happens_once) {
  const std::vector<fate> fates{
      badly(manner::silence),      badly(manner::reset), badly(manner::half),
      badly(manner::whole, 200ms), status(500),          nothing_happens(),
      told({{"status", "DONE"}})};
  int n = 0;
  for (const auto& f : fates) {
    SCOPED_TRACE(n++);
    stop();
    store = std::make_shared<memory::payment_store>();
    office.now = box_office::stage::pending;
    reservation = reservation_id{make_uuid(*env)};
    bank.set_mood({});
    start();
    begin();
    ASSERT_TRUE(confirm());
    bank.set_mood(on("cancel", f));
    const auto answer = run(cancel_payment{"key", owner, "changed my mind"});
    if (!answer) {
      EXPECT_EQ(answer.error().code, errc::in_doubt);
    }
    settle();
    heal();
    EXPECT_EQ(bank.at("key").returned, 1);
    EXPECT_EQ(row().status, payment_status::refunded);
    EXPECT_EQ(office.now, box_office::stage::ended);
    expect_balance();
  }
}

TEST_F(toss_payment_test, a_provider_that_is_down_is_left_alone) {
  begin();
  bank.set_mood([](const std::string&, int) { return nothing_happens(); });
  EXPECT_FALSE(confirm());
  settle();
  const auto tried = bank.calls().size();
  // 120 s, a call at most every 2 s of the open circuit, and three trials each time.
  EXPECT_LT(tried, 100u);
  EXPECT_GT(tried, 3u);
  EXPECT_EQ(row().status, payment_status::capturing);
  heal();
  expect_balance();
  EXPECT_EQ(bank.at("key").taken, 1);
}

TEST_F(toss_payment_test, a_wrong_secret_key_leaves_everything_in_doubt_until_it_is_put_right) {
  stop();
  secret = "wrong_key";
  start();
  begin();
  const auto done = confirm();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, errc::in_doubt);
  settle();
  EXPECT_EQ(row().status, payment_status::capturing);
  stop();
  secret = toss_bank::secret;
  start();
  settle();
  EXPECT_EQ(row().status, payment_status::captured);
  expect_balance();
}

TEST_F(toss_payment_test, methods_that_need_no_window_are_refused) {
  const auto done = run(process_payment{reservation, owner, "card"});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, errc::invalid_request);
  EXPECT_TRUE(bank.calls().empty());
}

} // namespace
} // namespace tiketi::payment
