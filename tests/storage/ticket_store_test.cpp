#include "storage/memory/ticket_store.hpp"
#include "storage/sql/ticket_store.hpp"
#include "storage/ticket_store.hpp"
#include "tests/support/test_database.hpp"

#include <chrono>
#include <csignal>
#include <functional>

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace tiketi::ticket {
namespace {

constexpr time_point now = from_millis(1'771'754'400'000);

/// A store and further connections to it.
struct backend {
  virtual ~backend() = default;
  virtual ticket_writes& writes() = 0;
  virtual std::unique_ptr<ticket_queries> queries() = 0;
  virtual std::unique_ptr<outbox_store> outbox() = 0;
};

struct memory_backend final : backend {
  ticket_writes& writes() override { return store; }
  std::unique_ptr<ticket_queries> queries() override { return store.queries(); }
  std::unique_ptr<outbox_store> outbox() override { return store.outbox(); }

  memory::ticket_store store;
};

struct sql_backend final : backend {
  explicit sql_backend(sql::dialect kind = test::tested_dialect()) : stored("ticket", kind) {
    store = sql::make_ticket_writes(open(), *env);
  }

  sql::database open() {
    auto options = stored.options();
    options.busy_timeout = milliseconds(20);
    options.server.lock_timeout = milliseconds(20);
    auto db = sql::database::open(options);
    if (!db)
      throw std::runtime_error(db.error().text);
    return std::move(*db);
  }

  ticket_writes& writes() override { return *store; }
  std::unique_ptr<ticket_queries> queries() override { return sql::make_ticket_queries(open()); }
  std::unique_ptr<outbox_store> outbox() override { return sql::make_outbox_store(open()); }

  test::test_database stored;
  std::unique_ptr<environment> env = make_seeded_environment(7, [] { return now; });
  std::shared_ptr<ticket_writes> store;
};

/// One event with the seats A-1-1 … A-1-4, B-1-1 and two ticket types.
class store_data {
protected:
  explicit store_data(std::unique_ptr<backend> made) : data(std::move(made)) {
    event = event_id{make_uuid(*env)};
    for (int i = 1; i <= 4; ++i)
      seats.push_back(seat("A", 1, i));
    seats.push_back(seat("B", 1, 1));
    types = {type("Standing", 50000, 10), type("Front", 90000, 2)};
  }

  seat_row seat(std::string section, int row, int number) {
    seat_row s;
    s.id = seat_id{make_uuid(*env)};
    s.label = section + "-" + std::to_string(row) + "-" + std::to_string(number);
    s.section = std::move(section);
    s.row = row;
    s.number = number;
    s.price = 100000;
    return s;
  }

  ticket_type_view type(std::string name, std::int64_t price, int total) {
    return {ticket_type_id{make_uuid(*env)}, event, std::move(name), "text", price, total, total};
  }

  change_catalog catalog() {
    change_catalog c;
    c.message = make_uuid(*env);
    c.event.id = event;
    c.event.title = "Title";
    c.event.venue = "Hall";
    c.event.address = "Street 1";
    c.event.event_date = now + std::chrono::hours(240);
    c.event.sale_start = now - std::chrono::hours(1);
    c.event.artist = artist_id{make_uuid(*env)};
    c.event.artist_name = "Artist";
    layout.id = layout_id{make_uuid(*env)};
    layout.name = "small";
    layout.total_seats = 5;
    layout.config = R"({"sections":[]})";
    c.event.layout = layout.id;
    c.event.layout_config = layout.config;
    c.layout = layout;
    c.seats = {seats[4], seats[1], seats[0], seats[3], seats[2]};
    c.types = types;
    return c;
  }

  std::vector<ticket_written> commit(std::vector<ticket_write> batch) {
    return data->writes().commit(batch);
  }

  ticket_written commit_one(ticket_write write) { return commit({std::move(write)}).at(0); }

  reservation_item seat_item(std::size_t i, std::uint64_t token, std::uint32_t version) {
    reservation_item item;
    item.seat = seats[i].id;
    item.unit_price = seats[i].price;
    item.token = token;
    item.seat_version = version;
    return item;
  }

  reservation_item ticket_item(std::size_t i, int quantity) {
    reservation_item item;
    item.ticket_type = types[i].id;
    item.quantity = quantity;
    item.unit_price = types[i].price;
    return item;
  }

  create_reservation hold(user_id user, std::vector<reservation_item> items, std::string key = "") {
    create_reservation c;
    auto& r = c.reservation;
    r.id = make_reservation_id(event, *env);
    r.user = user;
    r.event = event;
    r.number = "TK" + std::to_string(++count);
    for (const auto& item : items)
      r.total_amount += item.unit_price * item.quantity;
    r.created_at = now + milliseconds(count);
    r.expires_at = now + seconds(300);
    r.items = std::move(items);
    c.idempotency_key = std::move(key);
    c.events.push_back(fact("RESERVATION_CREATED", to_string(r.id)));
    return c;
  }

  change_reservation change(const create_reservation& c, reservation_status from,
                            reservation_status to, stock_effect stock) {
    change_reservation x;
    x.reservation = c.reservation.id;
    x.from = from;
    x.to = to;
    x.stock = stock;
    x.items = c.reservation.items;
    x.history = {now + seconds(9), to_string(to), "why"};
    x.events.push_back(fact("CHANGED", to_string(c.reservation.id)));
    return x;
  }

  domain_event fact(std::string name, std::string key) {
    return {make_uuid(*env),
            0,
            "reservation-events",
            std::move(key),
            std::move(name),
            1,
            now,
            "",
            "{}"};
  }

  user_id new_user() { return user_id{make_uuid(*env)}; }

  event_snapshot snapshot() { return data->queries()->load_event(event).value(); }
  seat_row stored_seat(std::size_t i) {
    for (const auto& s : snapshot().seats)
      if (s.id == seats[i].id)
        return s;
    return {};
  }
  int available(std::size_t i) {
    return data->queries()->ticket_type(types[i].id).value().value().available;
  }
  std::size_t outbox_size() { return data->outbox()->read(0, 1000).value().size(); }
  reservation_view stored(const create_reservation& c) {
    return data->queries()->find_reservation(c.reservation.id).value().value();
  }
  bool exists(const create_reservation& c) {
    return data->queries()->find_reservation(c.reservation.id).value().has_value();
  }

  std::unique_ptr<environment> env = make_seeded_environment(1, [] { return now; });
  std::unique_ptr<backend> data;
  event_id event;
  std::vector<seat_row> seats;
  std::vector<ticket_type_view> types;
  layout_view layout;
  int count = 0;
};

using make_backend = std::unique_ptr<backend> (*)();

class ticket_store_test : public ::testing::TestWithParam<make_backend>, protected store_data {
protected:
  ticket_store_test() : store_data(GetParam()()) {}

  void SetUp() override {
    first = catalog();
    ASSERT_EQ(commit_one({first}).status, commit_status::committed);
  }

  change_catalog first;
};

// -- catalog -------------------------------------------------------------------------------------

TEST_P(ticket_store_test, an_event_comes_back_whole) {
  const auto s = snapshot();
  EXPECT_EQ(s.event.title, "Title");
  EXPECT_EQ(s.event.venue, "Hall");
  EXPECT_EQ(s.event.address, "Street 1");
  EXPECT_EQ(s.event.event_date, now + std::chrono::hours(240));
  EXPECT_EQ(s.event.sale_start, now - std::chrono::hours(1));
  EXPECT_EQ(s.event.sale_end, time_point{});
  EXPECT_FALSE(s.event.cancelled);
  EXPECT_EQ(s.event.artist, first.event.artist);
  EXPECT_EQ(s.event.layout, layout.id);
  EXPECT_EQ(s.event.layout_config, layout.config);
  ASSERT_EQ(s.seats.size(), 5u);
  for (std::size_t i = 0; i < 5; ++i)
    EXPECT_EQ(s.seats[i].id, seats[i].id) << "by section, row, number";
  EXPECT_EQ(s.seats[4].label, "B-1-1");
  EXPECT_EQ(s.seats[0].status, seat_status::available);
  ASSERT_EQ(s.types.size(), 2u);
  EXPECT_EQ(s.types[0].name, "Front") << "by price, descending";
  EXPECT_EQ(s.types[0].available, 2);
  EXPECT_TRUE(s.pending.empty());
  EXPECT_TRUE(s.live_items.empty());
  const auto layouts = data->queries()->layouts().value();
  ASSERT_EQ(layouts.size(), 1u);
  EXPECT_EQ(layouts[0].config, layout.config);
  EXPECT_EQ(layouts[0].total_seats, 5);
}

TEST_P(ticket_store_test, a_plan_takes_seats_out_of_the_sale_and_brings_them_back) {
  const auto sold = hold(new_user(), {seat_item(0, 7, 1)});
  ASSERT_EQ(commit_one({sold}).status, commit_status::committed);
  auto plan = first;
  plan.message = make_uuid(*env);
  plan.whole_plan = true;
  auto cheap = seats[1];
  cheap.price = 5;
  auto held = seats[0];
  held.price = 5;
  plan.seats = {cheap, held};
  ASSERT_EQ(commit_one({plan}).status, commit_status::committed);
  ASSERT_EQ(snapshot().seats.size(), 2u);
  EXPECT_EQ(stored_seat(1).price, 5);
  EXPECT_EQ(stored_seat(0).price, 100000) << "somebody has it, at the price of then";
  EXPECT_EQ(stored_seat(0).status, seat_status::locked);
  const auto refused = commit_one({hold(new_user(), {seat_item(2, 8, 1)})});
  EXPECT_EQ(refused.status, commit_status::rejected);
  EXPECT_EQ(refused.conflicts, std::vector<seat_id>{seats[2].id});
  // No seat at all: what somebody has stays until it is given back, and is then taken out.
  plan.message = make_uuid(*env);
  plan.seats.clear();
  ASSERT_EQ(commit_one({plan}).status, commit_status::committed);
  ASSERT_EQ(snapshot().seats.size(), 1u);
  EXPECT_EQ(snapshot().seats[0].id, seats[0].id);
  const auto freed =
      change(sold, reservation_status::pending, reservation_status::cancelled, stock_effect::free);
  ASSERT_EQ(commit_one({freed}).status, commit_status::committed);
  plan.message = make_uuid(*env);
  ASSERT_EQ(commit_one({plan}).status, commit_status::committed);
  EXPECT_TRUE(snapshot().seats.empty());
  plan.message = make_uuid(*env);
  plan.seats = first.seats;
  ASSERT_EQ(commit_one({plan}).status, commit_status::committed);
  ASSERT_EQ(snapshot().seats.size(), 5u);
  EXPECT_EQ(stored_seat(0).token, 7u) << "tokens only grow, also over a pause";
  EXPECT_EQ(stored_seat(0).version, 1u);
  EXPECT_EQ(stored_seat(1).price, 100000);
  EXPECT_EQ(commit_one({hold(new_user(), {seat_item(0, 7, 2)})}).status, commit_status::rejected);
  EXPECT_EQ(commit_one({hold(new_user(), {seat_item(0, 8, 2)})}).status, commit_status::committed);
}

TEST_P(ticket_store_test, only_a_cancelled_event_has_reservations_to_end) {
  const auto pending = hold(new_user(), {seat_item(0, 1, 1)});
  const auto paid = hold(new_user(), {seat_item(1, 2, 1)});
  const auto gone = hold(new_user(), {seat_item(2, 3, 1)});
  for (const auto& r : {pending, paid, gone})
    ASSERT_EQ(commit_one({r}).status, commit_status::committed);
  ASSERT_EQ(commit_one({change(paid, reservation_status::pending, reservation_status::confirmed,
                               stock_effect::sell)})
                .status,
            commit_status::committed);
  ASSERT_EQ(commit_one({change(gone, reservation_status::pending, reservation_status::cancelled,
                               stock_effect::free)})
                .status,
            commit_status::committed);
  const auto queries = data->queries();
  EXPECT_TRUE(queries->live_of_cancelled(event, 10)->empty());
  first.message = make_uuid(*env);
  first.event.cancelled = true;
  ASSERT_EQ(commit_one({first}).status, commit_status::committed);
  auto live = *queries->live_of_cancelled(event, 10);
  std::vector<reservation_id> expected{pending.reservation.id, paid.reservation.id};
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(live, expected);
  EXPECT_EQ(queries->live_of_cancelled(event, 1)->size(), 1u);
  ASSERT_EQ(commit_one({change(pending, reservation_status::pending, reservation_status::cancelled,
                               stock_effect::free)})
                .status,
            commit_status::committed);
  EXPECT_EQ(*queries->events_with_pending(), std::vector<event_id>{event})
      << "a confirmed one of a cancelled event is work, too";
}

TEST_P(ticket_store_test, an_unknown_event_is_not_found) {
  const auto found = data->queries()->load_event(event_id{make_uuid(*env)});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, errc::not_found);
  EXPECT_EQ(data->queries()->event_ids().value(), std::vector{event});
  EXPECT_FALSE(data->queries()->ticket_type(ticket_type_id{make_uuid(*env)}).value());
  EXPECT_TRUE(data->queries()->ticket_types(event_id{make_uuid(*env)}).value().empty());
}

TEST_P(ticket_store_test, a_repeated_catalog_message_changes_nothing) {
  auto again = first;
  again.event.title = "Other";
  const auto out = commit_one({again});
  EXPECT_EQ(out.status, commit_status::committed);
  EXPECT_TRUE(out.duplicate);
  EXPECT_EQ(snapshot().event.title, "Title");
}

TEST_P(ticket_store_test, a_catalog_change_leaves_seats_and_sold_stock_alone) {
  ASSERT_EQ(commit_one({hold(new_user(), {seat_item(0, 5, 1), ticket_item(0, 4)})}).status,
            commit_status::committed);
  auto next = first;
  next.message = make_uuid(*env);
  next.event.title = "New title";
  next.event.cancelled = true;
  for (auto& s : next.seats)
    s.price = 1;
  next.types[0].total = 3; // less than the 4 that are taken
  next.types[0].price = 60000;
  next.types[1].total = 7;
  next.types[1].available = 99; // not asked: stock is the ticket role's
  auto moved = seats[0];
  moved.id = seat_id{make_uuid(*env)};
  next.seats.push_back(moved);
  next.seats.push_back(seat("C", 1, 1));
  const auto out = commit_one({next});
  EXPECT_EQ(out.status, commit_status::committed);
  EXPECT_FALSE(out.duplicate);
  const auto s = snapshot();
  EXPECT_EQ(s.event.title, "New title");
  EXPECT_TRUE(s.event.cancelled);
  ASSERT_EQ(s.seats.size(), 6u) << "C-1-1 is new; the place A-1-1 is taken";
  EXPECT_EQ(s.seats[0].id, seats[0].id);
  EXPECT_EQ(s.seats[0].status, seat_status::locked);
  EXPECT_EQ(s.seats[0].price, 100000);
  ASSERT_EQ(s.types.size(), 2u);
  EXPECT_EQ(s.types[0].total, 7);
  EXPECT_EQ(s.types[0].available, 7);
  EXPECT_EQ(s.types[1].total, 4);
  EXPECT_EQ(s.types[1].available, 0);
  EXPECT_EQ(s.types[1].price, 60000);
}

// -- holds ---------------------------------------------------------------------------------------

TEST_P(ticket_store_test, a_hold_commits_everything) {
  const auto user = new_user();
  const auto c = hold(user, {seat_item(1, 12, 1), seat_item(0, 7, 1)}, "key-1");
  const auto out = commit_one({c});
  EXPECT_EQ(out.status, commit_status::committed);
  EXPECT_FALSE(out.duplicate);
  const auto s = stored_seat(1);
  EXPECT_EQ(s.status, seat_status::locked);
  EXPECT_EQ(s.version, 1u);
  EXPECT_EQ(s.token, 12u);
  EXPECT_EQ(s.holder, c.reservation.id);

  const auto r = stored(c);
  EXPECT_EQ(r.user, user);
  EXPECT_EQ(r.event, event);
  EXPECT_EQ(r.number, c.reservation.number);
  EXPECT_EQ(r.total_amount, 200000);
  EXPECT_EQ(r.status, reservation_status::pending);
  EXPECT_EQ(r.payment, payment_state::pending);
  EXPECT_TRUE(r.paid_by.is_nil());
  EXPECT_EQ(r.created_at, c.reservation.created_at);
  EXPECT_EQ(r.expires_at, c.reservation.expires_at);
  EXPECT_EQ(r.event_title, "Title");
  EXPECT_EQ(r.address, "Street 1");
  ASSERT_EQ(r.items.size(), 2u);
  EXPECT_EQ(r.items[0].seat, seats[1].id) << "in the order of the request";
  EXPECT_EQ(r.items[0].name, "A-1-2");
  EXPECT_EQ(r.items[0].section, "A");
  EXPECT_EQ(r.items[0].number, 2);
  EXPECT_EQ(r.items[0].token, 12u);
  EXPECT_EQ(r.items[0].seat_version, 1u);
  ASSERT_EQ(r.history.size(), 1u);
  EXPECT_EQ(r.history[0].action, "created");
  EXPECT_EQ(r.history[0].at, c.reservation.created_at);

  const auto events = data->outbox()->read(0, 10).value();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].id, c.events[0].id);
  EXPECT_EQ(events[0].key, to_string(c.reservation.id));

  const auto e = snapshot();
  ASSERT_EQ(e.pending.size(), 1u);
  EXPECT_EQ(e.pending[0].id, c.reservation.id);
  EXPECT_EQ(e.pending[0].items.size(), 2u);
  EXPECT_EQ(e.pending_keys, std::vector<std::string>{"key-1"});
  EXPECT_EQ(e.live_items, (std::vector<std::pair<user_id, std::int32_t>>{{user, 2}}));
  EXPECT_EQ(data->queries()->events_with_pending().value(), std::vector{event});
}

TEST_P(ticket_store_test, tickets_come_out_of_the_stock) {
  const auto c = hold(new_user(), {ticket_item(0, 4), ticket_item(1, 2)});
  EXPECT_EQ(commit_one({c}).status, commit_status::committed);
  EXPECT_EQ(available(0), 6);
  EXPECT_EQ(available(1), 0);
  EXPECT_EQ(stored(c).items[0].name, "Standing");
  EXPECT_EQ(stored(c).items[0].quantity, 4);
  const auto more = hold(new_user(), {ticket_item(0, 1), ticket_item(1, 1)});
  const auto out = commit_one({more});
  EXPECT_EQ(out.status, commit_status::rejected);
  EXPECT_EQ(out.sold_out, std::vector{types[1].id});
  EXPECT_EQ(available(0), 6) << "nothing of a rejected command stays";
  EXPECT_FALSE(exists(more));
  EXPECT_EQ(outbox_size(), 1u);
}

TEST_P(ticket_store_test, a_type_ordered_twice_counts_twice) {
  EXPECT_EQ(commit_one({hold(new_user(), {ticket_item(1, 1), ticket_item(1, 2)})}).status,
            commit_status::rejected);
  EXPECT_EQ(available(1), 2);
  EXPECT_EQ(commit_one({hold(new_user(), {ticket_item(1, 1), ticket_item(1, 1)})}).status,
            commit_status::committed);
  EXPECT_EQ(available(1), 0);
}

TEST_P(ticket_store_test, conflicts_are_all_named_and_nothing_stays) {
  ASSERT_EQ(commit_one({hold(new_user(), {seat_item(0, 1, 1), seat_item(2, 1, 1)})}).status,
            commit_status::committed);
  const auto c = hold(new_user(), {seat_item(0, 9, 2), seat_item(1, 9, 1), seat_item(2, 9, 2)});
  const auto out = commit_one({c});
  EXPECT_EQ(out.status, commit_status::rejected);
  EXPECT_EQ(out.conflicts, (std::vector{seats[0].id, seats[2].id}));
  EXPECT_TRUE(out.same_key.is_nil());
  EXPECT_FALSE(out.found);
  EXPECT_FALSE(exists(c));
  EXPECT_EQ(stored_seat(1).status, seat_status::available);
  EXPECT_EQ(stored_seat(1).version, 0u);
  EXPECT_EQ(outbox_size(), 1u);
}

TEST_P(ticket_store_test, a_hold_needs_the_next_version_and_a_newer_token) {
  const auto c = hold(new_user(), {seat_item(0, 10, 1)});
  ASSERT_EQ(commit_one({c}).status, commit_status::committed);
  ASSERT_EQ(commit_one({change(c, reservation_status::pending, reservation_status::expired,
                               stock_effect::free)})
                .status,
            commit_status::committed);
  EXPECT_EQ(stored_seat(0).status, seat_status::available);
  EXPECT_EQ(stored_seat(0).version, 1u);
  EXPECT_EQ(stored_seat(0).token, 10u);
  EXPECT_EQ(commit_one({hold(new_user(), {seat_item(0, 11, 1)})}).status, commit_status::rejected);
  EXPECT_EQ(commit_one({hold(new_user(), {seat_item(0, 11, 3)})}).status, commit_status::rejected);
  EXPECT_EQ(commit_one({hold(new_user(), {seat_item(0, 10, 2)})}).status, commit_status::rejected);
  EXPECT_EQ(commit_one({hold(new_user(), {seat_item(0, 9, 2)})}).status, commit_status::rejected);
  EXPECT_EQ(commit_one({hold(new_user(), {seat_item(0, 11, 2)})}).status, commit_status::committed);
}

TEST_P(ticket_store_test, a_seat_twice_in_one_reservation_is_a_conflict) {
  EXPECT_EQ(commit_one({hold(new_user(), {seat_item(0, 1, 1), seat_item(0, 2, 2)})}).status,
            commit_status::rejected);
  EXPECT_EQ(stored_seat(0).status, seat_status::available);
}

TEST_P(ticket_store_test, in_one_batch_the_first_wins_and_others_are_untouched) {
  const auto a = hold(new_user(), {seat_item(0, 1, 1)});
  const auto b = hold(new_user(), {seat_item(1, 1, 1), seat_item(0, 2, 1)});
  const auto c = hold(new_user(), {seat_item(1, 2, 1)});
  const auto d = hold(new_user(), {ticket_item(1, 2)});
  const auto e = hold(new_user(), {seat_item(2, 2, 1), ticket_item(1, 1)});
  const auto f = hold(new_user(), {seat_item(2, 3, 1)});
  const auto out = commit({{a}, {b}, {c}, {d}, {e}, {f}});
  ASSERT_EQ(out.size(), 6u);
  EXPECT_EQ(out[0].status, commit_status::committed);
  EXPECT_EQ(out[1].status, commit_status::rejected);
  EXPECT_EQ(out[1].conflicts, std::vector{seats[0].id});
  EXPECT_EQ(out[2].status, commit_status::committed);
  EXPECT_EQ(out[3].status, commit_status::committed);
  EXPECT_EQ(out[4].status, commit_status::rejected);
  EXPECT_EQ(out[4].sold_out, std::vector{types[1].id});
  EXPECT_EQ(out[5].status, commit_status::committed);
  EXPECT_EQ(stored_seat(0).holder, a.reservation.id);
  EXPECT_EQ(stored_seat(1).holder, c.reservation.id);
  EXPECT_EQ(stored_seat(2).holder, f.reservation.id);
  EXPECT_FALSE(exists(b));
  EXPECT_FALSE(exists(e));
  EXPECT_EQ(outbox_size(), 4u);
}

TEST_P(ticket_store_test, an_idempotency_key_is_unique_per_user) {
  const auto user = new_user();
  const auto a = hold(user, {seat_item(0, 1, 1)}, "k");
  ASSERT_EQ(commit_one({a}).status, commit_status::committed);
  auto out = commit_one({hold(user, {seat_item(1, 1, 1)}, "k")});
  EXPECT_EQ(out.status, commit_status::rejected);
  EXPECT_EQ(out.same_key, a.reservation.id);
  EXPECT_TRUE(out.conflicts.empty());
  EXPECT_EQ(stored_seat(1).status, seat_status::available);
  out = commit_one({hold(user, {seat_item(0, 2, 2)}, "k")});
  EXPECT_EQ(out.same_key, a.reservation.id) << "also told when a seat is in the way";
  EXPECT_EQ(commit_one({hold(new_user(), {seat_item(1, 1, 1)}, "k")}).status,
            commit_status::committed);
  EXPECT_EQ(commit_one({hold(user, {seat_item(2, 1, 1)}, "")}).status, commit_status::committed);
  EXPECT_EQ(commit_one({hold(user, {seat_item(3, 1, 1)}, "")}).status, commit_status::committed)
      << "no key never collides";
  const auto found = data->queries()->find_by_key(user, "k").value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, a.reservation.id);
  EXPECT_EQ(found->items.size(), 1u);
  EXPECT_FALSE(data->queries()->find_by_key(user, "other").value());
  EXPECT_FALSE(data->queries()->find_by_key(user, "").value());
}

TEST_P(ticket_store_test, new_holds_that_collide_leave_the_others_alone) {
  const auto user = new_user();
  const auto a = hold(user, {seat_item(0, 1, 1), ticket_item(0, 4)}, "k");
  const auto same_seat = hold(new_user(), {seat_item(0, 1, 1), seat_item(1, 1, 1)});
  const auto same_key = hold(user, {seat_item(2, 1, 1)}, "k");
  const auto too_many = hold(new_user(), {ticket_item(0, 7)});
  const auto b = hold(new_user(), {seat_item(1, 1, 1), ticket_item(0, 6)});
  const auto out = commit({{a}, {same_seat}, {same_key}, {too_many}, {b}});
  EXPECT_EQ(out[0].status, commit_status::committed);
  EXPECT_EQ(out[1].status, commit_status::rejected);
  EXPECT_EQ(out[1].conflicts, std::vector{seat_item(0, 1, 1).seat});
  EXPECT_EQ(out[2].status, commit_status::rejected);
  EXPECT_EQ(out[2].same_key, a.reservation.id);
  EXPECT_EQ(out[3].status, commit_status::rejected);
  EXPECT_EQ(out[4].status, commit_status::committed);
  EXPECT_EQ(available(0), 0);
  EXPECT_EQ(stored_seat(1).holder, b.reservation.id);
  EXPECT_EQ(stored_seat(2).status, seat_status::available);
  EXPECT_EQ(outbox_size(), 2u);
}

TEST_P(ticket_store_test, keys_are_measured_in_characters) {
  std::string key;
  for (int i = 0; i < 64; ++i)
    key += "\xea\xb0\x80"; // one Korean syllable
  const auto user = new_user();
  EXPECT_EQ(commit_one({hold(user, {seat_item(0, 1, 1)}, key)}).status, commit_status::committed);
  EXPECT_TRUE(data->queries()->find_by_key(user, key).value());
  EXPECT_EQ(commit_one({hold(user, {seat_item(1, 1, 1)}, key + "k")}).status,
            commit_status::rejected);
}

TEST_P(ticket_store_test, a_reservation_is_created_once) {
  auto a = hold(new_user(), {seat_item(0, 1, 1)});
  ASSERT_EQ(commit_one({a}).status, commit_status::committed);
  auto again = a;
  again.reservation.items = {seat_item(1, 1, 1)};
  const auto out = commit_one({again});
  EXPECT_EQ(out.status, commit_status::rejected);
  EXPECT_EQ(out.found, reservation_status::pending);
  EXPECT_EQ(stored_seat(1).status, seat_status::available);
}

TEST_P(ticket_store_test, what_breaks_a_rule_is_rejected_alone) {
  auto nobody = hold(new_user(), {seat_item(0, 1, 1)});
  nobody.reservation.event = event_id{make_uuid(*env)};
  auto negative = hold(new_user(), {seat_item(1, 1, 1)});
  negative.reservation.items[0].unit_price = -1;
  auto zero = hold(new_user(), {ticket_item(0, 0)});
  auto both = hold(new_user(), {seat_item(2, 1, 1)});
  both.reservation.items[0].ticket_type = types[0].id;
  auto key = hold(new_user(), {seat_item(3, 1, 1)}, std::string(65, 'k'));
  auto catalog_change = first;
  catalog_change.message = make_uuid(*env);
  catalog_change.event.title = "Broken";
  catalog_change.types[0].id = ticket_type_id{make_uuid(*env)};
  catalog_change.types[0].available = 11;
  const auto good = hold(
      new_user(), {seat_item(0, 1, 1), seat_item(1, 1, 1), seat_item(2, 1, 1), seat_item(3, 1, 1)});
  const auto out = commit({{nobody}, {negative}, {zero}, {both}, {key}, {catalog_change}, {good}});
  for (std::size_t i = 0; i < 6; ++i)
    EXPECT_EQ(out[i].status, commit_status::rejected) << i;
  EXPECT_EQ(out[6].status, commit_status::committed);
  EXPECT_EQ(snapshot().event.title, "Title");
  EXPECT_EQ(available(0), 10);
  EXPECT_EQ(outbox_size(), 1u);
}

// -- changes -------------------------------------------------------------------------------------

TEST_P(ticket_store_test, a_confirmation_sells_the_seats) {
  const auto c = hold(new_user(), {seat_item(0, 3, 1), seat_item(1, 4, 1)});
  ASSERT_EQ(commit_one({c}).status, commit_status::committed);
  auto x =
      change(c, reservation_status::pending, reservation_status::confirmed, stock_effect::sell);
  x.payment = payment_state::completed;
  x.payment_method = "toss";
  x.paid_by = payment_id{make_uuid(*env)};
  x.message = make_uuid(*env);
  EXPECT_EQ(commit_one({x}).status, commit_status::committed);
  const auto r = stored(c);
  EXPECT_EQ(r.status, reservation_status::confirmed);
  EXPECT_EQ(r.payment, payment_state::completed);
  EXPECT_EQ(r.payment_method, "toss");
  EXPECT_EQ(r.paid_by, x.paid_by);
  ASSERT_EQ(r.history.size(), 2u);
  EXPECT_EQ(r.history[1].action, "confirmed");
  EXPECT_EQ(r.history[1].detail, "why");
  EXPECT_EQ(r.history[1].at, x.history.at);
  EXPECT_EQ(stored_seat(0).status, seat_status::reserved);
  EXPECT_EQ(stored_seat(0).holder, c.reservation.id);
  EXPECT_EQ(stored_seat(0).version, 1u);
  EXPECT_EQ(stored_seat(1).status, seat_status::reserved);
  EXPECT_EQ(outbox_size(), 2u);
  const auto s = snapshot();
  EXPECT_TRUE(s.pending.empty());
  ASSERT_EQ(s.live_items.size(), 1u) << "what is confirmed still counts against the limit";
  EXPECT_EQ(s.live_items[0].second, 2);
  EXPECT_TRUE(data->queries()->events_with_pending().value().empty());

  const auto again = commit_one({x});
  EXPECT_EQ(again.status, commit_status::committed);
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(outbox_size(), 2u) << "a repeated message writes nothing";
}

TEST_P(ticket_store_test, a_message_twice_in_one_batch_has_one_effect) {
  const auto c = hold(new_user(), {seat_item(0, 3, 1)});
  ASSERT_EQ(commit_one({c}).status, commit_status::committed);
  auto x =
      change(c, reservation_status::pending, reservation_status::confirmed, stock_effect::sell);
  x.message = make_uuid(*env);
  const auto out = commit({{x}, {x}});
  EXPECT_EQ(out[0].status, commit_status::committed);
  EXPECT_FALSE(out[0].duplicate);
  EXPECT_EQ(out[1].status, commit_status::committed);
  EXPECT_TRUE(out[1].duplicate);
  EXPECT_EQ(outbox_size(), 2u);
}

TEST_P(ticket_store_test, a_stale_token_sells_nothing) {
  const auto c = hold(new_user(), {seat_item(0, 3, 1), seat_item(1, 4, 1)});
  ASSERT_EQ(commit_one({c}).status, commit_status::committed);
  auto x =
      change(c, reservation_status::pending, reservation_status::confirmed, stock_effect::sell);
  x.message = make_uuid(*env);
  x.items[1].token = 3;
  const auto out = commit_one({x});
  EXPECT_EQ(out.status, commit_status::rejected);
  EXPECT_EQ(out.conflicts, std::vector{seats[1].id});
  EXPECT_EQ(out.found, reservation_status::pending);
  EXPECT_EQ(stored(c).status, reservation_status::pending);
  EXPECT_EQ(stored_seat(0).status, seat_status::locked);
  EXPECT_EQ(outbox_size(), 1u);
  x.items = c.reservation.items;
  EXPECT_EQ(commit_one({x}).status, commit_status::committed) << "the message is still new";
  EXPECT_EQ(stored_seat(1).status, seat_status::reserved);
}

TEST_P(ticket_store_test, a_reservation_ends_once) {
  const auto c = hold(new_user(), {seat_item(0, 3, 1), ticket_item(0, 2)});
  ASSERT_EQ(commit_one({c}).status, commit_status::committed);
  const auto expire =
      change(c, reservation_status::pending, reservation_status::expired, stock_effect::free);
  const auto cancel =
      change(c, reservation_status::pending, reservation_status::cancelled, stock_effect::free);
  const auto out = commit({{expire}, {cancel}, {expire}});
  EXPECT_EQ(out[0].status, commit_status::committed);
  EXPECT_EQ(out[1].status, commit_status::rejected);
  EXPECT_EQ(out[1].found, reservation_status::expired);
  EXPECT_EQ(out[2].status, commit_status::rejected);
  EXPECT_EQ(stored(c).status, reservation_status::expired);
  EXPECT_EQ(available(0), 10) << "the stock came back once";
  EXPECT_EQ(stored_seat(0).status, seat_status::available);
  EXPECT_TRUE(stored_seat(0).holder.is_nil());
  EXPECT_EQ(outbox_size(), 2u);
  EXPECT_TRUE(snapshot().live_items.empty());
}

TEST_P(ticket_store_test, freeing_leaves_the_seats_of_others_alone) {
  const auto a = hold(new_user(), {seat_item(0, 3, 1)});
  ASSERT_EQ(commit_one({a}).status, commit_status::committed);
  ASSERT_EQ(commit_one({change(a, reservation_status::pending, reservation_status::expired,
                               stock_effect::free)})
                .status,
            commit_status::committed);
  const auto b = hold(new_user(), {seat_item(0, 4, 2)});
  ASSERT_EQ(commit_one({b}).status, commit_status::committed);
  EXPECT_EQ(commit_one({change(a, reservation_status::expired, reservation_status::cancelled,
                               stock_effect::free)})
                .status,
            commit_status::committed);
  EXPECT_EQ(stored_seat(0).status, seat_status::locked);
  EXPECT_EQ(stored_seat(0).holder, b.reservation.id);
}

TEST_P(ticket_store_test, without_a_move_only_payment_and_history_change) {
  const auto c = hold(new_user(), {seat_item(0, 3, 1), ticket_item(0, 2)});
  ASSERT_EQ(commit_one({c}).status, commit_status::committed);
  auto x = change(c, reservation_status::pending, reservation_status::pending, stock_effect::free);
  x.payment = payment_state::refunded;
  x.history.action = "payment_rejected";
  EXPECT_EQ(commit_one({x}).status, commit_status::committed);
  EXPECT_EQ(stored(c).status, reservation_status::pending);
  EXPECT_EQ(stored(c).payment, payment_state::refunded);
  EXPECT_EQ(stored(c).history.back().action, "payment_rejected");
  EXPECT_EQ(stored_seat(0).status, seat_status::locked);
  EXPECT_EQ(available(0), 8);
}

TEST_P(ticket_store_test, more_stock_than_was_sold_never_comes_back) {
  const auto c = hold(new_user(), {ticket_item(0, 2)});
  ASSERT_EQ(commit_one({c}).status, commit_status::committed);
  auto x = change(c, reservation_status::pending, reservation_status::expired, stock_effect::free);
  x.items[0].quantity = 3;
  EXPECT_EQ(commit_one({x}).status, commit_status::rejected);
  EXPECT_EQ(available(0), 8);
  EXPECT_EQ(stored(c).status, reservation_status::pending);
}

TEST_P(ticket_store_test, an_unknown_reservation_is_told_apart) {
  const auto c = hold(new_user(), {seat_item(0, 3, 1)});
  const auto out = commit(
      {{change(c, reservation_status::pending, reservation_status::expired, stock_effect::free)},
       {look_up{c.reservation.id}}});
  EXPECT_EQ(out[0].status, commit_status::rejected);
  EXPECT_FALSE(out[0].found);
  EXPECT_EQ(out[1].status, commit_status::committed);
  EXPECT_FALSE(out[1].found);
  ASSERT_EQ(commit_one({c}).status, commit_status::committed);
  EXPECT_EQ(commit_one({look_up{c.reservation.id}}).found, reservation_status::pending);
}

TEST_P(ticket_store_test, a_look_up_sees_its_own_batch) {
  const auto c = hold(new_user(), {seat_item(0, 3, 1)});
  const auto out = commit({{c}, {look_up{c.reservation.id}}});
  EXPECT_EQ(out[1].found, reservation_status::pending);
}

// -- reads ---------------------------------------------------------------------------------------

TEST_P(ticket_store_test, reservations_of_a_user_come_newest_first) {
  const auto user = new_user();
  const auto a = hold(user, {seat_item(0, 3, 1)});
  const auto b = hold(user, {ticket_item(0, 1)});
  const auto c = hold(user, {seat_item(1, 3, 1)});
  const auto other = hold(new_user(), {seat_item(2, 3, 1)});
  for (const auto& o : commit({{a}, {b}, {c}, {other}}))
    ASSERT_EQ(o.status, commit_status::committed);
  const auto all = data->queries()->reservations_of(user, 10).value();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].id, c.reservation.id);
  EXPECT_EQ(all[1].id, b.reservation.id);
  EXPECT_EQ(all[2].id, a.reservation.id);
  EXPECT_EQ(all[2].items.at(0).name, "A-1-1");
  EXPECT_EQ(all[1].items.at(0).name, "Standing");
  EXPECT_EQ(data->queries()->reservations_of(user, 2).value().size(), 2u);
  EXPECT_EQ(data->queries()->reservations_of(user, 0).value().size(), 0u);
  EXPECT_FALSE(
      data->queries()->find_reservation(make_reservation_id(event, *env)).value().has_value());
}

TEST_P(ticket_store_test, an_event_starts_with_all_its_pending_reservations) {
  const auto user = new_user();
  std::vector<create_reservation> made;
  for (std::size_t i = 0; i < 4; ++i)
    made.push_back(hold(user, {seat_item(i, 3, 1), ticket_item(0, 1)}, i == 2 ? "k" : ""));
  for (const auto& c : made)
    ASSERT_EQ(commit_one({c}).status, commit_status::committed);
  ASSERT_EQ(commit_one({change(made[1], reservation_status::pending, reservation_status::expired,
                               stock_effect::free)})
                .status,
            commit_status::committed);
  const auto s = snapshot();
  ASSERT_EQ(s.pending.size(), 3u);
  ASSERT_EQ(s.pending_keys.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(s.pending[i].items.size(), 2u);
    EXPECT_EQ(s.pending_keys[i], s.pending[i].id == made[2].reservation.id ? "k" : "");
    EXPECT_NE(s.pending[i].id, made[1].reservation.id);
  }
  EXPECT_EQ(s.live_items, (std::vector<std::pair<user_id, std::int32_t>>{{user, 6}}));
}

INSTANTIATE_TEST_SUITE_P(memory, ticket_store_test,
                         ::testing::Values([]() -> std::unique_ptr<backend> {
                           return std::make_unique<memory_backend>();
                         }));
INSTANTIATE_TEST_SUITE_P(sql, ticket_store_test,
                         ::testing::Values([]() -> std::unique_ptr<backend> {
                           return std::make_unique<sql_backend>();
                         }));

// -- faults: SQL ---------------------------------------------------------------------------------

class sql_ticket_store_test : public ::testing::Test, protected store_data {
protected:
  sql_ticket_store_test() : store_data(std::make_unique<sql_backend>()) {}

  void SetUp() override { ASSERT_EQ(commit_one({catalog()}).status, commit_status::committed); }

  sql_backend& backend_() { return static_cast<sql_backend&>(*data); }
};

TEST_F(sql_ticket_store_test, a_database_in_use_fails_and_recovers) {
  const auto a = hold(new_user(), {seat_item(0, 1, 1)});
  const auto b = hold(new_user(), {seat_item(0, 2, 1)});
  auto other = backend_().open();
  {
    sql::transaction tx(other); // on SQLite this alone locks
    other.session() << "UPDATE seats SET price = price";
    for (const auto& out : commit({{a}, {b}, {look_up{a.reservation.id}}}))
      EXPECT_EQ(out.status, commit_status::failed);
  }
  EXPECT_FALSE(exists(a));
  const auto out = commit({{a}, {b}, {look_up{a.reservation.id}}});
  EXPECT_EQ(out[0].status, commit_status::committed);
  EXPECT_EQ(out[1].status, commit_status::rejected);
  EXPECT_EQ(out[2].found, reservation_status::pending);
}

/// No file may grow while this exists: a commit fails with an error of the operating system.
class full_disk {
public:
  full_disk() {
    old_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &old_limit_);
    rlimit none = old_limit_;
    none.rlim_cur = 4096;
    ::setrlimit(RLIMIT_FSIZE, &none);
  }
  full_disk(const full_disk&) = delete;
  full_disk& operator=(const full_disk&) = delete;
  ~full_disk() {
    ::setrlimit(RLIMIT_FSIZE, &old_limit_);
    std::signal(SIGXFSZ, old_handler_);
  }

private:
  rlimit old_limit_{};
  void (*old_handler_)(int) = nullptr;
};

/// A limit on the size of files, which only this process' own files meet.
class sqlite_ticket_store_test : public ::testing::Test, protected store_data {
protected:
  sqlite_ticket_store_test() : store_data(std::make_unique<sql_backend>(sql::dialect::sqlite)) {}

  void SetUp() override { ASSERT_EQ(commit_one({catalog()}).status, commit_status::committed); }
};

TEST_F(sqlite_ticket_store_test, an_error_in_the_commit_leaves_doubt_until_looked_up) {
  const auto a = hold(new_user(), {seat_item(0, 1, 1)});
  const auto b = hold(new_user(), {seat_item(1, 1, 1)});
  const auto lost = hold(new_user(), {seat_item(0, 2, 1)});
  std::vector<ticket_written> out;
  {
    const full_disk disk;
    out = commit({{a}, {b}, {lost}, {look_up{a.reservation.id}}});
  }
  ASSERT_EQ(out.size(), 4u);
  EXPECT_EQ(out[0].status, commit_status::unknown);
  EXPECT_EQ(out[1].status, commit_status::unknown);
  EXPECT_EQ(out[2].status, commit_status::failed) << "its rejection rested on a hold in doubt";
  EXPECT_EQ(out[3].status, commit_status::failed);
  const auto found = commit_one({look_up{a.reservation.id}});
  EXPECT_EQ(found.status, commit_status::committed) << "reconnected";
  EXPECT_EQ(found.found.has_value(), exists(a));
  if (!found.found) {
    EXPECT_EQ(commit_one({a}).status, commit_status::committed);
  }
  EXPECT_EQ(stored_seat(0).holder, a.reservation.id);
}

TEST_F(sql_ticket_store_test, twenty_thousand_seats_load_at_once) {
  change_catalog big = catalog();
  event = event_id{make_uuid(*env)};
  big.event.id = event;
  big.seats.clear();
  for (int row = 1; row <= 200; ++row)
    for (int number = 1; number <= 100; ++number)
      big.seats.push_back(seat("F" + std::to_string(row / 50), row, number));
  big.types.clear();
  ASSERT_EQ(commit_one({big}).status, commit_status::committed);
  const auto s = data->queries()->load_event(event);
  ASSERT_TRUE(s);
  EXPECT_EQ(s->seats.size(), 20000u);
}

// -- faults: memory ------------------------------------------------------------------------------

class memory_ticket_store_test : public ::testing::Test, protected store_data {
protected:
  memory_ticket_store_test() : store_data(std::make_unique<memory_backend>()) {}

  void SetUp() override { ASSERT_EQ(commit_one({catalog()}).status, commit_status::committed); }

  memory::ticket_store& store() { return static_cast<memory_backend&>(*data).store; }

  void next_fault(memory::commit_fault fault) {
    store().on_batch([this, fault](const std::vector<ticket_write>&) {
      ++asked;
      return fault;
    });
  }

  int asked = 0;
};

TEST_F(memory_ticket_store_test, each_fault_does_what_it_says) {
  const auto a = hold(new_user(), {seat_item(0, 1, 1)});
  const auto loser = hold(new_user(), {seat_item(0, 2, 1)});
  next_fault(memory::commit_fault::refused);
  EXPECT_EQ(commit_one({a}).status, commit_status::failed);
  EXPECT_FALSE(exists(a));
  next_fault(memory::commit_fault::commit_lost);
  auto out = commit({{a}, {loser}});
  EXPECT_EQ(out[0].status, commit_status::unknown);
  EXPECT_EQ(out[1].status, commit_status::failed);
  EXPECT_FALSE(exists(a));
  EXPECT_TRUE(store().state().outbox.empty());
  next_fault(memory::commit_fault::answer_lost);
  EXPECT_EQ(commit_one({a}).status, commit_status::unknown);
  EXPECT_TRUE(exists(a));
  EXPECT_EQ(store().state().outbox.size(), 1u);
  EXPECT_EQ(asked, 3);
  next_fault(memory::commit_fault::none);
  EXPECT_EQ(commit_one({look_up{a.reservation.id}}).found, reservation_status::pending);
}

TEST_F(memory_ticket_store_test, away_means_away_for_all) {
  const auto a = hold(new_user(), {seat_item(0, 1, 1)});
  auto queries = data->queries();
  auto outbox = data->outbox();
  store().set_away(true);
  EXPECT_EQ(commit_one({a}).status, commit_status::failed);
  EXPECT_EQ(queries->load_event(event).error().code, errc::unavailable);
  EXPECT_EQ(outbox->read(0, 1).error().code, errc::unavailable);
  EXPECT_EQ(outbox->save_cursor("x", 1).error().code, errc::unavailable);
  store().set_away(false);
  EXPECT_EQ(commit_one({a}).status, commit_status::committed);
  EXPECT_EQ(outbox->read(0, 10)->size(), 1u);
}

TEST_F(memory_ticket_store_test, the_outbox_is_purged_like_the_one_in_sql) {
  auto outbox = data->outbox();
  const auto a = hold(new_user(), {seat_item(0, 1, 1)});
  ASSERT_EQ(commit_one({a}).status, commit_status::committed);
  ASSERT_TRUE(outbox->purge(now + seconds(1)));
  EXPECT_EQ(outbox->read(0, 10)->size(), 1u) << "no consumer is known yet";
  ASSERT_TRUE(outbox->save_cursor("x", 1));
  ASSERT_TRUE(outbox->purge(now));
  EXPECT_EQ(outbox->read(0, 10)->size(), 1u) << "too young";
  ASSERT_TRUE(outbox->purge(now + seconds(1)));
  EXPECT_TRUE(outbox->read(0, 10)->empty());
  EXPECT_EQ(outbox->cursors()->at("x"), 1);
}

} // namespace
} // namespace tiketi::ticket
