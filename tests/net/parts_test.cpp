#include "actors/base/environment.hpp"
#include "actors/base/trace.hpp"
#include "net/http/client_address.hpp"
#include "net/http/cors.hpp"
#include "net/http/rate_limiter.hpp"
#include "net/http/router.hpp"
#include "net/http/target.hpp"
#include "net/http/token_cache.hpp"

#include <gtest/gtest.h>

namespace tiketi::net {
namespace {

using std::chrono::milliseconds;

std::string path_of(std::string_view raw) {
  request req;
  const auto done = parse_target(raw, req);
  return done ? req.path : "refused";
}

TEST(target_test, plain_paths_stay) {
  EXPECT_EQ(path_of("/"), "/");
  EXPECT_EQ(path_of("/api/events"), "/api/events");
  EXPECT_EQ(path_of("/api/events/?x=1"), "/api/events");
  EXPECT_EQ(path_of("/a.b/..c/d.."), "/a.b/..c/d..");
}

TEST(target_test, version_one_is_the_only_version) {
  EXPECT_EQ(path_of("/api/v1/events"), "/api/events");
  EXPECT_EQ(path_of("/api/%761/events"), "/api/events");
  EXPECT_EQ(path_of("/api/v1/v1/events"), "/api/v1/events");
  EXPECT_EQ(path_of("/api/v1"), "/api/v1");
  EXPECT_EQ(path_of("/api/v1/"), "/api/v1");
  EXPECT_EQ(path_of("/api/v2/events"), "/api/v2/events");
  EXPECT_EQ(path_of("/api/v1x/events"), "/api/v1x/events");
}

TEST(target_test, escapes_are_decoded_once) {
  EXPECT_EQ(path_of("/api/%73eats/reserve"), "/api/seats/reserve");
  EXPECT_EQ(path_of("/a%20b"), "/a b");
  EXPECT_EQ(path_of("/a+b"), "/a+b");
  EXPECT_EQ(path_of("/%25%32%65"), "/%2e");
  EXPECT_EQ(path_of("/%ed%95%9c"), "/\xed\x95\x9c");
  EXPECT_EQ(path_of("/\xed\x95\x9c"), "/\xed\x95\x9c");
}

TEST(target_test, ambiguous_paths_are_refused) {
  for (const auto* raw :
       {"",       "api",         "//",       "/a//b",     "/a/./b",  "/a/../b",    "/..",
        "/.",     "/a/%2e%2e/b", "/a/%2E/b", "/a/.%2e/b", "/a/..",   "/a%2fb",     "/a%2Fb",
        "/a%5cb", "/a\\b",       "/a;x/b",   "/a%3bx",    "/a%00b",  "/a%0ab",     "/a%7f",
        "/a%",    "/a%4",        "/a%zz",    "/%ff",      "/%c0%af", "/%ed%a0%80", "/%f5%80%80%80",
        "/a#b",   "/a?b#c",      "*",        "/a//"})
    EXPECT_EQ(path_of(raw), "refused") << raw;
}

TEST(target_test, absolute_form_loses_its_authority) {
  EXPECT_EQ(path_of("http://host:80/api/v1/x?y=1"), "/api/x");
  EXPECT_EQ(path_of("http://host"), "/");
  EXPECT_EQ(path_of("http://host?x=1"), "/");
  EXPECT_EQ(path_of("http://host//x"), "refused");
}

TEST(target_test, asterisk_is_for_options) {
  request req;
  req.method = verb::options;
  ASSERT_TRUE(parse_target("*", req));
  EXPECT_EQ(req.path, "*");
}

TEST(target_test, query_keeps_order_and_decodes) {
  request req;
  ASSERT_TRUE(parse_target("/x?a=1&b=c+d%21&a=2&&flag&e=&=f", req));
  const std::vector<std::pair<std::string, std::string>> expected{
      {"a", "1"}, {"b", "c d!"}, {"a", "2"}, {"flag", ""}, {"e", ""}, {"", "f"}};
  EXPECT_EQ(req.query, expected);
  EXPECT_EQ(req.query_value("a"), "1");
  EXPECT_FALSE(req.query_value("z"));
}

TEST(target_test, bad_queries_are_refused) {
  request req;
  for (const auto* raw : {"/x?a=%", "/x?a=%g0", "/x?%ff=1", "/x?a=%ff", "/x?a=%00"})
    EXPECT_FALSE(parse_target(raw, req)) << raw;
  std::string many = "/x?";
  for (int i = 0; i < 101; ++i)
    many += "a&";
  EXPECT_FALSE(parse_target(many, req));
}

TEST(target_test, a_used_request_is_overwritten) {
  request req;
  ASSERT_TRUE(parse_target("/first?a=1", req));
  ASSERT_TRUE(parse_target("/second", req));
  EXPECT_EQ(req.path, "/second");
  EXPECT_TRUE(req.query.empty());
}

TEST(message_test, cookies_are_found_by_whole_name) {
  request req;
  req.headers = {{"cookie", "a=1; access_token=x=y ;xa=2"}, {"cookie", "b=\"q\"; broken"}};
  EXPECT_EQ(req.cookie("a"), "1");
  EXPECT_EQ(req.cookie("access_token"), "x=y");
  EXPECT_EQ(req.cookie("b"), "q");
  EXPECT_FALSE(req.cookie("token"));
  EXPECT_FALSE(req.cookie("broken"));
}

TEST(message_test, errors_carry_three_keys_and_hide_internals) {
  const auto busy = error_response({errc::overloaded, "later"});
  EXPECT_EQ(busy.status, 503);
  const auto body = nlohmann::json::parse(busy.body);
  EXPECT_EQ(body["error"], "later");
  EXPECT_EQ(body["message"], "later");
  EXPECT_EQ(body["code"], "overloaded");
  EXPECT_EQ(busy.headers.at(0).first, "Retry-After");
  const auto inside = error_response({errc::internal, "SELECT secret FROM t"});
  EXPECT_EQ(inside.body.find("secret"), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(error_response(errc::entry_token_required).body)["redirectTo"],
            "/queue");
}

TEST(message_test, bytes_that_are_no_text_do_not_throw) {
  EXPECT_NO_THROW(json_response({{"x", "\xff\xfe"}}));
}

// -- router ------------------------------------------------------------------------------------

class router_test : public ::testing::Test {
protected:
  void add(verb method, std::string pattern) {
    routes.add({.method = method,
                .pattern = std::move(pattern),
                .who = access::open,
                .limit = rate_category::general,
                .body = body_rule::none,
                .handle = [](front&, const exchange_ptr&) {}});
  }

  std::string find(verb method, std::string_view path) {
    const auto m = routes.find(method, path);
    std::string out = m.found ? m.found->pattern : "-";
    for (const auto& c : m.captures)
      out += " " + c;
    return out;
  }

  router routes;
};

TEST_F(router_test, literals_win_over_captures) {
  add(verb::get, "/api/events/{id}");
  add(verb::get, "/api/events/search");
  add(verb::get, "/api/events/{id}/seats/{seat}");
  EXPECT_EQ(find(verb::get, "/api/events/search"), "/api/events/search");
  EXPECT_EQ(find(verb::get, "/api/events/7"), "/api/events/{id} 7");
  EXPECT_EQ(find(verb::get, "/api/events/search/seats/A"),
            "/api/events/{id}/seats/{seat} search A");
  EXPECT_EQ(find(verb::get, "/api/events"), "-");
  EXPECT_EQ(find(verb::get, "/api/events/7/seats"), "-");
  EXPECT_EQ(find(verb::get, ""), "-");
  EXPECT_EQ(find(verb::get, "api"), "-");
}

TEST_F(router_test, a_literal_path_is_no_id_for_other_methods) {
  add(verb::get, "/x/{id}");
  add(verb::post, "/x/new");
  add(verb::post, "/x/{id}/y");
  EXPECT_EQ(find(verb::get, "/x/new"), "-");
  EXPECT_EQ(find(verb::post, "/x/new"), "/x/new");
  EXPECT_EQ(find(verb::post, "/x/new/y"), "/x/{id}/y new");
  EXPECT_EQ(routes.find(verb::get, "/x/new").allow, "POST, OPTIONS");
  EXPECT_EQ(routes.find(verb::post, "/x/7").allow, "GET, HEAD, OPTIONS");
}

TEST_F(router_test, head_is_get) {
  add(verb::get, "/x");
  EXPECT_EQ(find(verb::head, "/x"), "/x");
  EXPECT_EQ(routes.find(verb::put, "/x").allow, "GET, HEAD, OPTIONS");
  EXPECT_TRUE(routes.find(verb::other, "/y").allow.empty());
}

TEST_F(router_test, programming_errors_throw) {
  add(verb::get, "/x/{a}");
  EXPECT_THROW(add(verb::get, "/x/{b}"), std::logic_error);
  EXPECT_THROW(add(verb::get, "x"), std::logic_error);
  EXPECT_THROW(add(verb::get, "/a//b"), std::logic_error);
  EXPECT_THROW(add(verb::head, "/h"), std::logic_error);
  EXPECT_THROW(routes.add({.method = verb::get,
                           .pattern = "/no-handler",
                           .who = access::open,
                           .limit = rate_category::general,
                           .body = body_rule::none,
                           .handle = nullptr}),
               std::logic_error);
}

// -- cors --------------------------------------------------------------------------------------

request preflight_of(std::string origin, std::string method, std::string headers) {
  request req;
  req.method = verb::options;
  req.headers = {{"origin", std::move(origin)},
                 {"access-control-request-method", std::move(method)},
                 {"access-control-request-headers", std::move(headers)}};
  return req;
}

TEST(cors_test, preflight_names_what_is_allowed) {
  const cors_policy cors{{"http://localhost:3000", " https://a.example "}};
  const auto ok = cors.preflight(
      preflight_of("http://localhost:3000", "POST", "content-type,X-Queue-Entry-Token"));
  EXPECT_EQ(ok.status, 204);
  EXPECT_EQ(cors.preflight(preflight_of("https://a.example", "PUT", "")).status, 204);
  EXPECT_EQ(cors.preflight(preflight_of("http://localhost:3001", "POST", "")).status, 403);
  EXPECT_EQ(cors.preflight(preflight_of("http://localhost:3000.evil", "POST", "")).status, 403);
  EXPECT_EQ(cors.preflight(preflight_of("http://localhost:3000", "TRACE", "")).status, 403);
  EXPECT_EQ(cors.preflight(preflight_of("http://localhost:3000", "POST", "x-evil")).status, 403);
}

TEST(cors_test, only_exact_origins_get_headers) {
  const cors_policy cors{{"http://localhost:3000"}};
  EXPECT_NE(cors.headers_for("http://localhost:3000").find("http://localhost:3000\r\n"),
            std::string_view::npos);
  EXPECT_TRUE(cors.headers_for("null").empty());
  EXPECT_TRUE(cors.headers_for("HTTP://LOCALHOST:3000").empty());
}

TEST(cors_test, the_site_itself_is_trusted) {
  const cors_policy cors{{"http://localhost:3000"}};
  const auto trusted = [&](std::string origin, std::string host) {
    request req;
    req.headers = {{"origin", std::move(origin)}, {"host", std::move(host)}};
    return is_origin_trusted(req, cors);
  };
  EXPECT_TRUE(trusted("http://localhost:3000", "api:1"));
  EXPECT_TRUE(trusted("https://shop.example", "shop.example"));
  EXPECT_FALSE(trusted("https://evil.example", "shop.example"));
  EXPECT_FALSE(trusted("null", "shop.example"));
  EXPECT_FALSE(trusted("shop.example", "shop.example"));
  EXPECT_TRUE(is_origin_trusted(request{}, cors));
}

// -- proxies -----------------------------------------------------------------------------------

std::string client_behind(const trusted_proxies& proxies, const char* peer, const char* forwarded) {
  return proxies.client(boost::asio::ip::make_address(peer), forwarded).to_string();
}

TEST(proxies_test, nobody_is_believed_by_default) {
  const auto none = trusted_proxies::parse({}).value();
  EXPECT_EQ(client_behind(none, "9.9.9.9", "1.2.3.4"), "9.9.9.9");
}

TEST(proxies_test, the_chain_ends_at_the_first_stranger) {
  const auto some = trusted_proxies::parse({"10.0.0.0/8", "fd00::/8", "127.0.0.1"}).value();
  EXPECT_EQ(client_behind(some, "10.1.1.1", "6.6.6.6, 1.2.3.4"), "1.2.3.4");
  EXPECT_EQ(client_behind(some, "10.1.1.1", "1.2.3.4, 10.2.2.2"), "1.2.3.4");
  EXPECT_EQ(client_behind(some, "10.1.1.1", "10.3.3.3"), "10.3.3.3");
  EXPECT_EQ(client_behind(some, "127.0.0.1", "::ffff:1.2.3.4"), "1.2.3.4");
  EXPECT_EQ(client_behind(some, "fd00::1", "2001:db8::1"), "2001:db8::1");
  EXPECT_EQ(client_behind(some, "::ffff:10.0.0.1", "1.2.3.4"), "1.2.3.4");
  EXPECT_EQ(client_behind(some, "11.0.0.1", "1.2.3.4"), "11.0.0.1");
}

TEST(proxies_test, junk_ends_the_walk) {
  const auto some = trusted_proxies::parse({"10.0.0.0/8"}).value();
  EXPECT_EQ(client_behind(some, "10.1.1.1", "1.2.3.4, what"), "10.1.1.1");
  EXPECT_EQ(client_behind(some, "10.1.1.1", ""), "10.1.1.1");
  EXPECT_EQ(client_behind(some, "10.1.1.1", ",,,"), "10.1.1.1");
}

TEST(proxies_test, bad_networks_are_refused) {
  for (const auto* text : {"", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "host", "::1/129"})
    EXPECT_FALSE(trusted_proxies::parse({text})) << text;
  EXPECT_TRUE(trusted_proxies::parse({"0.0.0.0/0"})
                  .value()
                  .contains(boost::asio::ip::make_address("203.0.113.5")));
}

// -- trace -------------------------------------------------------------------------------------

TEST(trace_test, new_traces_are_valid_and_differ) {
  auto env = make_seeded_environment(7, [] { return from_millis(0); });
  const auto a = make_traceparent(*env);
  const auto b = make_traceparent(*env);
  EXPECT_TRUE(is_traceparent(a)) << a;
  EXPECT_NE(a, b);
}

TEST(trace_test, a_call_belongs_to_the_trace_that_led_to_it) {
  auto env = make_seeded_environment(7, [] { return from_millis(0); });
  const std::string parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const auto child = child_traceparent(parent, *env);
  EXPECT_TRUE(is_traceparent(child)) << child;
  EXPECT_EQ(child.substr(0, 36), parent.substr(0, 36));
  EXPECT_NE(child.substr(36, 16), parent.substr(36, 16));
  EXPECT_TRUE(child.ends_with("-01"));
  EXPECT_TRUE(is_traceparent(child_traceparent("junk", *env)));
}

TEST(trace_test, only_well_formed_ones_are_taken_over) {
  EXPECT_TRUE(is_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
  for (const auto* text : {"", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
                           "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                           "00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g"})
    EXPECT_FALSE(is_traceparent(text)) << text;
}

// -- token cache -------------------------------------------------------------------------------

TEST(token_cache_test, a_token_is_checked_once_until_it_expires) {
  int checks = 0;
  token_cache cache{[&](std::string_view token, time_point) -> result<verified_token> {
                      ++checks;
                      if (token != "good")
                        return errc::unauthenticated;
                      return verified_token{{user_id{}, "a@b", "admin"}, from_millis(1000)};
                    },
                    8};
  EXPECT_TRUE(cache.find("good", from_millis(0)));
  EXPECT_EQ(cache.find("good", from_millis(999))->who.role, "admin");
  EXPECT_EQ(checks, 1);
  EXPECT_FALSE(cache.find("good", from_millis(1000)));
  EXPECT_FALSE(cache.find("bad", from_millis(0)));
  EXPECT_FALSE(cache.find("bad", from_millis(0)));
  EXPECT_FALSE(cache.find("", from_millis(0)));
  EXPECT_FALSE(cache.find(std::string(5000, 'x'), from_millis(0)));
  EXPECT_EQ(checks, 3);
}

TEST(token_cache_test, size_is_bounded_and_the_used_half_stays) {
  int checks = 0;
  token_cache cache{[&](std::string_view, time_point) -> result<verified_token> {
                      ++checks;
                      return verified_token{{}, from_millis(1000)};
                    },
                    100};
  for (int i = 0; i < 1000; ++i) {
    cache.find("hot", from_millis(0));
    cache.find("token " + std::to_string(i), from_millis(0));
    EXPECT_LE(cache.size(), 100u);
  }
  EXPECT_EQ(checks, 1001);
}

// -- rate limiter ------------------------------------------------------------------------------

class rate_limiter_test : public ::testing::Test {
protected:
  bool ask(std::int64_t at, rate_category category = rate_category::booking, std::uint8_t who = 1) {
    rate_client client;
    client.bytes[3] = who;
    const auto v = limiter->admit(category, client, from_millis(at), nullptr);
    wait = v->retry_after;
    return v->allowed;
  }

  std::shared_ptr<rate_limiter> limiter = make_local_rate_limiter({.window = milliseconds{1000},
                                                                   .general = 5,
                                                                   .auth = 2,
                                                                   .queue = 0,
                                                                   .booking = 3,
                                                                   .stamps_max = 16 * 64});
  milliseconds wait{0};
};

TEST_F(rate_limiter_test, exactly_the_limit_fits_in_a_window) {
  EXPECT_TRUE(ask(0));
  EXPECT_TRUE(ask(400));
  EXPECT_TRUE(ask(999));
  EXPECT_FALSE(ask(999));
  EXPECT_EQ(wait, milliseconds{1});
  EXPECT_TRUE(ask(1000));
  EXPECT_FALSE(ask(1001));
  EXPECT_EQ(wait, milliseconds{399});
  EXPECT_TRUE(ask(1400));
}

TEST_F(rate_limiter_test, denied_requests_do_not_count) {
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(ask(0));
  for (int at = 1; at < 1000; ++at)
    EXPECT_FALSE(ask(at));
  EXPECT_TRUE(ask(1000));
}

TEST_F(rate_limiter_test, categories_and_clients_have_their_own_budgets) {
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(ask(0));
  EXPECT_FALSE(ask(0));
  EXPECT_TRUE(ask(0, rate_category::general));
  EXPECT_TRUE(ask(0, rate_category::auth));
  EXPECT_TRUE(ask(0, rate_category::auth));
  EXPECT_FALSE(ask(0, rate_category::auth));
  EXPECT_TRUE(ask(0, rate_category::booking, 2));
}

TEST_F(rate_limiter_test, zero_and_exempt_mean_no_limit) {
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(ask(0, rate_category::queue));
    EXPECT_TRUE(ask(0, rate_category::exempt));
  }
}

TEST_F(rate_limiter_test, a_window_never_holds_more_than_the_limit) {
  // Against the plain definition, with times that jump about.
  std::vector<std::int64_t> passed;
  std::uint64_t chance = 42;
  std::int64_t now = 0;
  for (int i = 0; i < 5000; ++i) {
    chance = chance * 6364136223846793005ULL + 1442695040888963407ULL;
    now += static_cast<std::int64_t>(chance >> 60) * 20;
    const auto recent = std::count_if(passed.begin(), passed.end(),
                                      [&](std::int64_t at) { return at > now - 1000; });
    ASSERT_EQ(ask(now, rate_category::general), recent < 5) << "at " << now;
    if (recent < 5)
      passed.push_back(now);
  }
}

TEST_F(rate_limiter_test, memory_is_bounded_by_forgetting_the_quiet) {
  // Each of the 16 shards has room for one client and its stamps; the newest always fits.
  for (int round = 0; round < 50; ++round)
    for (int who = 0; who < 250; ++who)
      EXPECT_TRUE(ask(round, rate_category::booking, static_cast<std::uint8_t>(who)));
}

} // namespace
} // namespace tiketi::net
