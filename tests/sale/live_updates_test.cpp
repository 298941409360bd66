// The streams of the whole program: what one person does, others see without asking.

#include "tests/sale/sale_client.hpp"
#include "tests/streams/event_source.hpp"
#include "tests/support/metrics.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace tiketi::test {
namespace {

using nlohmann::json;

class live_updates_test : public ::testing::Test {
protected:
  static void SetUpTestSuite() {
    data = new temp_dir;
    server_process::options o;
    o.data = data->path();
    o.arguments = load_arguments();
    o.arguments.push_back("--streams.heartbeat_ms=200");
    o.arguments.push_back("--streams.queue_interval_ms=100");
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

  std::string seated_event() {
    const auto listed = http.get("/api/v1/events?status=on_sale&page=1&limit=100").json();
    for (const auto& e : listed["events"]) {
      std::string id = e["id"];
      const auto event = http.get("/api/v1/events/" + id).json();
      if (!event["event"]["seat_layout_id"].is_null())
        return id;
    }
    ADD_FAILURE() << "no event with seats on sale";
    return {};
  }

  std::string register_person() {
    static int number = 0;
    const auto reply = http.post("/api/v1/auth/register",
                                 {{"email", "live" + std::to_string(++number) + "@example.com"},
                                  {"password", "long enough"},
                                  {"name", "Live"}});
    EXPECT_EQ(reply.status, 201) << reply.body;
    return reply.json()["token"];
  }

  void act_as(const std::string& token, const std::string& entry = {}) {
    http.common = {{"Authorization", "Bearer " + token}};
    if (!entry.empty())
      http.common.emplace_back("x-queue-entry-token", entry);
  }

  static event_source listen(const std::string& target, const std::string& headers = {}) {
    event_source out{server->port()};
    out.open("/api/v1" + target, "Origin: http://localhost:3000\r\n" + headers);
    return out;
  }

  /// True once a message says that the seat is like this.
  static bool sees(event_source& s, const std::string& seat, const std::string& status) {
    return s.read_until([&](const event_source& x) {
      return std::any_of(x.reader.messages.begin(), x.reader.messages.end(), [&](const auto& m) {
        if (m.event != "seats")
          return false;
        const auto change = json::parse(m.data);
        return std::any_of(change["seats"].begin(), change["seats"].end(), [&](const auto& one) {
          return one["id"] == seat && one["status"] == status;
        });
      });
    });
  }

  http_client http{server->port()};

  inline static temp_dir* data = nullptr;
  inline static server_process* server = nullptr;
};

TEST_F(live_updates_test, a_booking_from_queue_to_payment) {
  const auto event = seated_event();
  auto seats = listen("/events/" + event + "/seats/stream");
  ASSERT_TRUE(seats.read_messages(1));
  EXPECT_EQ(seats.status(), 200);
  EXPECT_TRUE(seats.has_header("Content-Type: text/event-stream"));
  EXPECT_TRUE(seats.has_header("Access-Control-Allow-Origin: http://localhost:3000"));
  EXPECT_EQ(json::parse(seats.reader.messages[0].data),
            http.get("/api/v1/seats/events/" + event).json());

  const auto token = register_person();
  act_as(token);
  auto place = listen("/queue/stream/" + event, "Authorization: Bearer " + token + "\r\n");
  ASSERT_TRUE(place.read_messages(1));
  EXPECT_EQ(json::parse(place.reader.messages[0].data)["status"], "not_in_queue");
  ASSERT_EQ(http.post("/api/v1/queue/check/" + event).status, 200);
  ASSERT_TRUE(place.read_messages(2));
  const auto entered = json::parse(place.reader.messages[1].data);
  ASSERT_EQ(entered["status"], "active") << entered;
  act_as(token, entered["entryToken"]);

  auto reply = http.post("/api/v1/seats/best-available", {{"eventId", event}, {"count", 2}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  const auto held = reply.json()["reservation"];
  const std::string seat = held["seats"][0]["id"];
  ASSERT_TRUE(sees(seats, seat, "locked"));

  // One that was away meanwhile.
  const auto last = seats.reader.messages.back().id;
  seats.close();
  reply = http.post("/api/v1/payments/process",
                    {{"reservationId", held["id"]}, {"paymentMethod", "naver_pay"}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  auto back = listen("/events/" + event + "/seats/stream", "Last-Event-ID: " + last + "\r\n");
  ASSERT_TRUE(sees(back, seat, "reserved"));
  EXPECT_EQ(back.reader.messages[0].event, "seats") << "only what it lacked";
  EXPECT_TRUE(back.read_until([](const event_source& s) { return s.reader.comments >= 2; }));

  reply = http.post("/api/v1/reservations/" + held["id"].get<std::string>() + "/cancel");
  ASSERT_EQ(reply.status, 200) << reply.body;
  ASSERT_TRUE(sees(back, seat, "available"));

  const auto metrics = metrics_page(server->port());
  EXPECT_NE(metrics.find("tiketi_stream_listeners{kind=\"seats\"} 1"), std::string::npos);
  EXPECT_NE(metrics.find("tiketi_stream_events_total{kind=\"seats\"}"), std::string::npos);
}

TEST_F(live_updates_test, without_a_stream) {
  http.common.clear();
  EXPECT_EQ(http.get("/api/v1/events/00000000-0000-4000-8000-000000000001/seats/stream").status,
            404);
  EXPECT_EQ(http.get("/api/v1/events/x/seats/stream").status, 400);
  EXPECT_EQ(http.get("/api/v1/queue/stream/00000000-0000-4000-8000-000000000001").status, 401);
  const auto reply = http.post("/api/v1/queue/stream/00000000-0000-4000-8000-000000000001");
  EXPECT_EQ(reply.status, 405);
}

TEST_F(live_updates_test, a_stop_ends_the_streams) {
  const auto event = seated_event();
  auto seats = listen("/events/" + event + "/seats/stream");
  ASSERT_TRUE(seats.read_messages(1));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(server->stop(), 0) << server->log_tail();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{10});
  EXPECT_TRUE(seats.read_to_end());
  // The next suite member would find nobody; there is none.
  delete server;
  server = nullptr;
}

} // namespace
} // namespace tiketi::test
