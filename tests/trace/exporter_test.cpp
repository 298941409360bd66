#include "actors/remote/role.hpp"
#include "actors/trace/exporter.hpp"
#include "net/client/curl_transport.hpp"
#include "tests/support/actor_fixture.hpp"
#include "tests/support/local_server.hpp"
#include "tests/support/paced_transport.hpp"

#include <mutex>
#include <set>

#include <nlohmann/json.hpp>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace tiketi::trace {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using test::local_reply;
using test::local_request;

/// Virtual time, real requests to a real collector.
class exporter_test : public test::actor_test {
protected:
  void SetUp() override {
    remote::remote_options calls;
    calls.retry = {3, 100ms, 400ms};
    client = remote::start_remote(sys, *env, registry, calls, paced, {collector});
    spans = make_span_buffer(registry, 100);
    exporter_options options;
    options.url = server.url() + "/v1/traces";
    options.headers = {{"x-api-key", "k"}};
    options.batch_max = 10;
    exporter = start_exporter(sys, registry, options, spans, client);
    sched.run();
  }

  void TearDown() override {
    self->send_exit(exporter, caf::exit_reason::user_shutdown);
    remote::stop_remote(client);
    sched.run();
    exporter = nullptr;
    client = nullptr;
    paced->shutdown();
  }

  void record(int count) {
    for (int i = 0; i < count; ++i) {
      span s;
      s.trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
      s.name = s.method = "GET";
      s.status = ++recorded;
      spans->record(std::move(s));
    }
  }

  /// Time passes, and what is sent arrives.
  void pass(std::chrono::milliseconds span) {
    for (auto t = 0ms; t < span; t += 20ms) {
      advance(20ms);
      while (paced->pump())
        sched.run();
    }
  }

  bool shows(const std::string& line) {
    return prometheus::TextSerializer{}.Serialize(registry.Collect()).find(line + "\n")
           != std::string::npos;
  }

  std::mutex mutex;
  std::vector<local_request> requests; ///< guarded by mutex
  std::set<std::string> arrived;       ///< status of each span; guarded by mutex
  int status = 200;                    ///< guarded by mutex
  test::local_server server{[this](const local_request& r) {
    const std::lock_guard lock(mutex);
    requests.push_back(r);
    const auto body = json::parse(r.body);
    if (status == 200)
      for (const auto& s : body["resourceSpans"][0]["scopeSpans"][0]["spans"])
        for (const auto& a : s["attributes"])
          if (a["key"] == "http.response.status_code")
            arrived.insert(a["value"]["intValue"]);
    local_reply out;
    out.status = status;
    return out;
  }};
  prometheus::Registry registry;
  std::shared_ptr<test::paced_transport> paced =
      std::make_shared<test::paced_transport>(net::make_curl_transport({}));
  remote::client_actor client;
  std::shared_ptr<span_buffer> spans;
  exporter_actor exporter;
  int recorded = 199;
};

TEST_F(exporter_test, spans_go_in_batches) {
  record(25);
  pass(1100ms);
  const std::lock_guard lock(mutex);
  EXPECT_EQ(arrived.size(), 20u) << "full batches follow each other at once";
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].target, "/v1/traces");
  EXPECT_EQ(requests[0].headers["content-type"], "application/json");
  EXPECT_EQ(requests[0].headers["x-api-key"], "k");
  EXPECT_EQ(requests[0].headers["traceparent"].substr(53), "00") << "no trace of tracing";
  EXPECT_TRUE(shows("tiketi_trace_spans_total{result=\"exported\"} 20"));
}

TEST_F(exporter_test, without_spans_nothing_is_sent) {
  pass(5000ms);
  const std::lock_guard lock(mutex);
  EXPECT_TRUE(requests.empty());
}

TEST_F(exporter_test, a_collector_that_fails_loses_a_batch_and_holds_up_nothing) {
  {
    const std::lock_guard lock(mutex);
    status = 503;
  }
  record(5);
  pass(3000ms);
  EXPECT_TRUE(shows("tiketi_trace_spans_total{result=\"failed\"} 5"));
  {
    const std::lock_guard lock(mutex);
    EXPECT_EQ(requests.size(), 3u) << "spans may be repeated";
    status = 200;
  }
  record(5);
  pass(60'000ms);
  EXPECT_TRUE(shows("tiketi_trace_spans_total{result=\"exported\"} 5"));
}

TEST_F(exporter_test, a_flush_sends_everything_before_it_answers) {
  record(25);
  auto pending = self->request(exporter, caf::infinite, flush{});
  for (int i = 0; i < 1000 && self->mailbox().empty(); ++i) {
    sched.run();
    if (self->mailbox().empty() && !paced->pump())
      advance(20ms);
  }
  pending.receive([](bool ok) { EXPECT_TRUE(ok); },
                  [](const caf::error& e) { ADD_FAILURE() << caf::to_string(e); });
  const std::lock_guard lock(mutex);
  EXPECT_EQ(arrived.size(), 25u);
}

} // namespace
} // namespace tiketi::trace
