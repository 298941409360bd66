// Replays the call sequences of the load and chaos scripts, and of the operators' check list,
// against a server with the profile that is made for them (config/loadtest.toml). The scripts know
// no entry token header and no bearer header; what each of them counts as success is what is
// checked.

#include "tests/sale/sale_client.hpp"
#include "tests/sale/virtual_user.hpp"

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace tiketi::test {
namespace {

namespace asio = boost::asio;
using nlohmann::json;

constexpr int bookers = 50;

std::string credentials(const std::string& email, const char* name) {
  json body;
  body["email"] = email;
  body["password"] = "LoadTest123!";
  if (name != nullptr)
    body["name"] = name;
  return body.dump();
}

bool one_of(int status, std::initializer_list<int> allowed) {
  return std::find(allowed.begin(), allowed.end(), status) != allowed.end();
}

/// One server with the load profile and demo data for all scripts.
class load_scripts_test : public ::testing::Test {
protected:
  static void SetUpTestSuite() {
    data = new temp_dir;
    server_process::options o;
    o.data = data->path();
    o.arguments = {"--config", std::string{TIKETI_SOURCE_DIR} + "/config/loadtest.toml", "--demo",
                   "--http.address=127.0.0.1"};
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

  /// Runs that many users of the script at once, each with its own connection and cookies.
  static void run(int users,
                  const std::function<asio::awaitable<void>(virtual_user&, int)>& script) {
    asio::io_context io;
    std::vector<std::unique_ptr<virtual_user>> crowd;
    int finished = 0;
    for (int n = 0; n < users; ++n) {
      crowd.push_back(std::make_unique<virtual_user>(io.get_executor(), server->port()));
      asio::co_spawn(io, script(*crowd.back(), n), [&finished](const std::exception_ptr& failed) {
        EXPECT_FALSE(failed) << "a script ended with an exception";
        ++finished;
      });
    }
    io.run();
    EXPECT_EQ(finished, users);
  }

  static json events() {
    http_client client{server->port()};
    const auto reply = client.get("/api/v1/events");
    EXPECT_EQ(reply.status, 200);
    auto answer = reply.json();
    EXPECT_FALSE(answer["events"].empty());
    return answer["events"];
  }

  inline static temp_dir* data = nullptr;
  inline static server_process* server = nullptr;
};

asio::awaitable<http_reply> expect(virtual_user& user, const char* method, std::string path,
                                   std::vector<int> allowed, std::string body = {}) {
  auto reply = co_await user.call(method, path, std::move(body));
  EXPECT_TRUE(std::find(allowed.begin(), allowed.end(), reply.status) != allowed.end())
      << method << ' ' << path << " -> " << reply.status << ' ' << reply.body.substr(0, 300);
  co_return reply;
}

// browse-events: nobody is logged in, the seat map of every event is readable (L1).
TEST_F(load_scripts_test, browse_events) {
  const auto listed = events();
  run(20, [&listed](virtual_user& user, int number) -> asio::awaitable<void> {
    const std::string id = listed[static_cast<std::size_t>(number) % listed.size()]["id"];
    const std::vector<int> ok{200};
    const auto list = co_await expect(user, "GET", "/events", ok);
    EXPECT_FALSE(list.json()["events"].empty());
    const auto detail = co_await expect(user, "GET", "/events/" + id, ok);
    const auto map = co_await expect(user, "GET", "/seats/events/" + id, ok);
    const bool standing = detail.json()["event"]["seat_layout_id"].is_null();
    EXPECT_TRUE(map.json()["seats"].is_array());
    EXPECT_EQ(map.json()["seats"].empty(), standing);
    co_await expect(user, "GET", "/artists", ok);
  });
}

// booking-flow: the cookie of the queue's answer, or the place as an active user, stands for the
// header (L4); preparing a payment needs no amount (L7); cookies live over http (L8).
TEST_F(load_scripts_test, booking_flow) {
  const auto listed = events();
  int reserved = 0;
  run(bookers, [&](virtual_user& user, int number) -> asio::awaitable<void> {
    const std::vector<int> ok{200};
    const std::vector<int> made{200, 201};
    const std::vector<int> joined{200, 202};
    const std::vector<int> taken_too{200, 201, 409};
    const auto email = "booking" + std::to_string(number) + "@example.com";
    co_await expect(user, "POST", "/auth/register", made, credentials(email, "Load"));
    user.forget();
    const auto login =
        co_await expect(user, "POST", "/auth/login", ok, credentials(email, nullptr));
    EXPECT_FALSE(login.json()["token"].get<std::string>().empty());
    // What the script would draw by chance; upcoming events are refused, which is right (L5).
    json event;
    for (std::size_t n = 0; n < listed.size() && event.is_null(); ++n) {
      const auto& candidate = listed[(static_cast<std::size_t>(number) + n) % listed.size()];
      if (candidate["status"] == "on_sale")
        event = candidate;
    }
    const std::string id = event["id"];
    co_await expect(user, "GET", "/events/" + id, ok);
    co_await expect(user, "POST", "/queue/check/" + id, joined);
    for (int poll = 0; poll < 3; ++poll)
      co_await expect(user, "GET", "/queue/status/" + id, ok);
    const auto map = co_await expect(user, "GET", "/seats/events/" + id, ok);
    const auto answer = map.json();
    for (const auto& seat : answer["seats"]) {
      if (seat["status"] != "available")
        continue;
      json body;
      body["eventId"] = id;
      body["seatIds"].push_back(seat["id"]);
      // Every user takes the first free seat: most lose that race (L6).
      const auto reply = co_await expect(user, "POST", "/seats/reserve", taken_too, body.dump());
      if (reply.status == 409)
        break;
      ++reserved;
      json payment;
      payment["reservationId"] = reply.json()["reservation"]["id"];
      payment["paymentMethod"] = "card";
      payment["paymentType"] = "reservation";
      co_await expect(user, "POST", "/payments/prepare", made, payment.dump());
      break;
    }
  });
  EXPECT_GT(reserved, 0);
}

// queue-rush: the API needs a login (L3), so the script needs one too; without it every call is
// told so. The logged-in variant succeeds throughout.
TEST_F(load_scripts_test, queue_rush) {
  const auto listed = events();
  std::string id;
  for (const auto& event : listed)
    if (event["status"] == "on_sale")
      id = event["id"];
  ASSERT_FALSE(id.empty());
  run(20, [&id](virtual_user& user, int) -> asio::awaitable<void> {
    const std::vector<int> refused{401};
    for (const auto& [method, path] : {std::pair{"POST", "/queue/check/"},
                                       {"GET", "/queue/status/"},
                                       {"POST", "/queue/heartbeat/"}}) {
      const auto reply = co_await expect(user, method, path + id, refused);
      EXPECT_EQ(reply.json()["code"], "unauthenticated");
    }
  });
  run(100, [&id](virtual_user& user, int number) -> asio::awaitable<void> {
    const std::vector<int> ok{200};
    const std::vector<int> created{201};
    const std::vector<int> joined{200, 202};
    const auto email = "rush" + std::to_string(number) + "@example.com";
    co_await expect(user, "POST", "/auth/register", created, credentials(email, "Rush"));
    co_await expect(user, "POST", "/queue/check/" + id, joined);
    co_await expect(user, "GET", "/queue/status/" + id, ok);
    co_await expect(user, "POST", "/queue/heartbeat/" + id, ok);
  });
}

// mixed-traffic: browsers, bookers of standing tickets, and statistics that nobody is logged in
// for.
TEST_F(load_scripts_test, mixed_traffic) {
  const auto listed = events();
  int booked = 0;
  run(30, [&](virtual_user& user, int number) -> asio::awaitable<void> {
    const std::vector<int> ok{200};
    const std::vector<int> created{201};
    const std::vector<int> joined{200, 202};
    const auto& event = listed[static_cast<std::size_t>(number) % listed.size()];
    const std::string id = event["id"];
    co_await expect(user, "GET", "/events", ok);
    co_await expect(user, "GET", "/events/" + id, ok);
    co_await expect(user, "GET", "/artists", ok);
    co_await expect(user, "GET", "/seats/events/" + id, ok);
    co_await expect(user, "GET", "/news", ok);
    const std::vector<int> closed{401};
    co_await expect(user, "GET", "/stats/overview", closed);
    co_await expect(user, "GET", "/stats/daily?days=7", closed);
    co_await expect(user, "GET", "/stats/revenue", closed);
    co_await expect(user, "GET", "/stats/performance", closed);

    const auto email = "mixed" + std::to_string(number) + "@example.com";
    co_await expect(user, "POST", "/auth/register", created, credentials(email, "Mixed"));
    co_await expect(user, "POST", "/auth/login", ok, credentials(email, nullptr));
    co_await expect(user, "GET", "/events/" + id, ok);
    if (event["status"] != "on_sale")
      co_return;
    co_await expect(user, "POST", "/queue/check/" + id, joined);
    co_await expect(user, "GET", "/queue/status/" + id, ok);
    co_await expect(user, "GET", "/seats/events/" + id, ok);
    const auto detail = (co_await expect(user, "GET", "/events/" + id, ok)).json();
    EXPECT_TRUE(detail["ticketTypes"].is_array());
    if (!detail["event"]["seat_layout_id"].is_null() || detail["ticketTypes"].empty())
      co_return;
    json item;
    item["ticketTypeId"] = detail["ticketTypes"][0]["id"];
    item["quantity"] = 1;
    json body;
    body["eventId"] = id;
    body["items"].push_back(item);
    const std::vector<int> made{200, 201};
    const auto reply = co_await expect(user, "POST", "/reservations", made, body.dump());
    EXPECT_EQ(reply.json()["reservation"]["status"], "pending") << reply.body;
    ++booked;
  });
  EXPECT_GT(booked, 0);
}

/// What the chaos scripts call graceful.
void expect_graceful(const http_reply& reply, const std::string& what) {
  EXPECT_TRUE(one_of(reply.status, {200, 201, 401, 403, 404, 429, 503, 504}))
      << what << " -> " << reply.status << ' ' << reply.body.substr(0, 300);
  EXPECT_FALSE(reply.body.empty()) << what;
  EXPECT_TRUE(reply.headers.contains("content-type")
              && reply.headers.at("content-type").starts_with("application/json"))
      << what;
  if (reply.status >= 400) {
    EXPECT_TRUE(reply.json()["error"].is_string()) << what << ' ' << reply.body;
    EXPECT_TRUE(reply.json()["message"].is_string()) << what << ' ' << reply.body;
  }
}

struct anonymous_call {
  const char* method;
  const char* path;
  const char* body;
};

/// Every call of the chaos scripts; all anonymous, some of them nonsense.
constexpr anonymous_call chaos_calls[] = {
    {"GET", "/events", ""},
    {"GET", "/artists", ""},
    {"GET", "/events/00000000-0000-0000-0000-000000000001", ""},
    {"POST", "/seats/reserve",
     R"({"eventId":"00000000-0000-0000-0000-000000000001","seatIds":["A1","A2"]})"},
    {"POST", "/seats/reserve", R"({"eventId":"1","seatIds":["B1"]})"},
    {"POST", "/seats/reserve", R"({"seatIds":["C1"])"},
    {"GET", "/reservations", ""},
    {"GET", "/auth/me", ""},
    {"GET", "/queue/status", ""},
    {"GET", "/queue/status/", ""},
    {"POST", "/queue/join", R"({"eventId":"1"})"},
    {"GET", "/queue/position?eventId=", ""},
    {"GET", "/queue/position?eventId=1", ""},
};

// Junk from somebody unknown is refused for who sends it, before anybody looks at what it says.
TEST_F(load_scripts_test, chaos_calls_get_graceful_answers) {
  http_client client{server->port()};
  for (const auto& call : chaos_calls)
    expect_graceful(client.send(call.method, std::string{"/api/v1"} + call.path, call.body),
                    std::string{call.method} + ' ' + call.path);
}

// The same crowd with every limit on: some are told to come back later, still gracefully, and
// reading is not what is refused.
TEST(chaos_scripts_test, limits_answer_gracefully) {
  const temp_dir data;
  server_process server{{.data = data.path(), .arguments = {"--demo", "--http.in_flight_max=2"}}};
  ASSERT_TRUE(server.start()) << server.log_tail();
  asio::io_context io;
  int answers = 0;
  std::vector<std::unique_ptr<virtual_user>> crowd;
  for (int n = 0; n < 40; ++n) {
    crowd.push_back(std::make_unique<virtual_user>(io.get_executor(), server.port()));
    asio::co_spawn(
        io,
        [](virtual_user& user, int& counted) -> asio::awaitable<void> {
          for (int round = 0; round < 5; ++round) {
            for (const auto& call : chaos_calls) {
              const auto reply = co_await user.call(call.method, call.path, call.body);
              expect_graceful(reply, std::string{call.method} + ' ' + call.path);
              if (reply.status == 429 || reply.status == 503) {
                EXPECT_TRUE(reply.headers.contains("retry-after"));
              }
              ++counted;
            }
          }
        }(*crowd.back(), answers),
        asio::detached);
  }
  io.run();
  EXPECT_EQ(answers, 40 * 5 * static_cast<int>(std::size(chaos_calls)));
  EXPECT_EQ(server.stop(), 0) << server.log_tail();
}

} // namespace
} // namespace tiketi::test
