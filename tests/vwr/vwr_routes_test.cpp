#include "actors/queue/type_ids.hpp"
#include "actors/queue/waiting_room.hpp"
#include "net/routes/room_gate.hpp"
#include "net/routes/vwr.hpp"
#include "tests/support/fake_exchange.hpp"
#include "tests/vwr/room_fixture.hpp"

#include <optional>
#include <set>

namespace tiketi::net {
namespace {

using nlohmann::json;

class vwr_routes_test : public test::room_fixture {
protected:
  vwr_routes_test() {
    add_vwr_routes(routes, {.rooms = region,
                            .ids = *vwr::request_ids::make(secret, seconds{86'400}),
                            .tokens = tokens});
    caller.emplace(sys, *env, routes, [this] { sched.run(); });
  }

  ~vwr_routes_test() override { caller.reset(); }

  static identity who(std::string role) {
    return {*parse_id<user_id>("00000000-0000-4000-8000-00000000000a"), "a@example.com",
            std::move(role)};
  }

  test::fake_exchange_ptr call(verb method, const std::string& path, std::string body = {},
                               std::optional<identity> caller_id = std::nullopt) {
    request r;
    r.method = method;
    const auto question = path.find('?');
    r.path = path.substr(0, question);
    if (question != std::string::npos) {
      const auto equals = path.find('=', question);
      r.query.emplace_back(path.substr(question + 1, equals - question - 1),
                           path.substr(equals + 1));
    }
    r.body = std::move(body);
    r.who = std::move(caller_id);
    auto x = caller->call(std::move(r));
    EXPECT_EQ(x->replies(), 1u) << path;
    return x;
  }

  test::fake_exchange_ptr admin(verb method, const std::string& what, std::string body = {}) {
    return call(method, "/api/admin/vwr/" + what, std::move(body), who("admin"));
  }

  std::string at(const std::string& what) const {
    return "/vwr-api/vwr/" + what + "/" + to_string(event);
  }

  json assign(const std::string& holder) {
    return call(verb::post, at("assign"), json{{"userId", holder}}.dump())->json();
  }

  test::fake_exchange_ptr check_of(const json& assigned, const std::string& holder) {
    return call(verb::get, at("check") + "/" + assigned["requestId"].get<std::string>()
                               + (holder.empty() ? "" : "?userId=" + holder));
  }

  const std::string secret = "a secret of at least thirty-two bytes!!";
  room_tokens tokens = *room_tokens::make(secret);
  router routes;
  std::optional<test::route_caller> caller;
};

TEST_F(vwr_routes_test, a_visit_has_exactly_the_fields_of_the_contract) {
  const auto id = to_string(event);
  EXPECT_EQ(admin(verb::post, "activate/" + id)->json(),
            (json{{"eventId", id}, {"status", "activated"}, {"message", "VWR activated"}}));
  EXPECT_EQ(call(verb::get, at("status"))->json(), (json{{"eventId", id},
                                                         {"isActive", true},
                                                         {"totalInQueue", 0},
                                                         {"serving", 0},
                                                         {"waitingCount", 0}}));
  json mine;
  for (int n = 1; n <= 3; ++n) {
    mine = assign("anon-" + std::to_string(n));
    const auto request = mine["requestId"].get<std::string>();
    EXPECT_TRUE(parse_uuid(request));
    EXPECT_EQ(
        mine,
        (json{
            {"requestId", request}, {"position", n}, {"estimatedWait", 1}, {"servingCounter", 0}}));
  }
  EXPECT_EQ(check_of(mine, "anon-3")->json(), (json{{"admitted", false},
                                                    {"position", 3},
                                                    {"servingCounter", 0},
                                                    {"totalInQueue", 3},
                                                    {"ahead", 3},
                                                    {"estimatedWait", 1},
                                                    {"nextPoll", 2}}));
  advance(options.advance_interval);
  EXPECT_EQ(call(verb::get, at("status"))->json()["waitingCount"], 1);
  advance(options.advance_interval);
  const auto x = check_of(mine, "anon-3");
  EXPECT_EQ(x->headers("Cache-Control"), std::vector<std::string>{"no-store"});
  auto served = x->json();
  const auto claims = tokens.verify(served["token"].get<std::string>(), env->now());
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->event, event);
  EXPECT_EQ(claims->holder, "anon-3");
  EXPECT_EQ(claims->position, 3u);
  EXPECT_EQ(claims->expires_at - claims->issued_at, seconds{600});
  served.erase("token");
  EXPECT_EQ(served, (json{{"admitted", true},
                          {"position", 3},
                          {"servingCounter", 3},
                          {"totalInQueue", 3},
                          {"ahead", 0}}));
}

TEST_F(vwr_routes_test, switched_off_means_admitted) {
  admin(verb::post, "activate/" + to_string(event));
  const auto mine = assign("a");
  EXPECT_EQ(admin(verb::post, "deactivate/" + to_string(event))->json(),
            (json{{"eventId", to_string(event)}, {"status", "deactivated"}}));
  auto seen = check_of(mine, "a")->json();
  EXPECT_TRUE(tokens.verify(seen["token"].get<std::string>(), env->now()));
  seen.erase("token");
  EXPECT_EQ(seen, (json{{"admitted", true}, {"position", 1}, {"servingCounter", 0}}));
  const auto x = call(verb::post, at("assign"), R"({"userId":"b"})");
  EXPECT_EQ(x->status(), 404) << "the client skips tier 1";
  EXPECT_EQ(x->json()["error"], "VWR is not active for this event");
  EXPECT_EQ(call(verb::get, at("status"))->json()["isActive"], false);
}

TEST_F(vwr_routes_test, nobody_uses_anothers_number) {
  admin(verb::post, "activate/" + to_string(event));
  const auto mine = assign("a");
  const auto x = check_of(mine, "b");
  EXPECT_EQ(x->status(), 404);
  EXPECT_EQ(x->json()["error"], "Position not found. Request a new position.");
  EXPECT_EQ(check_of(mine, "")->status(), 404);
  EXPECT_EQ(call(verb::get, at("check") + "/00000000-0000-4000-8000-0000000000e1")->status(), 404);
  EXPECT_EQ(call(verb::get, at("check") + "/garbage")->status(), 404);
  EXPECT_EQ(check_of(mine, "a")->status(), 200);
  const auto unnamed = call(verb::post, at("assign"))->json();
  EXPECT_EQ(check_of(unnamed, "")->status(), 200) << "without a name: anonymous";
  EXPECT_EQ(check_of(unnamed, "anonymous")->status(), 200);
}

TEST_F(vwr_routes_test, wrong_input_is_refused_and_takes_no_number) {
  admin(verb::post, "activate/" + to_string(event));
  const auto batches = store->batches();
  const std::string bodies[] = {R"({"userId":17})",
                                R"({"userId":")" + std::string(129, 'x') + "\"}",
                                R"({"userId":"a\u0000b"})",
                                R"([1])",
                                "{",
                                R"({"userId":"a\nb"})"};
  for (const auto& body : bodies)
    EXPECT_EQ(call(verb::post, at("assign"), body)->status(), 400) << body;
  EXPECT_EQ(call(verb::post, "/vwr-api/vwr/assign/no-uuid")->status(), 400);
  EXPECT_EQ(call(verb::get, "/vwr-api/vwr/status/no-uuid")->status(), 400);
  EXPECT_EQ(call(verb::get, "/vwr-api/vwr/other")->status(), 404);
  EXPECT_EQ(call(verb::get, at("assign"))->status(), 405);
  EXPECT_EQ(store->batches(), batches);
}

TEST_F(vwr_routes_test, operators) {
  const auto id = to_string(event);
  for (const auto& [method, what] :
       {std::pair{verb::get, "status/"}, {verb::post, "deactivate/"}, {verb::post, "advance/"}}) {
    const auto x = admin(method, what + id);
    EXPECT_EQ(x->status(), 404) << what;
    EXPECT_EQ(x->json()["status"], "not_found");
    EXPECT_EQ(x->json()["error"], x->json()["message"]);
  }
  admin(verb::post, "activate/" + id);
  for (int i = 0; i < 5; ++i)
    assign("a");
  EXPECT_EQ(admin(verb::get, "status/" + id)->json(), (json{{"eventId", id},
                                                            {"isActive", true},
                                                            {"nextPosition", 5},
                                                            {"servingCounter", 0},
                                                            {"waiting", 5}}));
  EXPECT_EQ(admin(verb::post, "advance/" + id, R"({"batchSize":3})")->json(),
            (json{{"eventId", id}, {"servingCounter", 3}, {"advanced", 3}}));
  EXPECT_EQ(admin(verb::post, "advance/" + id)->json(),
            (json{{"eventId", id}, {"servingCounter", 5}, {"advanced", 2}}));
  EXPECT_EQ(admin(verb::post, "advance/" + id)->json(),
            (json{{"eventId", id},
                  {"status", "caught_up"},
                  {"message", "servingCounter already >= nextPosition"}}));
  for (const auto* body : {R"({"batchSize":"5"})", R"({"batchSize":0})", R"({"batchSize":-1})",
                           R"({"batchSize":1000001})", R"({"batchSize":1.5})", "{"})
    EXPECT_EQ(admin(verb::post, "advance/" + id, body)->status(), 400) << body;
  EXPECT_EQ(admin(verb::post, "activate/" + id)->status(), 200);
  EXPECT_EQ(admin(verb::get, "status/" + id)->json()["nextPosition"], 5) << "nobody was reset";
  EXPECT_EQ(admin(verb::post, "activate/" + id + "?reset=true")->status(), 409);
  EXPECT_EQ(admin(verb::post, "activate/" + id + "?reset=maybe")->status(), 400);
  admin(verb::post, "deactivate/" + id);
  EXPECT_EQ(admin(verb::post, "activate/" + id + "?reset=true")->status(), 200);
  EXPECT_EQ(admin(verb::get, "status/" + id)->json()["nextPosition"], 0);
  briefs.clear();
  EXPECT_EQ(admin(verb::post, "activate/00000000-0000-4000-8000-0000000000e9")->status(), 404);
}

TEST_F(vwr_routes_test, only_administrators_operate) {
  const auto id = to_string(event);
  for (const auto& [method, what] : {std::pair{verb::post, "activate/"},
                                     {verb::post, "deactivate/"},
                                     {verb::post, "advance/"},
                                     {verb::get, "status/"}}) {
    EXPECT_EQ(call(method, "/api/admin/vwr/" + std::string{what} + id)->status(), 401) << what;
    EXPECT_EQ(call(method, "/api/admin/vwr/" + std::string{what} + id, {}, who("user"))->status(),
              403)
        << what;
  }
  EXPECT_EQ(store->batches(), 0u);
  for (const auto& r : routes.all())
    if (r->pattern.starts_with("/internal/")) {
      EXPECT_EQ(r->who, access::internal) << r->pattern;
    }
}

TEST_F(vwr_routes_test, an_edge_reads_which_rooms_are_active) {
  EXPECT_EQ(call(verb::get, "/internal/vwr/active")->json(),
            (json{{"activeEvents", json::array()}}));
  admin(verb::post, "activate/" + to_string(event));
  EXPECT_EQ(call(verb::get, "/internal/vwr/active")->json(),
            (json{{"activeEvents", {to_string(event)}}}));
  assign("a");
  EXPECT_EQ(call(verb::post, "/internal/vwr/advance/" + to_string(event))->json()["advanced"], 1);
}

// -- the gate before the queue -------------------------------------------------------------------

class room_gate_test : public vwr_routes_test {
protected:
  room_gate_test() {
    queue = sys.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](const queue::poll_queue&) {
        queue::queue_place out;
        out.place =
            static_cast<std::uint8_t>(in_queue ? queue::place::waiting : queue::place::none);
        return out;
      }};
    });
    gate = make_room_gate({}, tokens, region, caf::actor_cast<queue::queues>(queue));
    gated.add({verb::post, "/join", access::user, rate_category::exempt, body_rule::none,
               [this](front& f, const exchange_ptr& x) {
                 gate(f, x, event, [x] { x->reply(json_response({{"joined", true}})); });
               }});
    doors.emplace(sys, *env, gated, [this] { sched.run(); });
  }

  ~room_gate_test() override {
    doors.reset();
    send_exit(queue);
    gate = nullptr;
    sched.run();
  }

  test::fake_exchange_ptr join(std::vector<std::pair<std::string, std::string>> headers = {}) {
    request r;
    r.method = verb::post;
    r.path = "/join";
    r.headers = std::move(headers);
    r.who = who("user");
    return doors->call(std::move(r));
  }

  std::string token(const event_id& of) const {
    return tokens.sign({of, "anon", 1, env->now(), env->now() + seconds{600}});
  }

  bool in_queue = false;
  caf::actor queue;
  room_gate gate;
  router gated;
  std::optional<test::route_caller> doors;
};

TEST_F(room_gate_test, only_an_active_room_stands_before_the_queue) {
  EXPECT_EQ(join()->status(), 200) << "there is no room";
  admin(verb::post, "activate/" + to_string(event));
  const auto x = join();
  EXPECT_EQ(x->status(), 403);
  EXPECT_EQ(x->json()["code"], "vwr_token_required");
  EXPECT_EQ(x->json()["redirectTo"], "/vwr/" + to_string(event));
  EXPECT_EQ(x->json()["error"], x->json()["message"]);
  admin(verb::post, "deactivate/" + to_string(event));
  EXPECT_EQ(join()->status(), 200);
}

TEST_F(room_gate_test, a_token_of_this_event_opens_it) {
  admin(verb::post, "activate/" + to_string(event));
  EXPECT_EQ(join({{"cookie", "urr-vwr-token=" + token(event)}})->status(), 200);
  EXPECT_EQ(join({{"x-vwr-token", token(event)}})->status(), 200);
  const event_id other = *parse_id<event_id>("00000000-0000-4000-8000-0000000000e2");
  EXPECT_EQ(join({{"cookie", "urr-vwr-token=" + token(other)}})->status(), 403);
  EXPECT_EQ(join({{"cookie", "urr-vwr-token=junk"}})->status(), 403);
  const auto old = token(event);
  advance(seconds{600});
  EXPECT_EQ(join({{"x-vwr-token", old}})->status(), 403);
}

TEST_F(room_gate_test, who_stands_in_the_queue_may_look_again_without_a_token) {
  admin(verb::post, "activate/" + to_string(event));
  in_queue = true;
  EXPECT_EQ(join()->status(), 200);
}

} // namespace
} // namespace tiketi::net
