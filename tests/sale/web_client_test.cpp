// What the web client's pages call and the fields they read, page by page, for a visitor and for a
// logged-in user. The admin pages have a test of their own.

#include "tests/sale/page_test.hpp"
#include "tests/sale/sale_client.hpp"

#include <ctime>
#include <iostream>
#include <thread>

#include <gtest/gtest.h>

namespace tiketi::test {
namespace {

using nlohmann::json;

/// One server with demo data for all pages.
class web_client_test : public page_test {
protected:
  /// The first event on sale with (or without) seats.
  std::string event_on_sale(bool seated) {
    const auto listed = call("GET", "/events?status=on_sale&page=1&limit=100").json();
    for (const auto& e : listed["events"]) {
      std::string id = e["id"];
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

  std::mt19937_64 chance{test_seed()};
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
  for (const char c : word) {
    char hex[4];
    std::snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned char>(c));
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

/// An artist with the event of theirs that anybody may buy now.
TEST_F(web_client_test, membership_pages) {
  const auto artists = call("GET", "/artists?page=1&limit=50").json()["artists"];
  ASSERT_FALSE(artists.empty());
  const std::string artist = artists[0]["id"];
  const auto price = call("GET", "/artists/" + artist).json()["artist"]["membership_price"];
  const auto members = call("GET", "/artists/" + artist).json()["memberCount"].get<int>();
  for (const auto& path : {"/memberships/my", "/memberships/my/", "/memberships/benefits/"}) {
    const auto target = std::string{path} + (std::string{path}.ends_with('/') ? artist : "");
    EXPECT_EQ(call("GET", target).status, 401) << target;
  }
  EXPECT_EQ(call("POST", "/memberships/subscribe", {{"artistId", "x"}}).status, 401)
      << "who it is comes first";
  log_in();
  const auto none = call("GET", "/memberships/my/" + artist).json();
  EXPECT_EQ(none["membership"], json::object());
  EXPECT_TRUE(none["pointHistory"].empty());
  EXPECT_EQ(none["tier"], "BRONZE");
  EXPECT_EQ(call("POST", "/memberships/subscribe", {{"artistId", "x"}}).status, 400);
  const auto unknown = call("POST", "/memberships/subscribe",
                            {{"artistId", "00000000-0000-0000-0000-000000000001"}});
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.json()["message"], "Artist not found");

  const auto joined = call("POST", "/memberships/subscribe", {{"artistId", artist}});
  ASSERT_EQ(joined.status, 201) << joined.body;
  expect_fields(joined.json(),
                {{"membershipId", kind::uuid},
                 {"artistId", kind::uuid},
                 {"artistName", kind::text},
                 {"price", kind::number},
                 {"status", kind::text}},
                "subscribe");
  EXPECT_EQ(joined.json()["status"], "pending");
  EXPECT_EQ(joined.json()["price"], price);
  EXPECT_EQ(call("POST", "/memberships/subscribe", {{"artistId", artist}}).json(), joined.json());
  const std::string membership = joined.json()["membershipId"];

  auto benefits = call("GET", "/memberships/benefits/" + artist).json();
  EXPECT_EQ(benefits["tier"], "BRONZE") << "not paid yet";
  EXPECT_EQ(benefits["membership_price"], price) << "the payment page must not trust its URL";
  EXPECT_EQ(benefits["transferAccess"], false);

  // The payment page: prepared for another amount it is refused, then paid at once.
  const json by_reference = {{"paymentType", "membership"}, {"referenceId", membership}};
  auto wrong = by_reference;
  wrong["amount"] = 1;
  EXPECT_EQ(call("POST", "/payments/prepare", wrong).status, 400);
  auto pay = by_reference;
  pay["paymentMethod"] = "kakao_pay";
  const auto paid = call("POST", "/payments/process", pay);
  ASSERT_EQ(paid.status, 200) << paid.body;
  EXPECT_EQ(paid.json()["payment"]["amount"], price);
  EXPECT_EQ(call("POST", "/payments/process", pay).status, 200) << "a second click";

  const auto mine = call("GET", "/memberships/my").json()["memberships"];
  ASSERT_EQ(mine.size(), 1u);
  expect_fields(mine[0],
                {{"id", kind::uuid},
                 {"user_id", kind::uuid},
                 {"artist_id", kind::uuid},
                 {"artist_name", kind::text},
                 {"artist_image_url", kind::nullable_text},
                 {"tier", kind::text},
                 {"effective_tier", kind::text},
                 {"points", kind::number},
                 {"status", kind::text},
                 {"joined_at", kind::time},
                 {"expires_at", kind::time},
                 {"membership_price", kind::number}},
                "memberships[]");
  EXPECT_EQ(mine[0]["status"], "active");
  EXPECT_EQ(mine[0]["effective_tier"], "SILVER");
  EXPECT_EQ(mine[0]["points"], 200);
  const auto page = call("GET", "/memberships/my/" + artist).json();
  ASSERT_EQ(page["pointHistory"].size(), 1u);
  expect_fields(page["pointHistory"][0],
                {{"id", kind::uuid},
                 {"description", kind::text},
                 {"action_type", kind::text},
                 {"points", kind::number},
                 {"created_at", kind::time}},
                "pointHistory[]");
  benefits = call("GET", "/memberships/benefits/" + artist).json();
  EXPECT_EQ(benefits["tier"], "SILVER");
  EXPECT_EQ(benefits["preSalePhase"], 3);
  EXPECT_EQ(benefits["transferFeePercent"], 10);
  EXPECT_EQ(benefits["nextTierThreshold"], 500);
  const auto again = call("POST", "/memberships/subscribe", {{"artistId", artist}});
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.json()["message"], "Already an active member of this artist");

  // The catalog hears of it by an event; its answers are cached for a moment, by each node of a
  // cluster for itself.
  auto shown = members;
  for (const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{15};
       shown != members + 1 && std::chrono::steady_clock::now() < end;
       std::this_thread::sleep_for(std::chrono::milliseconds{100}))
    shown = call("GET", "/artists/" + artist).json()["memberCount"].get<int>();
  EXPECT_EQ(shown, members + 1);
}

TEST_F(web_client_test, transfer_pages) {
  // An event without an artist, so that nobody has to be a member.
  std::string event;
  const auto on_sale = call("GET", "/events?status=on_sale&page=1&limit=100").json();
  for (const auto& e : on_sale["events"])
    if (e["artist_name"].is_null()
        && !call("GET", "/events/" + e["id"].get<std::string>())
                .json()["event"]["seat_layout_id"]
                .is_null())
      event = e["id"];
  ASSERT_FALSE(event.empty()) << "the demo has no seated event on sale without an artist";
  EXPECT_EQ(call("GET", "/transfers").status, 401);
  log_in();
  enter(event);
  const auto reservation = hold(event);
  EXPECT_EQ(call("POST", "/transfers", {{"reservationId", reservation}}).json()["message"],
            "Only confirmed reservations can be transferred");
  const auto paid = call("POST", "/payments/process",
                         {{"reservationId", reservation}, {"paymentMethod", "naver_pay"}});
  ASSERT_EQ(paid.status, 200);
  const std::string payment = paid.json()["payment"]["id"];
  const auto price = paid.json()["payment"]["amount"].get<std::int64_t>();

  EXPECT_EQ(call("POST", "/transfers", {{"reservationId", "x"}}).status, 400);
  const auto listed = call("POST", "/transfers", {{"reservationId", reservation}});
  ASSERT_EQ(listed.status, 200) << listed.body;
  EXPECT_EQ(listed.json()["message"], "Transfer listed successfully");
  const auto row = listed.json()["transfer"];
  expect_fields(row,
                {{"id", kind::uuid},
                 {"reservation_id", kind::uuid},
                 {"seller_id", kind::uuid},
                 {"original_price", kind::number},
                 {"transfer_fee", kind::number},
                 {"transfer_fee_percent", kind::number},
                 {"total_price", kind::number},
                 {"status", kind::text},
                 {"created_at", kind::time},
                 {"completed_at", kind::nullable_time},
                 {"updated_at", kind::time}},
                "transfer");
  EXPECT_EQ(row["original_price"], price);
  EXPECT_EQ(row["transfer_fee"], price / 10);
  EXPECT_EQ(row["total_price"], price + price / 10);
  EXPECT_TRUE(row["buyer_id"].is_null());
  const std::string transfer = row["id"];
  EXPECT_EQ(call("POST", "/transfers", {{"reservationId", reservation}}).status, 409);
  EXPECT_EQ(call("POST", "/reservations/" + reservation + "/cancel").status, 409) << "frozen";
  EXPECT_EQ(call("POST", "/payments/" + payment + "/cancel").status, 409) << "frozen";
  const json pay = {
      {"paymentType", "transfer"}, {"referenceId", transfer}, {"paymentMethod", "naver_pay"}};
  EXPECT_EQ(call("POST", "/payments/process", pay).json()["message"],
            "Cannot buy your own transfer");

  const auto market = call("GET", "/transfers?page=1&limit=5").json();
  ASSERT_EQ(market["transfers"].size(), 1u);
  expect_fields(market["transfers"][0],
                {{"id", kind::uuid},
                 {"seller_id", kind::uuid},
                 {"event_title", kind::text},
                 {"event_date", kind::time},
                 {"venue", kind::text},
                 {"seats", kind::text},
                 {"artist_name", kind::nullable_text},
                 {"artist_image_url", kind::nullable_text},
                 {"original_price", kind::number},
                 {"transfer_fee", kind::number},
                 {"transfer_fee_percent", kind::number},
                 {"total_price", kind::number}},
                "transfers[]");
  expect_fields(market["pagination"],
                {{"total", kind::number},
                 {"page", kind::number},
                 {"limit", kind::number},
                 {"totalPages", kind::number}},
                "transfers.pagination");
  EXPECT_EQ(call("GET", "/transfers?page=0").status, 400);
  EXPECT_EQ(call("GET", "/transfers?artistId=x").status, 400);
  EXPECT_EQ(call("GET", "/transfers/my").json()["transfers"].size(), 1u);
  const auto seller = cookies;

  // The buyer.
  cookies.clear();
  entry_token.clear();
  log_in();
  EXPECT_EQ(call("POST", "/transfers/" + transfer + "/cancel").json()["message"],
            "Not your transfer listing");
  const auto detail = call("GET", "/transfers/" + transfer).json()["transfer"];
  EXPECT_EQ(detail["status"], "listed");
  EXPECT_TRUE(detail.contains("poster_image_url"));
  EXPECT_EQ(call("GET", "/transfers/00000000-0000-0000-0000-000000000001").status, 404);
  const auto prepared = call(
      "POST", "/payments/prepare",
      {{"paymentType", "transfer"}, {"referenceId", transfer}, {"amount", row["total_price"]}});
  ASSERT_EQ(prepared.status, 200) << prepared.body;
  const auto confirmed = call("POST", "/payments/confirm",
                              {{"paymentKey", "demo-transfer-" + random_uuid(chance)},
                               {"orderId", prepared.json()["orderId"]},
                               {"amount", row["total_price"]}});
  ASSERT_EQ(confirmed.status, 200) << confirmed.body;
  EXPECT_EQ(call("GET", "/transfers/" + transfer).json()["transfer"]["status"], "completed");
  const auto bought = call("GET", "/reservations/my").json()["reservations"];
  ASSERT_EQ(bought.size(), 1u);
  EXPECT_EQ(bought[0]["id"], reservation);
  EXPECT_EQ(bought[0]["status"], "confirmed");
  const auto payments = call("GET", "/payments/user/me").json()["payments"];
  ASSERT_EQ(payments.size(), 1u);
  EXPECT_EQ(payments[0]["payment_type"], "transfer");
  EXPECT_EQ(payments[0]["reference_id"], transfer);
  EXPECT_TRUE(payments[0]["reservation_id"].is_null());
  const auto buyer = cookies;

  // The seller has nothing to do with it any more.
  cookies = seller;
  EXPECT_TRUE(call("GET", "/reservations/my").json()["reservations"].empty());
  EXPECT_EQ(call("POST", "/reservations/" + reservation + "/cancel").status, 404);
  EXPECT_EQ(call("POST", "/payments/" + payment + "/cancel").status, 409);
  EXPECT_EQ(call("POST", "/transfers/" + transfer + "/cancel").json()["message"],
            "Only listed transfers can be cancelled");
  EXPECT_EQ(call("GET", "/transfers/my").json()["transfers"][0]["status"], "completed");
  EXPECT_EQ(call("POST", "/payments/process", pay).status, 400);

  // The buyer gives it up and gets back what the buyer paid.
  cookies = buyer;
  ASSERT_EQ(call("POST", "/reservations/" + reservation + "/cancel").status, 200);
  const auto refunded = [&] {
    return call("GET", "/payments/user/me").json()["payments"][0]["status"] == "refunded";
  };
  for (const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{15};
       !refunded() && std::chrono::steady_clock::now() < end;)
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  EXPECT_TRUE(refunded());
  EXPECT_EQ(call("GET", "/payments/user/me").json()["payments"][0]["refund_amount"],
            row["total_price"]);
  cookies = seller;
  EXPECT_EQ(call("GET", "/payments/user/me").json()["payments"][0]["status"], "confirmed");
}

/// ISO text of a time `hours` from now.
std::string hours_from_now(int hours) {
  const auto at = std::time(nullptr) + std::time_t{hours} * 3600;
  std::tm parts{};
  gmtime_r(&at, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.000Z", &parts);
  return text;
}

TEST_F(web_client_test, an_artists_tickets_are_sold_to_members_first_and_resold_among_them) {
  // An administrator puts an event on sale whose second day, that of silver members, runs.
  log_in_as_admin();
  const std::string layout = call("GET", "/admin/seat-layouts").json()["layouts"][0]["id"];
  const auto made = call("POST", "/admin/events",
                         {{"title", "Members' night"},
                          {"venue", "Hall"},
                          {"eventDate", hours_from_now(24 * 60)},
                          {"saleStartDate", hours_from_now(-30)},
                          {"saleEndDate", hours_from_now(24 * 30)},
                          {"artistName", "The Early Birds"},
                          {"seatLayoutId", layout},
                          {"status", "on_sale"}});
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string event = made.json()["event"]["id"];
  std::string artist;
  const auto artists = call("GET", "/artists?limit=100").json()["artists"];
  for (const auto& a : artists)
    if (a["name"] == "The Early Birds")
      artist = a["id"];
  ASSERT_FALSE(artist.empty());
  cookies.clear();

  // The artist's page, to a visitor.
  const auto page = call("GET", "/artists/" + artist).json();
  ASSERT_EQ(page["events"].size(), 1u);
  expect_fields(page["events"][0]["pre_sale_schedule"],
                {{"diamond", kind::time},
                 {"gold", kind::time},
                 {"silver", kind::time},
                 {"bronze", kind::time}},
                "pre_sale_schedule");
  const auto join = [&] {
    const std::string membership =
        call("POST", "/memberships/subscribe", {{"artistId", artist}}).json()["membershipId"];
    // The page of the membership's payment, through the provider's own page.
    const auto price =
        call("GET", "/memberships/benefits/" + artist).json()["membership_price"].get<int>();
    const auto prepared =
        call("POST", "/payments/prepare",
             {{"paymentType", "membership"}, {"referenceId", membership}, {"amount", price}});
    ASSERT_EQ(prepared.status, 200) << prepared.body;
    const auto paid = call("POST", "/payments/confirm",
                           {{"paymentKey", "demo-membership-" + random_uuid(chance)},
                            {"orderId", prepared.json()["orderId"]},
                            {"amount", price}});
    ASSERT_EQ(paid.status, 200) << paid.body;
    EXPECT_EQ(call("GET", "/memberships/my/" + artist).json()["membership"]["status"], "active");
  };
  const auto reserve_any = [&] {
    const auto map = call("GET", "/seats/events/" + event).json();
    return call("POST", "/seats/reserve",
                {{"eventId", event},
                 {"seatIds", {map["seats"][0]["id"]}},
                 {"idempotencyKey", random_uuid(chance)}});
  };

  // Somebody without a membership is admitted by the queue, and still not sold anything.
  log_in();
  enter(event);
  const auto refused = reserve_any();
  EXPECT_EQ(refused.status, 403) << refused.body;
  EXPECT_NE(refused.json()["message"].get<std::string>().find("SILVER"), std::string::npos)
      << refused.body;
  const auto outsider = cookies;

  cookies.clear();
  entry_token.clear();
  log_in();
  join();
  enter(event);
  const auto reserved = reserve_any();
  ASSERT_EQ(reserved.status, 200) << reserved.body;
  const std::string reservation = reserved.json()["reservation"]["id"];
  ASSERT_EQ(call("POST", "/payments/process",
                 {{"reservationId", reservation}, {"paymentMethod", "kakao_pay"}})
                .status,
            200);
  const auto points = [&] {
    return call("GET", "/memberships/my/" + artist).json()["membership"]["points"].get<int>();
  };
  for (const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{15};
       points() != 300 && std::chrono::steady_clock::now() < end;)
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  EXPECT_EQ(points(), 300) << "200 for joining, 100 for the booking";

  // With 500 the fee is halved: that of the moment of the offer counts.
  http_client worker{server->port()};
  worker.common = {{"Authorization", std::string{"Bearer "} + internal_token}};
  const std::string user = call("GET", "/auth/me").json()["user"]["id"];
  ASSERT_EQ(worker
                .post("/internal/memberships/award-points", {{"userId", user},
                                                             {"artistId", artist},
                                                             {"actionType", "CAMPAIGN"},
                                                             {"points", 200},
                                                             {"description", "Campaign"},
                                                             {"referenceId", random_uuid(chance)}})
                .status,
            200);
  const auto gold = call("GET", "/memberships/benefits/" + artist).json();
  EXPECT_EQ(gold["tier"], "GOLD");
  EXPECT_EQ(gold["preSalePhase"], 2);
  EXPECT_EQ(gold["nextTierThreshold"], 1500);
  const auto offer = call("POST", "/transfers", {{"reservationId", reservation}});
  ASSERT_EQ(offer.status, 200) << offer.body;
  const auto row = offer.json()["transfer"];
  EXPECT_EQ(row["transfer_fee_percent"], 5);
  EXPECT_EQ(row["transfer_fee"], row["original_price"].get<std::int64_t>() / 20);
  const std::string transfer = row["id"];
  const auto market = call("GET", "/transfers?artistId=" + artist).json();
  ASSERT_EQ(market["transfers"].size(), 1u);
  EXPECT_EQ(market["transfers"][0]["artist_name"], "The Early Birds");
  EXPECT_EQ(call("GET", "/transfers?artistId=00000000-0000-0000-0000-000000000001")
                .json()["pagination"]["total"],
            0);

  // The outsider may look at it, but has to be a member to buy.
  cookies = outsider;
  EXPECT_EQ(call("GET", "/transfers/" + transfer).json()["transfer"]["status"], "listed");
  const json pay = {
      {"paymentType", "transfer"}, {"referenceId", transfer}, {"paymentMethod", "bank_transfer"}};
  const auto closed = call("POST", "/payments/process", pay);
  EXPECT_EQ(closed.status, 403);
  EXPECT_EQ(closed.json()["message"], "Buyer must have active membership for this artist");
  join();
  const auto bought = call("POST", "/payments/process", pay);
  ASSERT_EQ(bought.status, 200) << bought.body;
  EXPECT_EQ(bought.json()["payment"]["amount"], row["total_price"]);
  EXPECT_EQ(call("GET", "/reservations/" + reservation).json()["reservation"]["status"],
            "confirmed");
}

/// What workers ask, with the internal token.
TEST_F(web_client_test, internal_calls_of_the_ticket_role) {
  const auto internal = [&](const char* method, const std::string& path,
                            const json& body = nullptr) {
    http_client worker{server->port()};
    worker.common = {{"Authorization", std::string{"Bearer "} + internal_token}};
    return worker.send(method, "/internal" + path, body.is_null() ? "" : body.dump());
  };
  const auto event = event_on_sale(true);
  log_in();
  const std::string user = call("GET", "/auth/me").json()["user"]["id"];
  std::vector<std::string> free;
  const auto map = call("GET", "/seats/events/" + event).json();
  for (const auto& seat : map["seats"])
    if (seat["status"] == "available")
      free.push_back(seat["id"]);
  ASSERT_GT(free.size(), 2u);
  const json body = {{"eventId", event},
                     {"userId", user},
                     {"seatIds", {free[0]}},
                     {"idempotencyKey", random_uuid(chance)}};
  EXPECT_EQ(call("POST", "/seats/reserve", body).status, 403) << "people wait in the queue";
  http_client anybody{server->port()};
  EXPECT_EQ(anybody.post("/internal/reservations", body).status, 401);
  const auto made = internal("POST", "/reservations", body);
  ASSERT_EQ(made.status, 200) << made.body;
  const std::string reservation = made.json()["reservation"]["id"];
  EXPECT_EQ(internal("POST", "/reservations", body).json(), made.json()) << "repeated";
  EXPECT_EQ(internal("POST", "/reservations", {{"eventId", event}, {"userId", user}}).status, 400);

  const auto who = "?userId=" + user;
  const auto valid = internal("GET", "/reservations/" + reservation + "/validate" + who);
  ASSERT_EQ(valid.status, 200) << valid.body;
  EXPECT_EQ(valid.json()["status"], "pending");
  EXPECT_TRUE(is_uuid(valid.json()["event_id"]));
  EXPECT_EQ(internal("GET", "/reservations/" + reservation + "/validate").status, 400);
  EXPECT_EQ(internal("GET", "/reservations/" + reservation
                                + "/validate?userId=00000000-0000-0000-0000-000000000001")
                .status,
            403);
  EXPECT_EQ(internal("POST", "/reservations/" + reservation + "/confirm").status, 409)
      << "nothing was paid";
  ASSERT_EQ(
      call("POST", "/payments/process", {{"reservationId", reservation}, {"paymentMethod", "card"}})
          .status,
      200);
  EXPECT_EQ(internal("POST", "/reservations/" + reservation + "/confirm").status, 200);
  EXPECT_EQ(internal("GET", "/reservations/" + reservation + "/validate" + who).status, 400);
  EXPECT_EQ(internal("POST", "/reservations/" + reservation + "/refund").status, 200);
  EXPECT_EQ(internal("POST", "/reservations/" + reservation + "/refund").status, 200) << "repeated";
  EXPECT_EQ(call("GET", "/reservations/" + reservation).json()["reservation"]["status"],
            "cancelled");

  const json seats = {{"eventId", event}, {"userId", user}, {"seatIds", {free[1]}}};
  const auto reserved = internal("POST", "/seats/reserve", seats);
  ASSERT_EQ(reserved.status, 200) << reserved.body;
  EXPECT_EQ(reserved.json()["success"], true);
  EXPECT_GT(reserved.json()["seats"][0]["fencingToken"].get<int>(), 0);
  const auto taken = internal("POST", "/seats/reserve", seats);
  EXPECT_EQ(taken.status, 409);
  EXPECT_EQ(taken.json()["success"], false);
  EXPECT_EQ(taken.json()["seats"][0]["success"], false);
  EXPECT_EQ(internal("POST", "/reservations/"
                                 + reserved.json()["reservation"]["id"].get<std::string>()
                                 + "/refund")
                .status,
            200);

  const std::string artist = call("GET", "/artists?page=1&limit=2").json()["artists"][1]["id"];
  const std::string membership =
      call("POST", "/memberships/subscribe", {{"artistId", artist}}).json()["membershipId"];
  const auto offered = internal("GET", "/memberships/" + membership + "/validate" + who);
  ASSERT_EQ(offered.status, 200) << offered.body;
  EXPECT_GT(offered.json()["total_amount"].get<int>(), 0);
  EXPECT_TRUE(offered.json()["artist_name"].is_string());
  EXPECT_EQ(internal("POST", "/memberships/" + membership + "/activate").status, 409);
  ASSERT_EQ(
      call("POST", "/payments/process",
           {{"paymentType", "membership"}, {"referenceId", membership}, {"paymentMethod", "card"}})
          .status,
      200);
  EXPECT_EQ(internal("POST", "/memberships/" + membership + "/activate").status, 200);
  const json award = {
      {"userId", user}, {"artistId", artist},      {"actionType", "COMMUNITY_POST"},
      {"points", 30},   {"description", "A post"}, {"referenceId", random_uuid(chance)}};
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(internal("POST", "/memberships/award-points", award).status, 200);
  EXPECT_EQ(call("GET", "/memberships/my").json()["memberships"][0]["points"], 230);
  auto bad = award;
  bad["points"] = -1;
  EXPECT_EQ(internal("POST", "/memberships/award-points", bad).status, 400);
  EXPECT_EQ(
      internal("GET", "/transfers/00000000-0000-0000-0000-000000000001/validate" + who).status,
      404);
  EXPECT_EQ(internal("POST", "/transfers/00000000-0000-0000-0000-000000000001/complete",
                     {{"buyerId", user}})
                .status,
            409);
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

} // namespace
} // namespace tiketi::test
