// The running program sends to a real receiver that fails, over crashes; signatures are checked by
// the examples of docs/webhooks.md.

#include "tests/sale/sale_client.hpp"
#include "tests/support/local_server.hpp"
#include "tests/support/metrics.hpp"
#include "tests/support/stored_rows.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <random>
#include <sstream>
#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>

namespace tiketi::test {
namespace {

using nlohmann::json;
using manner = local_reply::manner;

class receiver {
public:
  std::function<local_reply(const local_request&)> behave;

  std::vector<local_request> seen() const {
    const std::lock_guard lock{mutex_};
    return seen_;
  }
  void be(std::function<local_reply(const local_request&)> how) {
    const std::lock_guard lock{mutex_};
    behave = std::move(how);
  }
  std::string url() const { return server_.url() + "/hook"; }

  bool wait_for(std::size_t count, std::chrono::seconds limit = std::chrono::seconds{30}) const {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (std::chrono::steady_clock::now() < deadline) {
      if (seen().size() >= count)
        return true;
      // Another process sends; the pause only saves processor time.
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    return false;
  }

private:
  mutable std::mutex mutex_;
  std::vector<local_request> seen_;
  local_server server_{[this](const local_request& r) {
    const std::lock_guard lock{mutex_};
    seen_.push_back(r);
    return behave ? behave(r) : local_reply{200, "", {}};
  }};
};

/// The code block of that language in docs/webhooks.md.
std::string example(const std::string& language) {
  std::ifstream in{TIKETI_SOURCES "/docs/webhooks.md"};
  std::stringstream text;
  text << in.rdbuf();
  const auto page = text.str();
  const auto mark = "```" + language + "\n";
  const auto begin = page.find(mark);
  if (begin == std::string::npos)
    return {};
  const auto first = begin + mark.size();
  return page.substr(first, page.find("```", first) - first);
}

class webhook_program_test : public ::testing::Test {
protected:
  static server_process::options options(const temp_dir& data) {
    server_process::options o;
    o.data = data.path();
    o.port = free_port();
    o.arguments = load_arguments();
    for (const char* more : {"--gateway.entry_gate=false", "--webhook.allow_http=true",
                             "--webhook.allow_private_addresses=true", "--webhook.retry_wait_ms=20",
                             "--webhook.retry_wait_max_ms=200", "--webhook.attempts_max=100",
                             "--ticket.seats_per_user_and_event=100",
                             "--ticket.seats_per_reservation=10", "--remote.breaker_open_ms=200"})
      o.arguments.emplace_back(more);
    return o;
  }

  void log_in(const char* email, const char* password, http_client& client) {
    client.common.clear();
    const auto reply =
        client.post("/api/v1/auth/login", json{{"email", email}, {"password", password}});
    ASSERT_EQ(reply.status, 200) << reply.body;
    client.common = {{"Authorization", "Bearer " + reply.json()["token"].get<std::string>()}};
  }

  void SetUp() override {
    ASSERT_TRUE(server.start()) << server.log_tail();
    log_in("admin@tiketi.local", "admin-password", admin);
    log_in("demo@tiketi.local", "demo-password", buyer);
  }

  json make(std::vector<std::string> types) {
    const auto made = admin.post("/api/v1/admin/webhooks",
                                 json{{"url", shop.url()}, {"eventTypes", std::move(types)}});
    EXPECT_EQ(made.status, 201) << made.body;
    return made.json();
  }

  /// Seats that can be had, of some event on sale, with the event.
  std::pair<std::string, std::vector<std::string>> seats(std::size_t count) {
    const auto events = buyer.get("/api/v1/events?status=on_sale&page=1&limit=100").json();
    for (const auto& e : events.at("events")) {
      const std::string id = e.at("id");
      const auto map = buyer.get("/api/v1/seats/events/" + id);
      if (map.status != 200)
        continue;
      const auto hall = map.json();
      std::vector<std::string> out;
      for (const auto& seat : seats_of(hall))
        if (seat.status == "available" && out.size() < count)
          out.push_back(seat.id);
      if (out.size() == count)
        return {id, out};
    }
    return {};
  }

  std::string reserve(const std::string& event, const std::string& seat) {
    const auto held = buyer.post("/api/v1/seats/reserve",
                                 json{{"eventId", event}, {"seatIds", json::array({seat})}});
    return held.status == 200 ? held.json()["reservation"]["id"].get<std::string>() : "";
  }

  int run(const std::string& command, const std::string& secret, const std::string& signature,
          const std::string& body) {
    std::ofstream{data.path() / "body.json", std::ios::binary} << body;
    const auto line = "cd '" + data.path().string() + "' && SECRET='" + secret + "' SIGNATURE='"
                      + signature + "' " + command + " < body.json > /dev/null 2>&1";
    const int status = std::system(line.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  temp_dir data;
  receiver shop;
  server_process server{options(data)};
  http_client admin{server.port()};
  http_client buyer{server.port()};
};

TEST_F(webhook_program_test, a_sale_arrives_and_the_examples_verify_it) {
  const auto made = make({"RESERVATION_CREATED", "RESERVATION_CONFIRMED", "PAYMENT_CONFIRMED"});
  const auto secret = made["secret"].get<std::string>();
  const auto id = made["webhook"]["id"].get<std::string>();
  const auto [event, free] = seats(1);
  ASSERT_FALSE(free.empty());
  const auto reservation = reserve(event, free[0]);
  ASSERT_FALSE(reservation.empty());
  const auto paid = buyer.post("/api/v1/payments/process", json{{"reservationId", reservation},
                                                                {"paymentMethod", "naver_pay"}});
  ASSERT_EQ(paid.status, 200) << paid.body;
  ASSERT_TRUE(shop.wait_for(3)) << server.log_tail();
  std::ofstream{data.path() / "verify.py"} << example("python");
  std::ofstream{data.path() / "verify.sh"} << example("sh");
  std::map<std::string, json> by_type;
  for (const auto& r : shop.seen()) {
    const auto body = json::parse(r.body);
    by_type[body["type"]] = body;
    EXPECT_EQ(body["key"], reservation);
    EXPECT_EQ(body["data"]["eventId"], event);
    EXPECT_EQ(r.headers.at("tiketi-event-id"), body["id"]);
    const auto& signature = r.headers.at("tiketi-signature");
    EXPECT_EQ(run("python3 verify.py", secret, signature, r.body), 0) << signature;
    EXPECT_EQ(run("sh verify.sh", secret, signature, r.body), 0) << signature;
    for (const char* program : {"python3 verify.py", "sh verify.sh"}) {
      EXPECT_EQ(run(program, secret, signature, r.body + " "), 1) << program;
      EXPECT_EQ(run(program, secret + "0", signature, r.body), 1) << program;
      EXPECT_EQ(run(program, secret, "t=1," + signature.substr(signature.find(",v1") + 1), r.body),
                1)
          << program;
    }
    for (const char* personal : {"userId", "demo@tiketi.local", "Demo"})
      EXPECT_EQ(r.body.find(personal), std::string::npos) << r.body;
  }
  EXPECT_EQ(by_type.size(), 3u);
  EXPECT_EQ(by_type["PAYMENT_CONFIRMED"]["data"]["reservationId"], reservation);

  // While the secret is replaced, either of them verifies.
  const auto rotated = admin.post("/api/v1/admin/webhooks/" + id + "/rotate-secret");
  ASSERT_EQ(rotated.status, 200) << rotated.body;
  const auto tried = admin.post("/api/v1/admin/webhooks/" + id + "/test");
  EXPECT_EQ(tried.json()["delivered"], true) << tried.body;
  const auto ping = shop.seen().back();
  EXPECT_EQ(ping.headers.at("tiketi-event-type"), "PING");
  for (const auto& either : {secret, rotated.json()["secret"].get<std::string>()}) {
    EXPECT_EQ(run("python3 verify.py", either, ping.headers.at("tiketi-signature"), ping.body), 0);
    EXPECT_EQ(run("sh verify.sh", either, ping.headers.at("tiketi-signature"), ping.body), 0);
  }

  // A change of the catalog, too.
  make({"EVENT_CHANGED"});
  const auto saved =
      admin.post("/api/v1/admin/events", json{{"title", "Made for a webhook"},
                                              {"venue", "Hall"},
                                              {"eventDate", "2030-01-01T10:00:00Z"},
                                              {"saleStartDate", "2029-01-01T10:00:00Z"},
                                              {"saleEndDate", "2029-12-01T10:00:00Z"}});
  ASSERT_EQ(saved.status, 201) << saved.body;
  ASSERT_TRUE(shop.wait_for(5)) << server.log_tail();
  EXPECT_EQ(json::parse(shop.seen().back().body)["data"]["event"]["title"], "Made for a webhook");

  // The receiver knows before the sender has noted it.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  std::string metrics;
  do {
    metrics = metrics_page(server.port());
  } while (metrics.find(R"(webhook_deliveries_total{outcome="delivered"} 4)") == std::string::npos
           && std::chrono::steady_clock::now() < deadline);
  EXPECT_NE(metrics.find(R"(webhook_deliveries_total{outcome="delivered"} 4)"), std::string::npos)
      << metrics;
  const auto log = server.log_tail(1'000'000);
  EXPECT_EQ(log.find(secret), std::string::npos) << "a secret stands in the log";
  EXPECT_EQ(server.stop(), 0) << server.log_tail();
}

TEST_F(webhook_program_test, nothing_is_lost_and_order_holds_over_crashes_and_failures) {
  std::mt19937_64 chance{test_seed()};
  std::mt19937_64 mood{chance()};
  shop.be([&](const local_request&) {
    switch (mood() % 10) {
    case 0:
    case 1:
      return local_reply{500, "", {}};
    case 2:
      return local_reply{200, "", {}, manner::reset};
    case 3:
      return local_reply{200, "", {}, manner::whole, std::chrono::milliseconds{mood() % 200}};
    default:
      return local_reply{200, "", {}};
    }
  });
  const auto id = make({"RESERVATION_CREATED", "RESERVATION_CONFIRMED",
                        "RESERVATION_CANCELLED"})["webhook"]["id"]
                      .get<std::string>();
  const auto [event, free] = seats(60);
  ASSERT_EQ(free.size(), 60u);
  std::size_t done = 0;
  for (int life = 0; life < 5; ++life) {
    for (int i = 0; i < 12; ++i) {
      const auto reservation = reserve(event, free.at(done++));
      if (!reservation.empty() && chance() % 3 > 0)
        buyer.send("POST", "/api/v1/reservations/" + reservation + "/cancel");
    }
    server.kill();
    ASSERT_TRUE(server.start()) << server.log_tail();
    // The connections of the last life are noticed to be gone with their first use.
    buyer.get("/health");
    admin.get("/health");
  }
  shop.be(nullptr);
  // What was committed, as an auditor reads it: the truth to compare with.
  std::map<std::string, std::vector<std::string>> told;
  std::size_t count = 0;
  for (const auto& row :
       stored_rows(data.path() / "ticket.db", "SELECT key, event_id FROM outbox WHERE topic = "
                                              "'reservation-events' ORDER BY sequence")) {
    told[row[0]].push_back(row[1]);
    ++count;
  }
  ASSERT_GE(count, 60u);
  const auto arrived = [&] {
    std::map<std::string, std::vector<std::string>> out;
    for (const auto& r : shop.seen()) {
      auto& line = out[json::parse(r.body)["key"]];
      const auto& name = r.headers.at("tiketi-event-id");
      if (std::find(line.begin(), line.end(), name) == line.end())
        line.push_back(name);
    }
    return out;
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  json webhook;
  do {
    webhook = admin.get("/api/v1/admin/webhooks/" + id).json()["webhook"];
    std::this_thread::sleep_for(std::chrono::milliseconds{50}); // another process works
  } while ((webhook["pendingDeliveries"] != 0 || arrived() != told)
           && std::chrono::steady_clock::now() < deadline);
  EXPECT_EQ(arrived(), told) << "each event, first arrivals in the order of their key";
  EXPECT_EQ(webhook["pendingDeliveries"], 0);
  EXPECT_EQ(webhook["deadLetters"], 0);
  EXPECT_EQ(stored_number(data.path() / "webhook.db", "SELECT count(*) FROM webhook_deliveries"),
            static_cast<long long>(count))
      << "one delivery for each event";
  std::printf("  %zu events, %zu requests, %d kills\n", count, shop.seen().size(), 5);
  EXPECT_EQ(server.stop(), 0) << server.log_tail();
}

TEST(webhook_settings_test, by_default_nothing_inside_can_be_named_or_reached) {
  const temp_dir data;
  receiver inside;
  server_process::options o;
  o.data = data.path();
  o.port = free_port();
  o.arguments = load_arguments();
  o.arguments.emplace_back("--webhook.allow_http=true");
  server_process server{o};
  ASSERT_TRUE(server.start()) << server.log_tail();
  http_client admin{server.port()};
  const auto login = admin.post(
      "/api/v1/auth/login", json{{"email", "admin@tiketi.local"}, {"password", "admin-password"}});
  admin.common = {{"Authorization", "Bearer " + login.json()["token"].get<std::string>()}};
  const auto make = [&](const std::string& url) {
    return admin.post("/api/v1/admin/webhooks",
                      json{{"url", url}, {"eventTypes", json::array({"EVENT_CHANGED"})}});
  };
  EXPECT_EQ(make(inside.url()).status, 400);
  auto named = inside.url();
  named.replace(named.find("127.0.0.1"), 9, "localhost");
  const auto made = make(named);
  ASSERT_EQ(made.status, 201) << made.body;
  const auto tried = admin.post("/api/v1/admin/webhooks/"
                                + made.json()["webhook"]["id"].get<std::string>() + "/test");
  EXPECT_EQ(tried.json()["error"], "forbidden") << tried.body;
  EXPECT_TRUE(inside.seen().empty());
  EXPECT_EQ(server.stop(), 0) << server.log_tail();
}

} // namespace
} // namespace tiketi::test
