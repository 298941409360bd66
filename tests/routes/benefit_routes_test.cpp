// Routes of memberships, resale and the internal calls, on the real ticket role over the memory
// store; the payment role is a script.

#include "actors/payment/payment.hpp"
#include "net/routes/internal_tickets.hpp"
#include "net/routes/memberships.hpp"
#include "net/routes/transfers.hpp"
#include "tests/event/sale_fixture.hpp"
#include "tests/support/fake_exchange.hpp"

namespace tiketi::net {
namespace {

using nlohmann::json;
using namespace ticket;

struct payment_role_script {
  std::vector<payment::payment_view> rows;
  std::vector<payment::payment_subject> asked;
  std::vector<payment::cancel_payment> cancelled;
};

payment::reader_actor::behavior_type payment_reader(payment::reader_actor::pointer,
                                                    payment_role_script* s) {
  const auto none = [] { return payment::payment_list{}; };
  return {
      [s](const payment::load_payments& m) {
        s->asked.push_back(m.subject);
        return payment::payment_list{s->rows, static_cast<std::int64_t>(s->rows.size())};
      },
      [none](const payment::find_order&) { return none(); },
      [none](const payment::find_key_or_id&) { return none(); },
      [none](const payment::list_payments&) { return none(); },
      [none](const payment::list_unfinished&) { return none(); },
  };
}

payment::region_actor::behavior_type payments(payment::region_actor::pointer,
                                              payment_role_script* s) {
  return {
      [](const payment::get_standing&) { return payment::payment_standing{}; },
      [](const payment::prepare_payment&) { return payment::payment_done{}; },
      [](const payment::confirm_payment&) { return payment::payment_done{}; },
      [](const payment::process_payment&) { return payment::payment_done{}; },
      [s](const payment::cancel_payment& m) {
        s->cancelled.push_back(m);
        return payment::payment_done{};
      },
      [](const deliver& m) {
        return applied{m.event.id, false};
      },
  };
}

class benefit_routes_test : public sale_test {
protected:
  void SetUp() override {
    sale_test::SetUp();
    std::vector<ticket_write> batch{{membership::put_artist_card{{}, {artist, "Artist", "", 700}}}};
    ASSERT_EQ(store.commit(batch).front().status, commit_status::committed);
    pay_reader = sys.spawn(payment_reader, &money);
    pay_region = sys.spawn(payments, &money);
    others.push_back(caf::actor_cast<caf::actor>(pay_reader));
    others.push_back(caf::actor_cast<caf::actor>(pay_region));
    add_membership_routes(routes, {role.members});
    add_transfer_routes(routes, {role.transfers});
    add_internal_ticket_routes(routes, {.region = role.region,
                                        .store = role.store,
                                        .transfers = role.transfers,
                                        .members = role.members,
                                        .payments = pay_region,
                                        .payment_reader = pay_reader});
    caller = std::make_unique<test::route_caller>(sys, *env, routes, [this] { sched.run(); });
  }

  void TearDown() override {
    caller.reset();
    sale_test::TearDown();
  }

  test::fake_exchange_ptr call(verb method, const std::string& path, const json& body = nullptr,
                               int who = 1) {
    request r;
    r.method = method;
    const auto mark = path.find('?');
    r.path = path.substr(0, mark);
    for (auto at = mark; at != std::string::npos;) {
      const auto end = path.find('&', at + 1);
      const auto pair = path.substr(at + 1, end == std::string::npos ? end : end - at - 1);
      r.query.emplace_back(pair.substr(0, pair.find('=')), pair.substr(pair.find('=') + 1));
      at = end;
    }
    r.body = body.is_null() ? std::string{} : body.dump();
    r.peer = "192.0.2.1";
    if (who > 0)
      r.who = identity{user(who), "who@example.com", "user"};
    auto x = caller->call(std::move(r));
    EXPECT_EQ(x->replies(), 1u) << path;
    return x;
  }

  reservation_view bought(int who, int seat_number, int msg) {
    const auto r = hold(who, {seat_number});
    EXPECT_TRUE(r);
    EXPECT_EQ(sale_test::pay(*r, msg, msg)->verdict, payment_verdict::confirmed);
    return *r;
  }

  payment::payment_view captured(const payment::payment_subject& subject, int who,
                                 std::int64_t amount, int msg) {
    auto p = payment::new_payment(payment::make_fresh_ids(*env), subject, event.id, user(who),
                                  amount, epoch);
    p.id = id<payment_id>(static_cast<std::uint8_t>(msg));
    p.confirm_message = message(msg);
    p.status = payment::payment_status::captured;
    p.method = "card";
    return p;
  }

  artist_id artist = id<artist_id>(50);
  payment_role_script money;
  payment::reader_actor pay_reader;
  payment::region_actor pay_region;
  router routes;
  std::unique_ptr<test::route_caller> caller;
};

TEST_F(benefit_routes_test, people_have_to_be_signed_in) {
  const auto nil = to_string(artist);
  for (const auto& [method, path] :
       std::vector<std::pair<verb, std::string>>{{verb::post, "/api/memberships/subscribe"},
                                                 {verb::get, "/api/memberships/my"},
                                                 {verb::get, "/api/memberships/my/" + nil},
                                                 {verb::get, "/api/memberships/benefits/" + nil},
                                                 {verb::post, "/api/transfers"},
                                                 {verb::get, "/api/transfers"},
                                                 {verb::get, "/api/transfers/my"},
                                                 {verb::get, "/api/transfers/" + nil},
                                                 {verb::post, "/api/transfers/" + nil + "/cancel"}})
    EXPECT_EQ(call(method, path, nullptr, 0)->status(), 401) << path;
}

TEST_F(benefit_routes_test, a_membership_from_the_offer_to_the_benefits) {
  const json body{{"artistId", to_string(artist)}};
  const auto joined = call(verb::post, "/api/memberships/subscribe", body);
  ASSERT_EQ(joined->status(), 201);
  EXPECT_EQ(joined->json()["price"], 700);
  EXPECT_EQ(joined->json()["artistName"], "Artist");
  const auto member = *parse_id<membership_id>(joined->json()["membershipId"].get<std::string>());
  const auto path = "/api/memberships/my/" + to_string(artist);
  EXPECT_EQ(call(verb::get, path)->json()["membership"]["status"], "pending");
  EXPECT_EQ(call(verb::get, path)->json()["membership"]["effective_tier"], "BRONZE");

  // Nobody becomes a member without money, whoever asks.
  const auto activate = "/internal/memberships/" + to_string(member) + "/activate";
  EXPECT_EQ(call(verb::post, activate, nullptr, 0)->status(), 409);
  money.rows = {captured({payment::subject_kind::membership, member.value}, 1, 700, 3)};
  EXPECT_EQ(call(verb::post, activate, nullptr, 0)->json(), (json{{"ok", true}}));
  EXPECT_EQ(money.asked.back(),
            (payment::payment_subject{payment::subject_kind::membership, member.value}));
  EXPECT_EQ(call(verb::post, activate, nullptr, 0)->status(), 200) << "already active";
  const auto shown = call(verb::get, path)->json();
  EXPECT_EQ(shown["membership"]["status"], "active");
  EXPECT_EQ(shown["membership"]["points"], 200);
  EXPECT_EQ(shown["benefits"]["transferFeePercent"], 10);
  EXPECT_EQ(shown["pointHistory"][0]["action_type"], "MEMBERSHIP_JOIN");
  const auto benefits = call(verb::get, "/api/memberships/benefits/" + to_string(artist))->json();
  EXPECT_EQ(benefits, (json{{"preSalePhase", 3},
                            {"preSaleLabel", "선예매 3"},
                            {"bookingFeeSurcharge", 0},
                            {"transferAccess", true},
                            {"transferFeePercent", 10},
                            {"nextTierThreshold", 500},
                            {"tier", "SILVER"},
                            {"membership_price", 700}}));
  EXPECT_EQ(call(verb::get, "/api/memberships/benefits/" + to_string(id<artist_id>(9)))->status(),
            404);
  // A year later it says so, job or no job.
  advance_clock(std::chrono::hours{24 * 365});
  EXPECT_EQ(call(verb::get, "/api/memberships/my")->json()["memberships"][0]["status"], "expired");
}

TEST_F(benefit_routes_test, points_are_given_by_internal_callers_once) {
  const auto member =
      call(verb::post, "/api/memberships/subscribe", {{"artistId", to_string(artist)}})
          ->json()["membershipId"]
          .get<std::string>();
  money.rows = {
      captured({payment::subject_kind::membership, parse_uuid(member).value()}, 1, 700, 3)};
  ASSERT_EQ(call(verb::post, "/internal/memberships/" + member + "/activate", nullptr, 0)->status(),
            200);
  json body{{"userId", to_string(user(1))},  {"artistId", nullptr},
            {"actionType", "NEWS_CREATION"}, {"points", 30},
            {"description", "News"},         {"referenceId", to_string(artist)}};
  EXPECT_EQ(call(verb::post, "/internal/memberships/award-points", body, 0)->json(),
            (json{{"ok", true}, {"memberships", 1}}));
  EXPECT_EQ(call(verb::post, "/internal/memberships/award-points", body, 0)->json(),
            (json{{"ok", true}, {"memberships", 0}}));
  for (const auto& [field, value] :
       std::vector<std::pair<const char*, json>>{{"userId", "x"},
                                                 {"points", 0},
                                                 {"points", "30"},
                                                 {"referenceId", nullptr},
                                                 {"actionType", ""}}) {
    auto bad = body;
    bad[field] = value;
    EXPECT_EQ(call(verb::post, "/internal/memberships/award-points", bad, 0)->status(), 400)
        << field;
  }
}

TEST_F(benefit_routes_test, a_listing_from_the_offer_to_the_sale) {
  const auto r = bought(1, 0, 1);
  const json body{{"reservationId", to_string(r.id)}};
  EXPECT_EQ(call(verb::post, "/api/transfers", json{{"reservationId", 7}})->status(), 400);
  EXPECT_EQ(call(verb::post, "/api/transfers", body, 2)->status(), 403);
  const auto listed = call(verb::post, "/api/transfers", body);
  ASSERT_EQ(listed->status(), 200);
  const auto row = listed->json()["transfer"];
  EXPECT_EQ(row["total_price"], 110);
  EXPECT_EQ(row["status"], "listed");
  EXPECT_EQ(call(verb::post, "/api/transfers", body)->status(), 409);
  const std::string t = row["id"];

  const auto page = call(verb::get, "/api/transfers?page=1&limit=1", nullptr, 2)->json();
  EXPECT_EQ(page["pagination"], (json{{"total", 1}, {"page", 1}, {"limit", 1}, {"totalPages", 1}}));
  EXPECT_EQ(page["transfers"][0]["seats"], "A-1-1");
  for (const char* bad : {"page=0", "limit=0", "limit=101", "page=x", "artistId=x"})
    EXPECT_EQ(call(verb::get, std::string{"/api/transfers?"} + bad)->status(), 400) << bad;
  EXPECT_EQ(call(verb::get, "/api/transfers/x")->status(), 400);

  const auto validate = "/internal/transfers/" + t + "/validate?userId=" + to_string(user(2));
  EXPECT_EQ(
      call(verb::get, validate, nullptr, 0)->json(),
      (json{
          {"transferId", t}, {"total_amount", 110}, {"totalAmount", 110}, {"artist_id", nullptr}}));
  EXPECT_EQ(call(verb::get, "/internal/transfers/" + t + "/validate?userId=" + to_string(user(1)),
                 nullptr, 0)
                ->json()["message"],
            "Cannot buy your own transfer");
  const auto complete = "/internal/transfers/" + t + "/complete";
  const json buyer{{"buyerId", to_string(user(2))}, {"paymentMethod", "card"}};
  EXPECT_EQ(call(verb::post, complete, buyer, 0)->status(), 409) << "nothing was paid";
  money.rows = {captured({payment::subject_kind::transfer, *parse_uuid(t)}, 3, 110, 4)};
  EXPECT_EQ(call(verb::post, complete, buyer, 0)->status(), 409) << "somebody else paid";
  money.rows = {captured({payment::subject_kind::transfer, *parse_uuid(t)}, 2, 110, 5)};
  EXPECT_EQ(call(verb::post, complete, buyer, 0)->status(), 200);
  EXPECT_EQ(call(verb::post, complete, buyer, 0)->status(), 200) << "repeated";
  EXPECT_EQ(state().reservations.at(r.id).view.user, user(2));
  EXPECT_EQ(call(verb::post, "/api/transfers/" + t + "/cancel")->status(), 400);
  EXPECT_EQ(call(verb::get, "/api/transfers/" + t)->json()["transfer"]["buyer_id"],
            to_string(user(2)));
}

TEST_F(benefit_routes_test, internal_callers_reserve_confirm_and_refund) {
  const json body{{"eventId", to_string(event.id)},
                  {"userId", to_string(user(1))},
                  {"seatIds", {to_string(seat(0))}},
                  {"idempotencyKey", "k"}};
  const auto made = call(verb::post, "/internal/reservations", body, 0);
  ASSERT_EQ(made->status(), 200);
  EXPECT_EQ(call(verb::post, "/internal/reservations", body, 0)->json(), made->json());
  const std::string r = made->json()["reservation"]["id"];
  const json standing{
      {"eventId", to_string(event.id)},
      {"userId", to_string(user(2))},
      {"items", json::array({{{"ticketTypeId", to_string(type)}, {"quantity", 2}}})}};
  EXPECT_EQ(call(verb::post, "/internal/reservations", standing, 0)->json()["message"],
            "Reservation created");
  for (const char* field : {"eventId", "userId", "seatIds"}) {
    auto bad = body;
    bad.erase(field);
    EXPECT_EQ(call(verb::post, "/internal/reservations", bad, 0)->status(), 400) << field;
  }
  auto somebody_else = body;
  somebody_else["userId"] = to_string(user(3));
  const auto taken = call(verb::post, "/internal/seats/reserve", somebody_else, 0);
  EXPECT_EQ(taken->status(), 409);
  EXPECT_EQ(taken->json()["success"], false);
  EXPECT_EQ(taken->json()["code"], "seat_unavailable");

  const auto confirm = "/internal/reservations/" + r + "/confirm";
  EXPECT_EQ(call(verb::post, confirm, nullptr, 0)->status(), 409);
  money.rows = {captured(*parse_id<reservation_id>(r), 1, 100, 6)};
  EXPECT_EQ(call(verb::post, confirm, nullptr, 0)->status(), 200);
  EXPECT_EQ(call(verb::post, confirm, nullptr, 0)->status(), 200);
  EXPECT_EQ(call(verb::post, "/internal/reservations/" + r + "/refund", nullptr, 0)->status(), 200);
  ASSERT_EQ(money.cancelled.size(), 1u);
  EXPECT_EQ(money.cancelled[0].key_or_id, to_string(id<payment_id>(6)));
  EXPECT_EQ(money.cancelled[0].user, user(1));
  EXPECT_EQ(
      call(verb::post,
           "/internal/reservations/" + to_string(make_reservation_id(event.id, *env)) + "/refund",
           nullptr, 0)
          ->status(),
      404);
}

} // namespace
} // namespace tiketi::net
