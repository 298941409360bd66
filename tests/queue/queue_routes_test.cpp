#include "net/routes/queue.hpp"
#include "tests/queue/queue_fixture.hpp"
#include "tests/support/fake_exchange.hpp"

#include <optional>

namespace tiketi::net {
namespace {

using nlohmann::json;
using test::nth_user;

class queue_routes_test : public test::queue_fixture {
protected:
  queue_routes_test() {
    add_queue_routes(routes, {.queues = region, .tokens = tokens, .secure_cookies = false});
    caller.emplace(sys, *env, routes, [this] { sched.run(); });
  }

  ~queue_routes_test() override { caller.reset(); }

  static identity who(std::uint64_t n, std::string role = "user") {
    return {nth_user(n), "someone@example.com", std::move(role)};
  }

  test::fake_exchange_ptr call(verb method, const std::string& path,
                               std::optional<identity> caller_id) {
    request r;
    r.method = method;
    const auto question = path.find('?');
    r.path = path.substr(0, question);
    if (question != std::string::npos) {
      const auto equals = path.find('=', question);
      r.query.emplace_back(path.substr(question + 1, equals - question - 1),
                           path.substr(equals + 1));
    }
    r.who = std::move(caller_id);
    auto x = caller->call(std::move(r));
    EXPECT_EQ(x->replies(), 1u) << path;
    return x;
  }

  std::string at(const std::string& what) const {
    return "/api/queue/" + what + "/" + to_string(event);
  }

  json check(std::uint64_t n) { return call(verb::post, at("check"), who(n))->json(); }
  json status(std::uint64_t n) { return call(verb::get, at("status"), who(n))->json(); }

  entry_tokens tokens = *entry_tokens::make("a secret of at least thirty-two bytes!!");
  router routes;
  std::optional<test::route_caller> caller;
};

TEST_F(queue_routes_test, check_has_exactly_the_fields_of_the_contract) {
  auto active = check(1);
  const auto token = active.at("entryToken").get<std::string>();
  active.erase("entryToken");
  EXPECT_EQ(active, json::parse(R"({"status":"active","queued":false,"nextPoll":3,"threshold":2,
      "currentUsers":0,"eventInfo":{"title":"Night \"Live\"","artist":"Band"}})"));
  const auto claims = tokens.verify(token, env->now());
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->event, event);
  EXPECT_EQ(claims->user, nth_user(1));
  EXPECT_EQ(claims->expires_at, epoch + seconds{600});
  check(2);
  check(3);
  EXPECT_EQ(check(4), json::parse(R"({"status":"queued","queued":true,"position":2,
      "peopleAhead":1,"peopleBehind":0,"estimatedWait":5,"nextPoll":1,"threshold":2,
      "currentUsers":2,"eventInfo":{"title":"Night \"Live\"","artist":"Band"}})"));
}

TEST_F(queue_routes_test, status_has_exactly_the_fields_of_the_contract) {
  EXPECT_EQ(status(1), json::parse(R"({"status":"not_in_queue","queued":false,
      "message":"Not in queue","nextPoll":3,"currentUsers":0})"));
  for (std::uint64_t n = 1; n < 6; ++n)
    check(n);
  auto active = status(1);
  EXPECT_TRUE(tokens.verify(active.at("entryToken").get<std::string>(), env->now()));
  active.erase("entryToken");
  EXPECT_EQ(active, json::parse(R"({"status":"active","queued":false,"message":"Entry allowed",
      "nextPoll":3,"currentUsers":2})"));
  EXPECT_EQ(status(4), json::parse(R"({"status":"queued","queued":true,"position":2,
      "peopleAhead":1,"peopleBehind":1,"estimatedWait":5,"nextPoll":1,"queueSize":3,
      "currentUsers":2})"));
}

TEST_F(queue_routes_test, an_event_without_artist_says_null) {
  catalog->events[event].artist.clear();
  EXPECT_EQ(check(1).at("eventInfo").at("artist"), nullptr);
}

TEST_F(queue_routes_test, the_token_is_also_a_cookie_and_never_outlives_the_slot) {
  auto x = call(verb::post, at("check"), who(1));
  const auto token = x->json().at("entryToken").get<std::string>();
  auto cookies = x->headers("Set-Cookie");
  ASSERT_EQ(cookies.size(), 1u);
  EXPECT_EQ(cookies[0], "urr-entry-token=" + token + "; Path=/; Max-Age=600; SameSite=Strict");
  // Near the end of the session every renewal is cut short, and so is the token.
  for (int i = 0; i < 36; ++i) {
    x = call(verb::get, at("status"), who(1));
    advance(seconds{90});
  }
  x = call(verb::get, at("status"), who(1));
  const auto claims = tokens.verify(x->json().at("entryToken").get<std::string>(), env->now());
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->expires_at, epoch + seconds{3600});
  EXPECT_TRUE(call(verb::post, at("check"), who(9))->headers("Set-Cookie").size() == 1);
  check(10);
  EXPECT_TRUE(call(verb::post, at("check"), who(11))->headers("Set-Cookie").empty());
}

TEST_F(queue_routes_test, heartbeat_and_leave) {
  const auto beat = [&](std::uint64_t n) {
    return call(verb::post, at("heartbeat"), who(n))->json();
  };
  EXPECT_EQ(beat(1), json::parse(R"({"status":"not_in_queue","queued":false})"));
  for (std::uint64_t n = 1; n < 4; ++n)
    check(n);
  EXPECT_EQ(beat(1), json::parse(R"({"status":"active","queued":false})"));
  EXPECT_EQ(beat(3), json::parse(R"({"status":"queued","queued":true})"));
  EXPECT_EQ(call(verb::post, at("leave"), who(3))->json(),
            json::parse(R"({"message":"Left queue"})"));
  EXPECT_EQ(call(verb::post, at("leave"), who(99))->json(),
            json::parse(R"({"message":"Left queue"})"));
}

TEST_F(queue_routes_test, operators) {
  for (std::uint64_t n = 1; n < 6; ++n)
    check(n);
  const auto id = to_string(event);
  const auto admin = who(1, "admin");
  EXPECT_EQ(call(verb::get, "/api/queue/admin/" + id, admin)->json(), (json{{"eventId", id},
                                                                            {"queueSize", 3},
                                                                            {"currentUsers", 2},
                                                                            {"threshold", 2},
                                                                            {"available", 0}}));
  EXPECT_EQ(call(verb::post, "/api/queue/admin/threshold/" + id + "?threshold=10", admin)->json(),
            (json{{"eventId", id}, {"threshold", 10}}));
  EXPECT_EQ(call(verb::get, "/api/queue/admin/" + id, admin)->json().at("available"), 8);
  EXPECT_EQ(call(verb::post, "/api/queue/admin/clear/" + id, admin)->json(),
            json::parse(R"({"message":"Queue cleared"})"));
  EXPECT_EQ(call(verb::get, "/api/queue/admin/" + id, admin)->json().at("queueSize"), 0);
}

TEST_F(queue_routes_test, wrong_input_is_refused_and_changes_nothing) {
  const auto admin = who(1, "admin");
  const auto id = to_string(event);
  for (const auto* text : {"0", "-1", "1000001", "many", "", "1.5", "99999999999999999999"}) {
    const auto x =
        call(verb::post, "/api/queue/admin/threshold/" + id + "?threshold=" + text, admin);
    EXPECT_EQ(x->status(), 400) << text;
    EXPECT_TRUE(x->json().contains("error"));
  }
  EXPECT_EQ(call(verb::post, "/api/queue/admin/threshold/" + id, admin)->status(), 400);
  for (const auto* path : {"/api/queue/check/", "/api/queue/heartbeat/", "/api/queue/leave/"})
    EXPECT_EQ(call(verb::post, path + std::string("no-uuid"), who(1))->status(), 400) << path;
  EXPECT_EQ(call(verb::get, "/api/queue/status/no-uuid", who(1))->status(), 400);
  EXPECT_EQ(call(verb::get, "/api/queue/other/" + id, who(1))->status(), 404);
  EXPECT_EQ(call(verb::get, at("check"), who(1))->status(), 405);
  EXPECT_EQ(journal->batches(), 0u);
}

TEST_F(queue_routes_test, only_the_right_people) {
  for (const auto* path : {"check", "heartbeat", "leave"})
    EXPECT_EQ(call(verb::post, at(path), std::nullopt)->status(), 401) << path;
  EXPECT_EQ(call(verb::get, at("status"), std::nullopt)->status(), 401);
  EXPECT_EQ(call(verb::get, at("admin"), std::nullopt)->status(), 401);
  EXPECT_EQ(call(verb::get, at("admin"), who(1))->status(), 403);
  EXPECT_EQ(call(verb::post, at("admin/clear"), who(1))->status(), 403);
  EXPECT_EQ(call(verb::post, at("admin/threshold") + "?threshold=5", who(1))->status(), 403);
}

TEST_F(queue_routes_test, unknown_and_closed_events_say_so) {
  catalog->events[event].cancelled = true;
  auto x = call(verb::post, at("check"), who(1));
  EXPECT_EQ(x->status(), 409);
  EXPECT_EQ(x->json().at("error"), "This event has been cancelled");
  event = event_id{nth_user(1).value};
  x = call(verb::post, at("check"), who(1));
  EXPECT_EQ(x->status(), 404);
  EXPECT_EQ(x->json().at("error"), "Event not found");
}

} // namespace
} // namespace tiketi::net
