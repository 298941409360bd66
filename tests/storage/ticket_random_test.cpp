// Random batches of commands: the store in SQL answers and keeps what the one in memory does.

#include "storage/memory/ticket_store.hpp"
#include "storage/sql/ticket_store.hpp"
#include "tests/support/test_database.hpp"

#include <array>
#include <random>

#include <gtest/gtest.h>

namespace tiketi::ticket {
namespace {

constexpr time_point now = from_millis(1'771'754'400'000);

class ticket_random_test : public ::testing::TestWithParam<std::uint64_t> {
protected:
  static constexpr std::size_t seat_count = 12;

  ticket_random_test()
      : chance(GetParam()), env(make_seeded_environment(GetParam(), [] { return now; })) {
    writes = sql::make_ticket_writes(stored.open(), *env);
    queries = sql::make_ticket_queries(stored.open());
    outbox = sql::make_outbox_store(stored.open());
    event = event_id{make_uuid(*env)};
    change_catalog c;
    c.message = make_uuid(*env);
    c.event.id = event;
    c.event.title = "Title";
    for (std::size_t i = 0; i < seat_count; ++i) {
      seat_row s;
      s.id = seat_id{make_uuid(*env)};
      s.section = "A";
      s.row = 1;
      s.number = static_cast<std::int32_t>(i);
      s.label = "A";
      s.price = 10;
      c.seats.push_back(s);
      seats.push_back(s.id);
    }
    for (int i = 0; i < 2; ++i) {
      types.push_back(ticket_type_id{make_uuid(*env)});
      c.types.push_back({types.back(), event, "T" + std::to_string(i), "", 10, 20, 20});
    }
    for (int i = 0; i < 3; ++i)
      users.push_back(user_id{make_uuid(*env)});
    commit({{std::move(c)}});
  }

  std::size_t pick(std::size_t n) { return static_cast<std::size_t>(chance() % n); }
  bool often() { return chance() % 8 != 0; }

  ticket_write random_hold() {
    create_reservation c;
    auto& r = c.reservation;
    r.id = !made.empty() && !often() ? made[pick(made.size())].reservation.id
                                     : make_reservation_id(event, *env);
    r.user = users[pick(users.size())];
    r.event = event;
    r.number = "TK\"{},\\ '" + std::to_string(++count); // what has a meaning in an array
    r.created_at = now + milliseconds(count);
    r.expires_at = r.created_at + seconds(300);
    const auto size = 1 + pick(3);
    for (std::size_t i = 0; i < size; ++i) {
      reservation_item item;
      item.unit_price = 10;
      if (pick(4) == 0) {
        item.ticket_type = types[pick(types.size())];
        item.quantity = static_cast<std::int32_t>(1 + pick(3));
      } else {
        const auto seat = pick(seat_count);
        item.seat = seats[seat];
        item.token = often() ? ++token : pick(token + 1);
        item.seat_version =
            often() ? versions[seat] + 1 : static_cast<std::uint32_t>(1 + pick(versions[seat] + 2));
      }
      r.items.push_back(item);
    }
    if (pick(3) == 0)
      c.idempotency_key = "key \"" + std::to_string(pick(30)) + "\"";
    c.events.push_back(fact(r.id));
    made.push_back(c);
    return {std::move(c)};
  }

  ticket_write random_change() {
    constexpr reservation_status all[] = {
        reservation_status::pending, reservation_status::confirmed, reservation_status::cancelled,
        reservation_status::expired};
    const auto& c = made[pick(made.size())];
    change_reservation x;
    x.reservation = c.reservation.id;
    x.from = often() ? reservation_status::pending : all[pick(4)];
    // What has ended stays so, and gives nothing back a second time.
    const bool over =
        x.from == reservation_status::cancelled || x.from == reservation_status::expired;
    x.to = over                                      ? all[2 + pick(2)]
           : x.from == reservation_status::confirmed ? all[1 + pick(3)]
                                                     : all[pick(4)];
    x.stock = x.to == x.from || over                  ? stock_effect::keep
              : x.to == reservation_status::confirmed ? stock_effect::sell
                                                      : stock_effect::free;
    x.payment =
        x.to == reservation_status::confirmed ? payment_state::completed : payment_state::pending;
    if (x.to == reservation_status::confirmed) {
      x.payment_method = "card";
      x.paid_by = payment_id{make_uuid(*env)};
    }
    x.items = c.reservation.items;
    if (pick(2) == 0)
      x.message = messages.emplace_back(
          often() || messages.empty() ? make_uuid(*env) : messages[pick(messages.size())]);
    if (often())
      x.history = {now + milliseconds(++count), to_string(x.to), "why,\\ \"so\""};
    x.events.push_back(fact(c.reservation.id));
    return {std::move(x)};
  }

  domain_event fact(reservation_id id) {
    return {make_uuid(*env),
            0,
            "reservation-events",
            to_string(id),
            "FACT",
            1,
            now,
            "00-aa-bb-01",
            R"({"a":"b,\"c\" \\ {d}"})"};
  }

  void commit(std::vector<ticket_write> batch) {
    auto again = batch;
    const auto a = writes->commit(batch);
    const auto b = model.commit(again);
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      ASSERT_EQ(a[i].status, b[i].status) << "command " << i << " of " << a.size();
      ASSERT_EQ(a[i].duplicate, b[i].duplicate);
      ASSERT_EQ(a[i].conflicts, b[i].conflicts);
      ASSERT_EQ(a[i].sold_out, b[i].sold_out);
      ASSERT_EQ(a[i].same_key, b[i].same_key);
      ASSERT_EQ(a[i].found, b[i].found);
      committed += a[i].status == commit_status::committed;
      rejected += a[i].status == commit_status::rejected;
    }
  }

  void compare() {
    const auto theirs = model.queries();
    const auto a = queries->load_event(event).value();
    const auto b = theirs->load_event(event).value();
    ASSERT_EQ(a.seats.size(), b.seats.size());
    for (std::size_t i = 0; i < a.seats.size(); ++i) {
      ASSERT_EQ(a.seats[i].id, b.seats[i].id);
      ASSERT_EQ(a.seats[i].status, b.seats[i].status);
      ASSERT_EQ(a.seats[i].version, b.seats[i].version);
      ASSERT_EQ(a.seats[i].token, b.seats[i].token);
      ASSERT_EQ(a.seats[i].holder, b.seats[i].holder);
      versions[static_cast<std::size_t>(a.seats[i].number)] = a.seats[i].version;
    }
    for (std::size_t i = 0; i < a.types.size(); ++i)
      ASSERT_EQ(a.types[i].available, b.types[i].available);
    ASSERT_EQ(a.pending_keys, b.pending_keys);
    ASSERT_EQ(a.live_items, b.live_items);
    for (const auto& c : made) {
      const auto x = queries->find_reservation(c.reservation.id).value();
      const auto y = theirs->find_reservation(c.reservation.id).value();
      ASSERT_EQ(x.has_value(), y.has_value());
      if (!x)
        continue;
      ASSERT_EQ(x->status, y->status);
      ASSERT_EQ(x->payment, y->payment);
      ASSERT_EQ(x->payment_method, y->payment_method);
      ASSERT_EQ(x->paid_by, y->paid_by);
      ASSERT_EQ(x->number, y->number);
      ASSERT_EQ(x->items.size(), y->items.size());
      ASSERT_EQ(x->history.size(), y->history.size());
      for (std::size_t i = 0; i < x->history.size(); ++i) {
        ASSERT_EQ(x->history[i].at, y->history[i].at);
        ASSERT_EQ(x->history[i].action, y->history[i].action);
        ASSERT_EQ(x->history[i].detail, y->history[i].detail);
      }
    }
    const auto events = outbox->read(0, 100'000).value();
    const auto expected = model.outbox()->read(0, 100'000).value();
    ASSERT_EQ(events.size(), expected.size());
    for (std::size_t i = 0; i < events.size(); ++i) {
      ASSERT_EQ(events[i].id, expected[i].id) << "in the order of the commands";
      ASSERT_EQ(events[i].payload, expected[i].payload);
    }
  }

  std::mt19937_64 chance;
  std::unique_ptr<environment> env;
  test::test_database stored{"ticket"};
  memory::ticket_store model;
  std::shared_ptr<ticket_writes> writes;
  std::unique_ptr<ticket_queries> queries;
  std::unique_ptr<outbox_store> outbox;
  event_id event;
  std::vector<seat_id> seats;
  std::vector<ticket_type_id> types;
  std::vector<user_id> users;
  std::vector<create_reservation> made;
  std::vector<uuid> messages;
  std::array<std::uint32_t, seat_count> versions{};
  std::uint64_t token = 0;
  int count = 0;
  int committed = 0;
  int rejected = 0;
};

TEST_P(ticket_random_test, batches_end_as_in_memory) {
  for (int round = 0; round < 60 && !HasFatalFailure(); ++round) {
    std::vector<ticket_write> batch;
    const auto size = 1 + pick(20);
    for (std::size_t i = 0; i < size; ++i) {
      const auto dice = pick(10);
      if (made.empty() || dice < 5)
        batch.push_back(random_hold());
      else if (dice < 9)
        batch.push_back(random_change());
      else
        batch.push_back({look_up{made[pick(made.size())].reservation.id}});
    }
    commit(std::move(batch));
    if (!HasFatalFailure())
      compare();
  }
  EXPECT_GT(committed, 50);
  EXPECT_GT(rejected, 50);
}

INSTANTIATE_TEST_SUITE_P(seeds, ticket_random_test,
                         ::testing::Range(std::uint64_t{1}, std::uint64_t{6}));

} // namespace
} // namespace tiketi::ticket
