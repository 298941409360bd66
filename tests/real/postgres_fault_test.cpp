// The ticket role's store on a PostgreSQL server that fails in every way it can.

#include "storage/sql/ticket_store.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/tcp_proxy.hpp"
#include "tests/support/test_database.hpp"

#include <chrono>
#include <fstream>
#include <future>
#include <thread>

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

namespace tiketi::ticket {
namespace {

using namespace std::chrono_literals;

constexpr time_point now = from_millis(1'771'754'400'000);

class postgres_fault_test : public ::testing::Test {
protected:
  static constexpr int seat_count = 8;

  void SetUp() override { begin(stored.options()); }

  void begin(sql::database_options direct) {
    direct_ = std::move(direct);
    proxy = std::make_unique<test::tcp_proxy>(direct_.server.port);
    through_ = direct_;
    through_.server.port = proxy->port();
    through_.server.application = "tiketi/ticket";
    through_.durable = sql::durability::full;
    writes = sql::make_ticket_writes(open(through_), *env);
    change_catalog c;
    c.message = make_uuid(*env);
    c.event.id = event;
    c.event.title = "Night";
    c.event.venue = "Hall";
    c.event.event_date = now + 240h;
    for (int i = 1; i <= seat_count; ++i) {
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
    std::sort(seats.begin(), seats.end(),
              [](const auto& a, const auto& b) { return to_string(a.id) < to_string(b.id); });
    ASSERT_EQ(commit(ticket_write{std::move(c)}).status, commit_status::committed);
  }

  static sql::database open(const sql::database_options& options) {
    auto db = sql::database::open(options);
    if (!db)
      throw std::runtime_error(db.error().text);
    return std::move(*db);
  }

  std::vector<ticket_written> commit(std::vector<ticket_write> batch) {
    return writes->commit(batch);
  }
  /// In a transaction of several statements; a batch of nothing but new holds is a single one.
  ticket_written commit(ticket_write write) {
    return commit(std::vector<ticket_write>{std::move(write), ticket_write{look_up{}}}).at(0);
  }

  create_reservation hold(std::vector<std::size_t> which, std::uint64_t token = 1) {
    create_reservation c;
    auto& r = c.reservation;
    r.id = make_reservation_id(event, *env);
    r.user = user_id{make_uuid(*env)};
    r.event = event;
    r.number = "TK" + std::to_string(++count);
    r.created_at = now;
    r.expires_at = now + 5min;
    for (const auto i : which) {
      reservation_item item;
      item.seat = seats[i].id;
      item.token = token;
      item.seat_version = 1;
      r.items.push_back(item);
    }
    domain_event e;
    e.id = make_uuid(*env);
    e.topic = "reservation-events";
    e.key = to_string(r.id);
    e.type = "RESERVATION_CREATED";
    e.occurred_at = now;
    e.payload = "{}";
    c.events.push_back(std::move(e));
    return c;
  }

  std::optional<reservation_status> look(const create_reservation& c) {
    const auto out = commit(ticket_write{look_up{c.reservation.id}});
    EXPECT_EQ(out.status, commit_status::committed) << "reconnected";
    return out.found;
  }

  /// The same outcome is read by everybody: reservation, seats and outbox agree.
  void expect_whole(const create_reservation& c, bool there) {
    auto db = open(direct_);
    const auto id = to_string(c.reservation.id);
    long long reservations = -1;
    long long held = -1;
    long long events = -1;
    db.session() << "SELECT count(*) FROM reservations WHERE id = :i", soci::use(id),
        soci::into(reservations);
    db.session() << "SELECT count(*) FROM seats WHERE holder = :i", soci::use(id), soci::into(held);
    db.session() << "SELECT count(*) FROM outbox WHERE key = :i", soci::use(id), soci::into(events);
    EXPECT_EQ(reservations, there ? 1 : 0);
    EXPECT_EQ(held, there ? static_cast<long long>(c.reservation.items.size()) : 0);
    EXPECT_EQ(events, there ? 1 : 0);
  }

  test::test_database stored{"ticket", sql::dialect::postgresql};
  sql::database_options direct_;
  sql::database_options through_;
  std::unique_ptr<environment> env = make_seeded_environment(5, [] { return now; });
  std::unique_ptr<test::tcp_proxy> proxy;
  std::shared_ptr<ticket_writes> writes;
  event_id event{make_uuid(*env)};
  std::vector<seat_row> seats;
  int count = 0;
};

TEST_F(postgres_fault_test, a_commit_whose_answer_is_lost_is_found) {
  const auto a = hold({0, 1});
  const auto b = hold({2});
  const auto late = hold({0}, 2);
  proxy->next(test::tcp_proxy::fault::lose_answer, "COMMIT");
  const auto out = commit({{a}, {b}, {late}, {look_up{a.reservation.id}}});
  EXPECT_TRUE(proxy->happened());
  EXPECT_EQ(out[0].status, commit_status::unknown);
  EXPECT_EQ(out[1].status, commit_status::unknown);
  EXPECT_EQ(out[2].status, commit_status::failed) << "its rejection rested on a hold in doubt";
  EXPECT_EQ(out[3].status, commit_status::failed);
  EXPECT_EQ(look(a), reservation_status::pending);
  EXPECT_EQ(look(b), reservation_status::pending);
  expect_whole(a, true);
  expect_whole(b, true);
  EXPECT_EQ(commit(ticket_write{late}).status, commit_status::rejected);
}

TEST_F(postgres_fault_test, a_commit_that_never_arrived_is_not_found) {
  const auto a = hold({0});
  proxy->next(test::tcp_proxy::fault::lose_request, "COMMIT");
  EXPECT_EQ(commit(ticket_write{a}).status, commit_status::unknown);
  EXPECT_EQ(look(a), std::nullopt);
  expect_whole(a, false);
  EXPECT_EQ(commit(ticket_write{a}).status, commit_status::committed);
  expect_whole(a, true);
}

TEST_F(postgres_fault_test, a_connection_lost_before_the_commit_leaves_no_doubt) {
  const auto a = hold({0});
  proxy->next(test::tcp_proxy::fault::lose_request, "INSERT INTO reservation_items");
  EXPECT_EQ(commit(ticket_write{a}).status, commit_status::failed);
  EXPECT_EQ(commit(ticket_write{a}).status, commit_status::committed);
  expect_whole(a, true);
}

/// The server has not noticed that its client is gone: the transaction stays open, with its locks.
/// Whatever became of it later would make the look-up a lie.
TEST_F(postgres_fault_test, a_lost_session_is_ended_before_anything_is_looked_up) {
  const auto a = hold({0});
  proxy->next(test::tcp_proxy::fault::forget_client, "COMMIT");
  EXPECT_EQ(commit(ticket_write{a}).status, commit_status::unknown);
  EXPECT_EQ(look(a), std::nullopt);
  auto db = open(direct_);
  long long open_transactions = -1;
  db.session() << "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                  "AND state = 'idle in transaction'",
      soci::into(open_transactions);
  EXPECT_EQ(open_transactions, 0);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(commit(ticket_write{a}).status, commit_status::committed);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 2s) << "nobody holds its seat";
  expect_whole(a, true);
}

TEST_F(postgres_fault_test, an_address_that_refuses_heals) {
  proxy->refuse(true);
  proxy->cut();
  const auto a = hold({0});
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(commit(ticket_write{a}).status, commit_status::failed);
  proxy->refuse(false);
  // After an attempt that failed nobody tries for a moment.
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  auto status = commit(ticket_write{a}).status;
  while (status == commit_status::failed && std::chrono::steady_clock::now() < deadline)
    status = commit(ticket_write{a}).status;
  EXPECT_EQ(status, commit_status::committed);
}

/// It commits itself, so a connection that is lost on the way leaves doubt.
TEST_F(postgres_fault_test, new_holds_alone_are_one_statement_and_looked_up_when_it_is_lost) {
  const auto a = hold({0});
  proxy->cut();
  EXPECT_EQ(commit(std::vector{ticket_write{a}}).at(0).status, commit_status::unknown);
  EXPECT_EQ(look(a), std::nullopt);
  EXPECT_EQ(commit(std::vector{ticket_write{a}}).at(0).status, commit_status::committed);
  expect_whole(a, true);
}

TEST_F(postgres_fault_test, a_restart_of_the_server_is_survived) {
  auto& server = test::postgres_server::shared();
  auto queries = sql::make_ticket_queries(open(through_));
  auto outbox = sql::make_outbox_store(open(through_));
  const auto a = hold({0});
  const auto b = hold({1});
  ASSERT_EQ(commit(ticket_write{a}).status, commit_status::committed);
  ASSERT_TRUE(outbox->read(0, 10));
  server.stop();
  EXPECT_EQ(commit(ticket_write{b}).status, commit_status::failed);
  EXPECT_EQ(queries->find_reservation(a.reservation.id).error().code, errc::unavailable);
  EXPECT_EQ(outbox->read(0, 10).error().code, errc::unavailable);
  server.start();
  EXPECT_EQ(commit(ticket_write{b}).status, commit_status::committed);
  EXPECT_TRUE(queries->find_reservation(a.reservation.id).value().has_value());
  EXPECT_EQ(outbox->read(0, 10)->size(), 2u);
}

TEST_F(postgres_fault_test, what_was_committed_survives_a_power_cut_of_the_server) {
  auto& server = test::postgres_server::shared();
  std::vector<create_reservation> kept;
  for (std::size_t i = 0; i < 5; ++i) {
    kept.push_back(hold({i}));
    ASSERT_EQ(commit(ticket_write{kept.back()}).status, commit_status::committed);
  }
  server.kill();
  const auto lost = hold({5});
  EXPECT_EQ(commit(ticket_write{lost}).status, commit_status::failed);
  server.start();
  for (const auto& c : kept)
    EXPECT_EQ(look(c), reservation_status::pending);
  for (const auto& c : kept)
    expect_whole(c, true);
  expect_whole(lost, false);
  EXPECT_EQ(commit(ticket_write{lost}).status, commit_status::committed);
}

/// Each of two transactions waits for a seat that the other has: the server undoes one, and the
/// store, where it was its own, tries again.
TEST_F(postgres_fault_test, a_deadlock_is_tried_again) {
  auto other = open(direct_);
  const auto first = to_string(seats[0].id);
  const auto second = to_string(seats[1].id);
  sql::transaction tx(other);
  other.session() << "UPDATE seats SET price = 7 WHERE id = :i", soci::use(second);
  const auto a = hold({0, 1});
  auto written = std::async(std::launch::async, [&] { return commit(ticket_write{a}); });
  // Until the store waits for the second seat, with the first one locked.
  auto watch = open(direct_);
  long long waiting = 0;
  while (waiting == 0) {
    watch.session() << "SELECT count(*) FROM pg_stat_activity WHERE application_name = "
                       "'tiketi/ticket' AND wait_event_type = 'Lock'",
        soci::into(waiting);
    std::this_thread::yield();
  }
  other.session() << "UPDATE seats SET price = 7 WHERE id = :i", soci::use(first);
  tx.commit();
  EXPECT_EQ(written.get().status, commit_status::committed);
  expect_whole(a, true);
}

TEST_F(postgres_fault_test, a_statement_that_takes_too_long_is_given_up) {
  through_.server.lock_timeout = 0ms;
  through_.server.statement_timeout = 200ms;
  writes = sql::make_ticket_writes(open(through_), *env);
  const auto a = hold({0});
  {
    auto other = open(direct_);
    sql::transaction tx(other);
    other.session() << "UPDATE seats SET price = 7";
    EXPECT_EQ(commit(ticket_write{a}).status, commit_status::failed);
  }
  EXPECT_EQ(commit(ticket_write{a}).status, commit_status::committed);
  expect_whole(a, true);
}

TEST_F(postgres_fault_test, a_value_that_does_not_fit_costs_only_its_own_command) {
  const auto good = hold({0});
  auto bad = hold({1});
  bad.reservation.total_amount = -1;
  const auto also_good = hold({2});
  const auto out = commit({{good}, {bad}, {also_good}});
  EXPECT_EQ(out[0].status, commit_status::committed);
  EXPECT_EQ(out[1].status, commit_status::rejected);
  EXPECT_EQ(out[2].status, commit_status::committed);
  expect_whole(bad, false);
}

/// A file system of its own that can be filled; needs the right to mount.
class small_disk {
public:
  small_disk() {
    auto pattern = std::string{"/tmp/tiketi-disk-XXXXXX"};
    if (::mkdtemp(pattern.data()) == nullptr)
      return;
    path_ = pattern;
    mounted_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=160m,mode=0755") == 0;
  }
  small_disk(const small_disk&) = delete;
  small_disk& operator=(const small_disk&) = delete;
  ~small_disk() {
    if (mounted_)
      ::umount2(path_.c_str(), MNT_DETACH);
    ::rmdir(path_.c_str());
  }

  bool mounted() const noexcept { return mounted_; }
  const std::string& path() const noexcept { return path_; }

  void fill() {
    std::ofstream out{path_ + "/filler", std::ios::binary};
    const std::string piece(65536, 'x');
    while (out.write(piece.data(), static_cast<std::streamsize>(piece.size())).flush()) {
    }
  }
  void make_room() { ::unlink((path_ + "/filler").c_str()); }

private:
  std::string path_;
  bool mounted_ = false;
};

TEST_F(postgres_fault_test, a_full_disk_is_survived) {
  small_disk disk;
  if (!disk.mounted())
    GTEST_SKIP() << "mounting a small file system is not allowed here";
  test::postgres_server server{{.folder = disk.path(),
                                .settings = {{"min_wal_size", "32MB"},
                                             {"max_wal_size", "32MB"},
                                             {"restart_after_crash", "on"}}}};
  server.run("postgres", "CREATE ROLE tiketi_test LOGIN PASSWORD 'a password of tests'");
  server.run("postgres", "CREATE DATABASE ticket OWNER tiketi_test");
  auto options = stored.options();
  options.target = "ticket";
  options.server.port = server.port();
  {
    auto db = open(options);
    ASSERT_TRUE(sql::migrate(db, sql::migrations_of("ticket")));
  }
  begin(options);
  disk.fill();
  // Until the server needs room: pages of tables, or the next piece of its log.
  std::vector<create_reservation> told;
  std::vector<create_reservation> doubtful;
  bool refused = false;
  int round = 0;
  for (; round < 20'000 && !refused; ++round) {
    auto c = hold({});
    c.events.front().payload = std::string(20'000, 'x');
    const auto out = commit(ticket_write{c});
    if (out.status == commit_status::committed)
      told.push_back(std::move(c));
    else if (out.status == commit_status::unknown)
      doubtful.push_back(std::move(c));
    else
      refused = true;
  }
  EXPECT_TRUE(refused) << "after " << round << " commits";
  disk.make_room();
  const auto healed = hold({0});
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  auto status = commit(ticket_write{healed}).status;
  while (status != commit_status::committed && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(50ms); // as callers do: the server recovers meanwhile
    status = status == commit_status::unknown && look(healed) ? commit_status::committed
                                                              : commit(ticket_write{healed}).status;
  }
  EXPECT_EQ(status, commit_status::committed) << server.log_tail();
  for (const auto& c : told)
    ASSERT_EQ(look(c), reservation_status::pending);
  for (const auto& c : doubtful)
    if (!look(c)) {
      EXPECT_EQ(commit(ticket_write{c}).status, commit_status::committed);
    }
  expect_whole(healed, true);
  writes.reset();
}

} // namespace
} // namespace tiketi::ticket
