#include "actors/event/sale.hpp"

#include <gtest/gtest.h>

namespace tiketi::ticket {
namespace {

template <class Id>
Id id(std::uint8_t n) {
  Id out;
  out.value.bytes[0] = n;
  return out;
}

reserve_seats seats(std::initializer_list<std::uint8_t> ids, std::string key = {}) {
  reserve_seats out;
  for (auto n : ids)
    out.seats.push_back(id<seat_id>(n));
  out.idempotency_key = std::move(key);
  return out;
}

TEST(sale, seat_requests) {
  const sale_limits limits;
  EXPECT_EQ(check_request(seats({}), limits).error(),
            failure(errc::invalid_request, "Please select at least one seat"));
  EXPECT_TRUE(check_request(seats({1, 2, 3, 4}), limits).has_value());
  EXPECT_EQ(check_request(seats({1, 2, 3, 4, 5}), limits).error(),
            failure(errc::invalid_request, "At most 4 seats can be selected"));
  EXPECT_EQ(check_request(seats({1, 2, 1}), limits).error().code, errc::invalid_request);
  EXPECT_TRUE(check_request(seats({1}, std::string(64, 'k')), limits).has_value());
  EXPECT_EQ(check_request(seats({1}, std::string(65, 'k')), limits).error().code,
            errc::invalid_request);
  sale_limits one;
  one.seats_per_reservation = 1;
  EXPECT_EQ(check_request(seats({1, 2}), one).error().text, "Only one seat can be selected");
}

TEST(sale, ticket_requests) {
  const sale_limits limits;
  reserve_tickets order;
  EXPECT_EQ(check_request(order, limits).error().text, "Reservation items are required");
  order.items = {{id<ticket_type_id>(1), 1}};
  for (std::int32_t n : {1, 10}) {
    order.items[0].quantity = n;
    EXPECT_TRUE(check_request(order, limits).has_value());
  }
  for (std::int32_t n : {0, -1, 11, 1'000'000'000}) {
    order.items[0].quantity = n;
    EXPECT_EQ(check_request(order, limits).error().text, "quantity must be between 1 and 10");
  }
  order.items = {{id<ticket_type_id>(1), 1}, {id<ticket_type_id>(1), 2}};
  EXPECT_EQ(check_request(order, limits).error().code, errc::invalid_request);
  order.items.clear();
  for (std::uint8_t n = 1; n <= 11; ++n)
    order.items.push_back({id<ticket_type_id>(n), 1});
  EXPECT_EQ(check_request(order, limits).error().code, errc::invalid_request);
}

TEST(sale, window) {
  event_row event;
  event.sale_start = from_millis(1000);
  event.sale_end = from_millis(2000);
  event.event_date = from_millis(3000);
  const auto closed = [&](std::int64_t ms) {
    return check_sale(event, from_millis(ms)).has_error();
  };
  EXPECT_TRUE(closed(999));
  EXPECT_FALSE(closed(1000));
  EXPECT_FALSE(closed(1999));
  EXPECT_TRUE(closed(2000));
  event.sale_end = {};
  EXPECT_FALSE(closed(2999));
  EXPECT_TRUE(closed(3000));
  event.event_date = {};
  event.sale_start = {};
  EXPECT_FALSE(closed(1));
  event.cancelled = true;
  EXPECT_EQ(check_sale(event, from_millis(1)).error(),
            failure(errc::sale_closed, "This event has been cancelled"));
}

TEST(sale, limit) {
  EXPECT_TRUE(check_limit(0, 4, 4).has_value());
  EXPECT_TRUE(check_limit(3, 1, 4).has_value());
  EXPECT_EQ(check_limit(3, 2, 4).error().code, errc::limit_exceeded);
  EXPECT_EQ(check_limit(4, 1, 4).error().code, errc::limit_exceeded);
}

TEST(sale, fingerprints_ignore_the_order_and_nothing_else) {
  EXPECT_EQ(fingerprint_of(seats({1, 2})), fingerprint_of(seats({2, 1})));
  EXPECT_NE(fingerprint_of(seats({1, 2})), fingerprint_of(seats({1})));
  EXPECT_NE(fingerprint_of(seats({1, 2})), fingerprint_of(seats({1, 3})));
  reservation_view stored;
  reservation_item item;
  item.seat = id<seat_id>(2);
  stored.items.push_back(item);
  item.seat = id<seat_id>(1);
  stored.items.push_back(item);
  EXPECT_EQ(fingerprint_of(stored), fingerprint_of(seats({1, 2})));
  reserve_tickets order;
  order.items = {{id<ticket_type_id>(7), 3}};
  reservation_view standing;
  reservation_item tickets;
  tickets.ticket_type = id<ticket_type_id>(7);
  tickets.quantity = 3;
  standing.items.push_back(tickets);
  EXPECT_EQ(fingerprint_of(standing), fingerprint_of(order));
  order.items[0].quantity = 2;
  EXPECT_NE(fingerprint_of(standing), fingerprint_of(order));
}

TEST(sale, numbers) {
  EXPECT_EQ(reservation_number(true, from_millis(1771754400123), 0xffff00000a1b2c3dULL),
            "TK1771754400123-0A1B2C3D");
  EXPECT_EQ(reservation_number(false, from_millis(5), 1), "R5-00000001");
}

} // namespace
} // namespace tiketi::ticket
