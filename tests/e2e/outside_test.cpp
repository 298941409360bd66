#include "tests/auth/google_keys.hpp"
#include "tests/payment/toss_bank.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

namespace tiketi::test {
namespace {

using nlohmann::json;

/// The real program with Toss Payments and Google, both of them servers of this test.
TEST(outside_test, a_google_user_buys_through_toss_and_gets_the_money_back) {
  const signing_key key{"k1"};
  local_server google{[&](const local_request&) {
    return local_reply{
        200, json{{"keys", json::array({key.jwk()})}}.dump(), {{"Cache-Control", "max-age=3600"}}};
  }};
  payment::toss_bank bank;

  const temp_dir data;
  server_process server{
      {.data = data.path() / "data",
       .arguments = {"--demo", "--gateway.entry_gate=false", "--payment.provider=toss",
                     "--payment.toss_url=" + bank.url(), "--payment.toss_client_key=test_ck_mine",
                     "--auth.google_client_ids=our-client",
                     "--auth.google_keys_url=" + google.url()},
       .environment = {{"TOSS_SECRET_KEY", payment::toss_bank::secret}}}};
  ASSERT_TRUE(server.start()) << server.log_tail();
  http_client client{server.port()};

  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  json claims{{"iss", "https://accounts.google.com"},
              {"aud", "our-client"},
              {"sub", "42"},
              {"email", "ada@example.com"},
              {"email_verified", true},
              {"name", "Ada"},
              {"iat", now},
              {"exp", now + 600}};
  const auto session = client.post("/api/v1/auth/google", json{{"credential", key.token(claims)}});
  ASSERT_EQ(session.status, 200) << session.body;
  claims["aud"] = "somebody-else";
  EXPECT_EQ(client.post("/api/v1/auth/google", json{{"credential", key.token(claims)}}).status,
            400);
  client.common = {{"Authorization", "Bearer " + session.json()["token"].get<std::string>()}};

  const auto events = client.get("/api/v1/events?status=on_sale&page=1&limit=100").json();
  std::string event;
  std::string seat;
  for (const auto& e : events["events"]) {
    event = e["id"];
    const auto map = client.get("/api/v1/seats/events/" + event).json();
    if (map.contains("seats") && !map["seats"].empty()) {
      seat = map["seats"][0]["id"];
      break;
    }
  }
  ASSERT_FALSE(seat.empty());
  const auto reserved = client.post("/api/v1/seats/reserve",
                                    json{{"eventId", event}, {"seatIds", json::array({seat})}});
  ASSERT_TRUE(reserved.ok()) << reserved.body;
  const auto reservation = reserved.json()["reservation"]["id"].get<std::string>();

  const auto at_once =
      client.post("/api/v1/payments/process",
                  json{{"reservationId", reservation}, {"paymentMethod", "naver_pay"}});
  EXPECT_EQ(at_once.status, 400) << "no money without a visit to the provider: " << at_once.body;

  const auto amount = reserved.json()["reservation"]["totalAmount"].get<std::int64_t>();
  const auto prepared = client.post("/api/v1/payments/prepare",
                                    json{{"reservationId", reservation}, {"amount", amount}});
  ASSERT_EQ(prepared.status, 200) << prepared.body;
  EXPECT_EQ(prepared.json()["clientKey"], "test_ck_mine");
  const auto order = prepared.json()["orderId"].get<std::string>();
  const auto confirm = [&](const std::string& payment_key) {
    return client.post("/api/v1/payments/confirm",
                       json{{"paymentKey", payment_key}, {"orderId", order}, {"amount", amount}});
  };
  bank.authorise("pay_1", order, amount);
  // The answer to the first attempt gets lost; the repeat must not charge again.
  bank.set_mood([](const std::string& what, int nth) {
    payment::toss_bank::fate f;
    if (what == "confirm" && nth == 1)
      f.how = local_reply::manner::reset;
    return f;
  });
  const auto paid = confirm("pay_1");
  ASSERT_EQ(paid.status, 200) << paid.body << server.log_tail();
  EXPECT_EQ(paid.json()["payment"]["method"], "toss");
  EXPECT_FALSE(paid.json().contains("demo"));
  EXPECT_EQ(bank.at("pay_1").taken, 1);
  EXPECT_EQ(confirm("pay_1").status, 200) << "a page that is loaded again";
  EXPECT_EQ(bank.at("pay_1").taken, 1);
  EXPECT_EQ(client.get("/api/v1/reservations/" + reservation).json()["reservation"]["status"],
            "confirmed");

  const auto cancelled = client.post("/api/v1/payments/pay_1/cancel");
  ASSERT_EQ(cancelled.status, 200) << cancelled.body;
  EXPECT_EQ(cancelled.json()["refundAmount"], amount);
  EXPECT_EQ(bank.at("pay_1").returned, 1);

  const auto metrics = client.get("/actuator/prometheus").body;
  EXPECT_NE(metrics.find(R"(resilience4j_circuitbreaker_state{name="toss",state="closed"} 1)"),
            std::string::npos);
  EXPECT_EQ(metrics.find(payment::toss_bank::secret), std::string::npos);
  EXPECT_EQ(server.stop(), 0) << server.log_tail();
  EXPECT_EQ(server.log_tail(1 << 20).find(payment::toss_bank::secret), std::string::npos)
      << "the log holds no secret";
}

} // namespace
} // namespace tiketi::test
