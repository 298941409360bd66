// The running program: repeated calls with one Idempotency-Key sell once and pay once, whatever
// runs beside them, and answer the same after a crash.

#include "tests/sale/sale_client.hpp"
#include "tests/support/stored_rows.hpp"

#include <chrono>
#include <optional>
#include <set>
#include <thread>

#include <gtest/gtest.h>

namespace tiketi::test {
namespace {

using nlohmann::json;

class idempotency_program_test : public ::testing::Test {
protected:
  idempotency_program_test() {
    server_process::options o;
    o.data = data.path();
    o.arguments = load_arguments();
    server.emplace(o);
  }

  void start() { ASSERT_TRUE(server->start()) << server->log_tail(); }

  http_reply call(const char* method, const std::string& path, const json& body = nullptr,
                  const std::string& key = {}) const {
    http_client client{server->port()};
    header_list headers = session;
    if (!key.empty())
      headers.emplace_back("Idempotency-Key", key);
    return client.send(method, "/api/v1" + path, body.is_null() ? "" : body.dump(),
                       std::move(headers));
  }

  void log_in(const char* email, const char* password) {
    session.clear();
    const auto reply = call("POST", "/auth/login", {{"email", email}, {"password", password}});
    ASSERT_EQ(reply.status, 200) << reply.body;
    session = {{"Authorization", "Bearer " + reply.json()["token"].get<std::string>()}};
  }

  /// An event with seats on sale; the user is admitted to it.
  void find_event() {
    const auto events = call("GET", "/events?status=on_sale&limit=50").json()["events"];
    for (const auto& one : events) {
      event = one["id"];
      const auto map = call("GET", "/seats/events/" + event);
      if (map.status != 200 || seats_of(map.json()).size() < 10)
        continue;
      for (const auto& seat : seats_of(map.json()))
        if (seat.status == "available")
          free_seats.push_back(seat.id);
      ASSERT_EQ(call("POST", "/queue/check/" + event).json()["status"], "active");
      return;
    }
    FAIL() << "no seated event is on sale";
  }

  json seat(std::size_t n) const { return {{"eventId", event}, {"seatIds", {free_seats.at(n)}}}; }

  /// The same call from several connections at once; repeats what is told to wait.
  std::vector<http_reply> crowd(const std::string& path, const json& body,
                                const std::string& key) const {
    std::vector<http_reply> replies(6);
    std::vector<std::thread> threads;
    for (auto& reply : replies)
      threads.emplace_back([&, this] {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
        do
          reply = call("POST", path, body, key);
        while (reply.status == 409 && reply.json()["code"] == "idempotency_in_progress"
               && std::chrono::steady_clock::now() < deadline);
      });
    for (auto& t : threads)
      t.join();
    return replies;
  }

  temp_dir data;
  std::optional<server_process> server;
  header_list session;
  std::string event;
  std::vector<std::string> free_seats;
};

TEST_F(idempotency_program_test, a_crowd_with_one_key_reserves_once_and_pays_once) {
  ASSERT_NO_FATAL_FAILURE(start());
  log_in("demo@tiketi.local", "demo-password");
  find_event();
  std::set<std::string> bodies;
  std::size_t replayed = 0;
  for (const auto& reply : crowd("/seats/reserve", seat(0), "reserve-1")) {
    EXPECT_EQ(reply.status, 200) << reply.body;
    bodies.insert(reply.body);
    replayed += reply.headers.count("idempotent-replayed");
  }
  ASSERT_EQ(bodies.size(), 1u) << "one answer for all";
  EXPECT_EQ(replayed, 5u);
  const auto reservation = json::parse(*bodies.begin())["reservation"]["id"].get<std::string>();
  EXPECT_EQ(stored_number(data.path() / "ticket.db", "SELECT count(*) FROM reservations"), 1);

  const json payment{{"reservationId", reservation}, {"paymentMethod", "naver_pay"}};
  bodies.clear();
  for (const auto& reply : crowd("/payments/process", payment, "pay-1")) {
    EXPECT_EQ(reply.status, 200) << reply.body;
    bodies.insert(reply.body);
  }
  EXPECT_EQ(bodies.size(), 1u);
  EXPECT_EQ(stored_number(data.path() / "payment.db", "SELECT count(*) FROM payments"), 1);

  // The same after kill -9: nothing is sold again.
  server->kill();
  ASSERT_NO_FATAL_FAILURE(start());
  const auto again = call("POST", "/payments/process", payment, "pay-1");
  EXPECT_EQ(again.body, *bodies.begin());
  EXPECT_EQ(again.headers.count("idempotent-replayed"), 1u);
  EXPECT_EQ(call("POST", "/seats/reserve", seat(1), "reserve-1").status, 422);
  EXPECT_EQ(stored_number(data.path() / "ticket.db", "SELECT count(*) FROM reservations"), 1);
  EXPECT_EQ(server->stop(), 0) << server->log_tail();
}

TEST_F(idempotency_program_test, a_replay_passes_no_gate_and_a_refused_entry_is_not_kept) {
  ASSERT_NO_FATAL_FAILURE(start());
  log_in("demo@tiketi.local", "demo-password");
  find_event();
  const auto first = call("POST", "/seats/reserve", seat(0), "k");
  ASSERT_EQ(first.status, 200) << first.body;

  log_in("admin@tiketi.local", "admin-password");
  const auto refused = call("POST", "/seats/reserve", seat(1), "k");
  EXPECT_EQ(refused.status, 403) << "another user, not admitted: " << refused.body;
  ASSERT_EQ(call("POST", "/queue/check/" + event).json()["status"], "active");
  EXPECT_EQ(call("POST", "/seats/reserve", seat(1), "k").status, 200) << "the key was free";

  log_in("demo@tiketi.local", "demo-password");
  // The slot is gone, and with it the right to reserve anything new.
  log_in("admin@tiketi.local", "admin-password");
  ASSERT_EQ(call("POST", "/queue/admin/clear/" + event).status, 200);
  log_in("demo@tiketi.local", "demo-password");
  EXPECT_EQ(call("POST", "/seats/reserve", seat(2), "new").status, 403);
  const auto again = call("POST", "/seats/reserve", seat(0), "k");
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.body, first.body);
  session.clear();
  EXPECT_EQ(call("POST", "/seats/reserve", seat(0), "k").status, 401) << "access comes first";
  EXPECT_EQ(server->stop(), 0) << server->log_tail();
}

TEST_F(idempotency_program_test, a_reservation_whose_answer_was_lost_is_found_by_its_key) {
  ASSERT_NO_FATAL_FAILURE(start());
  log_in("demo@tiketi.local", "demo-password");
  find_event();
  const auto first = call("POST", "/seats/reserve", seat(0), "k");
  ASSERT_EQ(first.status, 200) << first.body;
  const json best{{"eventId", event}, {"count", 2}};
  const auto chosen = call("POST", "/seats/best-available", best, "k");
  ASSERT_EQ(chosen.status, 200) << chosen.body;
  server->kill();
  // As if the process had died between the sale's commit and keeping the answer.
  stored_rows(data.path() / "gateway.db", "DELETE FROM idempotency_keys RETURNING 1");
  ASSERT_NO_FATAL_FAILURE(start());
  const auto again = call("POST", "/seats/reserve", seat(0), "k");
  EXPECT_EQ(again.status, 200) << again.body;
  EXPECT_EQ(again.headers.count("idempotent-replayed"), 0u) << "the sale itself answered";
  EXPECT_EQ(again.json()["reservation"]["id"], first.json()["reservation"]["id"]);
  const auto chosen_again = call("POST", "/seats/best-available", best, "k");
  EXPECT_EQ(chosen_again.status, 200) << chosen_again.body;
  EXPECT_EQ(chosen_again.headers.count("idempotent-replayed"), 0u);
  EXPECT_EQ(chosen_again.json()["reservation"]["id"], chosen.json()["reservation"]["id"]);
  EXPECT_EQ(stored_number(data.path() / "ticket.db", "SELECT count(*) FROM reservations"), 2);
  EXPECT_EQ(server->stop(), 0) << server->log_tail();
}

TEST_F(idempotency_program_test, new_stock_is_made_once) {
  ASSERT_NO_FATAL_FAILURE(start());
  log_in("admin@tiketi.local", "admin-password");
  const auto listed = call("GET", "/events?status=on_sale&limit=1").json()["events"];
  const auto path = "/admin/events/" + listed.at(0)["id"].get<std::string>() + "/tickets";
  const json type{{"name", "Once"}, {"price", 1000}, {"totalQuantity", 10}};
  const auto count = [&] {
    return stored_number(data.path() / "catalog.db",
                         "SELECT count(*) FROM ticket_types WHERE name = 'Once'");
  };
  const auto replies = crowd(path, type, "type-1");
  for (const auto& reply : replies)
    EXPECT_EQ(reply.status, replies.front().status) << reply.body;
  EXPECT_LT(replies.front().status, 300) << replies.front().body;
  EXPECT_EQ(count(), 1);
  server->kill();
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_EQ(call("POST", path, type, "type-1").body, replies.front().body);
  EXPECT_EQ(count(), 1);
  EXPECT_EQ(server->stop(), 0) << server->log_tail();
}

} // namespace
} // namespace tiketi::test
