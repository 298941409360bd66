// Two running programs as one cluster on the same databases: what one of them is told, the other
// one knows when the answer is there; and when one dies, the other one takes its duties over.

#include "tests/sale/sale_client.hpp"
#include "tests/support/server_databases.hpp"

#include <chrono>
#include <latch>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace tiketi::test {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

class shared_program_test : public ::testing::Test {
protected:
  void SetUp() override {
    std::vector<bool> ready(2);
    bool started[2] = {false, false};
    std::latch both{2};
    for (std::size_t i = 0; i < 2; ++i) {
      server_process::options o;
      o.data = folder.path() / std::to_string(i);
      o.arguments = load_arguments();
      for (const auto* more : {"--cluster.enabled=true", "--cluster.port=0"})
        o.arguments.emplace_back(more);
      o.arguments.push_back("--cluster.node=n" + std::to_string(i));
      o.environment = databases_of(folder.path()).environment();
      // What one of them signs, the other one accepts.
      o.environment["JWT_SECRET"] = "a secret of tests that is long enough to sign tokens";
      o.environment["QUEUE_ENTRY_TOKEN_SECRET"] = "another secret of tests, for the entry tokens";
      o.environment["INTERNAL_API_TOKEN"] = "a token of tests for what is inside";
      nodes[i].emplace(std::move(o));
    }
    for (std::size_t i = 0; i < 2; ++i)
      starts.emplace_back([&, i] {
        started[i] = nodes[i]->start();
        both.count_down();
        over.wait(); // a node ends with the thread that started it
      });
    both.wait();
    for (std::size_t i = 0; i < 2; ++i) {
      ASSERT_TRUE(started[i]) << nodes[i]->log_tail();
      clients[i].emplace(nodes[i]->port());
    }
    const auto reply = call(0, "POST", "/auth/login",
                            {{"email", "admin@tiketi.local"}, {"password", "admin-password"}});
    ASSERT_EQ(reply.status, 200) << reply.body;
    for (auto& c : clients)
      c->common = {{"Authorization", "Bearer " + reply.json()["token"].get<std::string>()}};
  }

  void TearDown() override {
    over.count_down();
    for (auto& t : starts)
      t.join();
  }

  http_reply call(std::size_t node, const char* method, const std::string& path,
                  const json& body = nullptr) {
    return clients[node]->send(method, "/api/v1" + path, body.is_null() ? "" : body.dump());
  }

  static json form(const std::string& title) {
    return {{"title", title},
            {"venue", "Hall"},
            {"eventDate", "2099-05-01T10:00:00.000Z"},
            {"saleStartDate", "2020-01-01T00:00:00.000Z"},
            {"saleEndDate", "2099-04-01T00:00:00.000Z"}};
  }

  std::string add_event(std::size_t node, const std::string& title) {
    const auto made = call(node, "POST", "/admin/events", form(title));
    EXPECT_EQ(made.status, 201) << made.body;
    return made.ok() ? made.json()["event"]["id"].get<std::string>() : std::string{};
  }

  int listed(std::size_t node) {
    const auto reply = call(node, "GET", "/events?limit=1");
    EXPECT_EQ(reply.status, 200) << reply.body;
    return reply.json()["pagination"]["total"].get<int>();
  }

  json shown(std::size_t node, const std::string& event) {
    const auto reply = call(node, "GET", "/events/" + event);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return reply.json()["event"];
  }

  bool ticket_role_has(const std::string& event) {
    return !databases_of(folder.path())
                .rows("ticket", "SELECT id FROM events WHERE id = '" + event + "'")
                .empty();
  }

  temp_dir folder;
  std::latch over{1};
  std::vector<std::thread> starts;
  std::optional<server_process> nodes[2];
  std::optional<http_client> clients[2];
};

TEST_F(shared_program_test, what_one_node_is_told_the_other_one_knows_and_takes_over) {
  // Both have filled empty databases at the same time.
  const auto demo = listed(0);
  EXPECT_GT(demo, 0);
  EXPECT_EQ(listed(1), demo);

  for (int round = 0; round < 5; ++round) {
    const std::size_t one = static_cast<std::size_t>(round % 2);
    const std::size_t other = 1 - one;
    const auto before = listed(other); // and kept there
    const auto event = add_event(one, "First");
    EXPECT_EQ(listed(other), before + 1);
    EXPECT_TRUE(ticket_role_has(event));
    EXPECT_EQ(shown(other, event)["title"], "First");
    EXPECT_EQ(call(one, "PUT", "/admin/events/" + event, form("Second")).status, 200);
    EXPECT_EQ(shown(other, event)["title"], "Second");
    EXPECT_EQ(call(other, "POST", "/admin/events/" + event + "/cancel").status, 200);
    EXPECT_EQ(shown(one, event)["status"], "cancelled");
  }

  // Whoever fed the catalog's outbox on: the other one does it before long.
  nodes[0]->kill();
  const auto event = add_event(1, "After");
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (!ticket_role_has(event)) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << nodes[1]->log_tail();
    std::this_thread::sleep_for(100ms); // nothing tells when a row of another process comes
  }
  EXPECT_EQ(nodes[1]->stop(), 0) << nodes[1]->log_tail();
}

} // namespace
} // namespace tiketi::test
