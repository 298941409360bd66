#include "tests/support/http_client.hpp"
#include "tests/support/local_server.hpp"
#include "tests/support/process.hpp"
#include "tests/support/stored_rows.hpp"

#include <chrono>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tiketi::test {
namespace {

using nlohmann::json;

constexpr const char* traced = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr const char* untraced = "00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

/// The program, and a collector that takes what it is sent.
class trace_program_test : public ::testing::Test {
protected:
  void run(const std::string& percent) {
    server_process::options o;
    o.data = data.path();
    o.arguments = {"--demo",
                   "--trace.otlp_url=" + collector.url() + "/v1/traces",
                   "--trace.sample_percent=" + percent,
                   "--trace.service=box-office",
                   "--log.format=json",
                   "--log.level=debug",
                   "--auth.argon2_memory_kib=8"};
    o.environment["OTEL_EXPORTER_OTLP_HEADERS"] = "x-api-key=secret, x-tenant = a";
    server_process server{o};
    ASSERT_TRUE(server.start()) << server.log_tail();
    http_client client{server.port()};
    EXPECT_EQ(client.send("GET", "/api/v1/events", "", {{"traceparent", traced}}).status, 200);
    EXPECT_EQ(client.send("GET", "/api/v1/nowhere", "", {{"traceparent", untraced}}).status, 404);
    EXPECT_EQ(client.send("GET", "/api/v1/time", "", {}).status, 200);
    EXPECT_EQ(server.stop(), 0) << server.log_tail();
  }

  /// What arrived for a path's template.
  std::vector<json> spans_of(const std::string& name) {
    const std::lock_guard lock(mutex);
    std::vector<json> out;
    for (const auto& s : spans)
      if (s["name"] == name)
        out.push_back(s);
    return out;
  }

  temp_dir data;
  std::mutex mutex;
  std::vector<json> spans;
  std::map<std::string, std::string> headers;
  json resource;
  local_server collector{[this](const local_request& r) {
    const auto body = json::parse(r.body);
    const std::lock_guard lock(mutex);
    headers = r.headers;
    resource = body["resourceSpans"][0]["resource"];
    for (const auto& s : body["resourceSpans"][0]["scopeSpans"][0]["spans"])
      spans.push_back(s);
    return local_reply{};
  }};
};

TEST_F(trace_program_test, sampled_requests_reach_the_collector_before_the_program_ends) {
  ASSERT_NO_FATAL_FAILURE(run("0"));
  const auto events = spans_of("GET /api/events");
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0]["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(events[0]["parentSpanId"], "00f067aa0ba902b7");
  EXPECT_NE(events[0]["spanId"], "00f067aa0ba902b7");
  const std::lock_guard lock(mutex);
  EXPECT_EQ(spans.size(), 1u) << "the client of the others did not ask for it";
  EXPECT_EQ(headers["x-api-key"], "secret");
  EXPECT_EQ(headers["x-tenant"], "a");
  EXPECT_NE(resource.dump().find("box-office"), std::string::npos);
}

TEST_F(trace_program_test, traces_that_begin_here_are_sampled_by_share) {
  ASSERT_NO_FATAL_FAILURE(run("100"));
  EXPECT_EQ(spans_of("GET /api/time").size(), 1u);
  EXPECT_TRUE(spans_of("GET").empty()) << "an unsampled trace of the client stays one";

  // Each line of the log is one JSON object; those about a request name its trace.
  std::ifstream log{data.path() / "server.log"};
  std::size_t lines = 0;
  bool named = false;
  for (std::string line; std::getline(log, line); ++lines) {
    if (line.starts_with("tiketi: warning: ")) // before the settings say what a log looks like
      continue;
    const auto entry = json::parse(line, nullptr, false);
    ASSERT_TRUE(entry.is_object()) << line;
    if (entry.value("trace_id", "") != "4bf92f3577b34da6a3ce929d0e0e4736")
      continue;
    named = true;
    EXPECT_EQ(entry["message"].get<std::string>().find("trace_id"), std::string::npos);
  }
  EXPECT_GT(lines, 3u);
  EXPECT_TRUE(named);
}

// What a request leads to keeps its trace: in its own events, and in those of the role that a
// payment reaches, directly or through the outbox.
TEST(event_trace_program_test, a_request_and_the_events_it_leads_to_share_a_trace) {
  const auto trace_of = [](char digit) {
    return "00-" + std::string(32, digit) + "-" + std::string(16, digit) + "-01";
  };
  const temp_dir data;
  server_process::options o;
  o.data = data.path();
  o.arguments = {"--demo", "--gateway.entry_gate=false", "--gateway.rate_limits=false",
                 "--auth.argon2_memory_kib=8"};
  server_process server{o};
  ASSERT_TRUE(server.start()) << server.log_tail();
  http_client client{server.port()};
  const auto session = client.post(
      "/api/v1/auth/login", json{{"email", "demo@tiketi.local"}, {"password", "demo-password"}});
  ASSERT_EQ(session.status, 200) << session.body;
  client.common = {{"Authorization", "Bearer " + session.json()["token"].get<std::string>()}};
  std::string event;
  json seats;
  const auto listed = client.get("/api/v1/events?status=on_sale&page=1&limit=100").json();
  for (const auto& e : listed["events"]) {
    event = e["id"].get<std::string>();
    seats = client.get("/api/v1/seats/events/" + event).json().value("seats", json::array());
    if (!seats.empty())
      break;
  }
  ASSERT_FALSE(seats.empty());

  const auto held =
      client.post("/api/v1/seats/reserve", json{{"eventId", event}, {"seatIds", {seats[0]["id"]}}},
                  {{"traceparent", trace_of('1')}});
  ASSERT_EQ(held.status, 200) << held.body;
  const auto id = held.json()["reservation"]["id"].get<std::string>();
  const auto paid = client.post("/api/v1/payments/process",
                                json{{"reservationId", id}, {"paymentMethod", "naver_pay"}},
                                {{"traceparent", trace_of('2')}});
  ASSERT_EQ(paid.status, 200) << paid.body;
  const auto cancelled = client.send("POST", "/api/v1/reservations/" + id + "/cancel", "",
                                     {{"traceparent", trace_of('3')}});
  ASSERT_EQ(cancelled.status, 200) << cancelled.body;
  // The end of the reservation reaches the payment role as an event, which gives the money back.
  const auto payment_events = [&] {
    return stored_rows(data.path() / "payment.db",
                       "SELECT type, trace FROM outbox ORDER BY sequence");
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (payment_events().size() < 2) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << server.log_tail();
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
  EXPECT_EQ(server.stop(), 0) << server.log_tail();

  EXPECT_EQ(
      stored_rows(data.path() / "ticket.db", "SELECT type, trace FROM outbox ORDER BY sequence"),
      (std::vector<sql_row>{{"RESERVATION_CREATED", trace_of('1')},
                            {"RESERVATION_CONFIRMED", trace_of('2')},
                            {"RESERVATION_CANCELLED", trace_of('3')}}));
  EXPECT_EQ(payment_events(), (std::vector<sql_row>{{"PAYMENT_CONFIRMED", trace_of('2')},
                                                    {"PAYMENT_REFUNDED", trace_of('3')}}));
}

} // namespace
} // namespace tiketi::test
