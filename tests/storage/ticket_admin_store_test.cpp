#include "actors/base/environment.hpp"
#include "storage/sql/ticket_admin_store.hpp"
#include "storage/sql/ticket_store.hpp"
#include "tests/support/test_database.hpp"

#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tiketi::ticket {
namespace {

using namespace std::chrono_literals;

constexpr time_point now = from_millis(1'771'754'400'000); // 2026-02-22T10:00:00Z

class ticket_admin_store_test : public ::testing::Test {
protected:
  void SetUp() override {
    writes = sql::make_ticket_writes(open(), *env);
    queries = sql::make_ticket_admin_queries(open());
    change_catalog c;
    c.message = make_uuid(*env);
    c.event.id = event;
    c.event.title = "Night";
    c.event.venue = "Hall";
    c.event.event_date = now + 240h;
    for (int i = 1; i <= 6; ++i) {
      seat_row s;
      s.id = seat_id{make_uuid(*env)};
      s.section = "A";
      s.row = 1;
      s.number = i;
      s.label = "A-1-" + std::to_string(i);
      s.price = 100;
      c.seats.push_back(s);
    }
    seats = c.seats;
    message = c.message;
    ASSERT_EQ(commit({std::move(c)}).status, commit_status::committed);
  }

  sql::database open() { return stored.open(); }

  ticket_written commit(ticket_write write) {
    std::vector<ticket_write> batch;
    batch.push_back(std::move(write));
    return writes->commit(batch).front();
  }

  reservation_view hold(std::size_t seat, time_point at, std::int64_t amount,
                        std::string key = {}) {
    create_reservation c;
    auto& r = c.reservation;
    r.id = make_reservation_id(event, *env);
    r.user = user_id{make_uuid(*env)};
    r.event = event;
    r.number = "TK" + std::to_string(seat);
    r.total_amount = amount;
    r.created_at = at;
    r.expires_at = at + 5min;
    reservation_item item;
    item.seat = seats[seat].id;
    item.token = seat + 1;
    item.seat_version = 1;
    r.items.push_back(item);
    c.idempotency_key = std::move(key);
    EXPECT_EQ(commit({c}).status, commit_status::committed);
    return r;
  }

  void move(const reservation_view& r, reservation_status from, reservation_status to,
            payment_state payment, stock_effect stock) {
    change_reservation c;
    c.reservation = r.id;
    c.from = from;
    c.to = to;
    c.payment = payment;
    c.payment_method = "card";
    c.stock = stock;
    c.items = r.items;
    c.history = {now + 1h, to_string(to), ""};
    EXPECT_EQ(commit({c}).status, commit_status::committed);
  }

  test::test_database stored{"ticket"};
  std::unique_ptr<environment> env = make_seeded_environment(4, [] { return now; });
  event_id event{make_uuid(*env)};
  uuid message;
  std::vector<seat_row> seats;
  std::shared_ptr<ticket_writes> writes;
  std::unique_ptr<ticket_admin_queries> queries;
};

TEST_F(ticket_admin_store_test, an_empty_sale_has_no_figures_but_zero) {
  const auto totals = queries->totals(now);
  ASSERT_TRUE(totals);
  EXPECT_EQ(totals->reservations, 0);
  EXPECT_EQ(totals->revenue, 0);
  EXPECT_EQ(queries->page({}, 1, 20)->total, 0);
  EXPECT_FALSE(queries->find(make_reservation_id(event, *env))->has_value());
  EXPECT_EQ(queries->stock(event_id{make_uuid(*env)})->seats, 0);
}

TEST_F(ticket_admin_store_test, figures_follow_the_contract) {
  constexpr std::int64_t much = 3'000'000'000; // over 32 bits (C23)
  const auto paid = hold(0, now - 48h, much);
  move(paid, reservation_status::pending, reservation_status::confirmed, payment_state::completed,
       stock_effect::sell);
  const auto second = hold(1, now, much);
  move(second, reservation_status::pending, reservation_status::confirmed, payment_state::completed,
       stock_effect::sell);
  const auto refunded = hold(2, now, 500);
  move(refunded, reservation_status::pending, reservation_status::cancelled,
       payment_state::refunded, stock_effect::free);
  const auto expired = hold(3, now, 700);
  move(expired, reservation_status::pending, reservation_status::expired, payment_state::pending,
       stock_effect::free);
  (void)hold(4, now, 900);
  const auto totals = queries->totals(now - 10h);
  ASSERT_TRUE(totals);
  EXPECT_EQ(totals->reservations, 4) << "all but the cancelled one";
  EXPECT_EQ(totals->revenue, 2 * much);
  EXPECT_EQ(totals->today, 3);
  const auto stock = queries->stock(event);
  EXPECT_EQ(stock->seats, 6);
  EXPECT_EQ(stock->live, 3);
  EXPECT_EQ(stock->live_seats, 3) << "what has ended keeps no seat (C15)";
}

TEST_F(ticket_admin_store_test, pages_are_newest_first_without_a_gap) {
  std::vector<reservation_id> expected;
  for (std::size_t i = 0; i < 5; ++i)
    expected.insert(expected.begin(), hold(i, now + seconds(i / 2), 100).id);
  std::vector<reservation_id> seen;
  for (int page = 1; page <= 3; ++page) {
    const auto got = queries->page({}, page, 2);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->total, 5);
    for (const auto& r : got->reservations)
      seen.push_back(r.view.id);
  }
  ASSERT_EQ(seen.size(), 5u);
  EXPECT_EQ(std::set<reservation_id>(seen.begin(), seen.end()).size(), 5u);
  EXPECT_EQ(seen.front(), expected.front());
  EXPECT_EQ(queries->page(std::string{"pending"}, 1, 20)->total, 5);
  EXPECT_EQ(queries->page(std::string{"confirmed"}, 1, 20)->total, 0);
  EXPECT_EQ(queries->page(std::string{"' OR 1=1 --"}, 1, 20)->total, 0);
}

TEST_F(ticket_admin_store_test, a_row_has_its_key_and_its_last_change) {
  const auto r = hold(0, now, 100, "a key");
  auto found = queries->find(r.id);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->idempotency_key, "a key");
  EXPECT_EQ((*found)->updated_at, now);
  EXPECT_EQ((*found)->view.event_title, "Night");
  move(r, reservation_status::pending, reservation_status::cancelled, payment_state::pending,
       stock_effect::free);
  found = queries->find(r.id);
  EXPECT_EQ((*found)->updated_at, now + 1h);
  EXPECT_EQ((*found)->view.status, reservation_status::cancelled);
  EXPECT_EQ((*found)->view.payment_method, "card");
}

TEST_F(ticket_admin_store_test, what_was_applied_is_known) {
  EXPECT_TRUE(*queries->is_applied(message));
  EXPECT_FALSE(*queries->is_applied(make_uuid(*env)));
}

} // namespace
} // namespace tiketi::ticket
