// The running program: a visitor's way through the numbered waiting room into the queue, as the web
// client goes it, and what a crash leaves.

#include "actors/token/tokens.hpp"
#include "tests/sale/sale_client.hpp"

#include <chrono>
#include <iostream>
#include <set>
#include <thread>

#include <gtest/gtest.h>

namespace tiketi::test {
namespace {

using nlohmann::json;

const std::string room_secret = "room-secret-of-at-least-thirty-two-bytes";

class vwr_program_test : public ::testing::Test {
protected:
  vwr_program_test() {
    server_process::options o;
    o.data = data.path();
    o.arguments = load_arguments();
    o.arguments.push_back("--vwr.advance_batch=5");
    o.arguments.push_back("--vwr.advance_interval_ms=200");
    o.environment["VWR_TOKEN_SECRET"] = room_secret;
    server.emplace(o);
  }

  void start() {
    ASSERT_TRUE(server->start()) << server->log_tail();
    client.emplace(server->port());
  }

  http_reply call(const char* method, const std::string& path, const json& body = nullptr,
                  header_list headers = {}) {
    return client->send(method, path, body.is_null() ? "" : body.dump(), std::move(headers));
  }

  std::string login(const char* email, const char* password) {
    const auto reply =
        call("POST", "/api/v1/auth/login", {{"email", email}, {"password", password}});
    EXPECT_EQ(reply.status, 200) << reply.body;
    return reply.json()["token"].get<std::string>();
  }

  std::string some_event() {
    const auto events = call("GET", "/api/v1/events?status=on_sale&limit=1").json()["events"];
    EXPECT_FALSE(events.empty());
    return events.at(0)["id"].get<std::string>();
  }

  /// Polls as the client does, only faster. The last answer.
  json wait_for_turn(const std::string& event, const json& mine, const std::string& holder) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    json seen;
    do {
      const auto reply =
          call("GET", "/vwr-api/vwr/check/" + event + "/" + mine["requestId"].get<std::string>()
                          + "?userId=" + holder);
      EXPECT_EQ(reply.status, 200) << reply.body;
      seen = reply.json();
      if (seen["admitted"] == true)
        return seen;
      std::this_thread::sleep_for(std::chrono::milliseconds{50});
    } while (std::chrono::steady_clock::now() < deadline);
    return seen;
  }

  temp_dir data;
  std::optional<server_process> server;
  std::optional<http_client> client;
};

TEST_F(vwr_program_test, a_visitor_waits_and_joins_the_queue) {
  ASSERT_NO_FATAL_FAILURE(start());
  const auto event = some_event();
  const auto assign = "/vwr-api/vwr/assign/" + event;
  EXPECT_EQ(call("GET", "/vwr-api/vwr/status/" + event).status, 404);
  EXPECT_EQ(call("POST", assign, {{"userId", "anon-1"}}).status, 404) << "tier 1 is skipped";
  const header_list user{
      {"Authorization", "Bearer " + login("demo@tiketi.local", "demo-password")}};
  const header_list admin{
      {"Authorization", "Bearer " + login("admin@tiketi.local", "admin-password")}};
  const auto operate = [&](const std::string& what, const header_list& who) {
    return call("POST", "/api/v1/admin/vwr/" + what + "/" + event, nullptr, who);
  };
  EXPECT_EQ(operate("activate", user).status, 403);
  ASSERT_EQ(operate("activate", admin).status, 200);
  EXPECT_EQ(call("GET", "/vwr-api/vwr/status/" + event).json()["isActive"], true);

  const auto check = "/api/v1/queue/check/" + event;
  auto refused = call("POST", check, nullptr, user);
  EXPECT_EQ(refused.status, 403) << refused.body;
  EXPECT_EQ(refused.json()["code"], "vwr_token_required");

  json mine;
  for (int i = 0; i < 12; ++i)
    mine = call("POST", assign, {{"userId", "anon-1"}}).json();
  EXPECT_EQ(mine["position"], 12);
  const auto turn = wait_for_turn(event, mine, "anon-1");
  ASSERT_EQ(turn["admitted"], true) << turn;
  const auto token = turn["token"].get<std::string>();
  const auto claims =
      room_tokens::make(room_secret)
          ->verify(token, std::chrono::floor<milliseconds>(std::chrono::system_clock::now()));
  ASSERT_TRUE(claims) << "signed with the secret that an edge has";
  EXPECT_EQ(claims->position, 12u);

  auto with_cookie = user;
  with_cookie.emplace_back("Cookie", "urr-vwr-token=" + token);
  const auto joined = call("POST", check, nullptr, with_cookie);
  ASSERT_EQ(joined.status, 200) << joined.body;
  EXPECT_EQ(joined.json()["status"], "active");
  EXPECT_EQ(call("POST", check, nullptr, user).status, 200) << "a reload needs no token";

  const header_list internal{{"Authorization", "Bearer wrong"}};
  EXPECT_EQ(call("GET", "/internal/vwr/active").status, 401);
  EXPECT_EQ(call("GET", "/internal/vwr/active", nullptr, internal).status, 403);
  EXPECT_EQ(call("GET", "/internal/queue/" + event).status, 401);
  EXPECT_EQ(operate("deactivate", admin).status, 200);
  EXPECT_EQ(server->stop(), 0) << server->log_tail();
}

TEST_F(vwr_program_test, a_crash_loses_no_number_and_repeats_none) {
  ASSERT_NO_FATAL_FAILURE(start());
  const auto event = some_event();
  const header_list admin{
      {"Authorization", "Bearer " + login("admin@tiketi.local", "admin-password")}};
  ASSERT_EQ(call("POST", "/api/admin/vwr/activate/" + event, nullptr, admin).status, 200);
  std::set<std::uint64_t> given;
  json last;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 40; ++i) {
      const auto reply = call("POST", "/vwr-api/vwr/assign/" + event, {{"userId", "anon"}});
      ASSERT_EQ(reply.status, 200) << reply.body;
      last = reply.json();
      EXPECT_TRUE(given.insert(last["position"].get<std::uint64_t>()).second) << last;
    }
    server->kill();
    ASSERT_NO_FATAL_FAILURE(start());
  }
  EXPECT_EQ(given.size(), 120u);
  EXPECT_EQ(*given.rbegin(), 120u) << "consecutive, because each write had been answered";
  const auto turn = wait_for_turn(event, last, "anon");
  EXPECT_EQ(turn["admitted"], true) << "a number of before the crash: " << turn;
}

} // namespace
} // namespace tiketi::test
