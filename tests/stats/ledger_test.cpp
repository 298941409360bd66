// Some thousand steps of a made-up ticket shop, told to the statistics by domain events (some of
// them twice): every figure of every report must equal the one counted straight from the ledgers.

#include "actors/stats/consumer.hpp"
#include "actors/stats/reader.hpp"
#include "actors/stats/role.hpp"
#include "storage/sql/stats_store.hpp"
#include "tests/stats/compare.hpp"
#include "tests/stats/world.hpp"
#include "tests/support/actor_fixture.hpp"
#include "tests/support/test_database.hpp"

#include <random>

#include <nlohmann/json.hpp>

namespace tiketi::stats {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

struct stats_database {
  test::test_database stored{"stats"};
  std::shared_ptr<stats_writes> writes;
  std::shared_ptr<stats_queries> queries;

  stats_database() {
    writes = sql::make_stats_writes(open());
    queries = sql::make_stats_queries(open());
  }

  sql::database open() { return stored.open(); }

  std::vector<stats_written> tell(const std::vector<domain_event>& events) {
    std::vector<stats_write> batch;
    for (const auto& e : events) {
      auto what = read_fact(e);
      EXPECT_TRUE(what) << what.error().text;
      if (what && *what)
        batch.push_back({apply_fact{e.id, e.occurred_at, std::move(**what)}, e.occurred_at});
    }
    auto out = writes->commit(batch);
    for (const auto& written : out)
      EXPECT_EQ(written.status, commit_status::committed);
    return out;
  }
};

void compare_all(stats_database& db, const test::world& w, time_point now, bool year = false) {
  for (const auto& query : test::all_queries(w, year)) {
    const auto made = make_report(query, *db.queries, {}, now);
    ASSERT_TRUE(made) << made.error().text;
    ASSERT_EQ(test::difference(w, query, now, *made), "");
  }
}

TEST(stats_ledger_test, every_figure_equals_the_ledger) {
  const auto seed = test::test_seed();
  std::mt19937_64 chance{seed + 1};
  test::world world{seed};
  stats_database db;
  std::vector<domain_event> told = world.opening();
  db.tell(told);
  compare_all(db, world, world.now);
  std::vector<domain_event> fresh;
  for (int step = 1; step <= 3000 && !HasFatalFailure(); ++step) {
    world.step(fresh);
    // Again, now and then: whatever was applied changes nothing.
    if (chance() % 10 == 0)
      fresh.push_back(told[chance() % told.size()]);
    if (chance() % 7 == 0 || step % 1000 == 0) {
      db.tell(fresh);
      told.insert(told.end(), fresh.begin(), fresh.end());
      fresh.clear();
    }
    if (step % 1000 == 0)
      compare_all(db, world, world.now);
  }
  if (HasFatalFailure())
    return;
  EXPECT_GT(world.reservations.size(), 800u);
  EXPECT_GT(world.payments.size(), 300u);
  compare_all(db, world, world.now + 17min, true);
  compare_all(db, world, world.now + std::chrono::days{3});
  for (const auto& written : db.tell(told))
    EXPECT_TRUE(written.duplicate);
  compare_all(db, world, world.now);
}

/// The first reservation that a world makes, with what it published.
struct first_reservation {
  test::world w{11};
  std::vector<domain_event> events;

  first_reservation() {
    while (w.reservations.empty())
      w.step(events);
    std::erase_if(events, [](const auto& e) { return e.topic != "reservation-events"; });
  }

  domain_event then(const char* type, milliseconds later) const {
    auto out = events.back();
    out.id.bytes[0] = static_cast<std::uint8_t>(out.id.bytes[0] + type[13]);
    out.type = type;
    out.occurred_at += later;
    return out;
  }
};

TEST(stats_store_test, a_lost_creation_is_made_up_for) {
  first_reservation first;
  stats_database db;
  db.tell({first.then("RESERVATION_CONFIRMED", 60s)});
  const auto all = db.queries->all_hours().value();
  EXPECT_EQ(all.created, 1) << "no rate above 100 %";
  EXPECT_EQ(all.confirmed, 1);
  db.tell({first.events.back()});
  EXPECT_EQ(db.queries->all_hours().value().created, 1);
}

TEST(stats_store_test, steps_that_do_not_follow_change_nothing) {
  first_reservation first;
  stats_database db;
  db.tell({first.events.back(), first.then("RESERVATION_EXPIRED", 300s)});
  const auto before = db.queries->all_hours().value();
  db.tell({first.then("RESERVATION_CONFIRMED", 301s), first.then("RESERVATION_CANCELLED", 302s)});
  const auto after = db.queries->all_hours().value();
  EXPECT_EQ(before.expired, 1);
  EXPECT_EQ(after.expired, 1);
  EXPECT_EQ(after.confirmed, 0);
  EXPECT_EQ(after.cancelled, 0);
  const auto events = db.queries->events().value();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_FALSE(events[0].known);
  EXPECT_EQ(events[0].held, 0);
}

TEST(stats_store_test, accounts_opened_before_registrations_were_published_are_told) {
  test::test_database empty{""};
  auto db = empty.open();
  const auto steps = sql::migrations_of("auth");
  ASSERT_EQ(steps.back().version, 3);
  sql::migrate(db, steps.first(steps.size() - 1)).value();
  const std::string id = "00000000-0000-4000-8000-000000000001";
  db.session() << "INSERT INTO users(id, email, password_hash, name, phone, role, created_at) "
                  "VALUES (:i, 'a@example.com', 'x', 'Ada', '', 'admin', 1771754400000)",
      soci::use(id);
  sql::migrate(db, steps).value();
  auto store = sql::make_outbox_store(std::move(db));
  const auto events = store->read(0, 10).value();
  ASSERT_EQ(events.size(), 1u);
  stats_database stats;
  stats.tell(events);
  const auto roles = stats.queries->roles().value();
  ASSERT_EQ(roles.size(), 1u);
  EXPECT_EQ(roles[0].role, "admin");
  const auto hours = stats.queries->hours(0).value();
  ASSERT_EQ(hours.size(), 1u);
  EXPECT_EQ(hours[0].hour, hour_of(from_millis(1'771'754'400'000))) << "when it was opened";
  EXPECT_EQ(hours[0].registered, 1);
}

TEST(stats_store_test, transfers_memberships_and_requests_are_counted) {
  stats_database db;
  domain_event transfer;
  transfer.id.bytes[0] = 1;
  transfer.topic = "transfer-events";
  transfer.type = "TRANSFER_COMPLETED";
  transfer.occurred_at = from_millis(1'771'754'400'000);
  transfer.payload = json{
      {"reservationId", to_string(transfer.id)},
      {"buyerId", to_string(transfer.id)},
      {"totalPrice", 5}}.dump();
  auto membership = transfer;
  membership.id.bytes[0] = 2;
  membership.topic = "membership-events";
  membership.type = "MEMBERSHIP_ACTIVATED";
  db.tell({transfer, membership, transfer});
  std::vector<stats_write> batch{{add_requests{5, 10, 2}, {}}, {add_requests{5, 1, 0}, {}}};
  db.writes->commit(batch);
  const auto all = db.queries->all_hours().value();
  EXPECT_EQ(all.transfers, 1);
  EXPECT_EQ(all.memberships, 1);
  EXPECT_EQ(all.requests, 11);
  EXPECT_EQ(all.failed_requests, 2);
}

class stats_actor_test : public test::actor_test {
protected:
  void SetUp() override {
    writer = sys.spawn(tiketi::writer<stats_write, stats_written>, db.writes, writer_options{},
                       batch_observer{});
    consumer = spawn_consumer(sys, *env, writer, metrics);
    auto reader =
        sys.spawn(stats::reader, env.get(), db.queries,
                  size_source{[] { return std::optional<std::int64_t>{2048}; }}, std::size_t{100});
    role = spawn_stats(sys, *env, metrics, {}, writer, {reader}, [this] { return answered; });
    sched.run();
  }

  void TearDown() override { stop(); }

  void stop() {
    self->send_exit(consumer, caf::exit_reason::user_shutdown);
    self->send_exit(role, caf::exit_reason::user_shutdown);
    role = nullptr;
    consumer = nullptr;
    writer = nullptr;
    sched.run();
  }

  json ask_report(get_report query) {
    const auto r = ask<report>(role, query);
    EXPECT_TRUE(r) << r.error().text;
    const auto body = json::parse(*r->body);
    EXPECT_EQ(body["success"], true);
    return body["data"];
  }

  stats_database db;
  request_totals answered;
  prometheus::Registry registry;
  std::shared_ptr<stats_metrics> metrics = std::make_shared<stats_metrics>(registry);
  stats_writer writer;
  consumer_actor consumer;
  stats_actor role;
};

TEST_F(stats_actor_test, events_are_applied_once_and_counted) {
  domain_event e;
  e.id.bytes[0] = 1;
  e.topic = "user-events";
  e.type = "USER_REGISTERED";
  e.occurred_at = epoch;
  e.payload = json{{"userId", to_string(e.id)}, {"role", "user"}}.dump();
  EXPECT_FALSE(ask<applied>(consumer, deliver{e})->duplicate);
  EXPECT_TRUE(ask<applied>(consumer, deliver{e})->duplicate);
  EXPECT_EQ(ask_report({.kind = report_kind::overview})["total_users"], 1);
  EXPECT_EQ(metrics->consumed.Value(), 1);
  EXPECT_EQ(metrics->duplicates.Value(), 1);
  e.id.bytes[0] = 2;
  e.payload = "{";
  EXPECT_EQ(ask<applied>(consumer, deliver{e}).error().code, errc::invalid_request);
  e.type = "USER_RENAMED";
  EXPECT_TRUE(ask<applied>(consumer, deliver{e})) << "not counted, so not read";
  EXPECT_EQ(metrics->unreadable.Value(), 1);
}

TEST_F(stats_actor_test, requests_count_before_and_after_they_are_stored) {
  answered = {10, 1};
  const get_report query{.kind = report_kind::performance};
  EXPECT_EQ(ask_report(query)["recentPerformance"]["totalRequests"], 10);
  EXPECT_EQ(ask_report(query)["database"]["size"], "2.0 KiB");
  EXPECT_EQ(db.queries->all_hours().value().requests, 0);
  advance(60s);
  EXPECT_EQ(db.queries->all_hours().value().requests, 10);
  answered = {15, 1};
  const auto data = ask_report(query);
  EXPECT_EQ(data["recentPerformance"]["totalRequests"], 15);
  EXPECT_EQ(data["recentPerformance"]["successRate"], 93.33);
  stop();
  EXPECT_EQ(db.queries->all_hours().value().requests, 15) << "a stop stores the rest";
  SetUp();
}

TEST_F(stats_actor_test, unknown_events_are_not_found) {
  const auto r = ask<report>(role, get_report{.kind = report_kind::event});
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error(), (failure{errc::not_found, "Event not found"}));
  EXPECT_EQ(metrics->query_errors.Value(), 0);
}

} // namespace
} // namespace tiketi::stats
