#include "actors/stats/calendar.hpp"
#include "actors/stats/facts.hpp"
#include "actors/stats/report_numbers.hpp"
#include "actors/stats/reports.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tiketi::stats {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

time_point at(const char* text) {
  return parse_iso(text).value();
}

TEST(calendar_test, days_begin_at_midnight_in_korea) {
  const auto before = at("2026-02-22T14:59:59.999Z");
  const auto after = at("2026-02-22T15:00:00.000Z");
  EXPECT_EQ(to_date(day_of(before)), "2026-02-22");
  EXPECT_EQ(to_date(day_of(after)), "2026-02-23");
  EXPECT_EQ(begin_of(day_of(after)), after);
  EXPECT_EQ(first_hour(day_of(after)), hour_of(after));
  EXPECT_EQ(day_of_hour(hour_of(before)), day_of(before));
  EXPECT_EQ(day_of_hour(hour_of(after)), day_of(after));
  EXPECT_EQ(clock_hour(hour_of(before)), 23);
  EXPECT_EQ(clock_hour(hour_of(after)), 0);
}

TEST(calendar_test, weeks_begin_on_monday_and_months_on_their_first) {
  const auto sunday = day_of(at("2026-03-01T03:00:00Z"));
  EXPECT_EQ(weekday_of(sunday), 0);
  EXPECT_EQ(to_date(week_of(sunday)), "2026-02-23");
  EXPECT_EQ(week_of(sunday + 1), sunday + 1);
  EXPECT_EQ(to_date(month_of(sunday - 1)), "2026-02-01");
  EXPECT_EQ(month_of(sunday), sunday);
  EXPECT_EQ(month_of(0), 0);
  EXPECT_EQ(weekday_of(0), 4) << "a Thursday";
  EXPECT_EQ(weekday_of(-1), 3);
  EXPECT_EQ(to_date(day_of(from_millis(-zone_ms - 1))), "1969-12-31");
}

TEST(report_numbers_test, halves_go_away_from_zero_and_nothing_is_zero) {
  EXPECT_EQ(hundredths(1, 3), 33);
  EXPECT_EQ(hundredths(2, 3), 67);
  EXPECT_EQ(hundredths(1, 200), 1) << "0.005";
  EXPECT_EQ(hundredths(-1, 200), -1);
  EXPECT_EQ(hundredths(-2, 3), -67);
  EXPECT_EQ(hundredths(5, 0), 0);
  EXPECT_EQ(hundredths(90'000'000'000'000'000, 7), 1'285'714'285'714'285'714)
      << "no overflow on the way";
  EXPECT_EQ(ratio(1, 3).dump(), "0.33");
  EXPECT_TRUE(ratio(4, 2).is_number_float());
  EXPECT_EQ(percent(1, 8).dump(), "12.5");
  EXPECT_EQ(ratio_text(-1, 3), "-0.33");
  EXPECT_EQ(ratio_text(7, 2), "3.50");
  EXPECT_EQ(ratio_text(0, 0), "0.00");
}

domain_event event_of(const char* topic, const char* type, const json& payload) {
  domain_event e;
  e.topic = topic;
  e.type = type;
  e.payload = payload.dump();
  return e;
}

constexpr const char* some_id = "00000000-0000-4000-8000-000000000001";

TEST(facts_test, what_is_not_counted_is_nothing) {
  for (const auto& e : {event_of("reservation-events", "PAYMENT_REJECTED", json::object()),
                        event_of("payment-events", "SOMETHING_NEW", json::object()),
                        event_of("catalog-events", "ARTIST_CHANGED", json::object()),
                        event_of("community-events", "POINTS_EARNED", json::object()),
                        event_of("other", "RESERVATION_CREATED", json::object())}) {
    const auto read = read_fact(e);
    ASSERT_TRUE(read) << e.type;
    EXPECT_FALSE(*read) << e.type;
  }
}

TEST(facts_test, what_cannot_be_read_is_named) {
  for (const auto& [type, payload, word] : std::vector<std::tuple<const char*, json, std::string>>{
           {"RESERVATION_CREATED", json::array(), "object"},
           {"RESERVATION_CREATED", json::object(), "reservationId"},
           {"RESERVATION_CREATED", {{"reservationId", "x"}}, "reservationId"},
           {"RESERVATION_CREATED",
            {{"reservationId", some_id},
             {"userId", some_id},
             {"eventId", some_id},
             {"totalAmount", -1}},
            "totalAmount"},
           {"RESERVATION_CONFIRMED",
            {{"reservationId", some_id},
             {"userId", some_id},
             {"eventId", some_id},
             {"totalAmount", 1},
             {"tickets", {{{"quantity", 5'000'000'000}}}}},
            "quantity"}}) {
    const auto read = read_fact(event_of("reservation-events", type, payload));
    ASSERT_FALSE(read) << payload.dump();
    EXPECT_EQ(read.error().code, errc::invalid_request);
    EXPECT_NE(read.error().text.find(word), std::string::npos) << read.error().text;
  }
  EXPECT_FALSE(read_fact(event_of("user-events", "USER_REGISTERED", {{"userId", some_id}})));
  EXPECT_FALSE(read_fact(event_of("catalog-events", "EVENT_CHANGED", json::object())));
  EXPECT_FALSE(read_fact(event_of("payment-events", "PAYMENT_CONFIRMED", json::object())));
}

TEST(facts_test, reservations_of_older_events_have_seats_without_rows) {
  const auto read = read_fact(event_of("reservation-events", "RESERVATION_CREATED",
                                       {{"reservationId", some_id},
                                        {"userId", some_id},
                                        {"eventId", some_id},
                                        {"totalAmount", 3},
                                        {"seats",
                                         {{{"seatId", some_id}},
                                          {{"section", "A"}, {"rowNumber", 1}},
                                          {{"section", "A"}, {"rowNumber", 1}}}},
                                        {"tickets", {{{"quantity", 2}}, {{"quantity", 3}}}}}));
  ASSERT_TRUE(read && *read);
  const auto& r = std::get<reservation_fact>(**read);
  EXPECT_EQ(r.seats, 3);
  EXPECT_EQ(r.tickets, 5);
  ASSERT_EQ(r.rows.size(), 1u);
  EXPECT_EQ(r.rows[0].seats, 2);
}

TEST(reports_test, what_is_not_known_is_null_and_what_did_not_happen_is_zero) {
  const auto now = at("2026-02-22T10:00:00Z");
  event_sums unknown;
  unknown.pending = 1;
  const auto row = events_report({unknown}, sort_key::revenue, 10, now)[0];
  for (const char* field : {"title", "venue", "event_date", "status", "total_seats",
                            "occupancy_rate", "seat_utilization"})
    EXPECT_TRUE(row[field].is_null()) << field;
  EXPECT_EQ(row["reservations"], 1);
  EXPECT_EQ(daily_report({}, 7, now).size(), 8u) << "days without anything are there";
  EXPECT_EQ(revenue_report({}, report_period::monthly, 30, now).size(), 2u);
  EXPECT_EQ(conversion_report({}, 1, now)["rates"]["conversion_rate"], 0.0);
  const auto performance = performance_report({}, {}, std::nullopt, now);
  EXPECT_TRUE(performance["database"]["size"].is_null());
  EXPECT_TRUE(performance["recentPerformance"]["successRate"].is_null());
  EXPECT_EQ(performance["metrics"]["paymentFailureRate"], 0.0);
  EXPECT_EQ(performance["metrics"]["avgSeatLockSeconds"], "0.00");
  EXPECT_EQ(performance_report({}, {}, 1'572'864, now)["database"]["size"], "1.5 MiB");
}

TEST(reports_test, requests_are_counted_by_hour_of_the_day) {
  const auto now = at("2026-02-22T10:30:00Z"); // 19:30 in Korea
  hour_row today;
  today.hour = hour_of(now);
  today.requests = 30;
  today.failed_requests = 3;
  auto yesterday = today;
  yesterday.hour -= 24;
  yesterday.requests = 11;
  const auto data = performance_report({yesterday, today}, {}, std::nullopt, now);
  EXPECT_EQ(data["recentPerformance"]["totalRequests"], 30) << "of a day";
  EXPECT_EQ(data["recentPerformance"]["successRate"], 90.0);
  EXPECT_EQ(data["loadPattern"][19],
            (json{{"hour", 19}, {"request_count", 41}, {"avg_per_day", 20.5}}));
}

} // namespace
} // namespace tiketi::stats
