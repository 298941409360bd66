#include "net/routes/auth.hpp"
#include "tests/auth/auth_fixture.hpp"
#include "tests/support/fake_exchange.hpp"

namespace tiketi::net {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

class auth_routes_test : public test::auth_test {
protected:
  void SetUp() override {
    auth_test::SetUp();
    add_auth_routes(routes, {role, 1800s, 604'800s, true});
    caller = std::make_unique<test::route_caller>(sys, *env, routes, [this] { sched.run(); });
  }

  void TearDown() override {
    caller.reset();
    auth_test::TearDown();
  }

  test::fake_exchange_ptr post(const std::string& path, const std::string& body,
                               const std::string& cookie = {},
                               std::optional<identity> who = std::nullopt) {
    request r;
    r.method = verb::post;
    r.path = "/api/auth/" + path;
    r.body = body;
    r.who = std::move(who);
    if (!cookie.empty())
      r.headers.emplace_back("cookie", cookie);
    auto x = caller->call(std::move(r));
    EXPECT_EQ(x->replies(), 1u);
    return x;
  }

  test::fake_exchange_ptr register_ada() {
    return post("register",
                R"({"email":"ada@example.com","password":"password1","name":"Ada","phone":""})");
  }

  router routes;
  std::unique_ptr<test::route_caller> caller;
};

TEST_F(auth_routes_test, register_answers_201_with_exactly_these_fields) {
  const auto x = register_ada();
  ASSERT_EQ(x->status(), 201);
  auto body = x->json();
  EXPECT_EQ(body["message"], "Registration completed");
  const auto id = body["user"]["id"].get<std::string>();
  EXPECT_TRUE(parse_uuid(id));
  EXPECT_EQ(body["user"], (json{{"id", id},
                                {"userId", id},
                                {"email", "ada@example.com"},
                                {"name", "Ada"},
                                {"role", "user"}}));
  EXPECT_TRUE(tokens.verify_access(body["token"].get<std::string>(), epoch));
  EXPECT_TRUE(tokens.verify_refresh(body["refreshToken"].get<std::string>(), epoch));
  EXPECT_EQ(body.size(), 4u);
}

TEST_F(auth_routes_test, both_cookies_are_set_as_the_contract_says) {
  const auto x = register_ada();
  const auto body = x->json();
  EXPECT_EQ(x->headers("Set-Cookie"),
            (std::vector<std::string>{
                "access_token=" + body["token"].get<std::string>()
                    + "; Path=/; Max-Age=1800; Expires=Sun, 22 Feb 2026 10:30:00 GMT; HttpOnly; "
                      "SameSite=Lax; Secure",
                "refresh_token=" + body["refreshToken"].get<std::string>()
                    + "; Path=/api; Max-Age=604800; Expires=Sun, 01 Mar 2026 10:00:00 GMT; "
                      "HttpOnly; SameSite=Lax; Secure"}));
  EXPECT_EQ(x->headers("Cache-Control"), std::vector<std::string>{"no-store"});
}

TEST_F(auth_routes_test, secure_is_a_setting) {
  router plain;
  add_auth_routes(plain, {role, 1800s, 604'800s, false});
  test::route_caller other{sys, *env, plain, [this] { sched.run(); }};
  const auto x = other.call(verb::post, "/api/auth/register",
                            R"({"email":"ada@example.com","password":"password1","name":"Ada"})");
  ASSERT_EQ(x->status(), 201);
  for (const auto& cookie : x->headers("Set-Cookie"))
    EXPECT_EQ(cookie.find("Secure"), std::string::npos);
}

TEST_F(auth_routes_test, every_problem_of_a_registration_is_listed) {
  const auto x = post("register", R"({"email":"nope","password":"short","name":" "})");
  ASSERT_EQ(x->status(), 400);
  const auto body = x->json();
  EXPECT_EQ(body["error"], "must be a well-formed email address");
  EXPECT_EQ(body["message"], body["error"]);
  EXPECT_EQ(body["code"], "invalid_request");
  EXPECT_EQ(
      body["fields"],
      (json::array({{{"field", "email"}, {"message", "must be a well-formed email address"}},
                    {{"field", "password"}, {"message", "Password must be at least 8 characters"}},
                    {{"field", "name"}, {"message", "must not be blank"}}})));
}

TEST_F(auth_routes_test, bodies_that_are_no_registration_are_refused) {
  for (const std::string body : {"", "{}", "[]", "{", "null", R"({"email":7})",
                                 R"({"email":"a@b.c","password":["x"],"name":"A"})",
                                 R"({"email":"a@b.c","password":"password1","name":"A\u0000"})"})
    EXPECT_EQ(post("register", body)->status(), 400) << body;
  EXPECT_EQ(store->token_count(), 0u);
}

TEST_F(auth_routes_test, a_second_registration_is_a_conflict) {
  register_ada();
  const auto x = register_ada();
  EXPECT_EQ(x->status(), 409);
  EXPECT_EQ(x->json()["error"], "Registration failed. Please try again or login.");
  EXPECT_TRUE(x->headers("Set-Cookie").empty());
}

TEST_F(auth_routes_test, login_answers_200_or_400) {
  register_ada();
  const auto x = post("login", R"({"email":"ADA@example.com","password":"password1"})");
  ASSERT_EQ(x->status(), 200);
  EXPECT_EQ(x->json()["message"], "Login successful");
  EXPECT_EQ(x->headers("Set-Cookie").size(), 2u);
  const auto wrong = post("login", R"({"email":"ada@example.com","password":"password2"})");
  EXPECT_EQ(wrong->status(), 400);
  EXPECT_EQ(wrong->json()["error"], "Invalid email or password");
  EXPECT_EQ(wrong->json()["code"], "invalid_credentials");
}

TEST_F(auth_routes_test, throttled_login_says_how_long) {
  register_ada();
  for (int i = 0; i < 4; ++i) {
    post("login", R"({"email":"ada@example.com","password":"password2"})");
    if (i == 2)
      advance(1s);
  }
  advance(500ms);
  const auto x = post("login", R"({"email":"ada@example.com","password":"password1"})");
  EXPECT_EQ(x->status(), 429);
  EXPECT_EQ(x->headers("Retry-After"), std::vector<std::string>{"2"});
  EXPECT_EQ(x->json()["code"], "rate_limited");
}

TEST_F(auth_routes_test, refresh_takes_the_cookie_first_then_the_body) {
  const auto token = register_ada()->json()["refreshToken"].get<std::string>();
  const auto by_cookie =
      post("refresh", R"({"refreshToken":"ignored"})", "a=b; refresh_token=" + token);
  ASSERT_EQ(by_cookie->status(), 200);
  EXPECT_EQ(by_cookie->json()["message"], "Token refreshed");
  const auto next = by_cookie->json()["refreshToken"].get<std::string>();
  const auto by_body = post("refresh", json{{"refreshToken", next}}.dump());
  EXPECT_EQ(by_body->status(), 200);
  EXPECT_EQ(post("refresh", json{{"refreshToken", next}}.dump(), "refresh_token=")->status(), 200)
      << "an empty cookie is none";
  for (const std::string body : {"", "{}", R"({"refreshToken":""})", R"({"refreshToken":null})"}) {
    const auto none = post("refresh", body);
    EXPECT_EQ(none->status(), 400);
    EXPECT_EQ(none->json()["error"], "Refresh token is required") << body;
  }
  EXPECT_EQ(post("refresh", "{")->status(), 400);
}

TEST_F(auth_routes_test, reuse_is_told) {
  const auto token = register_ada()->json()["refreshToken"].get<std::string>();
  post("refresh", "", "refresh_token=" + token);
  advance(10s);
  const auto x = post("refresh", "", "refresh_token=" + token);
  EXPECT_EQ(x->status(), 400);
  EXPECT_EQ(x->json()["error"], "Token reuse detected. All sessions revoked for security.");
  EXPECT_EQ(x->json()["code"], "token_reused");
}

TEST_F(auth_routes_test, logout_clears_both_cookies_whatever_happens) {
  const auto expected = std::vector<std::string>{
      "access_token=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; "
      "SameSite=Lax; Secure",
      "refresh_token=; Path=/api; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; "
      "SameSite=Lax; Secure"};
  const auto token = register_ada()->json()["refreshToken"].get<std::string>();
  const auto nobody = post("logout", "junk");
  EXPECT_EQ(nobody->status(), 200);
  EXPECT_EQ(nobody->json(), (json{{"message", "Logged out successfully"}}));
  EXPECT_EQ(nobody->headers("Set-Cookie"), expected);
  store->next_commit({commit_status::failed, {}, 0});
  const auto broken = post("logout", "", "refresh_token=" + token);
  EXPECT_EQ(broken->status(), 200);
  EXPECT_EQ(broken->headers("Set-Cookie"), expected);
  const auto user = post("refresh", "", "refresh_token=" + token);
  ASSERT_EQ(user->status(), 200) << "the store had failed, so the session is still there";
  const auto next = user->json()["refreshToken"].get<std::string>();
  EXPECT_EQ(post("logout", "", "refresh_token=" + next)->status(), 200);
  EXPECT_EQ(post("refresh", "", "refresh_token=" + next)->status(), 400);
}

TEST_F(auth_routes_test, logout_with_an_identity_ends_every_session) {
  const auto body = register_ada()->json();
  const auto id = *parse_id<user_id>(body["user"]["id"].get<std::string>());
  post("login", R"({"email":"ada@example.com","password":"password1"})");
  EXPECT_EQ(store->live_sessions(id), 2u);
  post("logout", "", "", identity{id, "ada@example.com", "user"});
  EXPECT_EQ(store->live_sessions(id), 0u);
}

TEST_F(auth_routes_test, me_has_no_user_id_field_and_is_401_for_nobody) {
  EXPECT_EQ(caller->call(verb::get, "/api/auth/me")->status(), 401);
  const auto id = *parse_id<user_id>(register_ada()->json()["user"]["id"].get<std::string>());
  const identity who{id, "ada@example.com", "user"};
  const auto x = caller->call(verb::get, "/api/auth/me", "", who);
  ASSERT_EQ(x->status(), 200);
  EXPECT_EQ(x->json(), (json{{"user",
                              {{"id", to_string(id)},
                               {"email", "ada@example.com"},
                               {"name", "Ada"},
                               {"role", "user"},
                               {"createdAt", "2026-02-22T10:00:00.000Z"}}}}));
  store->remove_account(id);
  const auto gone = caller->call(verb::get, "/api/auth/me", "", who);
  EXPECT_EQ(gone->status(), 400);
  EXPECT_EQ(gone->json()["error"], "User not found");
}

TEST_F(auth_routes_test, verify_token_has_no_id_field) {
  const auto body = register_ada()->json();
  const auto x = post("verify-token", json{{"token", body["token"]}}.dump());
  ASSERT_EQ(x->status(), 200);
  EXPECT_EQ(x->json(), (json{{"valid", true},
                             {"user",
                              {{"userId", body["user"]["id"]},
                               {"email", "ada@example.com"},
                               {"name", "Ada"},
                               {"role", "user"}}}}));
  const auto bad = post("verify-token", json{{"token", body["refreshToken"]}}.dump());
  EXPECT_EQ(bad->status(), 400);
  EXPECT_EQ(bad->json()["error"], "Invalid or expired token");
  const auto blank = post("verify-token", R"({"token":" "})");
  EXPECT_EQ(blank->status(), 400);
  EXPECT_EQ(blank->json()["fields"][0]["field"], "token");
}

TEST_F(auth_routes_test, other_services_look_users_up) {
  const auto id = register_ada()->json()["user"]["id"].get<std::string>();
  const json ada{{"id", id}, {"email", "ada@example.com"}, {"name", "Ada"}, {"role", "user"}};
  const auto one = caller->call(verb::get, "/internal/users/" + id);
  ASSERT_EQ(one->status(), 200);
  EXPECT_EQ(one->json(), (json{{"user", ada}}));
  const std::string nobody = "00000000-0000-4000-8000-000000000000";
  EXPECT_EQ(caller->call(verb::get, "/internal/users/" + nobody)->status(), 404);
  EXPECT_EQ(caller->call(verb::get, "/internal/users/7")->status(), 400);

  const auto batch = [&](const json& ids) {
    return caller->call(verb::post, "/internal/users/batch", json{{"userIds", ids}}.dump());
  };
  const auto some = batch({id, nobody, id});
  ASSERT_EQ(some->status(), 200);
  EXPECT_EQ(some->json(), (json{{"users", json::array({ada})}}));
  EXPECT_EQ(batch({nobody})->json(), (json{{"users", json::array()}}));
  const auto none = batch(json::array());
  ASSERT_EQ(none->status(), 400);
  EXPECT_EQ(none->json()["message"], "must not be empty");
  EXPECT_EQ(batch({"x"})->status(), 400);
  EXPECT_EQ(batch(json(std::vector<std::string>(1001, id)))->status(), 400);
  EXPECT_EQ(batch(json(std::vector<std::string>(1000, id)))->status(), 200);
}

TEST_F(auth_routes_test, only_me_and_internal_routes_are_exempt_from_the_rate_limit) {
  for (const auto& r : routes.all()) {
    const bool internal = r->pattern.starts_with("/internal/");
    EXPECT_EQ(r->who == access::internal, internal) << r->pattern;
    EXPECT_EQ(r->limit, internal || r->pattern == "/api/auth/me" ? rate_category::exempt
                                                                 : rate_category::auth)
        << r->pattern;
  }
  EXPECT_EQ(routes.all().size(), 9u);
}

} // namespace
} // namespace tiketi::net
