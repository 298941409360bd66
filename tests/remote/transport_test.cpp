#include "net/client/curl_transport.hpp"
#include "tests/support/local_server.hpp"
#include "tests/support/places.hpp"

#include <atomic>
#include <cstdio>
#include <fstream>
#include <future>
#include <memory>

#include <gtest/gtest.h>
#include <unistd.h>

namespace tiketi::remote {
namespace {

using namespace std::chrono_literals;
using test::local_reply;
using test::local_request;
using test::local_server;

class transport_test : public ::testing::Test {
protected:
  static transfer get(const std::string& url) {
    transfer t;
    t.request.url = url;
    t.timeout = 5000ms;
    t.repeatable = true;
    return t;
  }

  std::future<transfer_result> begin(transfer t) {
    auto promise = std::make_shared<std::promise<transfer_result>>();
    auto future = promise->get_future();
    curl->start(std::move(t), [promise](transfer_result r) { promise->set_value(std::move(r)); });
    return future;
  }

  transfer_result run(transfer t) { return begin(std::move(t)).get(); }

  std::shared_ptr<transport> curl = net::make_curl_transport({});
};

TEST_F(transport_test, carries_request_and_answer_unchanged) {
  local_request seen;
  local_server server{[&](const local_request& r) {
    seen = r;
    return local_reply{201, R"({"ok":true})", {{"X-Answer", "  yes "}, {"Empty", ""}}};
  }};
  transfer t = get(server.url() + "/a/b?c=d%20e");
  t.request.method = "POST";
  t.request.body = std::string("{\"a\":\0 1}", 9);
  t.request.headers = {{"Content-Type", "application/json"}, {"Idempotency-Key", "k1"}};
  const auto r = run(std::move(t));
  EXPECT_EQ(r.error, http_failure::none) << r.text;
  EXPECT_EQ(r.status, 201);
  EXPECT_EQ(r.body, R"({"ok":true})");
  EXPECT_EQ(find_header(r.headers, "x-answer"), "yes");
  EXPECT_EQ(find_header(r.headers, "absent"), "");
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.target, "/a/b?c=d%20e");
  EXPECT_EQ(seen.body, std::string("{\"a\":\0 1}", 9));
  EXPECT_EQ(seen.headers["content-type"], "application/json");
  EXPECT_EQ(seen.headers["idempotency-key"], "k1");
  EXPECT_EQ(seen.headers.count("expect"), 0u);
}

TEST_F(transport_test, a_redirect_is_an_answer) {
  std::atomic<int> calls{0};
  local_server server{[&](const local_request&) {
    ++calls;
    return local_reply{302, "", {{"Location", "/elsewhere"}}};
  }};
  const auto r = run(get(server.url() + "/"));
  EXPECT_EQ(r.status, 302);
  EXPECT_EQ(find_header(r.headers, "location"), "/elsewhere");
  EXPECT_EQ(calls, 1);
}

TEST_F(transport_test, what_goes_wrong_is_told_apart) {
  auto how = local_reply::manner::whole;
  local_server server{[&](const local_request&) {
    return local_reply{200, "0123456789", {}, how};
  }};
  const auto outcome = [&](local_reply::manner m) {
    how = m;
    auto t = get(server.url() + "/");
    t.timeout = 150ms;
    return run(std::move(t));
  };
  EXPECT_EQ(outcome(local_reply::manner::half).error, http_failure::lost);
  EXPECT_EQ(outcome(local_reply::manner::half).body, "") << "half an answer is none";
  EXPECT_EQ(outcome(local_reply::manner::reset).error, http_failure::lost);
  EXPECT_EQ(outcome(local_reply::manner::garbage).error, http_failure::lost);
  EXPECT_EQ(outcome(local_reply::manner::silence).error, http_failure::timed_out);
  EXPECT_EQ(outcome(local_reply::manner::whole).error, http_failure::none);
}

TEST_F(transport_test, nobody_there_means_certainly_not_sent) {
  const auto r = run(get("http://127.0.0.1:" + std::to_string(test::free_port()) + "/"));
  EXPECT_EQ(r.error, http_failure::refused);
  EXPECT_FALSE(r.text.empty());
  EXPECT_EQ(run(get("http://no-such-host.invalid/")).error, http_failure::refused);
}

TEST_F(transport_test, an_answer_over_the_limit_is_refused) {
  local_server server{[](const local_request& r) {
    return local_reply{200, std::string(r.target == "/fits" ? 1000u : 1001u, 'x'), {}};
  }};
  auto t = get(server.url() + "/fits");
  t.response_bytes_max = 1000;
  EXPECT_EQ(run(t).body.size(), 1000u);
  t.request.url = server.url() + "/over";
  EXPECT_EQ(run(t).error, http_failure::too_large);
}

TEST_F(transport_test, endless_headers_are_refused) {
  curl = net::make_curl_transport({.header_bytes_max = 2000});
  local_server server{[](const local_request&) {
    local_reply r;
    for (int i = 0; i < 30; ++i)
      r.headers.emplace_back("X-" + std::to_string(i), std::string(100, 'h'));
    return r;
  }};
  EXPECT_EQ(run(get(server.url() + "/")).error, http_failure::too_large);
}

TEST_F(transport_test, malformed_requests_never_leave) {
  std::atomic<int> calls{0};
  local_server server{[&](const local_request&) {
    ++calls;
    return local_reply{};
  }};
  auto smuggled = get(server.url() + "/");
  smuggled.request.headers = {{"X", "a\r\nY: b"}};
  EXPECT_EQ(run(smuggled).error, http_failure::rejected);
  auto odd = get(server.url() + "/");
  odd.request.method = "DELETE";
  EXPECT_EQ(run(odd).error, http_failure::rejected);
  for (const char* url : {"file:///etc/passwd", "ftp://127.0.0.1/", "", "http://a b/", "https://"})
    EXPECT_EQ(run(get(url)).error, http_failure::rejected) << url;
  EXPECT_EQ(calls, 0);
}

TEST_F(transport_test, machines_inside_can_be_forbidden_whatever_their_name) {
  local_server server{[](const local_request&) { return local_reply{200, "inside", {}}; }};
  curl = net::make_curl_transport({.public_addresses_only = true});
  auto named = server.url();
  named.replace(named.find("127.0.0.1"), 9, "localhost");
  for (const auto& url : {server.url(), named}) {
    const auto r = run(get(url + "/"));
    EXPECT_EQ(r.error, http_failure::forbidden) << url;
    EXPECT_FALSE(may_have_arrived(r.error));
  }
  const auto port = server.url().substr(server.url().rfind(':'));
  for (const char* host : {"127.1", "2130706433", "0x7f000001", "0", "[::1]", "[::ffff:127.0.0.1]",
                           "169.254.169.254", "10.0.0.1"})
    EXPECT_EQ(run(get("http://" + std::string{host} + port + "/")).error, http_failure::forbidden)
        << host;
  EXPECT_EQ(server.connections(), 0u);
  EXPECT_EQ(run(get("http://no-such-host.invalid/")).error, http_failure::refused);
}

TEST_F(transport_test, connections_are_kept_for_what_may_be_repeated_only) {
  local_server server{[](const local_request&) { return local_reply{200, "x", {}}; }};
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(run(get(server.url() + "/")).status, 200);
  EXPECT_EQ(server.connections(), 1u);
  auto once = get(server.url() + "/");
  once.repeatable = false;
  EXPECT_EQ(run(once).status, 200);
  EXPECT_EQ(server.connections(), 2u);
}

TEST_F(transport_test, many_at_once) {
  local_server server{[](const local_request& r) {
    return local_reply{200, r.target, {}, local_reply::manner::whole, 5ms};
  }};
  std::vector<std::future<transfer_result>> open;
  for (int i = 0; i < 300; ++i)
    open.push_back(begin(get(server.url() + "/" + std::to_string(i))));
  for (int i = 0; i < 300; ++i)
    EXPECT_EQ(open[static_cast<std::size_t>(i)].get().body, "/" + std::to_string(i));
}

TEST_F(transport_test, one_too_many_is_refused_at_once) {
  curl = net::make_curl_transport({.waiting_max = 2});
  local_server server{[](const local_request&) {
    local_reply r;
    r.how = local_reply::manner::silence;
    return r;
  }};
  auto first = begin(get(server.url() + "/"));
  auto second = begin(get(server.url() + "/"));
  EXPECT_EQ(run(get(server.url() + "/")).error, http_failure::overloaded);
  curl->shutdown();
  EXPECT_EQ(first.get().error, http_failure::rejected);
  EXPECT_EQ(second.get().error, http_failure::rejected);
  EXPECT_EQ(run(get(server.url() + "/")).error, http_failure::rejected) << "after the end";
}

TEST_F(transport_test, a_certificate_of_unknown_origin_is_not_trusted) {
  std::atomic<int> calls{0};
  local_server server{[&](const local_request&) {
                        ++calls;
                        return local_reply{200, "secret", {}};
                      },
                      true};
  EXPECT_EQ(run(get(server.url() + "/")).error, http_failure::untrusted);
  EXPECT_EQ(calls, 0);

  const auto file = ::testing::TempDir() + "tiketi_ca_" + std::to_string(::getpid()) + ".pem";
  std::ofstream{file} << server.certificate();
  curl = net::make_curl_transport({.ca_file = file});
  const auto r = run(get(server.url() + "/"));
  EXPECT_EQ(r.error, http_failure::none) << r.text;
  EXPECT_EQ(r.body, "secret");
  // The same server under a name its certificate does not have.
  auto other = server.url();
  other.replace(other.find("127.0.0.1"), 9, "localhost");
  EXPECT_EQ(run(get(other + "/")).error, http_failure::untrusted);
  std::remove(file.c_str());
}

} // namespace
} // namespace tiketi::remote
