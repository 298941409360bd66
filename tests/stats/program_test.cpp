// The running program: what the administrator's statistics page calls and reads, after one sale.

#include "tests/sale/sale_client.hpp"

#include <chrono>
#include <functional>
#include <thread>

#include <gtest/gtest.h>

namespace tiketi::test {
namespace {

using nlohmann::json;

class stats_program_test : public ::testing::Test {
protected:
  static void SetUpTestSuite() {
    data = new temp_dir;
    server_process::options o;
    o.data = data->path();
    o.arguments = load_arguments();
    server = new server_process{o};
    ASSERT_TRUE(server->start()) << server->log_tail();
  }

  static void TearDownTestSuite() {
    if (server != nullptr) {
      EXPECT_EQ(server->stop(), 0) << server->log_tail();
    }
    delete server;
    delete data;
  }

  http_reply call(const char* method, const std::string& path, const json& body = nullptr) {
    return client.send(method, "/api/v1" + path, body.is_null() ? "" : body.dump());
  }

  void log_in(const char* email, const char* password) {
    client.common.clear();
    const auto reply = call("POST", "/auth/login", {{"email", email}, {"password", password}});
    ASSERT_EQ(reply.status, 200) << reply.body;
    client.common = {{"Authorization", "Bearer " + reply.json()["token"].get<std::string>()}};
  }

  json report(const std::string& path) {
    const auto reply = call("GET", "/stats/" + path);
    EXPECT_EQ(reply.status, 200) << path << ": " << reply.body;
    const auto body = reply.json();
    EXPECT_EQ(body["success"], true) << path;
    return body["data"];
  }

  /// Events travel through outboxes: asks until it is so.
  json report_until(const std::string& path, const std::function<bool(const json&)>& so) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    auto last = report(path);
    while (!so(last) && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds{50});
      last = report(path);
    }
    EXPECT_TRUE(so(last)) << last.dump();
    return last;
  }

  http_client client{server->port()};

  inline static temp_dir* data = nullptr;
  inline static server_process* server = nullptr;
};

TEST_F(stats_program_test, the_page_after_one_sale) {
  EXPECT_EQ(call("GET", "/stats/overview").status, 401);
  log_in("demo@tiketi.local", "demo-password");
  EXPECT_EQ(call("GET", "/stats/overview").status, 403);

  // One paid reservation and one that is given up.
  const auto listed = call("GET", "/events?status=on_sale&page=1&limit=100").json();
  std::string event;
  for (const auto& e : listed["events"]) {
    const auto id = e["id"].get<std::string>();
    if (!call("GET", "/events/" + id).json()["event"]["seat_layout_id"].is_null()) {
      event = id;
      break;
    }
  }
  ASSERT_FALSE(event.empty());
  const auto entered = call("POST", "/queue/check/" + event);
  ASSERT_EQ(entered.json()["status"], "active") << entered.body;
  client.common.emplace_back("x-queue-entry-token",
                             entered.json()["entryToken"].get<std::string>());
  const auto map = call("GET", "/seats/events/" + event).json();
  std::vector<std::string> reservations;
  for (int i = 0; i < 2; ++i) {
    const auto reply =
        call("POST", "/seats/reserve", {{"eventId", event}, {"seatIds", {map["seats"][i]["id"]}}});
    ASSERT_EQ(reply.status, 200) << reply.body;
    reservations.push_back(reply.json()["reservation"]["id"]);
  }
  ASSERT_EQ(call("POST", "/payments/process",
                 {{"reservationId", reservations[0]}, {"paymentMethod", "naver_pay"}})
                .status,
            200);
  ASSERT_EQ(call("POST", "/reservations/" + reservations[1] + "/cancel").status, 200);
  const auto price = map["seats"][0]["price"].get<std::int64_t>();
  const auto section = map["seats"][0]["section"].get<std::string>();

  log_in("admin@tiketi.local", "admin-password");
  const auto overview = report_until("overview", [&](const json& d) {
    return d["confirmed_reservations"] == 1 && d["total_revenue"] == price && d["total_users"] == 2;
  });
  EXPECT_EQ(overview["total_reservations"], 2);
  EXPECT_EQ(overview["completed_payments"], 1);
  EXPECT_EQ(overview["payment_revenue"], price);
  EXPECT_EQ(overview["active_events"].get<std::size_t>(), listed["events"].size());
  report_until("cancellations?days=30",
               [](const json& d) { return d["overview"]["total_cancelled"] == 1; });

  const auto daily = report("daily?days=7");
  ASSERT_EQ(daily.size(), 8u);
  EXPECT_EQ(daily[0]["reservations"], 2);
  EXPECT_EQ(daily[0]["revenue"], price);
  const auto events = report("events?limit=20&sortBy=revenue");
  EXPECT_EQ(events[0]["event_id"], event);
  EXPECT_EQ(events[0]["total_revenue"], price);
  EXPECT_EQ(events[0]["sold_seats"], 1);
  EXPECT_EQ(events[0]["total_seats"].get<std::size_t>(), map["seats"].size());
  EXPECT_TRUE(events[0]["title"].is_string());
  const auto detail = report("events/" + event)["overview"];
  EXPECT_EQ(detail["available_seats"].get<std::size_t>() + 1, map["seats"].size());
  EXPECT_EQ(detail["cancelled_reservations"], 1);
  EXPECT_EQ(call("GET", "/stats/events/00000000-0000-0000-0000-000000000001").status, 404);
  const auto payments = report("payments");
  ASSERT_EQ(payments.size(), 1u);
  EXPECT_EQ(payments[0]["method"], "naver_pay");
  EXPECT_TRUE(payments[0]["average_amount"].is_number());
  EXPECT_EQ(report("revenue?period=daily&days=30")[0]["total_revenue"], price);
  const auto conversion = report("conversion?days=30");
  EXPECT_EQ(conversion["funnel"]["total_started"], 2);
  EXPECT_EQ(conversion["rates"]["conversion_rate"], 50.0);
  EXPECT_EQ(report("hourly-traffic?days=7")["peakHour"]["reservations"], 2);
  const auto now = report("realtime");
  EXPECT_EQ(now["current"]["active_users"], 1);
  EXPECT_EQ(now["current"]["locked_seats"], 0);
  EXPECT_EQ(now["lastHour"]["revenue"], price);
  EXPECT_EQ(now["trendingEvents"][0]["event_id"], event);
  EXPECT_EQ(now["recentActivity"].size(), 4u);
  const auto seats = report("seat-preferences?eventId=" + event);
  std::int64_t sold = 0;
  for (const auto& s : seats["bySection"])
    if (s["section"] == section)
      sold = s["reserved_seats"].get<std::int64_t>();
  EXPECT_EQ(sold, 1);
  const auto behaviour = report("user-behavior?days=30");
  EXPECT_EQ(behaviour["userTypes"][0]["user_count"], 1);
  EXPECT_EQ(behaviour["averageMetrics"]["avg_spending"].get<double>(), static_cast<double>(price));
  EXPECT_EQ(report("users?days=30")["byRole"].size(), 2u);
  const auto performance = report("performance");
  EXPECT_TRUE(performance["database"]["size"].is_string());
  EXPECT_EQ(performance["database"]["tableCounts"]["reservations"], 2);
  EXPECT_GT(performance["recentPerformance"]["totalRequests"].get<int>(), 5);
  EXPECT_EQ(performance["recentPerformance"]["successRate"], 100.0);
}

} // namespace
} // namespace tiketi::test
