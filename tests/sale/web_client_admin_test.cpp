// What the web client's admin pages call and the fields they read; and that a visitor and a user
// who open them are told so.

#include "tests/sale/page_test.hpp"
#include "tests/sale/sale_client.hpp"

#include <gtest/gtest.h>

namespace tiketi::test {
namespace {

using nlohmann::json;

class web_client_admin_test : public page_test {
protected:
  /// The form of `/admin/events/new`, with the dates that it fills in.
  static json form(const std::string& title) {
    return {{"title", title},
            {"venue", "올림픽홀"},
            {"eventDate", "2099-05-01T10:00:00.000Z"},
            {"saleStartDate", "2020-01-01T00:00:00.000Z"},
            {"saleEndDate", "2099-04-30T10:00:00.000Z"},
            {"artistName", "The " + title},
            {"status", "on_sale"}};
  }

  std::string create(const json& body) {
    const auto reply = call("POST", "/admin/events", body);
    EXPECT_EQ(reply.status, 201) << reply.body;
    const auto answer = reply.json();
    // The page takes `id` or else `event.id`.
    return answer.contains("id") ? answer["id"] : answer["event"]["id"];
  }

  /// A user buys one standing ticket; afterwards the administrator is logged in again.
  std::string buy(const std::string& event, bool paid) {
    cookies.clear();
    log_in();
    EXPECT_EQ(call("POST", "/queue/check/" + event).status, 200);
    const auto types = call("GET", "/events/" + event).json()["ticketTypes"];
    const auto held = call(
        "POST", "/reservations",
        {{"eventId", event}, {"items", {{{"ticketTypeId", types[0]["id"]}, {"quantity", 1}}}}});
    EXPECT_EQ(held.status, 200) << held.body;
    std::string id = held.json()["reservation"]["id"];
    if (paid) {
      EXPECT_EQ(
          call("POST", "/payments/process", {{"reservationId", id}, {"paymentMethod", "naver_pay"}})
              .status,
          200);
    }
    cookies.clear();
    log_in_as_admin();
    return id;
  }
};

TEST_F(web_client_admin_test, visitors_and_users_are_told_who_may) {
  const std::pair<const char*, const char*> calls[] = {
      {"GET", "/admin/dashboard"},
      {"GET", "/admin/seat-layouts"},
      {"POST", "/admin/events"},
      {"PUT", "/admin/events/00000000-0000-0000-0000-000000000001"},
      {"DELETE", "/admin/events/00000000-0000-0000-0000-000000000001"},
      {"POST", "/admin/events/00000000-0000-0000-0000-000000000001/cancel"},
      {"POST", "/admin/events/00000000-0000-0000-0000-000000000001/generate-seats"},
      {"GET", "/admin/reservations"},
      {"PATCH", "/admin/reservations/00000000-0000-0000-0000-000000000001/status"},
  };
  for (const auto& [method, path] : calls) {
    const auto reply = call(method, path);
    EXPECT_EQ(reply.status, 401) << path << ' ' << reply.body;
    EXPECT_TRUE(reply.json()["message"].is_string()) << path;
  }
  log_in();
  for (const auto& [method, path] : calls) {
    const auto reply = call(method, path);
    EXPECT_EQ(reply.status, 403) << path << ' ' << reply.body;
    EXPECT_TRUE(reply.json()["message"].is_string()) << path;
  }
}

TEST_F(web_client_admin_test, the_dashboard) {
  log_in_as_admin();
  const auto reply = call("GET", "/admin/dashboard");
  ASSERT_EQ(reply.status, 200) << reply.body;
  const auto answer = reply.json();
  const auto& shown = answer.contains("stats")  ? answer["stats"]
                      : answer.contains("data") ? answer["data"]
                                                : answer;
  expect_fields(shown,
                {{"totalEvents", kind::number},
                 {"totalReservations", kind::number},
                 {"totalRevenue", kind::number}},
                "dashboard");
  EXPECT_GE(shown["totalEvents"], 10);
}

TEST_F(web_client_admin_test, the_list_of_events_and_its_buttons) {
  log_in_as_admin();
  const auto listed = call("GET", "/events?page=1&limit=100");
  ASSERT_EQ(listed.status, 200);
  const auto events = listed.json()["events"];
  ASSERT_FALSE(events.empty());
  for (const auto& event : events)
    expect_fields(event,
                  {{"id", kind::uuid},
                   {"title", kind::text},
                   {"artist_name", kind::nullable_text},
                   {"venue", kind::text},
                   {"event_date", kind::time},
                   {"status", kind::text}},
                  "events[]");

  // Generate, without a body: a standing event has no layout to make seats from.
  const auto standing = create(form("Buttons"));
  const auto none = call("POST", "/admin/events/" + standing + "/generate-seats");
  EXPECT_EQ(none.status, 400) << none.body;
  EXPECT_TRUE(none.json()["message"].is_string());
  // Cancel, without a body, and again.
  EXPECT_EQ(call("POST", "/admin/events/" + standing + "/cancel").status, 200);
  EXPECT_EQ(call("GET", "/events/" + standing).json()["event"]["status"], "cancelled");
  // Delete: gone from the list.
  EXPECT_EQ(call("DELETE", "/admin/events/" + standing).status, 200);
  EXPECT_EQ(call("GET", "/events/" + standing).status, 404);
}

TEST_F(web_client_admin_test, a_new_event_and_its_edit) {
  log_in_as_admin();
  const auto layouts = call("GET", "/admin/seat-layouts");
  ASSERT_EQ(layouts.status, 200) << layouts.body;
  const auto all = layouts.json()["layouts"];
  ASSERT_FALSE(all.empty());
  for (const auto& layout : all)
    expect_fields(layout,
                  {{"id", kind::uuid},
                   {"name", kind::text},
                   {"description", kind::nullable_text},
                   {"total_seats", kind::number},
                   {"layout_config", kind::object}},
                  "layouts[]");

  auto seated = form("Formed");
  std::string smallest;
  json seats = 1'000'000;
  for (const auto& layout : all)
    if (layout["total_seats"] < seats) {
      smallest = layout["id"];
      seats = layout["total_seats"];
    }
  seated["seatLayoutId"] = smallest;
  const auto event = create(seated);
  // The seats came with the event; the page does not mind that there are none left to make.
  const auto generated = call("POST", "/admin/events/" + event + "/generate-seats");
  EXPECT_EQ(generated.status, 400) << generated.body;
  EXPECT_EQ(generated.json()["message"], "Seats already generated for this event");
  EXPECT_EQ(call("GET", "/seats/events/" + event).json()["seats"].size(), seats);

  const auto before = call("GET", "/events/" + event).json()["event"];
  EXPECT_EQ(before["seat_layout_id"], smallest);
  auto changed = seated;
  changed["title"] = "Formed again";
  EXPECT_EQ(call("PUT", "/admin/events/" + event, changed).status, 200);
  const auto after = call("GET", "/events/" + event).json()["event"];
  EXPECT_EQ(after["title"], "Formed again");
  EXPECT_EQ(after["sale_start_date"], before["sale_start_date"]);

  // With ticket types, as the form of a standing event sends them.
  auto standing = form("Formed standing");
  standing["ticketTypes"] = {
      {{"name", "Floor"}, {"price", 55000}, {"totalQuantity", 20}},
      {{"name", "Balcony"}, {"price", 44000}, {"totalQuantity", 10}, {"description", "Upstairs"}}};
  const auto types = call("GET", "/events/" + create(standing)).json()["ticketTypes"];
  ASSERT_EQ(types.size(), 2);
}

TEST_F(web_client_admin_test, reservations_and_their_status) {
  log_in_as_admin();
  auto standing = form("Managed");
  standing["ticketTypes"] = {{{"name", "Floor"}, {"price", 55000}, {"totalQuantity", 20}}};
  const auto event = create(standing);
  const auto paid = buy(event, true);
  const auto pending = buy(event, false);

  const auto listed = call("GET", "/admin/reservations");
  ASSERT_EQ(listed.status, 200) << listed.body;
  const auto rows = listed.json()["reservations"];
  bool seen = false;
  for (const auto& row : rows) {
    expect_fields(row,
                  {{"id", kind::uuid},
                   {"reservation_number", kind::text},
                   {"user_name", kind::text},
                   {"user_email", kind::text},
                   {"event_title", kind::text},
                   {"status", kind::text},
                   {"total_amount", kind::number}},
                  "reservations[]");
    seen = seen || row["id"] == paid;
  }
  EXPECT_TRUE(seen);

  const auto status = [this](const std::string& id, const char* word) {
    return call("PATCH", "/admin/reservations/" + id + "/status", {{"status", word}});
  };
  // Nobody has paid for this one, so nobody can make it paid.
  EXPECT_EQ(status(pending, "confirmed").status, 409);
  EXPECT_EQ(status(pending, "cancelled").status, 200);
  EXPECT_EQ(status(paid, "refunded").status, 200);
  EXPECT_EQ(status(paid, "nonsense").status, 400);
}

} // namespace
} // namespace tiketi::test
