// What operators' scripts check after an installation: the smoke test, and the functional list,
// which goes through the whole API by bare paths (`/api`, no version) with a bearer header; and the
// names of the metrics that dashboards and alerts ask for.

#include "tests/sale/sale_client.hpp"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

namespace tiketi::test {
namespace {

using nlohmann::json;

class operator_scripts_test : public ::testing::Test {
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

  /// One call of the list; its answer must have that status.
  json expect(int status, const char* method, const std::string& path, const std::string& token,
              const json& body = nullptr) {
    header_list headers;
    if (!token.empty())
      headers.emplace_back("Authorization", "Bearer " + token);
    const auto reply =
        http.send(method, "/api" + path, body.is_null() ? "" : body.dump(), std::move(headers));
    EXPECT_EQ(reply.status, status) << method << ' ' << path << ' ' << reply.body.substr(0, 300);
    return reply.json();
  }

  std::string login(const char* email, const char* password) {
    const auto answer =
        expect(200, "POST", "/auth/login", {}, {{"email", email}, {"password", password}});
    EXPECT_TRUE(answer["user"]["userId"].is_string());
    EXPECT_TRUE(answer["user"]["role"].is_string());
    return answer["token"];
  }

  http_client http{server->port()};

  inline static temp_dir* data = nullptr;
  inline static server_process* server = nullptr;
};

TEST_F(operator_scripts_test, smoke) {
  EXPECT_EQ(http.get("/health").status, 200);
  EXPECT_EQ(http.get("/api/auth/me").status, 401);
  for (const char* path : {"/actuator/health", "/actuator/health/liveness",
                           "/actuator/health/readiness", "/actuator/info"})
    EXPECT_EQ(http.get(path).status, 200) << path;
}

TEST_F(operator_scripts_test, the_functional_list) {
  // Accounts.
  expect(201, "POST", "/auth/register", {},
         {{"email", "list@example.com"}, {"password", "validation"}, {"name", "List"}});
  const auto user = login("list@example.com", "validation");
  const auto admin = login("admin@tiketi.local", "admin-password");
  expect(200, "GET", "/auth/me", user);

  // Administration.
  for (const char* path : {"/admin/dashboard", "/stats/overview"}) {
    expect(401, "GET", path, {});
    expect(403, "GET", path, user);
    expect(200, "GET", path, admin);
  }
  const auto layouts = expect(200, "GET", "/admin/seat-layouts", admin)["layouts"];
  ASSERT_FALSE(layouts.empty());
  const json form = {{"title", "Listed"},
                     {"venue", "Hall"},
                     {"eventDate", "2099-05-01T10:00:00.000Z"},
                     {"saleStartDate", "2020-01-01T00:00:00.000Z"},
                     {"saleEndDate", "2099-04-30T10:00:00.000Z"}};
  const std::string standing = expect(201, "POST", "/admin/events", admin, form)["event"]["id"];
  expect(200, "PUT", "/admin/events/" + standing, admin, form);
  const auto type = expect(201, "POST", "/admin/events/" + standing + "/tickets", admin,
                           {{"name", "Floor"}, {"price", 30000}, {"totalQuantity", 10}});
  const std::string type_id = type["ticketType"]["id"];
  expect(200, "PUT", "/admin/tickets/" + type_id, admin,
         {{"name", "Floor"}, {"price", 31000}, {"totalQuantity", 12}});
  expect(400, "POST", "/admin/events/" + standing + "/generate-seats", admin);
  auto seated_form = form;
  seated_form["seatLayoutId"] = layouts[0]["id"];
  const std::string emptied =
      expect(201, "POST", "/admin/events", admin, seated_form)["event"]["id"];
  expect(200, "DELETE", "/admin/events/" + emptied + "/seats", admin);
  const std::string seated =
      expect(201, "POST", "/admin/events", admin, seated_form)["event"]["id"];

  // Reading.
  EXPECT_FALSE(expect(200, "GET", "/events", {})["events"].empty());
  expect(200, "GET", "/events/" + standing, {});
  EXPECT_FALSE(expect(200, "GET", "/tickets/event/" + standing, {})["ticketTypes"].empty());
  expect(200, "GET", "/tickets/availability/" + type_id, {});
  expect(200, "GET", "/seats/layouts", {});
  // On a busy machine the sale may hear of the event a little after the answer.
  for (int attempt = 0; attempt < 300 && http.get("/api/seats/events/" + seated).status == 404;
       ++attempt)
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
  const auto seats = expect(200, "GET", "/seats/events/" + seated, {})["seats"];
  ASSERT_FALSE(seats.empty());

  // Waiting and booking.
  for (const auto& event : {standing, seated}) {
    expect(200, "POST", "/queue/check/" + event, user);
    expect(200, "GET", "/queue/status/" + event, user);
    expect(200, "POST", "/queue/heartbeat/" + event, user);
  }
  const auto held = expect(200, "POST", "/seats/reserve", user,
                           {{"eventId", seated}, {"seatIds", json::array({seats[0]["id"]})}});
  const std::string seat_reservation = held["reservation"]["id"];
  expect(200, "GET", "/seats/reservation/" + seat_reservation, user);
  const auto booked =
      expect(200, "POST", "/reservations", user,
             {{"eventId", standing},
              {"items", json::array({{{"ticketTypeId", type_id}, {"quantity", 1}}})}});
  const std::string reservation = booked["reservation"]["id"];
  EXPECT_EQ(booked["reservation"]["totalAmount"], 31000);
  expect(200, "GET", "/reservations/my", user);
  expect(200, "GET", "/reservations/" + reservation, user);

  // Paying, both ways, and taking it back, both ways.
  const auto prepared = expect(200, "POST", "/payments/prepare", user,
                               {{"reservationId", reservation}, {"amount", 31000}});
  const std::string order = prepared["orderId"];
  expect(200, "GET", "/payments/order/" + order, user);
  const auto confirmed =
      expect(200, "POST", "/payments/confirm", user,
             {{"paymentKey", "validation-key"}, {"orderId", order}, {"amount", 31000}});
  EXPECT_EQ(confirmed["payment"]["orderId"], order);
  expect(200, "GET", "/payments/user/me", user);
  expect(200, "POST", "/payments/validation-key/cancel", user, {{"cancelReason", "validation"}});
  expect(200, "POST", "/payments/process", user,
         {{"reservationId", seat_reservation}, {"paymentMethod", "naver_pay"}});
  expect(200, "POST", "/reservations/" + seat_reservation + "/cancel", user);
  expect(200, "POST", "/queue/leave/" + standing, user);

  // News: the list predates the rule that only administrators write them.
  expect(403, "POST", "/news", user, {{"title", "T"}, {"content", "C"}, {"author", "A"}});
  const std::string news =
      expect(201, "POST", "/news", admin,
             {{"title", "T"}, {"content", "C"}, {"author", "A"}})["news"]["id"];
  expect(200, "GET", "/news", {});
  expect(200, "GET", "/news/" + news, {});
  expect(200, "PUT", "/news/" + news, admin, {{"title", "T2"}, {"content", "C2"}});
  expect(200, "DELETE", "/news/" + news, admin);

  // After the sale.
  expect(200, "GET", "/admin/reservations", admin);
  for (const char* path : {"/stats/overview", "/stats/daily?days=7", "/stats/events?limit=5",
                           "/stats/realtime", "/stats/performance"})
    expect(200, "GET", path, admin);
}

TEST_F(operator_scripts_test, dashboards_find_their_metrics) {
  EXPECT_EQ(http.get("/api/events").status, 200);
  const auto reply = http.get("/actuator/prometheus");
  ASSERT_EQ(reply.status, 200);
  for (const char* name : {"http_server_requests_seconds_bucket{",
                           "http_server_requests_seconds_count{",
                           "process_uptime_seconds",
                           "process_cpu_usage",
                           "disk_free_bytes",
                           "disk_total_bytes",
                           "business_reservation_total",
                           "business_reservation_confirmed_total",
                           "business_reservation_cancelled_total",
                           "business_reservation_expired_total",
                           "business_payment_processed_total",
                           "business_payment_failed_total",
                           "business_queue_joined_total",
                           "business_queue_admitted_total",
                           "business_queue_left_total",
                           "business_transfer_completed_total",
                           "business_membership_activated_total",
                           "reconciliation_mismatch_total",
                           "urr_stats_events_consumed_total",
                           "urr_stats_queries_total",
                           "urr_stats_queries_errors_total"})
    EXPECT_NE(reply.body.find(name), std::string::npos) << name;
  EXPECT_NE(reply.body.find("application="), std::string::npos);
}

} // namespace
} // namespace tiketi::test
