// The running program after a small sale: what the administrator's statistics page calls and reads,
// every report's figures, and who may see them.

#include "tests/sale/sale_client.hpp"
#include "tests/support/metrics.hpp"

#include <algorithm>
#include <chrono>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

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
    sell();
  }

  static void TearDownTestSuite() {
    if (server != nullptr) {
      EXPECT_EQ(server->stop(), 0) << server->log_tail();
    }
    delete server;
    delete data;
  }

  static http_reply call(http_client& who, const char* method, const std::string& path,
                         const json& body = nullptr) {
    return who.send(method, "/api/v1" + path, body.is_null() ? "" : body.dump());
  }

  static void log_in(http_client& who, const char* email, const char* password) {
    const auto reply = call(who, "POST", "/auth/login", {{"email", email}, {"password", password}});
    ASSERT_EQ(reply.status, 200) << reply.body;
    who.common = {{"Authorization", "Bearer " + reply.json()["token"].get<std::string>()}};
  }

  /// One paid reservation and one that is given up.
  static void sell() {
    http_client buyer{server->port()};
    log_in(buyer, "demo@tiketi.local", "demo-password");
    const auto listed = call(buyer, "GET", "/events?status=on_sale&page=1&limit=100").json();
    on_sale = listed["events"].size();
    for (const auto& e : listed["events"]) {
      const auto id = e["id"].get<std::string>();
      if (!call(buyer, "GET", "/events/" + id).json()["event"]["seat_layout_id"].is_null()) {
        event = id;
        title = e["title"].get<std::string>();
        break;
      }
    }
    ASSERT_FALSE(event.empty());
    const auto entered = call(buyer, "POST", "/queue/check/" + event);
    ASSERT_EQ(entered.json()["status"], "active") << entered.body;
    buyer.common.emplace_back("x-queue-entry-token",
                              entered.json()["entryToken"].get<std::string>());
    const auto map = call(buyer, "GET", "/seats/events/" + event).json();
    seats = map["seats"].size();
    std::vector<std::string> reservations;
    for (std::size_t i = 0; i < 2; ++i) {
      const auto reply = call(buyer, "POST", "/seats/reserve",
                              {{"eventId", event}, {"seatIds", {map["seats"][i]["id"]}}});
      ASSERT_EQ(reply.status, 200) << reply.body;
      reservations.push_back(reply.json()["reservation"]["id"]);
    }
    const auto paid = call(buyer, "POST", "/payments/process",
                           {{"reservationId", reservations[0]}, {"paymentMethod", "naver_pay"}});
    ASSERT_EQ(paid.status, 200) << paid.body;
    ASSERT_EQ(call(buyer, "POST", "/reservations/" + reservations[1] + "/cancel").status, 200);
    price = map["seats"][0]["price"].get<std::int64_t>();
    section = map["seats"][0]["section"].get<std::string>();
    row = map["seats"][0]["row_number"].get<std::int64_t>();
  }

  void SetUp() override {
    log_in(admin, "admin@tiketi.local", "admin-password");
    // Events travel through outboxes: asks until they have arrived.
    const auto arrived = [this] {
      const auto overview = report("overview");
      return overview["confirmed_reservations"] == 1 && overview["total_revenue"] == price
             && overview["total_users"] == 2 && overview["active_events"] == on_sale
             && report("cancellations")["overview"]["total_cancelled"] == 1;
    };
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (!arrived()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << report("overview").dump();
      std::this_thread::sleep_for(std::chrono::milliseconds{50});
    }
  }

  json report(const std::string& path) {
    const auto reply = call(admin, "GET", "/stats/" + path);
    EXPECT_EQ(reply.status, 200) << path << ": " << reply.body;
    const auto body = reply.json();
    EXPECT_EQ(body["success"], true) << path;
    EXPECT_EQ(body.size(), 2u) << path;
    return body["data"];
  }

  /// The counters of answers that were the server's fault.
  std::string failed_requests() {
    std::istringstream lines{metrics_page(server->port())};
    std::string out;
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with("http_") && line.find("=\"5") != std::string::npos)
        out += line + '\n';
    return out;
  }

  http_client admin{server->port()};

  inline static temp_dir* data = nullptr;
  inline static server_process* server = nullptr;
  inline static std::string event, title, section;
  inline static std::int64_t price = 0, row = 0;
  inline static std::size_t seats = 0, on_sale = 0;
};

/// Every report, as in the contract.
std::vector<std::string> all_reports(const std::string& event) {
  return {"overview",      "daily",         "events",   "events/" + event,
          "payments",      "revenue",       "users",    "hourly-traffic",
          "conversion",    "cancellations", "realtime", "seat-preferences",
          "user-behavior", "performance"};
}

TEST_F(stats_program_test, reports_are_for_administrators) {
  http_client anybody{server->port()};
  http_client user{server->port()};
  log_in(user, "demo@tiketi.local", "demo-password");
  auto paths = all_reports(event);
  // Who may not see it does not learn either what is wrong with the question.
  paths.emplace_back("daily?days=many");
  paths.emplace_back("events/many");
  for (const auto& path : paths)
    for (const char* prefix : {"/api/v1/stats/", "/api/stats/"}) {
      const auto unknown = anybody.send("GET", prefix + path);
      EXPECT_EQ(unknown.status, 401) << path;
      EXPECT_EQ(unknown.json()["error"], "Authentication required") << path;
      const auto forbidden = user.send("GET", prefix + path);
      EXPECT_EQ(forbidden.status, 403) << path;
      EXPECT_EQ(forbidden.json()["error"], "Admin role required") << path;
    }
  for (const auto& path : all_reports(event))
    EXPECT_EQ(admin.send("GET", "/api/stats/" + path).status, 200) << path;
}

TEST_F(stats_program_test, bad_questions_are_400) {
  for (const char* path : {"daily?days=many", "daily?days=1.5", "events?limit=x", "events/many",
                           "seat-preferences?eventId=1"}) {
    const auto reply = call(admin, "GET", std::string{"/stats/"} + path);
    EXPECT_EQ(reply.status, 400) << path;
    EXPECT_TRUE(reply.json()["error"].is_string()) << path;
  }
  const auto missing = call(admin, "GET", "/stats/events/00000000-0000-0000-0000-000000000001");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.json()["error"], "Event not found");
  EXPECT_EQ(report("daily?days=0").size(), 31u);
  EXPECT_EQ(report("daily?days=-3").size(), 31u);
  EXPECT_EQ(report("daily?days=100000").size(), 366u);
}

/// A field that the page reads, as a path from `data`; `*`: of every element, of which there is one
/// at least.
struct field {
  const char* path;
  enum { number, text, date } kind = number;
};

struct page_call {
  const char* path;
  std::vector<field> fields;
};

void expect_field(const json& data, std::string_view path, const field& f,
                  const std::string& where) {
  if (path.empty()) {
    switch (f.kind) {
    case field::number:
      EXPECT_TRUE(data.is_number()) << where << ": " << data;
      break;
    case field::text:
      EXPECT_TRUE(data.is_string() && !data.get_ref<const std::string&>().empty()) << where;
      break;
    case field::date:
      // The page splits it on `-`.
      ASSERT_TRUE(data.is_string()) << where;
      EXPECT_EQ(data.get_ref<const std::string&>().size(), 10u) << where << ": " << data;
      EXPECT_EQ(data.get_ref<const std::string&>()[4], '-') << where;
      break;
    }
    return;
  }
  const auto end = path.find('.');
  const auto name = path.substr(0, end);
  const auto rest = end == path.npos ? std::string_view{} : path.substr(end + 1);
  if (name == "*") {
    ASSERT_TRUE(data.is_array() && !data.empty()) << where << ": " << data;
    for (const auto& item : data)
      expect_field(item, rest, f, where);
    return;
  }
  ASSERT_TRUE(data.is_object() && data.contains(name)) << where << ": no " << name;
  expect_field(data[std::string{name}], rest, f, where);
}

TEST_F(stats_program_test, the_statistics_page_finds_what_it_reads) {
  // The twelve calls of the page, in its order.
  const std::vector<page_call> calls = {
      {"realtime",
       {{"current.locked_seats"},
        {"current.active_payments"},
        {"current.active_users"},
        {"lastHour.revenue"},
        {"trendingEvents.*.event_id", field::text},
        {"trendingEvents.*.title", field::text},
        {"trendingEvents.*.reservations"}}},
      {"overview",
       {{"total_users"}, {"active_events"}, {"confirmed_reservations"}, {"total_revenue"}}},
      {"conversion?days=30",
       {{"funnel.total_started"},
        {"funnel.completed"},
        {"funnel.cancelled"},
        {"funnel.pending"},
        {"rates.conversion_rate"},
        {"rates.cancellation_rate"},
        {"rates.pending_rate"}}},
      {"hourly-traffic?days=7",
       {{"hourly.*.hour"},
        {"hourly.*.total_reservations"},
        {"peakHour.hour"},
        {"peakHour.reservations"}}},
      {"daily?days=30", {{"*.date", field::date}, {"*.reservations"}, {"*.confirmed"}}},
      {"revenue?period=daily&days=30", {{"*.period", field::date}, {"*.total_revenue"}}},
      {"cancellations?days=30",
       {{"overview.total_cancelled"},
        {"overview.avg_hours_before_cancel"},
        {"overview.total_refund_amount"},
        {"byEvent.*.event_id", field::text},
        {"byEvent.*.title", field::text},
        {"byEvent.*.cancelled_count"},
        {"byEvent.*.refund_amount"}}},
      {"seat-preferences",
       {{"bySection.*.section", field::text},
        {"bySection.*.reserved_seats"},
        {"bySection.*.total_seats"},
        {"byPriceTier.*.price_tier", field::text},
        {"byPriceTier.*.reserved_seats"}}},
      {"user-behavior?days=30",
       {{"userTypes.*.user_type", field::text},
        {"userTypes.*.user_count"},
        {"averageMetrics.avg_reservations"},
        {"averageMetrics.avg_spending"},
        {"spendingDistribution.*.range", field::text},
        {"spendingDistribution.*.user_count"}}},
      {"performance",
       {{"database.size", field::text},
        {"database.tableCounts.users"},
        {"database.tableCounts.events"},
        {"database.tableCounts.reservations"},
        {"database.tableCounts.seats"},
        {"database.tableCounts.payments"},
        {"recentPerformance.successRate"}}},
      {"events?limit=20&sortBy=revenue",
       {{"*.event_id", field::text},
        {"*.title", field::text},
        {"*.total_reservations"},
        {"*.total_revenue"},
        {"*.seat_utilization"}}},
      {"payments",
       {{"*.method", field::text}, {"*.count"}, {"*.total_amount"}, {"*.average_amount"}}},
  };
  ASSERT_EQ(calls.size(), 12u);
  for (const auto& c : calls) {
    const auto answer = report(c.path);
    for (const auto& f : c.fields)
      expect_field(answer, f.path, f, std::string{c.path} + ": " + f.path);
  }
  // Keys of its lists must not repeat.
  for (const auto& [list, key] : std::vector<std::pair<json, const char*>>{
           {report("seat-preferences")["bySection"], "section"},
           {report("seat-preferences")["byPriceTier"], "price_tier"},
           {report("user-behavior")["spendingDistribution"], "range"},
           {report("events?limit=20&sortBy=revenue"), "event_id"}}) {
    std::vector<std::string> keys;
    for (const auto& item : list)
      keys.push_back(item[key].get<std::string>());
    std::sort(keys.begin(), keys.end());
    EXPECT_EQ(std::adjacent_find(keys.begin(), keys.end()), keys.end()) << key;
  }
}

TEST_F(stats_program_test, the_figures_are_those_of_the_sale) {
  const auto overview = report("overview");
  EXPECT_EQ(overview["total_reservations"], 2);
  EXPECT_EQ(overview["completed_payments"], 1);
  EXPECT_EQ(overview["payment_revenue"], price);
  const auto daily = report("daily?days=7");
  ASSERT_EQ(daily.size(), 8u);
  // The sale may have been just before midnight.
  const auto sum = [](const json& rows, const char* field) {
    std::int64_t out = 0;
    for (const auto& r : rows)
      out += r[field].get<std::int64_t>();
    return out;
  };
  EXPECT_EQ(sum(daily, "reservations"), 2);
  EXPECT_EQ(sum(daily, "confirmed"), 1);
  EXPECT_EQ(sum(daily, "cancelled"), 1);
  EXPECT_EQ(sum(daily, "revenue"), price);
  const auto events = report("events?limit=20&sortBy=revenue");
  EXPECT_EQ(events[0]["event_id"], event);
  EXPECT_EQ(events[0]["total_revenue"], price);
  EXPECT_EQ(events[0]["sold_seats"], 1);
  EXPECT_EQ(events[0]["total_seats"].get<std::size_t>(), seats);
  EXPECT_EQ(events[0]["title"], title);
  const auto detail = report("events/" + event)["overview"];
  EXPECT_EQ(detail["available_seats"].get<std::size_t>() + 1, seats);
  EXPECT_EQ(detail["cancelled_reservations"], 1);
  const auto payments = report("payments");
  ASSERT_EQ(payments.size(), 1u);
  EXPECT_EQ(payments[0]["method"], "naver_pay");
  EXPECT_TRUE(payments[0]["average_amount"].is_number());
  EXPECT_EQ(sum(report("revenue?period=daily&days=30"), "total_revenue"), price);
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
  const auto places = report("seat-preferences?eventId=" + event);
  std::int64_t sold = 0;
  for (const auto& s : places["bySection"])
    if (s["section"] == section)
      sold = s["reserved_seats"].get<std::int64_t>();
  EXPECT_EQ(sold, 1);
  EXPECT_EQ(places["topRows"][0]["row_number"], row);
  const auto behaviour = report("user-behavior?days=30");
  EXPECT_EQ(behaviour["userTypes"][0]["user_count"], 1);
  EXPECT_EQ(behaviour["averageMetrics"]["avg_spending"].get<double>(), static_cast<double>(price));
  EXPECT_EQ(report("users?days=30")["byRole"].size(), 2u);
  const auto performance = report("performance");
  EXPECT_TRUE(performance["database"]["size"].is_string());
  EXPECT_EQ(performance["database"]["tableCounts"]["reservations"], 2);
  EXPECT_GT(performance["recentPerformance"]["totalRequests"].get<int>(), 5);
  EXPECT_EQ(performance["recentPerformance"]["successRate"], 100.0) << failed_requests();
}

} // namespace
} // namespace tiketi::test
