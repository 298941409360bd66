#include "actors/payment/handle.hpp"
#include "net/routes/payments.hpp"
#include "tests/support/actor_fixture.hpp"
#include "tests/support/fake_exchange.hpp"

#include <functional>
#include <variant>

namespace tiketi::net {
namespace {

using namespace payment;
using nlohmann::json;

struct script {
  std::variant<std::monostate, prepare_payment, confirm_payment, process_payment, cancel_payment>
      asked;
  result<payment_done> answer = failure{errc::internal};
  payment_list list;
  list_payments listed;
};

payment::region_actor::behavior_type region(payment::region_actor::pointer, script* s) {
  const auto reply = [s](auto x) -> caf::result<payment_done> {
    s->asked = x;
    if (s->answer)
      return *s->answer;
    return to_caf(s->answer.error());
  };
  return {
      [](const get_standing&) { return payment_standing{}; },
      [reply](const prepare_payment& x) { return reply(x); },
      [reply](const confirm_payment& x) { return reply(x); },
      [reply](const process_payment& x) { return reply(x); },
      [reply](const cancel_payment& x) { return reply(x); },
      [](const deliver& x) { return applied{x.event.id}; },
  };
}

payment::reader_actor::behavior_type reader(payment::reader_actor::pointer, script* s) {
  return {
      [s](const load_payments&) { return s->list; },
      [s](const find_order&) { return s->list; },
      [s](const find_key_or_id&) { return s->list; },
      [s](const list_payments& x) {
        s->listed = x;
        return s->list;
      },
      [s](const list_unfinished&) { return s->list; },
  };
}

class payment_routes_test : public test::actor_test {
protected:
  void SetUp() override {
    who.user = user_id{make_uuid(*env)};
    who.role = "user";
    r = sys.spawn(region, &s);
    q = sys.spawn(reader, &s);
    add_payment_routes(routes, {r, q, "client-key"});
    calls = std::make_unique<test::route_caller>(sys, *env, routes, [this] { sched.run(); });
    p.id = payment_id{make_uuid(*env)};
    p.reservation = reservation_id{make_uuid(*env)};
    p.user = who.user;
    p.order_id = "ORD_1_0000000A";
    p.payment_key = "pk";
    p.amount = 50'000;
    p.method = "toss";
    p.status = payment_status::captured;
    p.demo = true;
    p.provider_status = "DONE";
    p.approved_at = epoch;
    p.created_at = epoch;
    p.updated_at = epoch;
  }

  void TearDown() override {
    calls.reset();
    self->send_exit(r, caf::exit_reason::user_shutdown);
    self->send_exit(q, caf::exit_reason::user_shutdown);
    sched.run();
  }

  test::fake_exchange_ptr post(std::string path, const json& body) {
    return calls->call(verb::post, std::move(path), body.dump(), who);
  }

  script s;
  identity who;
  payment::region_actor r;
  payment::reader_actor q;
  router routes;
  std::unique_ptr<test::route_caller> calls;
  payment_view p;
};

TEST_F(payment_routes_test, prepare) {
  s.answer = payment_done{p};
  // As the load script sends it: no amount.
  auto x = post("/api/payments/prepare", {{"reservationId", to_string(p.reservation)},
                                          {"paymentMethod", "card"},
                                          {"paymentType", "reservation"}});
  EXPECT_EQ(x->status(), 200);
  EXPECT_EQ(x->json(), (json{{"orderId", p.order_id},
                             {"amount", 50'000},
                             {"clientKey", "client-key"},
                             {"demo", true}}));
  EXPECT_EQ(std::get<prepare_payment>(s.asked).amount, 0);
  x = post("/api/payments/prepare", {{"reservationId", to_string(p.reservation)}, {"amount", 7}});
  EXPECT_EQ(std::get<prepare_payment>(s.asked).amount, 7);
  EXPECT_EQ(std::get<prepare_payment>(s.asked).user, who.user);
}

TEST_F(payment_routes_test, listings_and_memberships_are_named_by_their_reference) {
  const auto id = to_string(p.reservation);
  post("/api/payments/prepare", {{"referenceId", id}, {"paymentType", "transfer"}, {"amount", 7}});
  EXPECT_EQ(std::get<prepare_payment>(s.asked).subject,
            (payment_subject{subject_kind::transfer, p.reservation.value}));
  post("/api/payments/process",
       {{"referenceId", id}, {"paymentType", "membership"}, {"paymentMethod", "card"}});
  EXPECT_EQ(std::get<process_payment>(s.asked).subject,
            (payment_subject{subject_kind::membership, p.reservation.value}));
}

TEST_F(payment_routes_test, bad_bodies_are_400_and_reach_nobody) {
  const auto id = to_string(p.reservation);
  const std::vector<std::pair<std::string, json>> bad{
      {"/api/payments/prepare", json::object()},
      {"/api/payments/prepare", {{"reservationId", "x"}}},
      {"/api/payments/prepare", {{"reservationId", id}, {"amount", 0}}},
      {"/api/payments/prepare", {{"reservationId", id}, {"amount", 1.5}}},
      {"/api/payments/prepare", {{"reservationId", id}, {"amount", "1"}}},
      {"/api/payments/prepare", {{"reservationId", id}, {"paymentType", "transfer"}}},
      {"/api/payments/prepare", {{"referenceId", "x"}, {"paymentType", "membership"}}},
      {"/api/payments/prepare", {{"reservationId", id}, {"paymentType", "gift"}}},
      {"/api/payments/confirm", {{"orderId", "o"}, {"amount", 1}}},
      {"/api/payments/confirm", {{"paymentKey", " "}, {"orderId", "o"}, {"amount", 1}}},
      {"/api/payments/confirm", {{"paymentKey", "k"}, {"amount", 1}}},
      {"/api/payments/confirm", {{"paymentKey", "k"}, {"orderId", "o"}}},
      {"/api/payments/process", {{"reservationId", id}}},
      {"/api/payments/process", {{"reservationId", id}, {"paymentMethod", "cash"}}},
      {"/api/payments/process", {{"paymentMethod", "card"}}},
      {"/api/payments/k/cancel", {{"cancelReason", 7}}},
  };
  for (const auto& [path, body] : bad) {
    const auto x = post(path, body);
    EXPECT_EQ(x->status(), 400) << path << body.dump();
    EXPECT_EQ(x->json()["error"], x->json()["message"]) << path << body.dump();
  }
  EXPECT_EQ(post("/api/payments/prepare", json::object())->json()["message"],
            "reservationId required");
  EXPECT_EQ(post("/api/payments/prepare", {{"paymentType", "transfer"}})->json()["message"],
            "referenceId required for transfer");
  EXPECT_EQ(
      post("/api/payments/process", {{"paymentType", "membership"}, {"paymentMethod", "card"}})
          ->json()["message"],
      "referenceId required");
  EXPECT_TRUE(std::holds_alternative<std::monostate>(s.asked));
}

TEST_F(payment_routes_test, everything_needs_a_user) {
  EXPECT_EQ(calls->call(verb::post, "/api/payments/prepare", "{")->status(), 401);
  EXPECT_EQ(calls->call(verb::get, "/api/payments/user/me")->status(), 401);
  EXPECT_EQ(calls->call(verb::get, "/api/payments/order/x")->status(), 401);
}

TEST_F(payment_routes_test, confirm) {
  s.answer = payment_done{p};
  const json body{{"paymentKey", "pk"}, {"orderId", p.order_id}, {"amount", 50'000}};
  auto x = post("/api/payments/confirm", body);
  EXPECT_EQ(x->status(), 200);
  EXPECT_EQ(x->json(), (json{{"success", true},
                             {"demo", true},
                             {"payment",
                              {{"orderId", p.order_id},
                               {"paymentKey", "pk"},
                               {"amount", 50'000},
                               {"method", "toss"},
                               {"approvedAt", "2026-02-22T10:00:00.000Z"}}}}));
  s.answer = failure{errc::already_confirmed};
  x = post("/api/payments/confirm", body);
  EXPECT_EQ(x->status(), 400);
  EXPECT_NE(x->json()["message"].get<std::string>().find("already confirmed"), std::string::npos);
  s.answer = failure{errc::in_doubt};
  EXPECT_EQ(post("/api/payments/confirm", body)->status(), 503);
  s.answer = failure{errc::conflict, "refunded"};
  EXPECT_EQ(post("/api/payments/confirm", body)->status(), 409);
}

TEST_F(payment_routes_test, process) {
  p.method = "kakao_pay";
  s.answer = payment_done{p};
  const json body{{"reservationId", to_string(p.reservation)}, {"paymentMethod", "kakao_pay"}};
  auto x = post("/api/payments/process", body);
  EXPECT_EQ(x->status(), 200);
  EXPECT_EQ(x->json(), (json{{"success", true},
                             {"demo", true},
                             {"message", "Payment completed"},
                             {"payment",
                              {{"id", to_string(p.id)},
                               {"orderId", p.order_id},
                               {"amount", 50'000},
                               {"method", "kakao_pay"}}}}));
  s.answer = payment_done{p, true};
  EXPECT_EQ(post("/api/payments/process", body)->json()["message"], "Payment already completed");
}

TEST_F(payment_routes_test, cancel) {
  p.refund_amount = 50'000;
  s.answer = payment_done{p};
  auto x = calls->call(verb::post, "/api/payments/pk/cancel", {}, who);
  EXPECT_EQ(x->json(), (json{{"success", true},
                             {"demo", true},
                             {"message", "Payment cancelled successfully"},
                             {"refundAmount", 50'000}}));
  EXPECT_EQ(std::get<cancel_payment>(s.asked).key_or_id, "pk");
  EXPECT_EQ(std::get<cancel_payment>(s.asked).reason, "user-request");
  x = post("/api/payments/pk/cancel", {{"cancelReason", "changed my mind"}});
  EXPECT_EQ(std::get<cancel_payment>(s.asked).reason, "changed my mind");
}

TEST_F(payment_routes_test, order_is_404_for_unknown_and_for_foreign) {
  EXPECT_EQ(calls->call(verb::get, "/api/payments/order/x", {}, who)->status(), 404);
  s.list.payments = {p};
  auto x = calls->call(verb::get, "/api/payments/order/" + p.order_id, {}, who);
  EXPECT_EQ(x->status(), 200);
  const auto body = x->json()["payment"];
  for (const auto* field : {"id", "order_id", "payment_key", "amount", "method", "status",
                            "toss_status", "toss_approved_at", "created_at", "updated_at",
                            "reservation_id", "user_id", "payment_type", "reference_id"})
    EXPECT_TRUE(body.contains(field)) << field;
  EXPECT_EQ(body["status"], "confirmed");
  EXPECT_TRUE(body["reference_id"].is_null());
  EXPECT_TRUE(x->json()["demo"]);
  s.list.payments[0].user = user_id{make_uuid(*env)};
  x = calls->call(verb::get, "/api/payments/order/" + p.order_id, {}, who);
  EXPECT_EQ(x->status(), 404);
  EXPECT_EQ(x->json()["message"], "Payment not found");
}

TEST_F(payment_routes_test, my_payments_are_paged_within_bounds) {
  s.list.payments = {p};
  s.list.total = 12;
  const auto page = [&](std::string limit, std::string offset) {
    request call;
    call.method = verb::get;
    call.path = "/api/payments/user/me";
    call.query = {{"limit", std::move(limit)}, {"offset", std::move(offset)}};
    call.who = who;
    return calls->call(std::move(call));
  };
  auto x = calls->call(verb::get, "/api/payments/user/me", {}, who);
  EXPECT_EQ(x->json()["pagination"], (json{{"total", 12}, {"limit", 10}, {"offset", 0}}));
  EXPECT_EQ(x->json()["payments"].size(), 1u);
  page("1000", "-5");
  EXPECT_EQ(s.listed.limit, 100);
  EXPECT_EQ(s.listed.offset, 0);
  page("0", "7");
  EXPECT_EQ(s.listed.limit, 1);
  EXPECT_EQ(s.listed.offset, 7);
  EXPECT_EQ(page("ten", "0")->status(), 400);
}

TEST_F(payment_routes_test, internal_lookup_by_reservation) {
  const auto path = "/internal/payments/by-reservation/" + to_string(p.reservation);
  EXPECT_EQ(calls->call(verb::get, path)->json(),
            (json{{"found", false}, {"reservationId", to_string(p.reservation)}}));
  s.list.payments = {p};
  EXPECT_EQ(calls->call(verb::get, path)->json(), (json{{"found", true},
                                                        {"demo", true},
                                                        {"reservationId", to_string(p.reservation)},
                                                        {"status", "confirmed"},
                                                        {"method", "toss"},
                                                        {"amount", 50'000}}));
  EXPECT_EQ(calls->call(verb::get, "/internal/payments/by-reservation/7")->status(), 400);
}

} // namespace
} // namespace tiketi::net
