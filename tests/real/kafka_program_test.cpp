#include "net/kafka/client.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/kafka_broker.hpp"
#include "tests/support/metrics.hpp"
#include "tests/support/process.hpp"
#include "tests/support/queue_stand_in.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace tiketi::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

bool wait(const std::function<bool()>& done, std::chrono::milliseconds limit = 60s) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline)
      return false;
    // The other process tells nobody; the pause only saves processor time.
    std::this_thread::sleep_for(50ms);
  }
  return true;
}

/// What the program prints.
std::string output_of(const std::string& command) {
  std::string out;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe{::popen(command.c_str(), "r"),
                                                             ::pclose};
  std::array<char, 4096> part{};
  while (pipe && std::fgets(part.data(), part.size(), pipe.get()) != nullptr)
    out += part.data();
  return out;
}

class kafka_program_test : public ::testing::Test {
protected:
  void SetUp() override {
    ASSERT_TRUE(kafka_broker::available()) << "run tools/setup --tests";
    prefix = data.path().filename().string() + "-";
    options = {"--bus.kind=kafka", "--kafka.brokers=" + broker.address(),
               "--kafka.topic_prefix=" + prefix, "--kafka.group_prefix=" + prefix};
    server_process::options o;
    o.data = data.path() / "data";
    o.arguments = {"--demo", "--gateway.entry_gate=false", "--gateway.rate_limits=false",
                   "--sqs.enabled", "--sqs.queue_url=" + notices.url() + "/1/notices.fifo"};
    o.environment = {{"AWS_ACCESS_KEY_ID", "AKIA"}, {"AWS_SECRET_ACCESS_KEY", "secret"}};
    o.arguments.insert(o.arguments.end(), options.begin(), options.end());
    server = std::make_unique<server_process>(std::move(o));
    ASSERT_TRUE(server->start()) << server->log_tail();
    client = std::make_unique<http_client>(server->port());
    const auto session = client->post(
        "/api/v1/auth/login", json{{"email", "demo@tiketi.local"}, {"password", "demo-password"}});
    ASSERT_EQ(session.status, 200) << session.body;
    client->common = {{"Authorization", "Bearer " + session.json()["token"].get<std::string>()}};
    const auto events = client->get("/api/v1/events?status=on_sale&page=1&limit=100").json();
    for (const auto& e : events["events"]) {
      event = e["id"];
      const auto map = client->get("/api/v1/seats/events/" + event).json();
      if (!map.contains("seats") || map["seats"].empty())
        continue;
      for (const auto& s : map["seats"])
        if (s["status"] == "available")
          seats.push_back(s["id"]);
      break;
    }
    ASSERT_GE(seats.size(), 2u);
  }

  /// A paid reservation; its id.
  std::string buy(const std::string& seat) {
    const auto reserved = client->post("/api/v1/seats/reserve",
                                       json{{"eventId", event}, {"seatIds", json::array({seat})}});
    EXPECT_TRUE(reserved.ok()) << reserved.body;
    if (!reserved.ok())
      return {};
    const std::string id = reserved.json()["reservation"]["id"];
    const auto paid = client->post("/api/v1/payments/process",
                                   json{{"reservationId", id}, {"paymentMethod", "naver_pay"}});
    EXPECT_EQ(paid.status, 200) << paid.body;
    return id;
  }

  double metric(const std::string& name) { return test::metric(server->port(), name); }

  std::string tool(const std::string& words) {
    std::string command = TIKETI_BINARY;
    for (const auto& option : options)
      command += " " + option;
    return output_of(command + " dead-letters " + words + " 2>&1");
  }

  queue_stand_in notices; ///< where admissions are told
  temp_dir data;
  std::string prefix;
  std::vector<std::string> options;
  kafka_broker& broker = shared_kafka_broker();
  std::unique_ptr<server_process> server;
  std::unique_ptr<http_client> client;
  std::string event;
  std::vector<std::string> seats;
};

TEST_F(kafka_program_test, admissions_go_through_kafka_to_sqs) {
  const auto who = client->post("/api/v1/queue/check/" + event, json::object());
  ASSERT_EQ(who.status, 200) << who.body;
  ASSERT_EQ(who.json()["status"], "active");
  ASSERT_TRUE(wait([&] { return !notices.taken().empty(); })) << server->log_tail();
  const auto told = notices.taken().front();
  EXPECT_EQ(told.at("MessageGroupId"), event);
  EXPECT_EQ(json::parse(told.at("MessageBody").get<std::string>()).at("action"), "admitted");
  EXPECT_TRUE(wait([&] {
    return test::metric(server->port(), "kafka_applied_total", "consumer=\"sqs\"") >= 1;
  }));
}

TEST_F(kafka_program_test, a_broker_that_is_away_costs_no_sale_and_no_event) {
  ASSERT_FALSE(buy(seats[0]).empty());
  ASSERT_TRUE(wait([&] { return metric("kafka_up") == 1 && metric("kafka_in_flight") == 0; }));
  const auto produced = metric("kafka_produced_total");
  broker.kill();
  ASSERT_TRUE(wait([&] { return metric("kafka_up") == 0; })) << server->log_tail();
  const auto begin = std::chrono::steady_clock::now();
  const auto id = buy(seats[1]);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  EXPECT_EQ(client->get("/api/v1/reservations/" + id).json()["reservation"]["status"], "confirmed");
  EXPECT_EQ(client->get("/actuator/health/readiness").status, 200);
  ASSERT_TRUE(wait([&] { return client->get("/health").json()["status"] == "degraded"; }));
  EXPECT_EQ(client->get("/health").status, 200);
  EXPECT_EQ(metric("kafka_produced_total"), produced);
  EXPECT_TRUE(wait([&] { return metric("tiketi_outbox_age_seconds") > 1; }));

  ASSERT_TRUE(broker.start()) << broker.log_tail();
  EXPECT_TRUE(wait([&] {
    return metric("tiketi_outbox_age_seconds") == 0 && metric("kafka_in_flight") == 0
           && metric("kafka_produced_total") >= produced + 3;
  })) << server->log_tail();
  EXPECT_TRUE(wait([&] { return client->get("/health").json()["status"] == "ok"; }));
  // Created, confirmed, paid: to statistics, webhooks and whoever else wants them.
  EXPECT_TRUE(wait([&] { return metric("kafka_consumer_lag") == 0; }));
  EXPECT_EQ(metric("kafka_dead_letters_total"), 0);
  client->common.clear();
  const auto admin = client->post(
      "/api/v1/auth/login", json{{"email", "admin@tiketi.local"}, {"password", "admin-password"}});
  client->common = {{"Authorization", "Bearer " + admin.json()["token"].get<std::string>()}};
  EXPECT_TRUE(wait([&] {
    return client->get("/api/v1/stats/overview").json()["data"]["confirmed_reservations"] == 2;
  }));
  EXPECT_EQ(server->stop(), 0) << server->log_tail();
}

TEST_F(kafka_program_test, what_nobody_can_read_is_listed_and_replayed) {
  kafka::connection_options to;
  to.brokers = broker.address();
  {
    const auto stranger = kafka::make_client(RD_KAFKA_PRODUCER, kafka::make_conf(to, {}));
    kafka::record r;
    r.topic = "payment-events";
    r.key = "stranger";
    r.value = "this is no JSON";
    ASSERT_TRUE(kafka::send(stranger.get(), r, prefix, 1));
    ASSERT_EQ(rd_kafka_flush(stranger.get(), 20'000), RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  // ticket, stats and webhook read this topic, each for itself.
  ASSERT_TRUE(wait([&] { return metric("kafka_dead_letters_total") == 3; })) << server->log_tail();
  const auto listed = tool("list payment-events");
  for (const auto* consumer : {"ticket", "stats", "webhook"})
    EXPECT_NE(listed.find(std::string{R"("consumer":")"} + consumer + '"'), std::string::npos)
        << listed;
  EXPECT_NE(listed.find("this is no JSON"), std::string::npos);
  EXPECT_EQ(tool("replay payment-events"), "3 replayed\n");
  // Each comes back to the one that could not read it, and only to that one.
  ASSERT_TRUE(wait([&] { return metric("kafka_dead_letters_total") >= 6; })) << server->log_tail();
  ASSERT_FALSE(buy(seats[0]).empty());
  EXPECT_TRUE(wait([&] { return metric("kafka_consumer_lag") == 0; }));
  EXPECT_EQ(metric("kafka_dead_letters_total"), 6);
  EXPECT_NE(tool("replay no-such-events").find("there is no topic"), std::string::npos);
}

} // namespace
} // namespace tiketi::test
