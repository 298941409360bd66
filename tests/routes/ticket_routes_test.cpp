#include "net/routes/reservations.hpp"
#include "net/routes/seats.hpp"
#include "net/routes/tickets.hpp"
#include "tests/support/actor_fixture.hpp"
#include "tests/support/fake_exchange.hpp"

#include <deque>
#include <functional>
#include <variant>

namespace tiketi::net {
namespace {

using nlohmann::json;
using namespace ticket;

/// What the fake actors were asked, and what they answer.
struct script {
  std::vector<reserve_seats> seat_holds;
  std::vector<reserve_best> best_holds;
  std::vector<reserve_tickets> ticket_holds;
  std::vector<cancel_reservation> cancels;
  std::vector<get_reservation> shown;
  std::vector<list_reservations> listed;
  result<reservation_view> reservation = failure{errc::not_found, "Reservation not found"};
  result<seat_map_view> map = failure{errc::not_found, "Event not found"};
  std::vector<ticket_type_view> types;
  result<ticket_type_view> availability = failure{errc::not_found, "Ticket type not found"};
  std::vector<layout_view> layouts;
};

template <class T>
caf::result<T> to_result(const result<T>& r) {
  if (!r)
    return to_caf(r.error());
  return *r;
}

region_actor::behavior_type fake_region(region_actor::pointer, script* s) {
  return {
      [s](const reserve_seats& m) {
        s->seat_holds.push_back(m);
        return to_result(s->reservation);
      },
      [s](const reserve_tickets& m) {
        s->ticket_holds.push_back(m);
        return to_result(s->reservation);
      },
      [s](const reserve_best& m) {
        s->best_holds.push_back(m);
        return to_result(s->reservation);
      },
      [s](const cancel_reservation& m) {
        s->cancels.push_back(m);
        return to_result(s->reservation);
      },
      [s](const get_seat_map&) { return to_result(s->map); },
      [](const check_payable&) -> caf::result<payable> { return to_caf(errc::internal); },
      [](const apply_payment&) -> caf::result<payment_outcome> { return to_caf(errc::internal); },
      [](const apply_refund&) -> caf::result<refund_applied> { return to_caf(errc::internal); },
      [](const list_ticket&) -> caf::result<reservation_view> { return to_caf(errc::internal); },
      [](const unlist_ticket&) -> caf::result<reservation_view> { return to_caf(errc::internal); },
      [](const check_listing&) -> caf::result<payable> { return to_caf(errc::internal); },
      [](const buy_listed&) -> caf::result<payment_outcome> { return to_caf(errc::internal); },
  };
}

reader_actor::behavior_type fake_reader(reader_actor::pointer, script* s) {
  return {
      [s](const get_reservation& m) {
        s->shown.push_back(m);
        return to_result(s->reservation);
      },
      [s](const list_reservations& m) {
        s->listed.push_back(m);
        reservation_list out;
        if (s->reservation)
          out.reservations.push_back(*s->reservation);
        return out;
      },
      [s](const get_ticket_types&) { return ticket_type_list{s->types}; },
      [s](const get_availability&) { return to_result(s->availability); },
      [s](const get_layouts&) { return layout_list{s->layouts}; },
  };
}

class ticket_routes_test : public test::actor_test {
protected:
  void SetUp() override {
    region = sys.spawn(fake_region, &said);
    reader = sys.spawn(fake_reader, &said);
    gate = [this](front&, const exchange_ptr& x, event_id e, const std::function<void()>& go) {
      gated.push_back(e);
      if (admits)
        go();
      else
        x->reply(error_response(errc::entry_token_required));
    };
    add_ticket_routes(routes, {reader});
    add_seat_routes(routes, {region, reader, gate});
    add_reservation_routes(routes, {region, reader, gate});
    caller = std::make_unique<test::route_caller>(sys, *env, routes, [this] { sched.run(); });

    auto& r = view;
    r.id = make_reservation_id(event, *env);
    r.user = me.user;
    r.event = event;
    r.number = "TK1-ABCDEF01";
    r.total_amount = 210'000;
    r.created_at = epoch;
    r.expires_at = epoch + seconds(300);
    r.event_title = "Night";
    r.venue = "Hall";
    r.address = "Street 1";
    r.event_date = epoch + seconds(86'400);
    r.history = {{epoch, "created", ""}, {epoch + seconds(1), "payment_rejected", "late"}};
    reservation_item seat;
    seat.seat = seat_id{make_uuid(*env)};
    seat.name = "A-1-2";
    seat.section = "A";
    seat.row = 1;
    seat.number = 2;
    seat.unit_price = 110'000;
    seat.token = 41;
    seat.seat_version = 3;
    reservation_item tickets;
    tickets.ticket_type = ticket_type_id{make_uuid(*env)};
    tickets.name = "Standing";
    tickets.quantity = 2;
    tickets.unit_price = 50'000;
    r.items = {seat, tickets};
  }

  void TearDown() override {
    caller.reset();
    self->send_exit(region, caf::exit_reason::user_shutdown);
    self->send_exit(reader, caf::exit_reason::user_shutdown);
    region = nullptr;
    reader = nullptr;
    sched.run();
  }

  test::fake_exchange_ptr get(const std::string& path, bool logged_in = true) {
    return done(caller->call(verb::get, path, {}, who(logged_in)));
  }
  test::fake_exchange_ptr post(const std::string& path, const std::string& body = {},
                               bool logged_in = true) {
    return done(caller->call(verb::post, path, body, who(logged_in)));
  }
  test::fake_exchange_ptr done(test::fake_exchange_ptr x) {
    EXPECT_EQ(x->replies(), 1u);
    return x;
  }
  std::optional<identity> who(bool logged_in) {
    return logged_in ? std::optional{me} : std::nullopt;
  }
  json seat_body() {
    return {{"eventId", to_string(event)},
            {"seatIds", {to_string(view.items[0].seat)}},
            {"idempotencyKey", "k-1"}};
  }
  json ticket_body() {
    return {{"eventId", to_string(event)},
            {"items", json::array({{{"ticketTypeId", to_string(view.items[1].ticket_type)},
                                    {"quantity", 2}}})},
            {"idempotencyKey", "k-2"}};
  }

  script said;
  region_actor region;
  reader_actor reader;
  entry_gate gate;
  bool admits = true;
  std::vector<event_id> gated;
  router routes;
  std::unique_ptr<test::route_caller> caller;
  event_id event{make_uuid(*env)};
  identity me{user_id{make_uuid(*env)}, "me@example.com", "user"};
  reservation_view view;
};

// -- reads ---------------------------------------------------------------------------------------

TEST_F(ticket_routes_test, time_is_the_environments) {
  EXPECT_EQ(get("/api/time", false)->json(), (json{{"time", "2026-02-22T10:00:00.000Z"}}));
}

TEST_F(ticket_routes_test, ticket_types_of_an_event) {
  EXPECT_EQ(get("/api/tickets/event/" + to_string(event), false)->json(),
            (json{{"ticketTypes", json::array()}}));
  said.types = {{ticket_type_id{make_uuid(*env)}, event, "Front", "", 90'000, 10, 4}};
  EXPECT_EQ(get("/api/tickets/event/" + to_string(event), false)->json(),
            (json{{"ticketTypes", json::array({{{"id", to_string(said.types[0].id)},
                                                {"name", "Front"},
                                                {"price", 90'000},
                                                {"total_quantity", 10},
                                                {"available_quantity", 4},
                                                {"description", nullptr}}})}}));
  EXPECT_EQ(get("/api/tickets/event/x", false)->status(), 400);
}

TEST_F(ticket_routes_test, availability_is_a_bare_object) {
  const auto path = "/api/tickets/availability/" + to_string(make_uuid(*env));
  auto x = get(path, false);
  EXPECT_EQ(x->status(), 404);
  EXPECT_EQ(x->json()["error"], "Ticket type not found");
  ticket_type_view type;
  type.total = 10;
  type.available = 4;
  said.availability = type;
  EXPECT_EQ(get(path, false)->json(), (json{{"available_quantity", 4}, {"total_quantity", 10}}));
}

TEST_F(ticket_routes_test, layouts_are_plain_json) {
  said.layouts = {{layout_id{make_uuid(*env)}, "small", "text", 5, R"({"sections":[1]})"},
                  {layout_id{make_uuid(*env)}, "odd", "", 6, "no json"}};
  const auto body = get("/api/seats/layouts", false)->json();
  ASSERT_EQ(body["layouts"].size(), 2u);
  EXPECT_EQ(body["layouts"][0], (json{{"id", to_string(said.layouts[0].id)},
                                      {"name", "small"},
                                      {"description", "text"},
                                      {"total_seats", 5},
                                      {"layout_config", {{"sections", {1}}}}}));
  EXPECT_TRUE(body["layouts"][1]["layout_config"].is_null());
}

TEST_F(ticket_routes_test, an_unchanged_seat_map_is_304) {
  const auto path = "/api/seats/events/" + to_string(event);
  EXPECT_EQ(get(path, false)->status(), 404);
  const auto body = std::make_shared<const std::string>(R"({"seats":[]})");
  said.map = seat_map_view{body, "\"a-1\""};
  auto x = get(path, false);
  EXPECT_EQ(x->status(), 200);
  EXPECT_EQ(x->answer().shared_body, body) << "not one copy";
  EXPECT_EQ(x->headers("ETag"), std::vector<std::string>{"\"a-1\""});
  EXPECT_EQ(x->headers("Cache-Control"), std::vector<std::string>{"no-cache"});
  request r;
  r.method = verb::get;
  r.path = path;
  r.headers = {{"if-none-match", "\"b\", W/\"a-1\""}};
  x = done(caller->call(r));
  EXPECT_EQ(x->status(), 304);
  EXPECT_FALSE(x->answer().shared_body);
  EXPECT_TRUE(x->answer().body.empty());
  EXPECT_EQ(x->headers("ETag"), std::vector<std::string>{"\"a-1\""});
  r.headers = {{"if-none-match", "\"a-2\""}};
  EXPECT_EQ(done(caller->call(r))->status(), 200);
  EXPECT_TRUE(gated.empty());
}

TEST_F(ticket_routes_test, the_seat_map_can_be_gated) {
  router other;
  add_seat_routes(other, {region, reader, gate, true});
  test::route_caller strict{sys, *env, other, [this] { sched.run(); }};
  const auto path = "/api/seats/events/" + to_string(event);
  said.map = seat_map_view{std::make_shared<const std::string>("{}"), "\"a\""};
  EXPECT_EQ(strict.call(verb::get, path)->status(), 401);
  EXPECT_EQ(strict.call(verb::get, path, {}, me)->status(), 200);
  admits = false;
  EXPECT_EQ(strict.call(verb::get, path, {}, me)->status(), 403);
  EXPECT_EQ(gated, (std::vector{event, event}));
}

TEST(matches_etag_test, lists_weak_ones_and_any) {
  EXPECT_TRUE(matches_etag("*", "\"x\""));
  EXPECT_TRUE(matches_etag("\"x\"", "\"x\""));
  EXPECT_TRUE(matches_etag(" \"y\" , W/\"x\"", "\"x\""));
  EXPECT_FALSE(matches_etag("", "\"x\""));
  EXPECT_FALSE(matches_etag("\"xx\"", "\"x\""));
  EXPECT_FALSE(matches_etag("x", "\"x\""));
  EXPECT_FALSE(matches_etag(",,,", "\"x\""));
}

TEST_F(ticket_routes_test, own_reservations) {
  said.reservation = view;
  const auto x = get("/api/reservations/my");
  EXPECT_EQ(x->json(),
            (json{{"reservations",
                   json::array({{{"id", to_string(view.id)},
                                 {"reservation_number", "TK1-ABCDEF01"},
                                 {"total_amount", 210'000},
                                 {"status", "pending"},
                                 {"payment_status", "pending"},
                                 {"created_at", "2026-02-22T10:00:00.000Z"},
                                 {"expires_at", "2026-02-22T10:05:00.000Z"},
                                 {"event_title", "Night"},
                                 {"venue", "Hall"},
                                 {"event_date", "2026-02-23T10:00:00.000Z"},
                                 {"items", json::array({{{"ticketTypeName", "A-1-2"},
                                                         {"quantity", 1},
                                                         {"unitPrice", 110'000},
                                                         {"subtotal", 110'000},
                                                         {"seatLabel", "A-1-2"}},
                                                        {{"ticketTypeName", "Standing"},
                                                         {"quantity", 2},
                                                         {"unitPrice", 50'000},
                                                         {"subtotal", 100'000},
                                                         {"seatLabel", nullptr}}})}}})}}));
  ASSERT_EQ(said.listed.size(), 1u);
  EXPECT_EQ(said.listed[0].user, me.user);
  EXPECT_EQ(get("/api/reservations/my", false)->status(), 401);
  EXPECT_EQ(get("/api/reservations", false)->status(), 401);
}

TEST_F(ticket_routes_test, one_reservation_with_everything) {
  const auto path = "/api/reservations/" + to_string(view.id);
  auto x = get(path);
  EXPECT_EQ(x->status(), 404);
  EXPECT_EQ(x->json()["message"], "Reservation not found");
  said.reservation = view;
  x = get(path);
  const auto r = x->json()["reservation"];
  EXPECT_EQ(r["event_id"], to_string(event));
  EXPECT_EQ(r["address"], "Street 1");
  EXPECT_TRUE(r["payment_method"].is_null());
  EXPECT_EQ(r["items"][0], (json{{"ticketTypeName", "A-1-2"},
                                 {"quantity", 1},
                                 {"unitPrice", 110'000},
                                 {"subtotal", 110'000},
                                 {"seatLabel", "A-1-2"},
                                 {"seatId", to_string(view.items[0].seat)},
                                 {"section", "A"},
                                 {"rowNumber", 1},
                                 {"seatNumber", 2}}));
  EXPECT_TRUE(r["items"][1]["seatId"].is_null());
  EXPECT_EQ(x->json()["history"],
            (json::array(
                {{{"at", "2026-02-22T10:00:00.000Z"}, {"action", "created"}, {"detail", nullptr}},
                 {{"at", "2026-02-22T10:00:01.000Z"},
                  {"action", "payment_rejected"},
                  {"detail", "late"}}})));
  ASSERT_EQ(said.shown.size(), 2u);
  EXPECT_EQ(said.shown[1].reservation, view.id);
  EXPECT_EQ(said.shown[1].user, me.user);
  EXPECT_EQ(get(path, false)->status(), 401);
  EXPECT_EQ(get("/api/reservations/123")->status(), 400);
  EXPECT_TRUE(gated.empty()) << "owners read their own without an entry token";
}

TEST_F(ticket_routes_test, seat_detail) {
  said.reservation = view;
  const auto r = get("/api/seats/reservation/" + to_string(view.id))->json()["reservation"];
  EXPECT_FALSE(r.contains("items"));
  EXPECT_FALSE(r.contains("address"));
  EXPECT_EQ(r["seats"][0], (json{{"seatId", to_string(view.items[0].seat)},
                                 {"seatLabel", "A-1-2"},
                                 {"section", "A"},
                                 {"rowNumber", 1},
                                 {"seatNumber", 2},
                                 {"price", 110'000},
                                 {"ticketTypeName", "A-1-2"},
                                 {"quantity", 1}}));
}

TEST_F(ticket_routes_test, a_forgotten_event_leaves_nulls) {
  view.event_title.clear();
  view.venue.clear();
  view.address.clear();
  view.event_date = {};
  said.reservation = view;
  const auto r = get("/api/reservations/" + to_string(view.id))->json()["reservation"];
  for (const auto* field : {"event_title", "venue", "address", "event_date"})
    EXPECT_TRUE(r.at(field).is_null()) << field;
}

// -- holds ---------------------------------------------------------------------------------------

TEST_F(ticket_routes_test, seats_are_reserved) {
  view.items.pop_back();
  said.reservation = view;
  const auto x = post("/api/seats/reserve", seat_body().dump());
  EXPECT_EQ(x->status(), 200);
  EXPECT_EQ(x->json(), (json{{"message", "Seat reserved temporarily"},
                             {"reservation",
                              {{"id", to_string(view.id)},
                               {"reservationNumber", "TK1-ABCDEF01"},
                               {"totalAmount", 210'000},
                               {"status", "pending"},
                               {"paymentStatus", "pending"},
                               {"expiresAt", "2026-02-22T10:05:00.000Z"},
                               {"seats", json::array({{{"id", to_string(view.items[0].seat)},
                                                       {"seat_label", "A-1-2"},
                                                       {"price", 110'000},
                                                       {"status", "locked"},
                                                       {"version", 3}}})},
                               {"fencingToken", 41}}}}));
  ASSERT_EQ(said.seat_holds.size(), 1u);
  EXPECT_EQ(said.seat_holds[0].event, event);
  EXPECT_EQ(said.seat_holds[0].user, me.user);
  EXPECT_EQ(said.seat_holds[0].seats, std::vector{view.items[0].seat});
  EXPECT_EQ(said.seat_holds[0].idempotency_key, "k-1");
  EXPECT_EQ(gated, std::vector{event});
  view.replayed = true;
  said.reservation = view;
  EXPECT_EQ(post("/api/seats/reserve", seat_body().dump())->json(), x->json())
      << "a replay is the same answer";
}

TEST_F(ticket_routes_test, tickets_are_reserved) {
  view.items.erase(view.items.begin());
  said.reservation = view;
  const auto x = post("/api/reservations", ticket_body().dump());
  EXPECT_EQ(x->status(), 200);
  EXPECT_EQ(x->json(),
            (json{{"message", "Reservation created"},
                  {"reservation",
                   {{"id", to_string(view.id)},
                    {"reservationNumber", "TK1-ABCDEF01"},
                    {"eventTitle", "Night"},
                    {"totalAmount", 210'000},
                    {"status", "pending"},
                    {"paymentStatus", "pending"},
                    {"expiresAt", "2026-02-22T10:05:00.000Z"},
                    {"items", json::array({{{"ticketTypeId", to_string(view.items[0].ticket_type)},
                                            {"ticketTypeName", "Standing"},
                                            {"quantity", 2},
                                            {"unitPrice", 50'000},
                                            {"subtotal", 100'000}}})}}}}));
  ASSERT_EQ(said.ticket_holds.size(), 1u);
  EXPECT_EQ(said.ticket_holds[0].items.at(0).quantity, 2);
  EXPECT_EQ(said.ticket_holds[0].idempotency_key, "k-2");
}

TEST_F(ticket_routes_test, without_admission_nothing_is_asked) {
  admits = false;
  for (const auto& x : {post("/api/seats/reserve", seat_body().dump()),
                        post("/api/reservations", ticket_body().dump())}) {
    EXPECT_EQ(x->status(), 403);
    EXPECT_EQ(x->json()["redirectTo"], "/queue");
  }
  EXPECT_TRUE(said.seat_holds.empty());
  EXPECT_TRUE(said.ticket_holds.empty());
}

TEST_F(ticket_routes_test, who_is_not_logged_in_hears_nothing_of_the_body) {
  EXPECT_EQ(post("/api/seats/reserve", "{", false)->status(), 401);
  EXPECT_EQ(post("/api/reservations", "{", false)->status(), 401);
  EXPECT_EQ(post("/api/reservations/x/cancel", "", false)->status(), 401);
}

TEST_F(ticket_routes_test, bad_bodies_are_named_and_reach_nobody) {
  const auto id = to_string(event);
  const std::vector<std::pair<std::string, std::string>> seat_cases{
      {"{", ""},
      {"[]", ""},
      {"{}", "eventId"},
      {R"({"eventId":"x","seatIds":[]})", "eventId"},
      {R"({"eventId":")" + id + R"(","seatIds":"A1"})", "seatIds"},
      {R"({"eventId":")" + id + R"(","seatIds":["A1"]})", "seatIds[0]"},
      {R"({"eventId":")" + id + R"(","seatIds":[")" + id + R"("],"idempotencyKey":7})",
       "idempotencyKey"},
      {R"({"eventId":")" + id + R"(","seatIds":[")" + id + R"("],"idempotencyKey":")"
           + std::string(65, 'k') + R"("})",
       "idempotencyKey"},
  };
  for (const auto& [body, field] : seat_cases) {
    const auto x = post("/api/seats/reserve", body);
    EXPECT_EQ(x->status(), 400) << body;
    if (field.empty()) {
      EXPECT_EQ(x->json()["code"], "malformed_body") << body;
    } else {
      EXPECT_EQ(x->json()["fields"][0]["field"], field) << body;
    }
  }
  const std::string start = R"({"eventId":")" + id + R"(","items":)";
  const std::vector<std::pair<std::string, std::string>> ticket_cases{
      {start + "[1]}", "items[0]"},
      {start + R"([{"ticketTypeId":"x","quantity":1}]})", "items[0].ticketTypeId"},
      {start + R"([{"ticketTypeId":")" + id + R"(","quantity":0}]})", "items[0].quantity"},
      {start + R"([{"ticketTypeId":")" + id + R"(","quantity":11}]})", "items[0].quantity"},
      {start + R"([{"ticketTypeId":")" + id + R"(","quantity":1.5}]})", "items[0].quantity"},
      {start + R"([{"ticketTypeId":")" + id + R"("}]})", "items[0].quantity"},
  };
  for (const auto& [body, field] : ticket_cases) {
    const auto x = post("/api/reservations", body);
    EXPECT_EQ(x->status(), 400) << body;
    EXPECT_EQ(x->json()["fields"][0]["field"], field) << body;
  }
  json many = seat_body();
  for (int i = 0; i < 60; ++i)
    many["seatIds"].push_back(id);
  EXPECT_EQ(post("/api/seats/reserve", many.dump())->status(), 400);
  EXPECT_TRUE(said.seat_holds.empty());
  EXPECT_TRUE(said.ticket_holds.empty());
  EXPECT_TRUE(gated.empty());
}

TEST_F(ticket_routes_test, a_blank_key_is_no_key) {
  said.reservation = view;
  auto body = seat_body();
  for (const json& key : {json("  "), json(""), json()}) {
    body["idempotencyKey"] = key;
    EXPECT_EQ(post("/api/seats/reserve", body.dump())->status(), 200);
    EXPECT_EQ(said.seat_holds.back().idempotency_key, "");
  }
}

TEST_F(ticket_routes_test, a_conflict_keeps_its_words) {
  said.reservation = failure{errc::seat_unavailable, "Seat already reserved: A-1-2"};
  const auto x = post("/api/seats/reserve", seat_body().dump());
  EXPECT_EQ(x->status(), 409);
  EXPECT_EQ(x->json()["message"], "Seat already reserved: A-1-2");
  EXPECT_EQ(x->json()["code"], "seat_unavailable");
  said.reservation = failure{errc::in_doubt};
  EXPECT_EQ(post("/api/seats/reserve", seat_body().dump())->status(), 503);
}

TEST_F(ticket_routes_test, cancelling) {
  view.status = reservation_status::cancelled;
  said.reservation = view;
  const auto path = "/api/reservations/" + to_string(view.id) + "/cancel";
  const auto x = post(path);
  EXPECT_EQ(x->json(),
            (json{{"message", "Reservation cancelled"},
                  {"reservation", {{"id", to_string(view.id)}, {"status", "cancelled"}}}}));
  ASSERT_EQ(said.cancels.size(), 1u);
  EXPECT_EQ(said.cancels[0].reservation, view.id);
  EXPECT_EQ(said.cancels[0].user, me.user);
  EXPECT_TRUE(gated.empty());
  said.reservation = failure{errc::already_ended, "Already cancelled reservation"};
  EXPECT_EQ(post(path)->status(), 409);
  EXPECT_EQ(post("/api/reservations/x/cancel")->status(), 400);
}

// -- the best seats ------------------------------------------------------------------------------

TEST_F(ticket_routes_test, best_available_passes_the_wish_on) {
  const auto path = "/api/seats/best-available";
  view.items.pop_back();
  said.reservation = view;
  const json full{{"eventId", to_string(event)}, {"count", 1},         {"section", "A"},
                  {"priceMax", 110'000},         {"accessible", true}, {"idempotencyKey", "k"}};
  const auto x = post(path, full.dump());
  ASSERT_EQ(x->status(), 200) << x->answer().body;
  ASSERT_EQ(said.best_holds.size(), 1u);
  const auto& m = said.best_holds[0];
  EXPECT_EQ(m.event, event);
  EXPECT_EQ(m.user, me.user);
  EXPECT_EQ(m.wish, (seat_wish{1, "A", 110'000, true}));
  EXPECT_EQ(m.idempotency_key, "k");
  EXPECT_EQ(gated, std::vector{event});
  const auto r = x->json()["reservation"];
  EXPECT_EQ(x->json()["message"], "Seat reserved temporarily");
  EXPECT_EQ(r["fencingToken"], 41);
  EXPECT_EQ(r["seats"], json::array({{{"id", to_string(view.items[0].seat)},
                                      {"seat_label", "A-1-2"},
                                      {"price", 110'000},
                                      {"status", "locked"},
                                      {"version", 3},
                                      {"section", "A"},
                                      {"row_number", 1},
                                      {"seat_number", 2}}}));

  const json least{{"eventId", to_string(event)}, {"count", 3}, {"idempotencyKey", "  "}};
  ASSERT_EQ(post(path, least.dump())->status(), 200);
  EXPECT_EQ(said.best_holds[1].wish, (seat_wish{.count = 3}));
  EXPECT_EQ(said.best_holds[1].idempotency_key, "");
}

TEST_F(ticket_routes_test, best_available_refuses_what_it_does_not_understand) {
  const auto path = "/api/seats/best-available";
  EXPECT_EQ(post(path, "{", false)->status(), 401) << "before anything is read";
  EXPECT_EQ(post(path, "{")->status(), 400);
  const auto x = post(path, json{{"eventId", "1"},
                                 {"count", 0},
                                 {"section", ""},
                                 {"priceMax", -1},
                                 {"accessible", "yes"},
                                 {"idempotencyKey", std::string(65, 'k')}}
                                .dump());
  ASSERT_EQ(x->status(), 400);
  std::vector<std::string> fields;
  const auto answer = x->json();
  for (const auto& f : answer["fields"])
    fields.push_back(f["field"]);
  EXPECT_EQ(fields, (std::vector<std::string>{"eventId", "count", "section", "priceMax",
                                              "accessible", "idempotencyKey"}));
  EXPECT_EQ(post(path, json{{"eventId", to_string(event)}}.dump())->status(), 400);
  EXPECT_TRUE(said.best_holds.empty());
  EXPECT_TRUE(gated.empty());
  admits = false;
  const json good{{"eventId", to_string(event)}, {"count", 2}};
  EXPECT_EQ(post(path, good.dump())->status(), 403);
  EXPECT_TRUE(said.best_holds.empty());
  admits = true;
  said.reservation = failure{errc::seat_unavailable, "No 2 such seats side by side are available"};
  const auto none = post(path, good.dump());
  EXPECT_EQ(none->status(), 409);
  EXPECT_EQ(none->json()["code"], "seat_unavailable");
  const auto found = routes.find(verb::post, path);
  ASSERT_NE(found.found, nullptr);
  EXPECT_EQ(found.found->limit, rate_category::booking);
}

} // namespace
} // namespace tiketi::net
