#include "actors/base/trace.hpp"
#include "actors/trace/otlp.hpp"
#include "actors/trace/span_buffer.hpp"

#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tiketi::trace {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

span answered(int status) {
  span s;
  s.trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  s.parent = "53995c3f42cd8ad8";
  s.name = "GET /api/events/{id}";
  s.method = "GET";
  s.route = "/api/events/{id}";
  s.status = status;
  s.start = from_millis(1'771'754'400'123);
  s.took = 1500us;
  return s;
}

json sent(const span& s) {
  const auto body = json::parse(to_otlp({"tiketi", "node-1", "1.2.3"}, {&s, 1}));
  return body["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
}

json attribute(const json& span, std::string_view key) {
  for (const auto& one : span["attributes"])
    if (one["key"] == key)
      return one["value"];
  return nullptr;
}

TEST(otlp_test, a_request_is_a_server_span) {
  const auto s = sent(answered(200));
  EXPECT_EQ(s["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(s["spanId"], "00f067aa0ba902b7");
  EXPECT_EQ(s["parentSpanId"], "53995c3f42cd8ad8");
  EXPECT_EQ(s["kind"], 2);
  EXPECT_EQ(s["name"], "GET /api/events/{id}");
  EXPECT_EQ(s["startTimeUnixNano"], "1771754400123000000");
  EXPECT_EQ(s["endTimeUnixNano"], "1771754400124500000");
  EXPECT_EQ(attribute(s, "http.route")["stringValue"], "/api/events/{id}");
  EXPECT_EQ(attribute(s, "http.response.status_code")["intValue"], "200");
  EXPECT_EQ(s["status"], json::object());
}

TEST(otlp_test, the_process_is_named_once) {
  const span two[] = {answered(200), answered(404)};
  const auto body = json::parse(to_otlp({"tiketi", "node-1", "1.2.3"}, two));
  ASSERT_EQ(body["resourceSpans"].size(), 1u);
  const auto& from = body["resourceSpans"][0]["resource"];
  EXPECT_EQ(attribute(from, "service.name")["stringValue"], "tiketi");
  EXPECT_EQ(attribute(from, "service.instance.id")["stringValue"], "node-1");
  EXPECT_EQ(body["resourceSpans"][0]["scopeSpans"][0]["spans"].size(), 2u);
}

TEST(otlp_test, who_is_to_blame) {
  EXPECT_EQ(sent(answered(404))["status"], json::object()) << "the client's own mistake";
  EXPECT_EQ(sent(answered(503))["status"]["code"], 2);
  auto call = answered(404);
  call.kind = span_kind::client;
  call.peer = "toss";
  EXPECT_EQ(sent(call)["kind"], 3);
  EXPECT_EQ(sent(call)["status"]["code"], 2);
  EXPECT_EQ(attribute(sent(call), "peer.service")["stringValue"], "toss");
  EXPECT_EQ(attribute(sent(call), "error.type")["stringValue"], "404");
  call.status = 0;
  call.error = "timed_out";
  EXPECT_EQ(attribute(sent(call), "error.type")["stringValue"], "timed_out");
  EXPECT_EQ(attribute(sent(call), "http.response.status_code"), nullptr);
}

TEST(otlp_test, whatever_a_span_holds_the_body_is_json) {
  auto s = answered(200);
  s.method = "G\xff\"T";
  s.parent.clear();
  EXPECT_FALSE(sent(s).contains("parentSpanId"));
}

class span_buffer_test : public ::testing::Test {
protected:
  prometheus::Counter dropped;
};

TEST_F(span_buffer_test, what_comes_over_the_bound_is_dropped_and_counted) {
  span_buffer buffer{2, dropped};
  for (int status : {200, 201, 202})
    buffer.record(answered(status));
  EXPECT_EQ(buffer.size(), 2u);
  EXPECT_EQ(dropped.Value(), 1);
  EXPECT_EQ(buffer.take(1).at(0).status, 200);
  EXPECT_EQ(buffer.take(5).at(0).status, 201);
  EXPECT_TRUE(buffer.take(5).empty());
}

TEST_F(span_buffer_test, many_threads_lose_nothing_but_what_is_counted) {
  span_buffer buffer{1000, dropped};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 500; ++k)
        buffer.record(answered(200));
    });
  std::size_t taken = 0;
  for (int i = 0; i < 20; ++i)
    taken += buffer.take(37).size();
  for (auto& t : threads)
    t.join();
  taken += buffer.take(5000).size();
  EXPECT_EQ(taken + static_cast<std::size_t>(dropped.Value()), 2000u);
}

TEST(sampling_test, the_share_is_kept_and_belongs_to_the_trace) {
  const auto env = make_seeded_environment(7, [] { return time_point{}; });
  int chosen = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto trace = make_traceparent(*env);
    EXPECT_FALSE(belongs_to_sample(trace, 0));
    EXPECT_TRUE(belongs_to_sample(trace, 1));
    const bool in = belongs_to_sample(trace, 0.1);
    EXPECT_EQ(in, belongs_to_sample(child_traceparent(trace, *env), 0.1));
    EXPECT_LE(in, belongs_to_sample(trace, 0.5)) << "a larger share holds the smaller";
    chosen += in;
  }
  EXPECT_GT(chosen, 850);
  EXPECT_LT(chosen, 1150);
}

TEST(sampling_test, the_mark_is_one_bit) {
  std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0a";
  EXPECT_FALSE(is_sampled(trace));
  set_sampled(trace);
  EXPECT_EQ(trace.substr(53), "0b");
  EXPECT_TRUE(is_sampled(trace));
  EXPECT_FALSE(is_sampled("junk"));
  EXPECT_EQ(log_mark_of(trace), " trace_id=4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(log_mark_of("junk"), "");
}

} // namespace
} // namespace tiketi::trace
