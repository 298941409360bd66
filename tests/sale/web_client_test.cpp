// What the web client's pages call and the fields they read, page by page, for a visitor and for a
// logged-in user. Admin pages, transfers, memberships, news and community come with their roles.

#include "tests/sale/sale_client.hpp"

#include <iostream>

#include <gtest/gtest.h>

namespace tiketi::test {
namespace {

using nlohmann::json;

enum class kind {
  text,
  number,
  boolean,
  array,
  object,
  time,
  uuid,
  nullable_text,
  nullable_number,
  nullable_time
};

bool is_time(const json& value) {
  // 2026-02-22T10:00:00.000Z
  if (!value.is_string())
    return false;
  const auto& t = value.get_ref<const std::string&>();
  return t.size() == 24 && t[4] == '-' && t[10] == 'T' && t[19] == '.' && t[23] == 'Z';
}

bool is_uuid(const json& value) {
  if (!value.is_string())
    return false;
  const auto& t = value.get_ref<const std::string&>();
  return t.size() == 36 && t.find_first_not_of("0123456789abcdef-") == std::string::npos;
}

bool fits(const json& value, kind k) {
  switch (k) {
  case kind::text:
    return value.is_string();
  case kind::number:
    return value.is_number();
  case kind::boolean:
    return value.is_boolean();
  case kind::array:
    return value.is_array();
  case kind::object:
    return value.is_object();
  case kind::time:
    return is_time(value);
  case kind::uuid:
    return is_uuid(value);
  case kind::nullable_text:
    return value.is_null() || value.is_string();
  case kind::nullable_number:
    return value.is_null() || value.is_number();
  case kind::nullable_time:
    return value.is_null() || is_time(value);
  }
  return false;
}

void expect_fields(const json& object, std::initializer_list<std::pair<const char*, kind>> fields,
                   const std::string& where) {
  ASSERT_TRUE(object.is_object()) << where << ": " << object.dump().substr(0, 300);
  for (const auto& [name, k] : fields) {
    ASSERT_TRUE(object.contains(name))
        << where << " lacks " << name << ": " << object.dump().substr(0, 600);
    EXPECT_TRUE(fits(object[name], k)) << where << '.' << name << " is " << object[name].dump();
  }
}

/// One server with demo data for all pages.
class web_client_test : public ::testing::Test {
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

  /// A browser: cookies only, the page's own origin, as axios sends it.
  http_client browser{server->port()};
  header_list cookies;

  http_reply call(const char* method, const std::string& path, const json& body = nullptr) {
    browser.common = {{"Origin", "http://localhost:3000"}};
    std::string jar;
    for (const auto& [name, value] : cookies)
      jar += (jar.empty() ? "" : "; ") + name + "=" + value;
    if (!jar.empty())
      browser.common.emplace_back("Cookie", jar);
    if (!entry_token.empty())
      browser.common.emplace_back("x-queue-entry-token", entry_token);
    auto reply = browser.send(method, "/api/v1" + path, body.is_null() ? "" : body.dump());
    EXPECT_EQ(reply.headers["access-control-allow-origin"], "http://localhost:3000") << path;
    EXPECT_EQ(reply.headers["access-control-allow-credentials"], "true") << path;
    for (const auto& cookie : reply.cookies)
      keep(cookie);
    return reply;
  }

  void keep(const std::string& cookie) {
    const auto equals = cookie.find('=');
    const auto end = cookie.find(';');
    const auto name = cookie.substr(0, equals);
    std::erase_if(cookies, [&](const auto& c) { return c.first == name; });
    const auto value = cookie.substr(equals + 1, end - equals - 1);
    if (!value.empty())
      cookies.emplace_back(name, value);
  }

  void log_in() {
    static int number = 0;
    email = "page" + std::to_string(number++) + "@example.com";
    const auto reply =
        call("POST", "/auth/register",
             {{"email", email}, {"password", "long enough"}, {"name", "Page"}, {"phone", ""}});
    ASSERT_EQ(reply.status, 201) << reply.body;
  }

  /// The first event on sale with (or without) seats.
  std::string event_on_sale(bool seated) {
    const auto listed = call("GET", "/events?status=on_sale&page=1&limit=100").json();
    for (const auto& e : listed["events"]) {
      const std::string id = e["id"];
      const auto event = call("GET", "/events/" + id).json()["event"];
      if (event["seat_layout_id"].is_null() != seated)
        return id;
    }
    ADD_FAILURE() << "no such event on sale";
    return {};
  }

  void enter(const std::string& event) {
    const auto reply = call("POST", "/queue/check/" + event);
    ASSERT_EQ(reply.status, 200) << reply.body;
    ASSERT_EQ(reply.json()["status"], "active") << reply.body;
    entry_token = reply.json()["entryToken"];
  }

  std::string hold(const std::string& event) {
    const auto map = call("GET", "/seats/events/" + event).json();
    for (const auto& seat : map["seats"]) {
      if (seat["status"] != "available")
        continue;
      const auto reply = call(
          "POST", "/seats/reserve",
          {{"eventId", event}, {"seatIds", {seat["id"]}}, {"idempotencyKey", random_uuid(chance)}});
      if (reply.status == 200)
        return reply.json()["reservation"]["id"];
    }
    ADD_FAILURE() << "no free seat";
    return {};
  }

  std::string email;
  std::string entry_token;
  std::mt19937_64 chance{test_seed()};

  inline static temp_dir* data = nullptr;
  inline static server_process* server = nullptr;
};

constexpr auto event_row = {
    std::pair{"id", kind::uuid},
    std::pair{"title", kind::text},
    std::pair{"description", kind::nullable_text},
    std::pair{"venue", kind::text},
    std::pair{"address", kind::nullable_text},
    std::pair{"event_date", kind::time},
    std::pair{"sale_start_date", kind::nullable_time},
    std::pair{"sale_end_date", kind::nullable_time},
    std::pair{"poster_image_url", kind::nullable_text},
    std::pair{"status", kind::text},
    std::pair{"artist_name", kind::nullable_text},
};

TEST_F(web_client_test, layout_asks_who_is_there) {
  EXPECT_EQ(call("GET", "/auth/me").status, 401);
  const auto refresh = call("POST", "/auth/refresh");
  EXPECT_GE(refresh.status, 400);
  EXPECT_LT(refresh.status, 500);
  EXPECT_TRUE(refresh.json().contains("message"));
  log_in();
  const auto me = call("GET", "/auth/me");
  ASSERT_EQ(me.status, 200);
  expect_fields(me.json()["user"],
                {{"id", kind::uuid},
                 {"email", kind::text},
                 {"name", kind::text},
                 {"role", kind::text},
                 {"createdAt", kind::time}},
                "me");
  EXPECT_EQ(call("POST", "/auth/logout").status, 200);
  EXPECT_EQ(call("GET", "/auth/me").status, 401);
}

TEST_F(web_client_test, login_page_and_silent_refresh) {
  log_in();
  cookies.clear();
  const auto wrong = call("POST", "/auth/login", {{"email", email}, {"password", "not it at all"}});
  EXPECT_EQ(wrong.status, 400);
  EXPECT_EQ(wrong.json()["message"], "Invalid email or password");
  EXPECT_EQ(wrong.json()["error"], wrong.json()["message"]);
  const auto in = call("POST", "/auth/login", {{"email", email}, {"password", "long enough"}});
  ASSERT_EQ(in.status, 200) << in.body;
  expect_fields(in.json(),
                {{"message", kind::text}, {"token", kind::text}, {"refreshToken", kind::text}},
                "login");
  expect_fields(in.json()["user"],
                {{"id", kind::uuid},
                 {"userId", kind::uuid},
                 {"email", kind::text},
                 {"name", kind::text},
                 {"role", kind::text}},
                "login.user");
  // The access cookie is gone, the refresh cookie must reach /api/v1/auth/refresh.
  bool covers = false;
  for (const auto& cookie : in.cookies)
    if (cookie.starts_with("refresh_token="))
      covers = cookie.find("Path=/api;") != std::string::npos || cookie.ends_with("Path=/api");
  EXPECT_TRUE(covers);
  std::erase_if(cookies, [](const auto& c) { return c.first == "access_token"; });
  EXPECT_EQ(call("GET", "/auth/me").status, 401);
  EXPECT_EQ(call("POST", "/auth/refresh").status, 200);
  EXPECT_EQ(call("GET", "/auth/me").status, 200);
}

TEST_F(web_client_test, home_search_and_artists) {
  for (const char* query : {"?status=on_sale&page=1&limit=12", "?page=1&limit=12&status=upcoming",
                            "?page=1&limit=12"}) {
    const auto reply = call("GET", std::string{"/events"} + query);
    ASSERT_EQ(reply.status, 200) << query;
    const auto answer = reply.json();
    ASSERT_FALSE(answer["events"].empty()) << query;
    for (const auto& e : answer["events"]) {
      expect_fields(e, event_row, "events[]");
      expect_fields(e,
                    {{"min_price", kind::nullable_number},
                     {"max_price", kind::nullable_number},
                     {"ticket_type_count", kind::number}},
                    "events[]");
    }
    expect_fields(answer["pagination"],
                  {{"page", kind::number},
                   {"limit", kind::number},
                   {"total", kind::number},
                   {"totalPages", kind::number}},
                  "pagination");
  }
  const auto title = call("GET", "/events?limit=1").json()["events"][0]["title"].get<std::string>();
  const auto word = title.substr(0, title.find(' '));
  std::string encoded;
  for (const unsigned char c : word) {
    char hex[4];
    std::snprintf(hex, sizeof hex, "%%%02X", c);
    encoded += hex;
  }
  EXPECT_FALSE(call("GET", "/events?q=" + encoded + "&page=1&limit=30").json()["events"].empty());
  EXPECT_TRUE(call("GET", "/events?q=%25%25%25&page=1&limit=30").json()["events"].empty());

  const auto artists = call("GET", "/artists?page=1&limit=50").json();
  ASSERT_FALSE(artists["artists"].empty());
  for (const auto& a : artists["artists"])
    expect_fields(a,
                  {{"id", kind::uuid},
                   {"name", kind::text},
                   {"image_url", kind::nullable_text},
                   {"description", kind::nullable_text},
                   {"event_count", kind::number},
                   {"member_count", kind::number}},
                  "artists[]");
  const auto artist =
      call("GET", "/artists/" + artists["artists"][0]["id"].get<std::string>()).json();
  expect_fields(artist["artist"],
                {{"id", kind::uuid}, {"name", kind::text}, {"membership_price", kind::number}},
                "artist");
  expect_fields(artist, {{"memberCount", kind::number}, {"events", kind::array}}, "artist page");
}

TEST_F(web_client_test, event_page) {
  const auto standing = call("GET", "/events/" + event_on_sale(false)).json();
  expect_fields(standing["event"], event_row, "event");
  ASSERT_FALSE(standing["ticketTypes"].empty());
  EXPECT_EQ(standing["ticketTypes"], standing["event"]["ticketTypes"]);
  for (const auto& t : standing["ticketTypes"])
    expect_fields(t,
                  {{"id", kind::uuid},
                   {"name", kind::text},
                   {"description", kind::nullable_text},
                   {"price", kind::number},
                   {"available_quantity", kind::number},
                   {"total_quantity", kind::number}},
                  "ticketTypes[]");
  const auto seated = call("GET", "/events/" + event_on_sale(true)).json();
  EXPECT_TRUE(is_uuid(seated["event"]["seat_layout_id"]));
  EXPECT_EQ(call("GET", "/events/00000000-0000-0000-0000-000000000001").status, 404);
  EXPECT_EQ(call("GET", "/events/A1").status, 400);
}

TEST_F(web_client_test, server_time_without_version) {
  const auto reply = browser.get("/api/time");
  ASSERT_EQ(reply.status, 200);
  EXPECT_TRUE(is_time(reply.json()["time"])) << reply.body;
}

TEST_F(web_client_test, queue_page) {
  const auto event = event_on_sale(true);
  EXPECT_EQ(call("POST", "/queue/check/" + event).status, 401);
  log_in();
  const auto before = call("GET", "/queue/status/" + event).json();
  EXPECT_EQ(before["status"], "not_in_queue");
  EXPECT_EQ(before["queued"], false);
  const auto check = call("POST", "/queue/check/" + event);
  ASSERT_EQ(check.status, 200) << check.body;
  const auto answer = check.json();
  expect_fields(answer,
                {{"status", kind::text},
                 {"queued", kind::boolean},
                 {"entryToken", kind::text},
                 {"nextPoll", kind::number},
                 {"threshold", kind::number},
                 {"currentUsers", kind::number},
                 {"eventInfo", kind::object}},
                "check");
  expect_fields(answer["eventInfo"], {{"title", kind::text}, {"artist", kind::nullable_text}},
                "eventInfo");
  const auto status = call("GET", "/queue/status/" + event).json();
  EXPECT_EQ(status["status"], "active");
  EXPECT_TRUE(status["entryToken"].is_string());
  // The page's unload beacon: no JSON, no custom header.
  auto beacon = browser.send("POST", "/api/v1/queue/leave/" + event, "x",
                             {{"Content-Type", "text/plain;charset=UTF-8"}});
  EXPECT_EQ(beacon.status, 200) << beacon.body;
  EXPECT_EQ(call("POST", "/queue/check/00000000-0000-0000-0000-000000000001").status, 404);
}

TEST_F(web_client_test, seats_page) {
  const auto event = event_on_sale(true);
  const auto anonymous = call("GET", "/seats/events/" + event);
  ASSERT_EQ(anonymous.status, 200) << "the seat map is open";
  const auto map = anonymous.json();
  EXPECT_TRUE(map["event"]["title"].is_string());
  ASSERT_FALSE(map["seats"].empty());
  for (const auto& seat : map["seats"])
    expect_fields(seat,
                  {{"id", kind::uuid},
                   {"section", kind::text},
                   {"row_number", kind::number},
                   {"seat_number", kind::number},
                   {"seat_label", kind::text},
                   {"price", kind::number},
                   {"status", kind::text}},
                  "seats[]");
  const auto again = browser.get("/api/v1/seats/events/" + event,
                                 {{"If-None-Match", anonymous.headers.at("etag")}});
  EXPECT_EQ(again.status, 304);
  EXPECT_TRUE(again.body.empty());

  const json body = {{"eventId", event},
                     {"seatIds", {map["seats"][0]["id"]}},
                     {"idempotencyKey", random_uuid(chance)}};
  EXPECT_EQ(call("POST", "/seats/reserve", body).status, 401);
  log_in();
  const auto gate = call("POST", "/seats/reserve", body);
  EXPECT_EQ(gate.status, 403);
  EXPECT_EQ(gate.json()["redirectTo"], "/queue");
  enter(event);
  json nothing = body;
  nothing["seatIds"] = json::array();
  const auto no_seat = call("POST", "/seats/reserve", nothing);
  EXPECT_EQ(no_seat.status, 400);
  EXPECT_EQ(no_seat.json()["error"], "Please select at least one seat");
  const auto no_item =
      call("POST", "/reservations", {{"eventId", event}, {"items", json::array()}});
  EXPECT_EQ(no_item.status, 400);
  EXPECT_EQ(no_item.json()["error"], "Reservation items are required");
  const auto reserved = call("POST", "/seats/reserve", body);
  ASSERT_EQ(reserved.status, 200) << reserved.body;
  const auto r = reserved.json()["reservation"];
  expect_fields(r,
                {{"id", kind::uuid},
                 {"reservationNumber", kind::text},
                 {"totalAmount", kind::number},
                 {"expiresAt", kind::time},
                 {"seats", kind::array},
                 {"fencingToken", kind::number}},
                "reservation");
  EXPECT_EQ(call("POST", "/seats/reserve", body).json(), reserved.json())
      << "a replay is the same answer";

  // Somebody else on the same seat.
  cookies.clear();
  entry_token.clear();
  log_in();
  enter(event);
  json other = body;
  other["idempotencyKey"] = random_uuid(chance);
  const auto taken = call("POST", "/seats/reserve", other);
  EXPECT_EQ(taken.status, 409);
  EXPECT_TRUE(taken.json()["message"].is_string());
}

TEST_F(web_client_test, standing_booking_page) {
  const auto event = event_on_sale(false);
  const auto seats = call("GET", "/seats/events/" + event);
  EXPECT_EQ(seats.status, 200) << "standing events have an empty map";
  EXPECT_TRUE(seats.json()["seats"].empty());
  const auto types = call("GET", "/events/" + event).json()["ticketTypes"];
  const auto stock = "/tickets/availability/" + types[0]["id"].get<std::string>();
  const auto before = call("GET", stock).json();
  log_in();
  enter(event);
  const auto reply =
      call("POST", "/reservations",
           {{"eventId", event},
            {"items", json::array({{{"ticketTypeId", types[0]["id"]}, {"quantity", 1}}})},
            {"idempotencyKey", random_uuid(chance)}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  const auto r = reply.json()["reservation"];
  expect_fields(r,
                {{"id", kind::uuid},
                 {"reservationNumber", kind::text},
                 {"eventTitle", kind::text},
                 {"totalAmount", kind::number},
                 {"status", kind::text},
                 {"paymentStatus", kind::text},
                 {"expiresAt", kind::time},
                 {"items", kind::array}},
                "reservation");
  // The event page may lag by its short cache; this page does not.
  const auto after = call("GET", stock).json();
  EXPECT_EQ(after["available_quantity"].get<int>() + 1, before["available_quantity"].get<int>());
  expect_fields(after, {{"available_quantity", kind::number}, {"total_quantity", kind::number}},
                "availability");
}

TEST_F(web_client_test, payment_pages_and_bookings) {
  const auto event = event_on_sale(true);
  log_in();
  enter(event);
  const auto id = hold(event);
  const auto page = call("GET", "/reservations/" + id).json()["reservation"];
  expect_fields(page,
                {{"id", kind::uuid},
                 {"reservation_number", kind::text},
                 {"event_title", kind::text},
                 {"total_amount", kind::number},
                 {"expires_at", kind::time},
                 {"status", kind::text},
                 {"venue", kind::text},
                 {"event_date", kind::time},
                 {"created_at", kind::time},
                 {"items", kind::array}},
                "payment page");
  EXPECT_TRUE(!page.contains("seats") || page["seats"].is_array()) << "text there crashes the page";
  for (const auto& item : page["items"])
    expect_fields(item,
                  {{"seatLabel", kind::text},
                   {"unitPrice", kind::number},
                   {"subtotal", kind::number},
                   {"quantity", kind::number}},
                  "items[]");

  // The entry token is long gone when people come back to pay or cancel.
  entry_token.clear();
  const auto prepared =
      call("POST", "/payments/prepare", {{"reservationId", id}, {"amount", page["total_amount"]}});
  ASSERT_EQ(prepared.status, 200) << prepared.body;
  expect_fields(prepared.json(),
                {{"orderId", kind::text}, {"amount", kind::number}, {"clientKey", kind::text}},
                "prepare");
  const json confirm = {{"paymentKey", "demo-" + random_uuid(chance)},
                        {"orderId", prepared.json()["orderId"]},
                        {"amount", page["total_amount"]}};
  const auto confirmed = call("POST", "/payments/confirm", confirm);
  ASSERT_EQ(confirmed.status, 200) << confirmed.body;
  EXPECT_EQ(confirmed.json()["success"], true);
  expect_fields(confirmed.json()["payment"],
                {{"orderId", kind::text},
                 {"paymentKey", kind::text},
                 {"amount", kind::number},
                 {"method", kind::text},
                 {"approvedAt", kind::time}},
                "confirm");
  const auto reload = call("POST", "/payments/confirm", confirm);
  EXPECT_TRUE(reload.status == 200
              || reload.json().value("message", "").find("already confirmed") != std::string::npos)
      << reload.body;
}

TEST_F(web_client_test, my_reservations_pay_and_cancel) {
  const auto event = event_on_sale(true);
  log_in();
  enter(event);
  const auto paid = hold(event);
  const auto open = hold(event);
  for (const char* method : {"naver_pay"}) {
    const auto reply =
        call("POST", "/payments/process", {{"reservationId", paid}, {"paymentMethod", method}});
    ASSERT_EQ(reply.status, 200) << reply.body;
    EXPECT_EQ(reply.json()["success"], true);
    expect_fields(reply.json()["payment"],
                  {{"id", kind::uuid},
                   {"orderId", kind::text},
                   {"amount", kind::number},
                   {"method", kind::text}},
                  "process");
  }
  const auto mine = call("GET", "/reservations/my").json()["reservations"];
  ASSERT_EQ(mine.size(), 2u);
  EXPECT_EQ(mine[0]["id"], open) << "newest first";
  EXPECT_EQ(mine[1]["status"], "confirmed");
  for (const auto& r : mine)
    expect_fields(r,
                  {{"id", kind::uuid},
                   {"reservation_number", kind::text},
                   {"status", kind::text},
                   {"event_title", kind::text},
                   {"event_date", kind::time},
                   {"total_amount", kind::number},
                   {"expires_at", kind::time}},
                  "my[]");

  expect_fields(call("GET", "/seats/reservation/" + open).json()["reservation"],
                {{"id", kind::uuid}, {"seats", kind::array}}, "seat detail");
  for (const auto& id : {open, paid}) {
    const auto reply = call("POST", "/reservations/" + id + "/cancel");
    ASSERT_EQ(reply.status, 200) << reply.body;
    EXPECT_EQ(reply.json()["reservation"]["status"], "cancelled");
    EXPECT_EQ(call("POST", "/reservations/" + id + "/cancel").status, 409);
  }
  const auto payments = call("GET", "/payments/user/me").json();
  ASSERT_EQ(payments["payments"].size(), 1u);
  expect_fields(payments["pagination"],
                {{"total", kind::number}, {"limit", kind::number}, {"offset", kind::number}},
                "payments.pagination");
}

TEST_F(web_client_test, foreign_reservations_do_not_exist) {
  const auto event = event_on_sale(true);
  log_in();
  enter(event);
  const auto id = hold(event);
  cookies.clear();
  entry_token.clear();
  log_in();
  EXPECT_EQ(call("GET", "/reservations/" + id).status, 404);
  EXPECT_EQ(call("POST", "/reservations/" + id + "/cancel").status, 404);
  EXPECT_GE(
      call("POST", "/payments/process", {{"reservationId", id}, {"paymentMethod", "naver_pay"}})
          .status,
      400);
}

TEST_F(web_client_test, chaos_scripts_meet_no_plain_500) {
  for (const auto& [method, path, body] : std::vector<std::tuple<const char*, std::string, json>>{
           {"POST",
            "/seats/reserve",
            {{"eventId", "00000000-0000-0000-0000-000000000001"}, {"seatIds", {"A1", "A2"}}}},
           {"GET", "/reservations", nullptr},
           {"GET", "/queue/status", nullptr},
           {"POST", "/queue/join", nullptr},
           {"GET", "/queue/position?eventId=x", nullptr},
           {"GET", "/events/00000000-0000-0000-0000-000000000001", nullptr}}) {
    const auto reply = call(method, path, body);
    EXPECT_TRUE(reply.status == 401 || reply.status == 403 || reply.status == 404)
        << path << ' ' << reply.status;
    EXPECT_TRUE(reply.json().contains("error") && reply.json().contains("message")
                && reply.json().contains("code"))
        << reply.body;
  }
}

} // namespace
} // namespace tiketi::test
