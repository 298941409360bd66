// The best seats, asked of the whole program by many people at once.

#include "tests/sale/sale_client.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include <gtest/gtest.h>

namespace tiketi::test {
namespace {

using nlohmann::json;

struct person {
  std::string access;
  std::string entry;
};

class best_available_test : public ::testing::Test {
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

  static header_list headers(const person& who) {
    return {{"Authorization", "Bearer " + who.access},
            {"x-queue-entry-token", who.entry},
            {"Content-Type", "application/json"}};
  }

  /// An event on sale with the layout's sections.
  std::string event_with(const json& sections) {
    auto reply = http.post("/api/v1/auth/login",
                           {{"email", "admin@tiketi.local"}, {"password", "admin-password"}});
    EXPECT_EQ(reply.status, 200) << reply.body;
    const header_list admin{{"Authorization", "Bearer " + reply.json()["token"].get<std::string>()},
                            {"Content-Type", "application/json"}};
    static int number = 0;
    reply = http.post(
        "/api/v1/admin/seat-layouts",
        {{"name", "Best " + std::to_string(++number)}, {"layout_config", {{"sections", sections}}}},
        admin);
    EXPECT_EQ(reply.status, 201) << reply.body;
    reply = http.post("/api/v1/admin/events",
                      {{"title", "Best " + std::to_string(number)},
                       {"venue", "Hall"},
                       {"eventDate", "2099-05-01T10:00:00.000Z"},
                       {"saleStartDate", "2020-01-01T00:00:00.000Z"},
                       {"saleEndDate", "2099-04-30T10:00:00.000Z"},
                       {"status", "on_sale"},
                       {"seatLayoutId", reply.json()["layout"]["id"]}},
                      admin);
    EXPECT_EQ(reply.status, 201) << reply.body;
    return reply.json()["event"]["id"];
  }

  person admitted(http_client& client, const std::string& event, bool enter = true) {
    static std::atomic<int> number{0};
    person out;
    auto reply = client.post("/api/v1/auth/register",
                             {{"email", "best" + std::to_string(++number) + "@example.com"},
                              {"password", "long enough"},
                              {"name", "Best"}},
                             {{"Content-Type", "application/json"}});
    EXPECT_EQ(reply.status, 201) << reply.body;
    out.access = reply.json()["token"];
    if (enter) {
      reply = client.send("POST", "/api/v1/queue/check/" + event, {}, headers(out));
      EXPECT_EQ(reply.json()["status"], "active") << reply.body;
      out.entry = reply.json()["entryToken"];
    }
    return out;
  }

  static http_reply best(http_client& client, const person& who, const json& body) {
    return client.post("/api/v1/seats/best-available", body, headers(who));
  }

  /// `A-1-3,4` of an answer.
  static std::string names(const http_reply& reply) {
    std::string out;
    const auto answer = reply.json();
    for (const auto& s : answer["reservation"]["seats"])
      out += (out.empty() ? s["section"].get<std::string>() + "-"
                                + std::to_string(s["row_number"].get<int>()) + "-"
                          : std::string(","))
             + std::to_string(s["seat_number"].get<int>());
    return out;
  }

  http_client http{server->port()};

  inline static temp_dir* data = nullptr;
  inline static server_process* server = nullptr;
};

TEST_F(best_available_test, section_price_and_accessibility) {
  const auto event = event_with(
      json::array({{{"name", "VIP"}, {"rows", 1}, {"seatsPerRow", 9}, {"price", 200'000}},
                   {{"name", "R"},
                    {"rows", 2},
                    {"seatsPerRow", 9},
                    {"price", 100'000},
                    {"accessible", json::array({{{"row", 2}, {"from", 1}, {"to", 2}}})}}}));
  EXPECT_EQ(http.post("/api/v1/seats/best-available", {{"eventId", event}, {"count", 2}}).status,
            401);
  const auto outside = admitted(http, event, false);
  auto reply = best(http, outside, {{"eventId", event}, {"count", 2}});
  EXPECT_EQ(reply.status, 403) << reply.body;
  EXPECT_EQ(reply.json()["code"], "entry_token_required");

  const auto a = admitted(http, event);
  EXPECT_EQ(best(http, a, {{"eventId", event}, {"count", 5}}).status, 400);
  EXPECT_EQ(best(http, a, {{"eventId", event}, {"count", 1}, {"section", "S"}}).status, 404);
  reply = best(http, a, {{"eventId", event}, {"count", 3}, {"idempotencyKey", "one"}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(names(reply), "VIP-1-4,5,6");
  EXPECT_EQ(reply.json()["reservation"]["totalAmount"], 600'000);
  EXPECT_EQ(reply.json()["reservation"]["status"], "pending");
  EXPECT_EQ(reply.json()["reservation"]["seats"][0]["status"], "locked");
  const auto again = best(http, a, {{"eventId", event}, {"count", 3}, {"idempotencyKey", "one"}});
  EXPECT_EQ(again.json(), reply.json());
  EXPECT_EQ(best(http, a, {{"eventId", event}, {"count", 2}, {"idempotencyKey", "one"}}).status,
            422);
  EXPECT_EQ(best(http, a, {{"eventId", event}, {"count", 2}}).status, 409) << "four are allowed";

  const auto b = admitted(http, event);
  EXPECT_EQ(names(best(http, b, {{"eventId", event}, {"count", 2}, {"priceMax", 150'000}})),
            "R-1-4,5");
  EXPECT_EQ(names(best(http, b, {{"eventId", event}, {"count", 2}, {"section", "R"}})), "R-1-6,7")
      << "2 and 3 would leave a single seat";
  const auto c = admitted(http, event);
  EXPECT_EQ(names(best(http, c, {{"eventId", event}, {"count", 2}, {"accessible", true}})),
            "R-2-1,2");
  reply = best(http, c, {{"eventId", event}, {"count", 1}, {"accessible", true}});
  EXPECT_EQ(reply.status, 409) << reply.body;
  EXPECT_EQ(reply.json()["code"], "seat_unavailable");
  EXPECT_EQ(reply.json()["message"], "No such seat is available");
  // A hold like any other: it can be paid for.
  reply = best(http, c, {{"eventId", event}, {"count", 2}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(http.post("/api/v1/payments/process",
                      {{"reservationId", reply.json()["reservation"]["id"]},
                       {"paymentMethod", "naver_pay"}},
                      headers(c))
                .status,
            200);
}

TEST_F(best_available_test, a_crowd_fills_the_hall_without_quarrel) {
  const auto event = event_with(
      json::array({{{"name", "A"}, {"rows", 10}, {"seatsPerRow", 20}, {"price", 50'000}}}));
  constexpr int threads = 6;
  constexpr int each = 14;
  std::mutex mutex;
  std::vector<std::vector<json>> held;
  std::map<int, int> answers;
  std::vector<std::thread> crowd;
  for (int t = 0; t < threads; ++t)
    crowd.emplace_back([&, t] {
      http_client client{server->port()};
      std::mt19937_64 chance{test_seed() + static_cast<std::uint64_t>(t)};
      for (int i = 0; i < each; ++i) {
        const auto who = admitted(client, event);
        const auto count = 1 + chance() % 4;
        const auto reply = best(client, who, {{"eventId", event}, {"count", count}});
        const auto answer = reply.json();
        const std::lock_guard lock{mutex};
        ++answers[reply.status];
        if (reply.status != 200)
          continue;
        held.emplace_back();
        for (const auto& s : answer["reservation"]["seats"])
          held.back().push_back(s);
        EXPECT_EQ(held.back().size(), count);
      }
    });
  for (auto& t : crowd)
    t.join();
  std::set<std::string> taken;
  for (const auto& seats : held)
    for (std::size_t i = 0; i < seats.size(); ++i) {
      EXPECT_TRUE(taken.insert(seats[i]["id"]).second) << "given to two";
      EXPECT_EQ(seats[i]["row_number"], seats[0]["row_number"]);
      EXPECT_EQ(seats[i]["seat_number"].get<int>(),
                seats[0]["seat_number"].get<int>() + static_cast<int>(i));
    }
  for (const auto& [status, n] : answers)
    EXPECT_TRUE(status == 200 || status == 409) << status << ": " << n;
  const auto map = http.get("/api/v1/seats/events/" + event).json();
  std::size_t locked = 0;
  for (const auto& s : map["seats"])
    locked += s["status"] == "locked";
  EXPECT_EQ(locked, taken.size());
  EXPECT_GE(taken.size(), 150U) << "about 210 seats were wished, and 200 are there";
}

} // namespace
} // namespace tiketi::test
