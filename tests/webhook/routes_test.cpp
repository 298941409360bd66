#include "net/routes/webhooks.hpp"
#include "tests/support/fake_exchange.hpp"
#include "tests/webhook/webhook_fixture.hpp"

#include <nlohmann/json.hpp>

namespace tiketi::net {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

class webhook_routes_test : public test::webhook_test {
protected:
  void SetUp() override {
    options.limits.webhooks_per_organiser = 3;
    start();
    add_webhook_routes(routes, {role.webhooks, {.http = true, .private_addresses = true}});
    admin = identity{user_id{make_uuid(*env)}, "admin@example.com", "admin"};
    user = identity{user_id{make_uuid(*env)}, "ada@example.com", "user"};
  }

  test::fake_exchange_ptr call(verb method, const std::string& path, const json& body = nullptr,
                               std::optional<identity> who = std::nullopt) {
    test::route_caller caller{sys, *env, routes, [this] { quiet(); }};
    request r;
    r.method = method;
    const auto mark = path.find('?');
    r.path = "/api/admin/webhooks" + path.substr(0, mark);
    for (std::size_t at = mark; at != std::string::npos;) {
      const auto next = path.find('&', at + 1);
      const auto pair = path.substr(at + 1, next == std::string::npos ? next : next - at - 1);
      r.query.emplace_back(pair.substr(0, pair.find('=')), pair.substr(pair.find('=') + 1));
      at = next;
    }
    r.body = body.is_null() ? "" : body.dump();
    r.peer = "192.0.2.1";
    r.who = who ? who : admin;
    return caller.call(std::move(r));
  }

  json body(const json& more = json::object()) const {
    json out{{"url", shop.url()}, {"eventTypes", {"RESERVATION_CREATED", "PAYMENT_CONFIRMED"}}};
    out.update(more);
    return out;
  }

  test::receiver shop;
  router routes;
  std::optional<identity> admin;
  std::optional<identity> user;
};

TEST_F(webhook_routes_test, a_webhook_is_made_shown_changed_and_deleted) {
  const auto event = to_string(make_uuid(*env));
  const auto made = call(verb::post, "", body({{"description", "ours"}, {"eventId", event}}));
  ASSERT_EQ(made->status(), 201) << made->answer().body;
  EXPECT_EQ(made->headers("Cache-Control"), (std::vector<std::string>{"no-store"}));
  const auto secret = made->json()["secret"].get<std::string>();
  EXPECT_EQ(secret.size(), 70u);
  const auto shown = made->json()["webhook"];
  const auto id = shown["id"].get<std::string>();
  EXPECT_EQ(shown, (json{{"id", id},
                         {"url", shop.url()},
                         {"description", "ours"},
                         {"eventTypes", {"PAYMENT_CONFIRMED", "RESERVATION_CREATED"}},
                         {"eventId", event},
                         {"active", true},
                         {"state", "active"},
                         {"stateReason", nullptr},
                         {"stateSince", "2026-02-22T10:00:00.000Z"},
                         {"pendingDeliveries", 0},
                         {"deadLetters", 0},
                         {"missedEvents", 0},
                         {"previousSecretValidUntil", nullptr},
                         {"createdBy", to_string(admin->user)},
                         {"createdAt", "2026-02-22T10:00:00.000Z"},
                         {"updatedAt", "2026-02-22T10:00:00.000Z"}}));
  EXPECT_EQ(call(verb::get, "/" + id)->json(), (json{{"webhook", shown}}));
  const auto listed = call(verb::get, "")->json();
  EXPECT_EQ(listed["webhooks"], json::array({shown}));
  EXPECT_GE(listed["eventTypes"].size(), 10u);
  EXPECT_EQ(listed.dump().find(secret), std::string::npos) << "never again";

  auto changed = call(verb::patch, "/" + id, {{"eventId", nullptr}, {"active", false}});
  ASSERT_EQ(changed->status(), 200) << changed->answer().body;
  EXPECT_EQ(changed->json()["webhook"]["eventId"], nullptr);
  EXPECT_EQ(changed->json()["webhook"]["state"], "paused");
  EXPECT_EQ(changed->json()["webhook"]["description"], "ours");
  changed = call(verb::patch, "/" + id,
                 {{"eventTypes", {"TRANSFER_COMPLETED"}}, {"description", nullptr}});
  EXPECT_EQ(changed->json()["webhook"]["eventTypes"], (json{"TRANSFER_COMPLETED"}));
  EXPECT_EQ(changed->json()["webhook"]["description"], "");
  EXPECT_EQ(changed->json()["webhook"]["active"], false);
  EXPECT_EQ(call(verb::patch, "/" + id, json::object())->status(), 200);

  const auto rotated = call(verb::post, "/" + id + "/rotate-secret");
  ASSERT_EQ(rotated->status(), 200);
  EXPECT_NE(rotated->json()["secret"], secret);
  EXPECT_EQ(rotated->json()["webhook"]["previousSecretValidUntil"], "2026-02-23T10:00:00.000Z");

  EXPECT_EQ(call(verb::del, "/" + id)->json(), (json{{"message", "Webhook deleted"}}));
  for (const auto method : {verb::get, verb::del})
    EXPECT_EQ(call(method, "/" + id)->json()["error"], "Webhook not found");
  EXPECT_EQ(call(verb::patch, "/" + id, {{"active", true}})->status(), 404);
  EXPECT_EQ(call(verb::post, "/" + id + "/test")->status(), 404);
}

TEST_F(webhook_routes_test, only_for_administrators_before_anything_is_looked_at) {
  const std::string one = "/not-an-id";
  for (const auto& [method, path] :
       {std::pair{verb::post, std::string{}}, std::pair{verb::get, std::string{}},
        std::pair{verb::get, one}, std::pair{verb::patch, one}, std::pair{verb::del, one},
        std::pair{verb::post, one + "/test"}, std::pair{verb::post, one + "/rotate-secret"},
        std::pair{verb::get, one + "/deliveries"},
        std::pair{verb::post, one + "/dead-letters/replay"}}) {
    const auto refused = call(method, path, nullptr, user);
    EXPECT_EQ(refused->status(), 403) << path;
    EXPECT_EQ(refused->json()["code"], "admin_required");
    test::route_caller caller{sys, *env, routes, [this] { quiet(); }};
    EXPECT_EQ(caller.call(method, "/api/admin/webhooks" + path)->status(), 401) << path;
    if (!path.empty()) {
      EXPECT_EQ(call(method, path, json::object())->status(), 400) << path;
    }
  }
}

TEST_F(webhook_routes_test, bad_input_is_400_with_its_field_and_changes_nothing) {
  const auto field = [&](const json& b) {
    const auto x = call(verb::post, "", b);
    EXPECT_EQ(x->status(), 400) << b.dump();
    return x->json()["fields"][0]["field"].get<std::string>();
  };
  for (const auto& url : std::vector<json>{"", "ftp://x", "https://u@x", 7, nullptr, "https://",
                                           std::string(3000, 'x')})
    EXPECT_EQ(field(body({{"url", url}})), "url");
  for (const auto& types : std::vector<json>{nullptr,
                                             "RESERVATION_CREATED",
                                             json::array(),
                                             {"RESERVATION_CREATED", "NO_SUCH"},
                                             {"reservation_created"},
                                             {7},
                                             {"POINTS_EARNED"}})
    EXPECT_EQ(field(body({{"eventTypes", types}})), "eventTypes") << types.dump();
  EXPECT_EQ(field(body({{"eventId", "x"}})), "eventId");
  EXPECT_EQ(field(body({{"eventId", 7}})), "eventId");
  EXPECT_EQ(field(body({{"active", "yes"}})), "active");
  EXPECT_EQ(field(body({{"active", nullptr}})), "active");
  EXPECT_EQ(field(body({{"description", std::string(501, 'x')}})), "description");
  EXPECT_EQ(field(body({{"description", 7}})), "description");
  const auto all = call(verb::post, "", json::object());
  EXPECT_EQ(all->json()["fields"].size(), 2u);
  EXPECT_EQ(call(verb::post, "", json::array())->json()["code"], "malformed_body");
  EXPECT_TRUE(call(verb::get, "")->json()["webhooks"].empty());

  const auto id = call(verb::post, "", body())->json()["webhook"]["id"].get<std::string>();
  EXPECT_EQ(call(verb::patch, "/" + id, {{"url", "http://["}, {"active", false}})->status(), 400);
  EXPECT_EQ(call(verb::get, "/" + id)->json()["webhook"]["active"], true);
  for (const char* query : {"?status=x", "?page=0", "?limit=101", "?limit=x"})
    EXPECT_EQ(call(verb::get, "/" + id + "/deliveries" + query)->status(), 400) << query;
  for (const auto& replay : std::vector<json>{json::object(),
                                              {{"all", false}},
                                              {{"all", "true"}},
                                              {{"ids", json::array()}},
                                              {{"ids", {"x"}}},
                                              {{"all", true}, {"ids", {id}}}})
    EXPECT_EQ(call(verb::post, "/" + id + "/dead-letters/replay", replay)->status(), 400)
        << replay.dump();
}

TEST_F(webhook_routes_test, there_is_a_limit) {
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(call(verb::post, "", body())->status(), 201);
  const auto over = call(verb::post, "", body());
  EXPECT_EQ(over->status(), 409);
  EXPECT_EQ(over->json()["code"], "limit_exceeded");
}

TEST_F(webhook_routes_test, deliveries_and_dead_letters) {
  const auto id = call(verb::post, "", body())->json()["webhook"]["id"].get<std::string>();
  ASSERT_TRUE(tell(event("good")));
  quiet();
  shop.behave([](const test::local_request&) { return test::local_reply{500, "", {}}; });
  const auto bad = event("bad");
  ASSERT_TRUE(tell(bad));
  quiet();
  const auto pending = call(verb::get, "/" + id + "/deliveries?status=pending&limit=1")->json();
  EXPECT_EQ(pending["pagination"],
            (json{{"page", 1}, {"limit", 1}, {"total", 1}, {"totalPages", 1}}));
  const auto row = pending["deliveries"][0];
  EXPECT_EQ(row, (json{{"id", to_string(bad.id)},
                       {"type", "RESERVATION_CREATED"},
                       {"key", "bad"},
                       {"status", "pending"},
                       {"attempts", 1},
                       {"replays", 0},
                       {"lastStatus", 500},
                       {"lastError", "status 500"},
                       {"occurredAt", to_iso(bad.occurred_at)},
                       {"queuedAt", to_iso(bad.occurred_at)},
                       {"nextAttemptAt", row["nextAttemptAt"]},
                       {"endedAt", nullptr}}));
  EXPECT_TRUE(row["nextAttemptAt"].is_string());
  pass(60s);
  const auto dead = call(verb::get, "/" + id + "/deliveries?status=dead")->json()["deliveries"];
  ASSERT_EQ(dead.size(), 1u);
  EXPECT_EQ(dead[0]["attempts"], 4);
  EXPECT_EQ(call(verb::get, "/" + id)->json()["webhook"]["deadLetters"], 1);
  EXPECT_EQ(call(verb::get, "/" + id + "/deliveries")->json()["pagination"]["total"], 2);
  EXPECT_EQ(
      call(verb::post, "/" + id + "/dead-letters/replay", {{"ids", {to_string(make_uuid(*env))}}})
          ->json(),
      (json{{"replayed", 0}, {"remaining", 1}}));
  shop.behave([](const test::local_request&) { return test::local_reply{200, "", {}}; });
  EXPECT_EQ(call(verb::post, "/" + id + "/dead-letters/replay", {{"all", true}})->json(),
            (json{{"replayed", 1}, {"remaining", 0}}));
  EXPECT_EQ(
      call(verb::get, "/" + id + "/deliveries?status=delivered")->json()["pagination"]["total"], 2);
  const auto tested = call(verb::post, "/" + id + "/test")->json();
  EXPECT_EQ(tested, (json{{"delivered", true},
                          {"status", 200},
                          {"error", nullptr},
                          {"durationMs", tested["durationMs"]}}));
}

} // namespace
} // namespace tiketi::net
