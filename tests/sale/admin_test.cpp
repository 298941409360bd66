// The administration as people and programs use it: the running program, the calls of the web
// client's admin pages, and what the other roles make of them.

#include "tests/sale/sale_client.hpp"
#include "tests/support/stored_rows.hpp"

#include <fstream>
#include <functional>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace tiketi::test {
namespace {

using nlohmann::json;

constexpr const char* internal_token = "an-internal-token-of-the-test";

class admin_test : public ::testing::Test {
protected:
  static void SetUpTestSuite() {
    data = new temp_dir;
    server_process::options o;
    o.data = data->path();
    o.arguments = load_arguments();
    o.environment["INTERNAL_API_TOKEN"] = internal_token;
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

  void SetUp() override {
    const auto reply = http.post("/api/v1/auth/login",
                                 {{"email", "admin@tiketi.local"}, {"password", "admin-password"}});
    ASSERT_EQ(reply.status, 200) << reply.body;
    admin_token = reply.json()["token"];
  }

  http_reply as(const std::string& token, const char* method, const std::string& path,
                const json& body = nullptr) {
    header_list headers;
    if (!token.empty())
      headers.emplace_back("Authorization", "Bearer " + token);
    if (!body.is_null())
      headers.emplace_back("Content-Type", "application/json");
    return http.send(method, path, body.is_null() ? "" : body.dump(), headers);
  }

  http_reply admin(const char* method, const std::string& path, const json& body = nullptr) {
    return as(admin_token, method, "/api/v1" + path, body);
  }

  http_reply inside(const char* method, const std::string& path, const json& body = nullptr) {
    return as(internal_token, method, path, body);
  }

  /// As the form of the page sends it: on sale now.
  static json event_form(const std::string& title) {
    return {{"title", title},
            {"description", "About it"},
            {"venue", "올림픽홀"},
            {"address", "Seoul"},
            {"eventDate", "2099-05-01T10:00:00.000Z"},
            {"saleStartDate", "2020-01-01T00:00:00.000Z"},
            {"saleEndDate", "2099-04-30T10:00:00.000Z"},
            {"posterImageUrl", "https://x.s3.ap-northeast-2.amazonaws.com/poster.png"},
            {"artistName", "The " + title},
            {"status", "on_sale"}};
  }

  std::string small_layout() {
    const auto reply = admin(
        "POST", "/admin/seat-layouts",
        {{"name", "Room " + std::to_string(++numbers)},
         {"layout_config",
          {{"sections",
            json::array({{{"name", "A"}, {"rows", 2}, {"seatsPerRow", 5}, {"price", 1000}}})}}}});
    EXPECT_EQ(reply.status, 201) << reply.body;
    return reply.json()["layout"]["id"];
  }

  std::string seated_event(const std::string& title) {
    auto form = event_form(title);
    form["seatLayoutId"] = small_layout();
    const auto reply = admin("POST", "/admin/events", form);
    EXPECT_EQ(reply.status, 201) << reply.body;
    return reply.json()["event"]["id"];
  }

  json seats_of_event(const std::string& event) {
    const auto reply = http.get("/api/v1/seats/events/" + event);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return reply.json()["seats"];
  }

  /// Runs what a customer does.
  template <class F>
  void as_customer(F what) {
    boost::asio::io_context io;
    sale_client customer{io.get_executor(), server->port()};
    bool done = false;
    boost::asio::co_spawn(
        io,
        [&]() -> boost::asio::awaitable<void> {
          const bool known =
              co_await customer.sign_up("c" + std::to_string(++numbers) + "@example.com");
          EXPECT_TRUE(known);
          co_await what(customer);
          done = true;
        },
        boost::asio::detached);
    io.run();
    EXPECT_TRUE(done);
  }

  struct booked {
    std::string reservation;
    std::string token;
  };

  booked book(const std::string& event, const std::string& seat, bool paid) {
    booked out;
    as_customer([&](sale_client& c) -> boost::asio::awaitable<void> {
      const bool in = co_await c.enter(event);
      EXPECT_TRUE(in);
      const std::vector<std::string> seats(1, seat);
      const auto held = co_await c.reserve(event, seats);
      EXPECT_EQ(held.status, 200) << held.body;
      if (held.status != 200)
        co_return;
      const auto answer = held.json();
      out.reservation = answer["reservation"]["id"].get<std::string>();
      out.token = c.access_token();
      if (paid) {
        const auto pay = co_await c.pay(out.reservation);
        EXPECT_EQ(pay.status, 200) << pay.body;
      }
    });
    return out;
  }

  json reservation(const booked& b) {
    const auto reply = as(b.token, "GET", "/api/v1/reservations/" + b.reservation);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return reply.json()["reservation"];
  }

  /// What follows from an answered command by itself comes soon after it.
  static bool eventually(const std::function<bool()>& holds) {
    for (int i = 0; i < 500; ++i) {
      if (holds())
        return true;
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    return false;
  }

  static inline temp_dir* data = nullptr;
  static inline server_process* server = nullptr;
  static inline int numbers = 0;
  http_client http{server->port()};
  std::string admin_token;
};

TEST_F(admin_test, the_acceptance_steps_of_the_contract) {
  const auto user =
      http.post("/api/auth/register",
                {{"email", "plain@example.com"}, {"password", "long enough"}, {"name", "Plain"}});
  const std::string user_token = user.json()["token"];
  EXPECT_EQ(as({}, "GET", "/api/admin/dashboard").status, 401);
  EXPECT_EQ(as(user_token, "GET", "/api/admin/dashboard").status, 403);
  auto reply = as(admin_token, "GET", "/api/admin/dashboard");
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_TRUE(reply.json()["stats"]["totalEvents"].is_number());
  EXPECT_TRUE(reply.json()["stats"]["totalRevenue"].is_number());
  EXPECT_TRUE(reply.json()["recentReservations"].is_array());
  reply = as(admin_token, "GET", "/api/admin/seat-layouts");
  ASSERT_EQ(reply.status, 200);
  ASSERT_FALSE(reply.json()["layouts"].empty());
  EXPECT_TRUE(reply.json()["layouts"][0]["layout_config"]["sections"].is_array());

  reply = as(admin_token, "POST", "/api/admin/events", event_form("Validation"));
  ASSERT_EQ(reply.status, 201) << reply.body;
  EXPECT_EQ(reply.json()["message"], "Event created successfully");
  const std::string event = reply.json()["event"]["id"];
  auto form = event_form("Validation, renamed");
  reply = as(admin_token, "PUT", "/api/admin/events/" + event, form);
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.json()["event"]["title"], "Validation, renamed");

  const json type = {{"name", "Standing"}, {"price", 50'000}, {"totalQuantity", 100}};
  reply = as(admin_token, "POST", "/api/admin/events/" + event + "/tickets", type);
  ASSERT_EQ(reply.status, 201) << reply.body;
  EXPECT_EQ(reply.json()["ticketType"]["available_quantity"], 100);
  const std::string type_id = reply.json()["ticketType"]["id"];
  // At once, not a moment later: the answer waited for the sale.
  reply = http.get("/api/tickets/event/" + event);
  ASSERT_EQ(reply.json()["ticketTypes"].size(), 1U) << reply.body;
  reply = as(admin_token, "PUT", "/api/admin/tickets/" + type_id,
             {{"name", "Standing area"}, {"price", 60'000}, {"totalQuantity", 120}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.json()["ticketType"]["available_quantity"], 120);
  EXPECT_EQ(http.get("/api/tickets/availability/" + type_id).json()["total_quantity"], 120);

  reply = as(admin_token, "DELETE", "/api/admin/events/" + event + "/seats");
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.json()["seatsDeleted"], 0);
  reply = as(admin_token, "POST", "/api/admin/events/" + event + "/generate-seats");
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.json()["error"], "Seat layout is not configured for this event");
  EXPECT_EQ(http.get("/api/events?limit=100").status, 200);
  EXPECT_EQ(http.get("/api/events/" + event).json()["event"]["ticketTypes"][0]["price"], 60'000);

  const auto seated = seated_event("Validated hall");
  const auto paid = book(seated, seats_of_event(seated)[0]["id"], true);
  reply = as(admin_token, "GET", "/api/admin/reservations");
  ASSERT_EQ(reply.status, 200) << reply.body;
  const auto first = reply.json()["reservations"][0];
  EXPECT_EQ(first["id"], paid.reservation);
  EXPECT_EQ(first["user_name"], "Load");
  EXPECT_TRUE(first["user_email"].is_string());
  EXPECT_EQ(first["event_title"], "Validated hall");
  EXPECT_EQ(first["payment_status"], "completed");
  reply = as(admin_token, "PATCH", "/api/admin/reservations/" + paid.reservation + "/status",
             {{"status", "confirmed"}, {"paymentStatus", "completed"}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.json()["reservation"]["status"], "confirmed");
}

TEST_F(admin_test, bad_input_changes_nothing_and_names_the_fields) {
  const auto before = admin("GET", "/admin/dashboard").json()["stats"]["totalEvents"];
  auto reply = admin("POST", "/admin/events",
                     {{"title", " "}, {"eventDate", "tomorrow"}, {"seatLayoutId", "x"}});
  EXPECT_EQ(reply.status, 400);
  EXPECT_GE(reply.json()["fields"].size(), 5U) << reply.body;
  auto form = event_form("Backwards");
  form["saleEndDate"] = form["saleStartDate"];
  reply = admin("POST", "/admin/events", form);
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.json()["error"], "saleEndDate must be later than saleStartDate");
  form = event_form("Nowhere");
  form["seatLayoutId"] = "00000000-0000-4000-8000-000000000001";
  EXPECT_EQ(admin("POST", "/admin/events", form).status, 400);
  form = event_form("Script");
  form["posterImageUrl"] = "javascript:alert(1)";
  EXPECT_EQ(admin("POST", "/admin/events", form).status, 400);
  EXPECT_EQ(
      admin("PUT", "/admin/events/00000000-0000-4000-8000-000000000001", event_form("x")).status,
      404);
  EXPECT_EQ(admin("PUT", "/admin/tickets/00000000-0000-4000-8000-000000000001",
                  {{"name", "x"}, {"price", 1}, {"totalQuantity", 1}})
                .json()["error"],
            "Ticket type not found");
  EXPECT_EQ(admin("PATCH", "/admin/reservations/00000000-0000-4000-8000-000000000001/status",
                  {{"status", "cancelled"}})
                .status,
            404);
  // Who may not call learns that before anything else.
  EXPECT_EQ(as({}, "POST", "/api/v1/admin/events", {{"title", 5}}).status, 401);
  EXPECT_EQ(admin("GET", "/admin/dashboard").json()["stats"]["totalEvents"], before);
}

TEST_F(admin_test, seats_are_made_taken_away_and_made_again) {
  const auto event = seated_event("Hall of ten");
  EXPECT_EQ(seats_of_event(event).size(), 10U);
  // What the page does next, and ignores.
  auto reply = admin("POST", "/admin/events/" + event + "/generate-seats");
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.json()["error"], "Seats already generated for this event");
  const auto held = book(event, seats_of_event(event)[3]["id"], false);
  reply = admin("DELETE", "/admin/events/" + event + "/seats");
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.json()["error"], "Cannot delete seats with active reservations");
  EXPECT_EQ(as(held.token, "POST", "/api/v1/reservations/" + held.reservation + "/cancel").status,
            200);
  // One that has ended does not keep the seats for ever (C15).
  reply = admin("DELETE", "/admin/events/" + event + "/seats");
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.json()["seatsDeleted"], 10);
  EXPECT_TRUE(eventually([&] { return seats_of_event(event).empty(); }));
  reply = admin("POST", "/admin/events/" + event + "/generate-seats");
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.json()["seatsCreated"], 10);
  EXPECT_EQ(reply.json()["eventTitle"], "Hall of ten");
  ASSERT_TRUE(eventually([&] { return seats_of_event(event).size() == 10; }));
  (void)book(event, seats_of_event(event)[3]["id"], true);
}

TEST_F(admin_test, a_layout_changes_only_while_nobody_has_a_seat) {
  const auto event = seated_event("Two rooms");
  auto form = event_form("Two rooms");
  const auto bigger = admin(
      "POST", "/admin/seat-layouts",
      {{"name", "Bigger"},
       {"layout_config",
        {{"sections",
          json::array({{{"name", "A"}, {"rows", 3}, {"seatsPerRow", 4}, {"price", 7000}}})}}}});
  ASSERT_EQ(bigger.status, 201) << bigger.body;
  form["seatLayoutId"] = bigger.json()["layout"]["id"];
  ASSERT_EQ(admin("PUT", "/admin/events/" + event, form).status, 200);
  ASSERT_TRUE(eventually([&] { return seats_of_event(event).size() == 12; }));
  for (const auto& seat : seats_of_event(event))
    EXPECT_EQ(seat["price"], 7000) << seat["seat_label"];
  const auto paid = book(event, seats_of_event(event)[0]["id"], true);
  form["seatLayoutId"] = small_layout();
  EXPECT_EQ(admin("PUT", "/admin/events/" + event, form).status, 409);
  EXPECT_EQ(reservation(paid)["total_amount"], 7000);
  EXPECT_EQ(
      admin("DELETE", "/admin/seat-layouts/" + bigger.json()["layout"]["id"].get<std::string>())
          .status,
      409);
}

TEST_F(admin_test, a_quantity_never_falls_below_what_is_sold) {
  auto form = event_form("Standing only");
  form["ticketTypes"] = json::array({{{"name", "Floor"}, {"price", 100}, {"totalQuantity", 5}}});
  auto reply = admin("POST", "/admin/events", form);
  ASSERT_EQ(reply.status, 201) << reply.body;
  const std::string event = reply.json()["event"]["id"];
  const std::string type = http.get("/api/tickets/event/" + event).json()["ticketTypes"][0]["id"];
  std::string reserved;
  as_customer([&](sale_client& c) -> boost::asio::awaitable<void> {
    const bool in = co_await c.enter(event);
    EXPECT_TRUE(in);
    json item;
    item["ticketTypeId"] = type;
    item["quantity"] = 3;
    json body;
    body["eventId"] = event;
    body["items"].push_back(item);
    const auto held = co_await c.http.post("/api/v1/reservations", body);
    EXPECT_EQ(held.status, 200) << held.body;
  });
  reply = admin("PUT", "/admin/tickets/" + type,
                {{"name", "Floor"}, {"price", 900}, {"totalQuantity", 2}});
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.json()["error"], "Cannot set quantity below sold amount");
  reply = admin("PUT", "/admin/tickets/" + type,
                {{"name", "Floor"}, {"price", 900}, {"totalQuantity", 3}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.json()["ticketType"]["available_quantity"], 0);
}

TEST_F(admin_test, cancelling_an_event_ends_its_sale_and_gives_the_money_back) {
  const auto event = seated_event("Rained off");
  const auto seats = seats_of_event(event);
  const auto paid = book(event, seats[0]["id"], true);
  const auto pending = book(event, seats[1]["id"], false);
  auto reply = admin("POST", "/admin/events/" + event + "/cancel");
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.json()["cancelledReservations"], 2);
  EXPECT_EQ(reply.json()["event"]["status"], "cancelled");
  EXPECT_TRUE(eventually([&] { return reservation(pending)["status"] == "cancelled"; }));
  EXPECT_TRUE(eventually([&] {
    const auto r = reservation(paid);
    return r["status"] == "cancelled" && r["payment_status"] == "refunded";
  })) << reservation(paid).dump();
  EXPECT_EQ(reservation(pending)["payment_status"], "pending");
  // Nothing is left over, and nothing can be bought or paid any more.
  EXPECT_EQ(inside("GET", "/internal/admin/active-seat-reservation-count?eventId=" + event)
                .json()["count"],
            0);
  EXPECT_EQ(admin("POST", "/admin/events/" + event + "/cancel").json()["error"],
            "Event not found or already cancelled");
  EXPECT_EQ(http.get("/api/events/" + event).json()["event"]["status"], "cancelled");
  // Cancelled is for ever, whatever the form says.
  ASSERT_EQ(admin("PUT", "/admin/events/" + event, event_form("Rained off")).status, 200);
  EXPECT_EQ(http.get("/api/events/" + event).json()["event"]["status"], "cancelled");
}

TEST_F(admin_test, a_killed_server_goes_on_ending_the_sale) {
  const auto event = seated_event("Power cut");
  const auto seats = seats_of_event(event);
  std::vector<booked> all;
  for (std::size_t i = 0; i < 8; ++i)
    all.push_back(book(event, seats[i]["id"], i % 4 != 3));
  const auto reply = admin("POST", "/admin/events/" + event + "/cancel");
  ASSERT_EQ(reply.status, 200) << reply.body;
  server->kill();
  ASSERT_TRUE(server->start()) << server->log_tail();
  http.close(); // its connections ended with the server
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string payment = i % 4 != 3 ? "refunded" : "pending";
    EXPECT_TRUE(eventually([&] {
      const auto r = reservation(all[i]);
      return r["status"] == "cancelled" && r["payment_status"] == payment;
    })) << reservation(all[i]).dump();
  }
  // Once each: in the books of the sale and of the payments.
  const auto tickets = data->path() / "ticket.db";
  EXPECT_EQ(stored_number(tickets, "SELECT count(*) FROM reservation_history h JOIN reservations r "
                                   "ON r.id = h.reservation_id WHERE r.event_id = '"
                                       + event + "' AND h.action = 'cancelled'"),
            8);
  EXPECT_EQ(stored_number(data->path() / "payment.db",
                          "SELECT count(*) FROM payments WHERE status = 'refunded' "
                          "AND event_id = '"
                              + event + "'"),
            6);
}

TEST_F(admin_test, nobody_is_asked_about_artists_without_an_account) {
  const auto reply = admin("POST", "/artists/enrich");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.json(),
            (json{{"message", "Spotify credentials not configured"}, {"enriched", 0}}));
  EXPECT_EQ(as({}, "POST", "/api/v1/artists/enrich").status, 401);
}

TEST_F(admin_test, a_deleted_event_is_gone_but_its_reservations_are_not) {
  const auto event = seated_event("Never was");
  const auto paid = book(event, seats_of_event(event)[0]["id"], true);
  auto reply = admin("DELETE", "/admin/events/" + event);
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.json()["cancelledReservations"], 1);
  EXPECT_EQ(http.get("/api/events/" + event).status, 404);
  EXPECT_EQ(admin("DELETE", "/admin/events/" + event).status, 404);
  EXPECT_EQ(inside("GET", "/internal/events/" + event + "/queue-info").status, 404);
  EXPECT_TRUE(eventually([&] { return reservation(paid)["payment_status"] == "refunded"; }));
  EXPECT_EQ(reservation(paid)["event_title"], "Never was");
}

TEST_F(admin_test, an_administrator_ends_reservations_and_confirms_nothing_unpaid) {
  const auto event = seated_event("Office hours");
  const auto seats = seats_of_event(event);
  const auto pending = book(event, seats[0]["id"], false);
  const auto paid = book(event, seats[1]["id"], true);
  const auto patch = [&](const booked& b, const json& body) {
    return admin("PATCH", "/admin/reservations/" + b.reservation + "/status", body);
  };
  EXPECT_EQ(patch(pending, json::object()).json()["error"], "No status fields to update");
  EXPECT_EQ(patch(pending, {{"status", "sold"}}).status, 400);
  EXPECT_EQ(patch(pending, {{"status", "confirmed"}}).status, 409);
  EXPECT_EQ(patch(pending, {{"status", "refunded"}}).status, 409);
  EXPECT_EQ(patch(paid, {{"paymentStatus", "pending"}}).status, 409);
  auto reply = patch(paid, {{"status", "refunded"}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.json()["reservation"]["status"], "cancelled");
  EXPECT_TRUE(eventually([&] { return reservation(paid)["payment_status"] == "refunded"; }));
  EXPECT_EQ(patch(paid, {{"status", "refunded"}}).status, 200);
  EXPECT_EQ(patch(pending, {{"status", "cancelled"}}).status, 200);
  EXPECT_TRUE(eventually([&] {
    for (const auto& seat : seats_of_event(event))
      if (seat["status"] != "available")
        return false;
    return true;
  }));
  // Every call stands in the audit log, with the status it was answered with.
  const auto audit = data->path() / "catalog.db";
  EXPECT_TRUE(eventually([&] {
    return stored_number(audit, "SELECT count(*) FROM admin_audit_logs WHERE action = "
                                "'UPDATE_RESERVATION_STATUS' AND resource_id = '"
                                    + paid.reservation + "'")
           == 3;
  }));
  EXPECT_EQ(stored_number(audit, "SELECT count(*) FROM admin_audit_logs WHERE resource_id = '"
                                     + pending.reservation + "' AND response_status = 409"),
            2);
  EXPECT_EQ(
      stored_number(audit, "SELECT count(*) FROM admin_audit_logs WHERE action = 'CREATE_EVENT' "
                           "AND response_status = 201 AND resource_id = '"
                               + event + "'"),
      1);
}

TEST_F(admin_test, refused_callers_are_written_down) {
  const auto user = http.post(
      "/api/auth/register",
      {{"email", "curious@example.com"}, {"password", "long enough"}, {"name", "Curious"}});
  const std::string id = user.json()["user"]["id"];
  EXPECT_EQ(as(user.json()["token"], "POST", "/api/v1/admin/events", event_form("Mine")).status,
            403);
  const auto audit = data->path() / "catalog.db";
  EXPECT_TRUE(eventually([&] {
    return stored_number(audit, "SELECT count(*) FROM admin_audit_logs WHERE response_status = 403 "
                                "AND action = 'CREATE_EVENT' AND admin_user_id = '"
                                    + id + "'")
           == 1;
  }));
}

TEST_F(admin_test, programs_use_the_same_operations) {
  const auto event = seated_event("For programs");
  EXPECT_EQ(as({}, "GET", "/internal/events/" + event + "/queue-info").status, 401);
  EXPECT_EQ(as("wrong", "GET", "/internal/events/" + event + "/queue-info").status, 403);
  const auto info = inside("GET", "/internal/events/" + event + "/queue-info");
  EXPECT_EQ(info.json()["title"], "For programs");
  EXPECT_EQ(info.json()["artist"], "The For programs");
  EXPECT_EQ(
      inside("GET", "/internal/events/00000000-0000-4000-8000-000000000001/queue-info").status,
      404);
  EXPECT_EQ(inside("GET", "/internal/seats/count/" + event).json()["count"], 10);
  auto reply = inside("POST", "/internal/ticket-types",
                      {{"eventId", event}, {"name", "Box"}, {"price", 5}, {"totalQuantity", 7}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  const std::string type = reply.json()["ticketType"]["id"];
  reply = inside("GET", "/internal/ticket-types?eventId=" + event);
  ASSERT_EQ(reply.json()["ticketTypes"].size(), 1U);
  EXPECT_EQ(
      inside("GET", "/internal/ticket-types/" + type + "/availability").json()["total_quantity"],
      7);
  EXPECT_EQ(inside("GET", "/internal/ticket-types?eventId=x").status, 400);
  EXPECT_EQ(inside("DELETE", "/internal/seats/" + event).json()["deleted"], 10);
  EXPECT_TRUE(
      inside("GET", "/internal/admin/reservation-stats").json()["totalRevenue"].is_number());
  EXPECT_TRUE(
      inside("GET", "/internal/admin/recent-reservations").json()["reservations"].is_array());
  EXPECT_TRUE(
      inside("GET", "/internal/admin/reservations?limit=1").json()["pagination"].is_object());
  EXPECT_FALSE(inside("GET", "/internal/admin/seat-layouts").json()["layouts"].empty());
}

std::string form_of(const std::string& image, const std::string& name = "image") {
  return "--b0und\r\nContent-Disposition: form-data; name=\"" + name
         + "\"; filename=\"../../etc/passwd.png\"\r\nContent-Type: image/png\r\n\r\n" + image
         + "\r\n--b0und--\r\n";
}

std::string png(std::size_t bytes) {
  std::string out{"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16};
  out.resize(bytes, 'x');
  return out;
}

TEST_F(admin_test, images_are_stored_by_their_content) {
  const auto upload = [&](const std::string& token, const std::string& body) {
    header_list headers{{"Content-Type", "multipart/form-data; boundary=b0und"}};
    if (!token.empty())
      headers.emplace_back("Authorization", "Bearer " + token);
    return http.send("POST", "/api/v1/image/upload", body, headers);
  };
  // Longer than other bodies may be, and still allowed here: up to 5 MiB.
  const auto image = png(5 * 1024 * 1024);
  EXPECT_EQ(upload({}, form_of(image)).status, 401);
  auto reply = upload(admin_token, form_of(image));
  ASSERT_EQ(reply.status, 200) << reply.body;
  const std::string url = reply.json()["url"];
  const std::string key = reply.json()["key"];
  EXPECT_EQ(url, "/api/image/" + key);
  EXPECT_EQ(upload(admin_token, form_of(image)).json()["key"], key);
  auto shown = http.get(url);
  ASSERT_EQ(shown.status, 200);
  EXPECT_EQ(shown.body, image);
  EXPECT_EQ(shown.headers["content-type"], "image/png");
  EXPECT_EQ(shown.headers["cache-control"], "public, max-age=31536000, immutable");
  const auto tag = shown.headers["etag"];
  EXPECT_EQ(http.get("/api/v1/image/" + key, {{"If-None-Match", tag}}).status, 304);
  EXPECT_EQ(http.get(url, {{"If-None-Match", "\"other\""}}).status, 200);

  EXPECT_EQ(upload(admin_token, form_of(png(5 * 1024 * 1024 + 1))).json()["error"],
            "Image size must be under 5MB");
  EXPECT_EQ(upload(admin_token, form_of(png(6 * 1024 * 1024))).status, 413);
  EXPECT_EQ(upload(admin_token, form_of("")).json()["error"], "Image file is required");
  EXPECT_EQ(upload(admin_token, form_of(png(100), "file")).status, 400);
  EXPECT_EQ(upload(admin_token, form_of("<script>" + std::string(200, ' '))).json()["error"],
            "Only image files (JPEG, PNG, WebP, GIF) are allowed");
  EXPECT_EQ(upload(admin_token, "--b0und\r\n").status, 400);
  EXPECT_EQ(admin("POST", "/image/upload", {{"image", "x"}}).status, 415);

  // Nothing but the names that uploads got is ever looked for.
  { std::ofstream{data->path() / "secret"} << "secret"; }
  for (const char* path :
       {"..%2fsecret", "%2e%2e/secret", "../secret", "..%5csecret", "secret", "%00",
        "0000000000000000000000000000000000000000000000000000000000000000.png"}) {
    const auto tried = http.get(std::string{"/api/image/files/"} + path);
    EXPECT_TRUE(tried.status == 404 || tried.status == 400) << path << ' ' << tried.status;
    EXPECT_EQ(tried.body.find("\nsecret"), std::string::npos);
  }
}

TEST_F(admin_test, an_artist_is_named_after_rename_on_all_pages) {
  const auto event = seated_event("Solo");
  const std::string artist = http.get("/api/events/" + event).json()["event"]["artist_id"];
  auto reply = admin("PUT", "/admin/artists/" + artist, {{"name", "New name"}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(http.get("/api/events/" + event).json()["event"]["artist_name"], "New name");
  EXPECT_EQ(http.get("/api/artists/" + artist).json()["events"].size(), 1U);
  EXPECT_EQ(admin("DELETE", "/admin/artists/" + artist).status, 409);
  reply = admin("POST", "/admin/artists", {{"name", "Nobody yet"}, {"membershipPrice", 1000}});
  ASSERT_EQ(reply.status, 201) << reply.body;
  EXPECT_EQ(
      admin("DELETE", "/admin/artists/" + reply.json()["artist"]["id"].get<std::string>()).status,
      200);
}

} // namespace
} // namespace tiketi::test
