#include "actors/system/actor_config.hpp"
#include "net/http/health.hpp"
#include "net/http/json_body.hpp"
#include "net/http/server.hpp"
#include "tests/net/raw_client.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>

#include <caf/actor_system.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>

namespace tiketi::net {
namespace {

using test::raw_answer;
using test::raw_client;
using namespace std::chrono_literals;

const user_id anna = *parse_id<user_id>("00000000-0000-4000-8000-00000000000a");

/// Exchanges that a handler did not answer yet.
class held_exchanges {
public:
  void add(exchange_ptr x) {
    const std::lock_guard lock{mutex_};
    held_.push_back(std::move(x));
    changed_.notify_all();
  }

  exchange_ptr take() {
    std::unique_lock lock{mutex_};
    if (!changed_.wait_for(lock, 10s, [this] { return !held_.empty(); }))
      throw std::runtime_error("no request came");
    auto out = std::move(held_.front());
    held_.erase(held_.begin());
    return out;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<exchange_ptr> held_;
};

/// Asks again and again until it is true; for what the server does on its own threads.
template <class Condition>
bool eventually(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end)
      return false;
    std::this_thread::yield();
  }
  return true;
}

/// Decides on another thread, as one with a database would.
class slow_limiter final : public rate_limiter {
public:
  ~slow_limiter() override {
    for (auto& t : threads_)
      t.join();
  }

  std::optional<rate_verdict> admit(rate_category, const rate_client&, time_point,
                                    const std::shared_ptr<rate_waiter>& later) override {
    const std::lock_guard lock{mutex_};
    const bool allowed = asked_++ % 2 == 0;
    threads_.emplace_back([later, allowed] { later->decided({allowed, 1500ms}); });
    return std::nullopt;
  }

private:
  std::mutex mutex_;
  int asked_ = 0;
  std::vector<std::thread> threads_;
};

class server_test : public ::testing::Test {
protected:
  void TearDown() override {
    if (web)
      web->stop(1s);
  }

  static route make_route(verb method, std::string pattern, handler handle,
                          access who = access::open, body_rule body = body_rule::none) {
    return {.method = method,
            .pattern = std::move(pattern),
            .who = who,
            .limit = rate_category::general,
            .body = body,
            .handle = std::move(handle)};
  }

  void start(std::shared_ptr<rate_limiter> limits = nullptr) {
    const auto constant = [](front&, const exchange_ptr& x) {
      x->reply(json_response({{"pong", true}}));
    };
    routes->add(make_route(verb::get, "/ping", constant));
    routes->add(make_route(verb::get, "/me", constant, access::user));
    routes->add(make_route(
        verb::post, "/echo",
        [](front&, const exchange_ptr& x) {
          json_body in{x->req().body};
          if (!in.ok())
            return x->reply(in.error());
          const auto text = in.text("text", {.min = 0, .max = 2'000'000});
          if (!in.ok())
            return x->reply(in.error());
          x->reply(json_response({{"text", text}}));
        },
        access::open, body_rule::json));
    routes->add(make_route(verb::post, "/size", [](front&, const exchange_ptr& x) {
      x->reply(json_response({{"size", x->req().body.size()}}));
    }));
    routes->add(
        make_route(verb::get, "/hold", [this](front&, const exchange_ptr& x) { held.add(x); }));
    routes->add(make_route(verb::get, "/lost", [](front&, const exchange_ptr&) {}));
    routes->add(make_route(verb::get, "/throws", [](front&, const exchange_ptr&) {
      throw std::runtime_error("secret");
    }));
    routes->add(make_route(verb::get, "/twice", [](front&, const exchange_ptr& x) {
      x->reply(json_response({{"n", 1}}));
      x->reply(json_response({{"n", 2}}));
    }));
    routes->add(make_route(verb::get, "/large", [this](front&, const exchange_ptr& x) {
      response r;
      r.shared_body = large;
      x->reply(std::move(r));
    }));
    routes->add(make_route(verb::get, "/inject", [](front&, const exchange_ptr& x) {
      auto r = json_response({{"ok", true}});
      r.headers = {{"X-Bad", "a\r\nSet-Cookie: b=c"}, {"X-Good", "fine"}};
      x->reply(std::move(r));
    }));
    routes->add(make_route(verb::get, "/items/{id}", [](front&, const exchange_ptr& x) {
      x->reply(json_response({{"id", x->req().captures.at(0)}}));
    }));
    options.port = 0;
    web.emplace(
        sys, *env, *registry,
        server_parts{routes,
                     [](std::string_view token, time_point) -> result<verified_token> {
                       if (token != "anna")
                         return errc::unauthenticated;
                       return verified_token{{anna, "a@b", "user"}, from_millis(4'000'000'000'000)};
                     },
                     std::move(limits)},
        options);
    ASSERT_TRUE(web->start());
  }

  raw_client client() { return raw_client{web->port()}; }

  static std::string get(std::string_view target, std::string_view headers = "") {
    return fmt::format("GET {} HTTP/1.1\r\nHost: test\r\n{}\r\n", target, headers);
  }

  static std::string post(std::string_view target, std::string_view body,
                          std::string_view headers = "Content-Type: application/json\r\n") {
    return fmt::format("POST {} HTTP/1.1\r\nHost: test\r\n{}Content-Length: {}\r\n\r\n{}", target,
                       headers, body.size(), body);
  }

  raw_answer once(std::string_view bytes, bool head_only = false) {
    auto c = client();
    auto answer = c.ask(bytes, head_only);
    if (!answer)
      ADD_FAILURE() << "no answer to " << bytes.substr(0, 100);
    return answer.value_or(raw_answer{});
  }

  /// Whatever happened to another client, this one is served.
  void expect_alive() { EXPECT_EQ(once(get("/ping")).status, 200); }

  static void expect_error(const raw_answer& a, int status) {
    EXPECT_EQ(a.status, status) << a.head;
    EXPECT_EQ(a.headers.at("content-type"), "application/json");
    const auto body = nlohmann::json::parse(a.body, nullptr, false);
    ASSERT_TRUE(body.is_object()) << a.body;
    EXPECT_TRUE(body["error"].is_string());
    EXPECT_EQ(body["error"], body["message"]);
    EXPECT_TRUE(body["code"].is_string());
  }

  // Declared before the actor system, as the program does.
  std::unique_ptr<environment> env = make_system_environment();
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  std::shared_ptr<const std::string> large = std::make_shared<std::string>(3'000'000, 'x');
  held_exchanges held;
  actor_config config{2};
  caf::actor_system sys{config};
  std::shared_ptr<router> routes = std::make_shared<router>();
  server_options options{.threads = 2, .fronts = 2};
  std::optional<server> web;
};

TEST_F(server_test, answers_carry_the_headers_they_should) {
  start();
  auto c = client();
  const auto a = c.ask(get("/ping", "Origin: http://localhost:3000\r\n"));
  ASSERT_TRUE(a);
  EXPECT_EQ(a->status, 200);
  EXPECT_EQ(a->body, R"({"pong":true})");
  EXPECT_EQ(a->headers.at("access-control-allow-origin"), "http://localhost:3000");
  EXPECT_EQ(a->headers.at("access-control-allow-credentials"), "true");
  EXPECT_EQ(a->headers.at("vary"), "Origin");
  EXPECT_EQ(a->headers.at("x-content-type-options"), "nosniff");
  EXPECT_EQ(a->headers.at("traceparent").size(), 55u);
  EXPECT_EQ(a->headers.at("date").size(), 29u);
  EXPECT_EQ(a->headers.count("cache-control"), 0u);
  EXPECT_EQ(a->headers.count("connection"), 0u);
}

TEST_F(server_test, connections_are_kept) {
  start();
  auto c = client();
  for (int i = 0; i < 100; ++i) {
    const auto a = c.ask(get(fmt::format("/items/{}", i)));
    ASSERT_TRUE(a);
    EXPECT_EQ(a->body, fmt::format(R"({{"id":"{}"}})", i));
  }
  EXPECT_EQ(web->connections(), 1u);
}

TEST_F(server_test, answers_to_users_are_not_stored) {
  start();
  EXPECT_EQ(once(get("/me", "Authorization: Bearer anna\r\n")).headers.at("cache-control"),
            "no-store");
  EXPECT_EQ(once(get("/me", "Cookie: access_token=anna\r\n")).status, 200);
  const auto refused = once(get("/me", "Origin: http://localhost:3000\r\n"));
  expect_error(refused, 401);
  EXPECT_EQ(refused.headers.at("access-control-allow-origin"), "http://localhost:3000");
}

TEST_F(server_test, pipelined_requests_are_answered_in_order) {
  start();
  auto c = client();
  std::string all = get("/hold");
  for (int i = 0; i < 50; ++i)
    all += get(fmt::format("/items/{}", i));
  c.send(all);
  held.take()->reply(json_response({{"first", true}}));
  EXPECT_EQ(c.receive()->body, R"({"first":true})");
  for (int i = 0; i < 50; ++i)
    EXPECT_EQ(c.receive()->body, fmt::format(R"({{"id":"{}"}})", i));
}

TEST_F(server_test, a_request_may_come_byte_by_byte) {
  start();
  auto c = client();
  for (const char byte : post("/echo", R"({"text":"한"})"))
    ASSERT_TRUE(c.send({&byte, 1}));
  EXPECT_EQ(c.receive()->body, R"({"text":"한"})");
}

TEST_F(server_test, head_and_options) {
  start();
  auto c = client();
  const auto head = c.ask("HEAD /ping HTTP/1.1\r\nHost: t\r\n\r\n", true);
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(head->headers.at("content-length"), "13");
  // Had a body been sent, the next answer would not be readable.
  const auto options_answer = c.ask("OPTIONS /ping HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_EQ(options_answer->status, 204);
  EXPECT_EQ(options_answer->headers.at("allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(options_answer->headers.count("content-length"), 0u);
  const auto missing = c.ask("HEAD /nothing HTTP/1.1\r\nHost: t\r\n\r\n", true);
  EXPECT_EQ(missing->status, 404);
  EXPECT_EQ(c.ask(get("/ping"))->status, 200);
}

TEST_F(server_test, preflight) {
  start();
  const auto ok = once("OPTIONS /api/v1/queue/check/1 HTTP/1.1\r\nHost: t\r\n"
                       "Origin: http://localhost:3000\r\nAccess-Control-Request-Method: POST\r\n"
                       "Access-Control-Request-Headers: content-type,x-queue-entry-token\r\n\r\n");
  EXPECT_EQ(ok.status, 204);
  EXPECT_EQ(ok.headers.at("access-control-allow-origin"), "http://localhost:3000");
  EXPECT_EQ(ok.headers.at("access-control-max-age"), "3600");
  const auto bad = once("OPTIONS /ping HTTP/1.1\r\nHost: t\r\nOrigin: http://evil.example\r\n"
                        "Access-Control-Request-Method: POST\r\n\r\n");
  expect_error(bad, 403);
  EXPECT_EQ(bad.headers.count("access-control-allow-origin"), 0u);
}

TEST_F(server_test, wrong_methods_paths_and_types) {
  start();
  expect_error(once(get("/nothing")), 404);
  const auto wrong = once("DELETE /echo HTTP/1.1\r\nHost: t\r\n\r\n");
  expect_error(wrong, 405);
  EXPECT_EQ(wrong.headers.at("allow"), "POST, OPTIONS");
  expect_error(once("BREW /echo HTTP/1.1\r\nHost: t\r\n\r\n"), 405);
  expect_error(once(post("/echo", "x=1", "Content-Type: application/x-www-form-urlencoded\r\n")),
               415);
  EXPECT_EQ(once(post("/size", "x=1", "Content-Type: text/plain\r\n")).body, R"({"size":3})");
}

TEST_F(server_test, tricky_paths_are_refused) {
  start();
  for (const auto* path : {"/items/%2e%2e/ping", "/items/../ping", "//ping", "/ping;x=1", "/%00",
                           "/items/a%2fb", "/items/%ff", "/items/\xff\xfe", "/items/%zz",
                           "/items/a\\b", "/items/a%5Cb", "/ping?x=%ff"})
    expect_error(once(get(path)), 400);
  EXPECT_EQ(once(get("/%70ing")).status, 200);
  EXPECT_EQ(once(get("/ping/")).status, 200);
  EXPECT_EQ(once(get("http://anywhere/ping")).status, 200);
}

TEST_F(server_test, junk_is_answered_and_cut_off) {
  start();
  for (const std::string_view junk :
       {std::string_view{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 9},
        std::string_view{"GET\r\n\r\n"}, std::string_view{"GET / HTTP/9.9\r\n\r\n"},
        std::string_view{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
        std::string_view{"GET / HTTP/1.1\r\nBad Header: x\r\n\r\n"},
        std::string_view{"GET / HTTP/1.1\r\n\r\n"},
        std::string_view{"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
        std::string_view{"GET / HTTP/1.1\r\nHost: a\r\nOrigin: a\r\nOrigin: b\r\n\r\n"},
        std::string_view{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"},
        std::string_view{
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n"},
        std::string_view{
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"},
        std::string_view{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                         "Content-Length: 3\r\n\r\n0\r\n\r\n"},
        std::string_view{
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}}) {
    auto c = client();
    c.send(junk);
    const auto a = c.receive();
    ASSERT_TRUE(a) << junk;
    expect_error(*a, 400);
    EXPECT_EQ(a->headers.at("connection"), "close");
    c.finish_sending();
    EXPECT_TRUE(c.at_end());
  }
  expect_alive();
}

TEST_F(server_test, broken_json_and_wrong_types) {
  start();
  auto c = client();
  for (const std::string_view body : {"{", "[]", "{\"text\":\"\xff\"}", "{\"text\":5}", "nul"}) {
    const auto a = c.ask(post("/echo", body));
    ASSERT_TRUE(a);
    expect_error(*a, 400);
  }
  EXPECT_EQ(c.ask(post("/echo", R"({"text":"ok"})"))->status, 200);
}

TEST_F(server_test, huge_bodies_are_refused_by_their_announcement) {
  start();
  auto c = client();
  c.send("POST /echo HTTP/1.1\r\nHost: t\r\nOrigin: http://localhost:3000\r\n"
         "Content-Length: 100000000\r\n\r\n");
  const auto a = c.receive();
  ASSERT_TRUE(a);
  expect_error(*a, 413);
  EXPECT_EQ(a->headers.at("access-control-allow-origin"), "http://localhost:3000");
  expect_alive();
}

TEST_F(server_test, a_client_that_sends_on_still_reads_why_it_was_refused) {
  options.linger_timeout = 5s;
  start();
  auto c = client();
  c.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 100000000\r\n\r\n");
  const std::string megabyte(1'000'000, 'x');
  for (int i = 0; i < 100; ++i)
    if (!c.send(megabyte))
      break;
  const auto a = c.receive();
  ASSERT_TRUE(a);
  expect_error(*a, 413);
  expect_alive();
}

TEST_F(server_test, chunks_are_counted) {
  start();
  auto c = client();
  c.send("POST /size HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
  c.send("3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\nX-Trailer: 1\r\n\r\n");
  EXPECT_EQ(c.receive()->body, R"({"size":7})");
  c.send("POST /size HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
  for (int i = 0; i < 17; ++i)
    c.send(chunk);
  const auto a = c.receive();
  ASSERT_TRUE(a);
  expect_error(*a, 413);
  expect_alive();
}

TEST_F(server_test, trailers_cannot_smuggle_identity) {
  start();
  auto c = client();
  c.send("GET /me HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
         "0\r\nAuthorization: Bearer anna\r\n\r\n");
  EXPECT_EQ(c.receive()->status, 401);
}

TEST_F(server_test, bodies_up_to_the_limit_are_fine) {
  start();
  const std::string body(1024 * 1024, 'x');
  EXPECT_EQ(once(post("/size", body)).body, R"({"size":1048576})");
  expect_error(once(post("/size", body + "x")), 413);
}

TEST_F(server_test, a_route_may_take_longer_bodies_from_those_who_may_call_it) {
  const auto size = [](front&, const exchange_ptr& x) {
    x->reply(json_response({{"size", x->req().body.size()}, {"id", x->req().captures.at(0)}}));
  };
  auto upload = make_route(verb::post, "/upload/{id}", size, access::user);
  upload.body_bytes_max = 3'000'000;
  routes->add(upload);
  auto smaller = make_route(verb::post, "/smaller/{id}", size);
  smaller.body_bytes_max = 10; // never less than the limit of all
  routes->add(smaller);
  start();
  const std::string anna_says = "Authorization: Bearer anna\r\n";
  const auto post_to = [&](const std::string& target, std::size_t bytes,
                           const std::string& headers) {
    return once(post(target, std::string(bytes, 'x'), headers));
  };
  EXPECT_EQ(post_to("/upload/7?q=1", 3'000'000, anna_says).body, R"({"id":"7","size":3000000})");
  EXPECT_EQ(post_to("/upload/7", 10, anna_says).body, R"({"id":"7","size":10})");
  expect_error(post_to("/upload/7", 3'000'001, anna_says), 413);
  EXPECT_EQ(post_to("/smaller/7", 100'000, {}).status, 200);
  expect_error(post_to("/smaller/7", 2'000'000, {}), 413);
  expect_error(post_to("/size", 2'000'000, anna_says), 413);
  // Who may not call is told so before the body is read, whatever its length.
  auto c = client();
  c.send("POST /upload/7 HTTP/1.1\r\nHost: t\r\nOrigin: http://localhost:3000\r\n"
         "Content-Length: 2000000\r\n\r\n");
  const auto a = c.receive();
  ASSERT_TRUE(a);
  expect_error(*a, 401);
  EXPECT_EQ(a->headers.at("access-control-allow-origin"), "http://localhost:3000");
  // The next request on a connection starts afresh.
  auto next = client();
  EXPECT_EQ(next.ask(post("/upload/1", std::string(2'000'000, 'x'), anna_says))->status, 200);
  EXPECT_EQ(next.ask(get("/ping"))->status, 200);
  expect_error(*next.ask(post("/size", std::string(2'000'000, 'x'), anna_says)), 413);
  // Chunks say nothing of their length beforehand: the limit of all.
  auto chunks = client();
  chunks.send("POST /upload/7 HTTP/1.1\r\nHost: t\r\n" + anna_says
              + "Transfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 17; ++i)
    chunks.send("10000\r\n" + std::string(0x10000, 'x') + "\r\n");
  expect_error(*chunks.receive(), 413);
  expect_alive();
}

TEST_F(server_test, a_refused_caller_can_be_noted) {
  std::atomic<int> noted{0};
  auto closed = make_route(
      verb::get, "/closed", [](front&, const exchange_ptr&) {}, access::admin);
  closed.refused = [&](const request& r) { noted += r.who && r.who->user == anna ? 1 : 100; };
  routes->add(closed);
  start();
  expect_error(once(get("/closed", "Authorization: Bearer anna\r\n")), 403);
  EXPECT_EQ(noted, 1);
  expect_error(once(get("/closed")), 401);
  EXPECT_EQ(noted, 1) << "nobody is nobody";
}

TEST_F(server_test, all_bodies_together_are_bounded) {
  options.bodies_bytes_max = 100'000;
  routes->add(
      make_route(verb::post, "/hold", [this](front&, const exchange_ptr& x) { held.add(x); }));
  start();
  const std::string body(60'000, 'x');
  auto first = client();
  first.send(post("/hold", body));
  auto x = held.take();
  expect_error(once(post("/size", body)), 503);
  x->reply(json_response({{"done", true}}));
  EXPECT_EQ(first.receive()->status, 200);
  x.reset();
  EXPECT_TRUE(eventually([&] { return once(post("/size", body)).status == 200; }));
}

TEST_F(server_test, large_headers_are_refused) {
  start();
  auto c = client();
  c.send("GET /ping HTTP/1.1\r\nHost: t\r\nX-Big: " + std::string(100'000, 'x') + "\r\n\r\n");
  auto a = c.receive();
  ASSERT_TRUE(a);
  expect_error(*a, 431);
  std::string many = "GET /ping HTTP/1.1\r\nHost: t\r\n";
  for (int i = 0; i < 3000; ++i)
    many += fmt::format("X-{}: y\r\n", i);
  auto d = client();
  d.send(many + "\r\n");
  a = d.receive();
  ASSERT_TRUE(a);
  expect_error(*a, 431);
  auto e = client();
  e.send("GET /" + std::string(100'000, 'x') + " HTTP/1.1\r\nHost: t\r\n\r\n");
  a = e.receive();
  ASSERT_TRUE(a);
  expect_error(*a, 431);
  expect_alive();
}

TEST_F(server_test, slow_headers_run_out_of_time) {
  options.header_timeout = 50ms;
  start();
  std::vector<raw_client> slow;
  for (int i = 0; i < 20; ++i) {
    slow.push_back(client());
    slow.back().send("GET /ping HTTP/1.1\r\nHost: t\r\nX-Slow:");
  }
  expect_alive();
  for (auto& c : slow) {
    const auto a = c.receive();
    ASSERT_TRUE(a);
    expect_error(*a, 408);
    c.finish_sending();
    EXPECT_TRUE(c.at_end());
  }
  expect_alive();
}

TEST_F(server_test, slow_bodies_run_out_of_time) {
  options.body_timeout = 50ms;
  start();
  auto c = client();
  c.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\n{");
  const auto a = c.receive();
  ASSERT_TRUE(a);
  expect_error(*a, 408);
  expect_alive();
}

TEST_F(server_test, idle_connections_are_closed) {
  options.idle_timeout = 30ms;
  options.header_timeout = 30ms;
  start();
  auto fresh = client();
  EXPECT_TRUE(fresh.at_end());
  auto used = client();
  EXPECT_EQ(used.ask(get("/ping"))->status, 200);
  EXPECT_TRUE(used.at_end());
}

TEST_F(server_test, handlers_run_out_of_time) {
  options.request_timeout = 50ms;
  start();
  auto c = client();
  c.send(get("/hold"));
  const auto late = held.take();
  const auto a = c.receive();
  ASSERT_TRUE(a);
  expect_error(*a, 504);
  // The late answer must not become that of the next request.
  c.send(get("/hold"));
  const auto current = held.take();
  late->reply(json_response({{"late", true}}));
  current->reply(json_response({{"current", true}}));
  EXPECT_EQ(c.receive()->body, R"({"current":true})");
}

TEST_F(server_test, lost_and_broken_handlers_answer_500) {
  start();
  auto c = client();
  expect_error(*c.ask(get("/lost")), 500);
  const auto a = c.ask(get("/throws"));
  expect_error(*a, 500);
  EXPECT_EQ(a->body.find("secret"), std::string::npos);
  EXPECT_EQ(c.ask(get("/twice"))->body, R"({"n":1})");
  EXPECT_EQ(c.ask(get("/ping"))->status, 200);
  EXPECT_TRUE(eventually([&] { return web->requests_in_flight() == 0; }));
}

TEST_F(server_test, header_values_cannot_begin_another_header) {
  start();
  const auto a = once(get("/inject"));
  EXPECT_EQ(a.headers.count("set-cookie"), 0u);
  EXPECT_EQ(a.headers.at("x-good"), "fine");
}

TEST_F(server_test, large_answers_arrive_whole) {
  start();
  auto c = client();
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(c.ask(get("/large"))->body, *large);
  const std::string text(500'000, 'y');
  EXPECT_EQ(c.ask(post("/echo", fmt::format(R"({{"text":"{}"}})", text)))->body,
            fmt::format(R"({{"text":"{}"}})", text));
}

TEST_F(server_test, a_client_that_reads_nothing_is_cut_off) {
  options.write_timeout = 50ms;
  start();
  auto c = client();
  for (int i = 0; i < 20; ++i)
    c.send(get("/large"));
  EXPECT_TRUE(eventually([&] { return web->connections() == 0; }));
  expect_alive();
}

TEST_F(server_test, requests_in_flight_are_bounded) {
  options.requests_in_flight_max = 3;
  start();
  std::vector<raw_client> clients;
  std::vector<exchange_ptr> taken;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(client());
    clients.back().send(get("/hold"));
    taken.push_back(held.take());
  }
  const auto refused = once(get("/ping"));
  expect_error(refused, 503);
  EXPECT_EQ(refused.headers.at("retry-after"), "1");
  for (auto& x : taken)
    x->reply(json_response({{"done", true}}));
  taken.clear();
  for (auto& c : clients)
    EXPECT_EQ(c.receive()->status, 200);
  EXPECT_TRUE(eventually([&] { return web->requests_in_flight() == 0; }));
  expect_alive();
}

TEST_F(server_test, connections_are_bounded) {
  options.connections_max = 4;
  start();
  std::vector<raw_client> open;
  for (int i = 0; i < 4; ++i) {
    open.push_back(client());
    EXPECT_EQ(open.back().ask(get("/ping"))->status, 200);
  }
  auto extra = client();
  const auto a = extra.receive();
  ASSERT_TRUE(a);
  expect_error(*a, 503);
  extra.close();
  open.clear();
  EXPECT_TRUE(eventually([&] { return web->connections() == 0; }));
  expect_alive();
}

TEST_F(server_test, many_connections_at_once) {
  start();
  std::vector<raw_client> open;
  for (int i = 0; i < 400; ++i) {
    open.push_back(client());
    open.back().send(get(fmt::format("/items/{}", i)));
  }
  for (std::size_t i = 0; i < open.size(); ++i)
    EXPECT_EQ(open[i].receive()->body, fmt::format(R"({{"id":"{}"}})", i));
}

TEST_F(server_test, clients_that_vanish_leave_nothing_behind) {
  start();
  for (int i = 0; i < 50; ++i) {
    auto c = client();
    c.send(get("/hold"));
    auto x = held.take();
    c.close();
    x->reply(json_response({{"nobody", true}}));
  }
  for (int i = 0; i < 50; ++i)
    client().send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\nhalf");
  EXPECT_TRUE(eventually([&] { return web->connections() == 0; }));
  EXPECT_EQ(web->requests_in_flight(), 0u);
  expect_alive();
}

TEST_F(server_test, expectations) {
  start();
  auto c = client();
  c.send("POST /size HTTP/1.1\r\nHost: t\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(c.receive()->status, 100);
  c.send("abc");
  EXPECT_EQ(c.receive()->body, R"({"size":3})");
  auto refused = client();
  refused.send("POST /size HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\n"
               "Content-Length: 100000000\r\n\r\n");
  expect_error(*refused.receive(), 413);
  auto strange = client();
  strange.send("POST /size HTTP/1.1\r\nHost: t\r\nExpect: tea\r\nContent-Length: 3\r\n\r\n");
  expect_error(*strange.receive(), 417);
}

TEST_F(server_test, old_and_closing_clients) {
  start();
  auto c = client();
  const auto a = c.ask("GET /ping HTTP/1.0\r\n\r\n");
  EXPECT_EQ(a->status, 200);
  EXPECT_TRUE(c.at_end());
  auto kept = client();
  EXPECT_EQ(
      kept.ask("GET /ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")->headers.at("connection"),
      "keep-alive");
  EXPECT_EQ(kept.ask(get("/ping", "Connection: close\r\n"))->headers.at("connection"), "close");
  EXPECT_TRUE(kept.at_end());
  auto blank = client();
  EXPECT_EQ(blank.ask("\r\n\r\n" + get("/ping"))->status, 200);
  auto half = client();
  half.send(get("/ping"));
  half.finish_sending();
  EXPECT_EQ(half.receive()->status, 200);
  EXPECT_TRUE(half.at_end());
}

TEST_F(server_test, limits_are_per_client_and_denials_say_how_long) {
  start(make_local_rate_limiter({.general = 3}));
  auto c = client();
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(c.ask(get("/ping"))->status, 200);
  const auto a = c.ask(get("/ping", "Origin: http://localhost:3000\r\n"));
  expect_error(*a, 429);
  EXPECT_EQ(a->headers.at("access-control-allow-origin"), "http://localhost:3000");
  EXPECT_GE(std::stoi(a->headers.at("retry-after")), 1);
  EXPECT_LE(std::stoi(a->headers.at("retry-after")), 60);
  EXPECT_EQ(c.ask(get("/me", "Authorization: Bearer anna\r\n"))->status, 200);
}

TEST_F(server_test, a_limiter_may_take_its_time) {
  start(std::make_shared<slow_limiter>());
  auto c = client();
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(c.ask(get("/ping"))->status, i % 2 == 0 ? 200 : 429);
}

TEST_F(server_test, stopping_finishes_what_is_in_flight) {
  start();
  auto idle = client();
  EXPECT_EQ(idle.ask(get("/ping"))->status, 200);
  auto busy = client();
  busy.send(get("/hold"));
  const auto x = held.take();
  std::thread stopper{[&] { web->stop(10s); }};
  EXPECT_TRUE(idle.at_end());
  EXPECT_TRUE(web->is_draining());
  x->reply(json_response({{"done", true}}));
  const auto a = busy.receive();
  ASSERT_TRUE(a);
  EXPECT_EQ(a->status, 200);
  EXPECT_EQ(a->headers.at("connection"), "close");
  EXPECT_TRUE(busy.at_end());
  stopper.join();
  EXPECT_EQ(web->connections(), 0u);
  EXPECT_THROW(client(), std::runtime_error);
}

TEST_F(server_test, stopping_does_not_wait_for_ever) {
  start();
  auto busy = client();
  busy.send(get("/hold"));
  const auto x = held.take();
  web->stop(10ms);
  EXPECT_TRUE(busy.at_end());
  web.reset();
  // The server is gone; an answer now goes nowhere and breaks nothing.
  x->reply(json_response({{"late", true}}));
}

TEST_F(server_test, two_servers_cannot_share_a_port) {
  start();
  server_options again = options;
  again.port = web->port();
  server second{sys, *env, *registry, server_parts{routes, nullptr, nullptr}, again};
  const auto started = second.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, errc::unavailable);
  expect_alive();
}

TEST_F(server_test, options_have_bounds) {
  const auto make = [&](auto change) {
    auto o = options;
    change(o);
    server{sys, *env, *registry, server_parts{routes, nullptr, nullptr}, o};
  };
  EXPECT_THROW(make([](auto& o) { o.threads = 0; }), std::invalid_argument);
  EXPECT_THROW(make([](auto& o) { o.fronts = 65; }), std::invalid_argument);
  EXPECT_THROW(make([](auto& o) { o.connections_max = 0; }), std::invalid_argument);
  EXPECT_THROW(make([](auto& o) { o.header_bytes_max = 10; }), std::invalid_argument);
  EXPECT_THROW(make([](auto& o) { o.idle_timeout = 0ms; }), std::invalid_argument);
  EXPECT_THROW(make([](auto& o) { o.filters.trusted_proxies = {"x"}; }), std::invalid_argument);
}

TEST_F(server_test, metrics_and_readiness) {
  auto health =
      std::make_shared<health_monitor>(sys, *env, health_options{}, std::vector<health_probe>{});
  add_health_route(*routes, health);
  add_actuator_routes(*routes, {.health = health,
                                .is_draining = [this] { return web->is_draining(); },
                                .registry = registry});
  start();
  EXPECT_EQ(once(get("/items/1")).status, 200);
  EXPECT_EQ(once(get("/items/2")).status, 200);
  EXPECT_EQ(once(get("/nothing/3")).status, 404);
  EXPECT_EQ(once(get("/health")).body,
            R"({"dependencies":{},"service":"gateway-service","status":"ok"})");
  EXPECT_EQ(once(get("/actuator/health/liveness")).body, R"({"status":"UP"})");
  EXPECT_EQ(once(get("/actuator/health/readiness")).body, R"({"status":"UP"})");
  // An answer counts when it was written, which the client may see first.
  std::string text;
  EXPECT_TRUE(eventually([&] {
    text = once(get("/actuator/prometheus")).body;
    return text.find("http_server_requests_seconds_count{application=\"tiketi\",exception=\"none\","
                     "method=\"GET\",outcome=\"SUCCESS\",status=\"200\",uri=\"/items/{id}\"} 2")
           != std::string::npos;
  })) << text;
  EXPECT_NE(text.find("uri=\"UNKNOWN\""), std::string::npos);
  EXPECT_EQ(text.find("/nothing/3"), std::string::npos);
  EXPECT_NE(text.find("process_uptime_seconds"), std::string::npos);
  EXPECT_NE(text.find("tiketi_http_connections"), std::string::npos);
  web->drain();
  const auto draining = once(get("/actuator/health/readiness"));
  EXPECT_EQ(draining.status, 503);
  EXPECT_EQ(once(get("/actuator/health/liveness")).status, 200);
  health->stop();
}

} // namespace
} // namespace tiketi::net
