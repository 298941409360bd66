#include "net/http/filters.hpp"

#include <gtest/gtest.h>

namespace tiketi::net {
namespace {

const user_id anna = *parse_id<user_id>("00000000-0000-4000-8000-00000000000a");

class filters_test : public ::testing::Test {
protected:
  filters_test() {
    const auto add = [&](verb method, std::string pattern, access who, body_rule body) {
      routes->add({.method = method,
                   .pattern = std::move(pattern),
                   .who = who,
                   .limit = rate_category::general,
                   .body = body,
                   .handle = [](front&, const exchange_ptr&) {}});
    };
    add(verb::get, "/api/open", access::open, body_rule::none);
    add(verb::post, "/api/open", access::open, body_rule::json);
    add(verb::post, "/api/beacon", access::user, body_rule::none);
    add(verb::post, "/api/user/{id}", access::user, body_rule::optional);
    add(verb::get, "/api/admin", access::admin, body_rule::none);
    add(verb::post, "/internal/x", access::internal, body_rule::json);
    filter_options o;
    o.cors_origins = {"http://localhost:3000"};
    o.trusted_proxies = {"10.0.0.0/8"};
    o.internal_tokens = {"first-internal-token", "second-internal-token", ""};
    chain.emplace(o, routes, *env);
  }

  int status(verb method, std::string_view target) {
    req.method = method;
    seen = {};
    answer = chain->enter(req, target, boost::asio::ip::make_address(peer), tokens, seen);
    if (!answer)
      answer = chain->leave(req, seen);
    return answer ? answer->status : 0;
  }

  void header(std::string name, std::string value) {
    req.headers.emplace_back(std::move(name), std::move(value));
  }

  std::shared_ptr<router> routes = std::make_shared<router>();
  std::unique_ptr<environment> env = make_seeded_environment(1, [] { return from_millis(0); });
  std::optional<filters> chain;
  token_cache tokens{
      [](std::string_view token, time_point) -> result<verified_token> {
        if (token == "user" || token == "admin")
          return verified_token{{anna, "a@b", std::string(token)}, from_millis(1000)};
        return errc::unauthenticated;
      },
      16};
  const char* peer = "203.0.113.1";
  request req;
  passage seen;
  std::optional<response> answer;
};

TEST_F(filters_test, open_routes_let_anybody_in) {
  EXPECT_EQ(status(verb::get, "/api/v1/open?x=1"), 0);
  EXPECT_EQ(req.path, "/api/open");
  EXPECT_FALSE(req.who);
  EXPECT_FALSE(seen.client.is_user);
  EXPECT_EQ(req.trace.size(), 55u);
}

TEST_F(filters_test, the_header_wins_over_the_cookie) {
  header("cookie", "access_token=user");
  EXPECT_EQ(status(verb::get, "/api/open"), 0);
  EXPECT_TRUE(req.who);
  EXPECT_TRUE(seen.client.is_user);
  req.who.reset();
  header("authorization", "Basic eDp5");
  EXPECT_EQ(status(verb::get, "/api/open"), 0);
  EXPECT_FALSE(req.who);
}

TEST_F(filters_test, identity_headers_of_clients_mean_nothing) {
  header("x-user-id", to_string(anna));
  header("x-user-role", "admin");
  EXPECT_EQ(status(verb::get, "/api/admin"), 401);
}

TEST_F(filters_test, access_comes_before_anything_about_the_body) {
  header("content-type", "text/plain");
  req.body = "junk";
  EXPECT_EQ(status(verb::post, "/api/user/1"), 401);
  EXPECT_EQ(answer->headers.at(0).first, "WWW-Authenticate");
  header("authorization", "Bearer nonsense");
  EXPECT_EQ(status(verb::post, "/api/user/1"), 401);
  req.headers.back().second = "bearer  user";
  EXPECT_EQ(status(verb::post, "/api/user/1"), 415);
  EXPECT_EQ(req.captures, std::vector<std::string>{"1"});
}

TEST_F(filters_test, admins_only) {
  header("authorization", "Bearer user");
  EXPECT_EQ(status(verb::get, "/api/admin"), 403);
  req.headers.back().second = "Bearer admin";
  EXPECT_EQ(status(verb::get, "/api/admin"), 0);
}

TEST_F(filters_test, internal_routes_take_either_token_and_no_user) {
  EXPECT_EQ(status(verb::post, "/internal/x"), 401);
  header("authorization", "Bearer admin");
  EXPECT_EQ(status(verb::post, "/internal/x"), 403);
  req.headers.back().second = "Bearer first-internal-token";
  EXPECT_EQ(status(verb::post, "/internal/x"), 0);
  req.headers.back().second = "Bearer second-internal-token";
  EXPECT_EQ(status(verb::post, "/internal/x"), 0);
  req.headers.emplace_back("x-internal-token", "wrong");
  EXPECT_EQ(status(verb::post, "/internal/x"), 403) << "it wins over the other header";
  req.headers.back().second = "first-internal-token";
  EXPECT_EQ(status(verb::post, "/internal/x"), 0);
  req.headers.back().second = "";
  EXPECT_EQ(status(verb::post, "/internal/x"), 0) << "empty is not there";
  req.headers.pop_back();
  req.headers.back().second = "Bearer first-internal-token2";
  EXPECT_EQ(status(verb::post, "/internal/x"), 403);
  req.headers.back().second = "Bearer ";
  EXPECT_EQ(status(verb::post, "/internal/x"), 401);
}

TEST_F(filters_test, unknown_paths_and_methods) {
  EXPECT_EQ(status(verb::get, "/api/nothing"), 404);
  EXPECT_EQ(status(verb::del, "/api/open"), 405);
  EXPECT_EQ(answer->headers.at(0).second, "GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(status(verb::options, "/api/open"), 204);
  EXPECT_EQ(status(verb::options, "*"), 204);
  EXPECT_EQ(status(verb::get, "/api/%2e%2e/open"), 400);
}

TEST_F(filters_test, preflights_come_first) {
  header("origin", "http://localhost:3000");
  header("access-control-request-method", "POST");
  EXPECT_EQ(status(verb::options, "/api/%00"), 204);
  EXPECT_FALSE(seen.cors_headers.empty());
  req.headers[0].second = "http://evil.example";
  EXPECT_EQ(status(verb::options, "/api/open"), 403);
  EXPECT_TRUE(seen.cors_headers.empty());
}

TEST_F(filters_test, errors_carry_cors_headers) {
  header("origin", "http://localhost:3000");
  EXPECT_EQ(status(verb::post, "/api/user/1"), 401);
  EXPECT_FALSE(seen.cors_headers.empty());
}

TEST_F(filters_test, foreign_pages_cannot_act_with_cookies) {
  header("cookie", "access_token=user");
  header("origin", "http://evil.example");
  EXPECT_EQ(status(verb::post, "/api/beacon"), 403);
  req.headers.back().second = "http://localhost:3000";
  EXPECT_EQ(status(verb::post, "/api/beacon"), 0);
  req.headers.pop_back();
  EXPECT_EQ(status(verb::post, "/api/beacon"), 0);
  header("origin", "http://evil.example");
  EXPECT_EQ(status(verb::get, "/api/open"), 0);
  // A bearer token is sent by code that knows it, never by a browser on its own.
  header("authorization", "Bearer user");
  EXPECT_EQ(status(verb::post, "/api/beacon"), 0);
}

TEST_F(filters_test, media_types) {
  req.body = "{}";
  EXPECT_EQ(status(verb::post, "/api/open"), 0);
  header("content-type", "application/json; charset=utf-8");
  EXPECT_EQ(status(verb::post, "/api/open"), 0);
  req.headers.back().second = "application/problem+JSON";
  EXPECT_EQ(status(verb::post, "/api/open"), 0);
  for (const auto* type : {"text/plain", "application/jsonp", "+json", "multipart/form-data"}) {
    req.headers.back().second = type;
    EXPECT_EQ(status(verb::post, "/api/open"), 415) << type;
  }
  header("cookie", "access_token=user");
  EXPECT_EQ(status(verb::post, "/api/beacon"), 0);
  req.body.clear();
  EXPECT_EQ(status(verb::post, "/api/user/1"), 0);
}

TEST_F(filters_test, clients_are_told_apart_by_user_then_address) {
  EXPECT_EQ(status(verb::get, "/api/open"), 0);
  const auto direct = seen.client;
  header("x-forwarded-for", "198.51.100.7");
  EXPECT_EQ(status(verb::get, "/api/open"), 0);
  EXPECT_EQ(seen.client, direct);
  peer = "10.1.1.1";
  EXPECT_EQ(status(verb::get, "/api/open"), 0);
  EXPECT_NE(seen.client, direct);
  EXPECT_EQ(req.peer, "198.51.100.7");
  req.headers[0].second = "2001:db8:0:1::1";
  status(verb::get, "/api/open");
  const auto six = seen.client;
  req.headers[0].second = "2001:db8:0:1:ffff::2";
  status(verb::get, "/api/open");
  EXPECT_EQ(seen.client, six);
}

TEST_F(filters_test, traces_are_taken_over_when_well_formed) {
  header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  status(verb::get, "/api/open");
  EXPECT_EQ(req.trace, req.headers[0].second);
  req.headers[0].second = "junk\r\nSet-Cookie: x=1";
  status(verb::get, "/api/open");
  EXPECT_EQ(req.trace.find("junk"), std::string::npos);
}

TEST_F(filters_test, the_wait_is_rounded_up) {
  const auto r = filters::rate_limited({false, std::chrono::milliseconds{1001}});
  EXPECT_EQ(r.status, 429);
  EXPECT_EQ(nlohmann::json::parse(r.body)["retryAfter"], 2);
  EXPECT_EQ(r.headers.at(0).second, "2");
}

TEST_F(filters_test, bad_proxies_stop_the_start) {
  filter_options o;
  o.trusted_proxies = {"not a network"};
  EXPECT_THROW(filters(o, routes, *env), std::invalid_argument);
}

} // namespace
} // namespace tiketi::net
