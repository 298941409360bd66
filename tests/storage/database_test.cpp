#include "actors/base/environment.hpp"
#include "storage/sql/database.hpp"
#include "tests/support/test_database.hpp"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>

namespace tiketi::sql {
namespace {

constexpr time_point now = from_millis(1'771'754'400'000);

class database_test : public ::testing::Test {
protected:
  database open() { return stored.open(); }

  domain_event event(std::string type) {
    return {make_uuid(*env), 0, "topic", "key", std::move(type), 1, now, "", "{\"a\":\"b'c\"}"};
  }

  test::test_database stored{""}; ///< without tables
  std::unique_ptr<environment> env = make_seeded_environment(1, [] { return now; });
};

/// What only files have.
class sqlite_database_test : public ::testing::Test {
protected:
  test::temporary_folder folder;
};

TEST_F(sqlite_database_test, survives_power_loss_by_default) {
  auto opened = database::open({.target = folder.file("x.db")});
  ASSERT_TRUE(opened);
  auto& db = *opened;
  std::string mode;
  int synchronous = 0;
  int keys = 0;
  db.session() << "PRAGMA journal_mode", soci::into(mode);
  db.session() << "PRAGMA synchronous", soci::into(synchronous);
  db.session() << "PRAGMA foreign_keys", soci::into(keys);
  EXPECT_EQ(mode, "wal");
  EXPECT_EQ(synchronous, 2);
  EXPECT_EQ(keys, 1);
}

TEST_F(sqlite_database_test, the_log_stays_short_and_nothing_is_lost) {
  const auto file = folder.file("x.db");
  constexpr wal_limits limits{.start_pages = 20, .wait_pages = 100};
  auto writing = database::open({.target = file, .log = limits});
  ASSERT_TRUE(writing);
  auto& sql = writing->session();
  sql << "CREATE TABLE t(x INTEGER PRIMARY KEY, y TEXT)";
  std::uintmax_t longest = 0;
  const std::string text(1000, 'x');
  for (int i = 0; i < 3000; ++i) {
    sql << "INSERT INTO t(y) VALUES (:y)", soci::use(text);
    longest = std::max(longest, std::filesystem::file_size(file + "-wal"));
  }
  // A commit is a handful of pages, each with its header in the log.
  EXPECT_LE(longest, (100 + 20) * (4096 + 24));
  auto reading = database::open({.target = file});
  ASSERT_TRUE(reading);
  int count = 0;
  std::string verdict;
  reading->session() << "SELECT count(*) FROM t", soci::into(count);
  reading->session() << "PRAGMA integrity_check", soci::into(verdict);
  EXPECT_EQ(count, 3000);
  EXPECT_EQ(verdict, "ok");
}

TEST_F(sqlite_database_test, a_reader_that_pins_the_log_does_not_stop_the_writer) {
  const auto file = folder.file("x.db");
  auto writing = database::open({.target = file, .log = {.start_pages = 20, .wait_pages = 100}});
  ASSERT_TRUE(writing);
  auto& sql = writing->session();
  sql << "CREATE TABLE t(x INTEGER PRIMARY KEY, y TEXT)";
  auto reading = database::open({.target = file});
  ASSERT_TRUE(reading);
  int seen = -1;
  reading->session() << "BEGIN";
  reading->session() << "SELECT count(*) FROM t", soci::into(seen);
  const std::string text(1000, 'x');
  for (int i = 0; i < 1000; ++i)
    sql << "INSERT INTO t(y) VALUES (:y)", soci::use(text);
  reading->session() << "SELECT count(*) FROM t", soci::into(seen);
  EXPECT_EQ(seen, 0) << "the reader sees the state it began with";
  reading->session() << "ROLLBACK";
  reading->session() << "SELECT count(*) FROM t", soci::into(seen);
  EXPECT_EQ(seen, 1000);
}

TEST_F(sqlite_database_test, a_file_that_cannot_be_opened_is_named) {
  const auto db = database::open({.target = folder.file("no/such/folder/x.db")});
  ASSERT_FALSE(db);
  EXPECT_EQ(db.error().code, errc::unavailable);
  EXPECT_NE(db.error().text.find("no/such/folder/x.db"), std::string::npos) << db.error().text;
}

TEST_F(database_test, a_transaction_without_commit_leaves_nothing) {
  auto db = open();
  db.session() << "CREATE TABLE t(x INTEGER)";
  {
    transaction tx(db);
    db.session() << "INSERT INTO t VALUES (1)";
  }
  int count = -1;
  db.session() << "SELECT count(*) FROM t", soci::into(count);
  EXPECT_EQ(count, 0);
  {
    transaction tx(db);
    db.session() << "INSERT INTO t VALUES (1)";
    tx.commit();
  }
  db.session() << "SELECT count(*) FROM t", soci::into(count);
  EXPECT_EQ(count, 1);
}

TEST_F(database_test, reconnects) {
  auto db = open();
  ASSERT_TRUE(migrate(db, migrations_of("common")));
  EXPECT_TRUE(mark_processed(db, "c", uuid{}, now));
  ASSERT_TRUE(db.reconnect());
  EXPECT_FALSE(mark_processed(db, "c", uuid{}, now));
}

TEST_F(database_test, prepared_statements_end_their_reads) {
  auto reader = open();
  auto writer = open();
  ASSERT_TRUE(migrate(writer, migrations_of("common")));
  EXPECT_FALSE(is_processed(reader, "c", uuid{}));
  EXPECT_TRUE(mark_processed(writer, "c", uuid{}, now));
  EXPECT_TRUE(is_processed(reader, "c", uuid{})) << "an open read would still see the old state";
  transaction tx(reader); // refused with an old snapshot
  EXPECT_FALSE(mark_processed(reader, "c", uuid{}, now));
  tx.commit();
}

// -- migrations ----------------------------------------------------------------------------------

const std::vector<migration> two_steps{
    {1, "first",
     "-- a table\nCREATE TABLE a(id {{identity}}, x TEXT);\nINSERT INTO a(x)\n"
     "  VALUES ('it;s');\n"},
    {2, "second", "CREATE TABLE b(x TEXT NOT NULL PRIMARY KEY) {{clustered}};\n"},
};

TEST_F(database_test, migrations_run_once_and_in_order) {
  auto db = open();
  EXPECT_FALSE(*is_current(db, two_steps));
  EXPECT_EQ(migrate(db, std::span(two_steps).first(1)).value(), 1u);
  EXPECT_FALSE(*is_current(db, two_steps));
  EXPECT_EQ(migrate(db, two_steps).value(), 1u);
  EXPECT_EQ(migrate(db, two_steps).value(), 0u);
  EXPECT_TRUE(*is_current(db, two_steps));
  std::string x;
  db.session() << "SELECT x FROM a", soci::into(x);
  EXPECT_EQ(x, "it;s");
}

TEST_F(database_test, a_statement_may_be_for_postgresql_only) {
  auto db = open();
  const std::vector<migration> steps{
      {1, "both", "CREATE TABLE a(x INTEGER);\n{{postgresql}} INSERT INTO a(x)\n  VALUES (1);\n"}};
  ASSERT_TRUE(migrate(db, steps));
  long long count = -1;
  db.session() << "SELECT count(*) FROM a", soci::into(count);
  EXPECT_EQ(count, db.kind() == dialect::postgresql ? 1 : 0);
}

TEST_F(database_test, a_newer_schema_is_refused) {
  auto db = open();
  ASSERT_TRUE(migrate(db, two_steps));
  const auto old = migrate(db, std::span(two_steps).first(1));
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().code, errc::conflict);
  EXPECT_NE(old.error().text.find("schema version 2 (second)"), std::string::npos);
  EXPECT_FALSE(is_current(db, std::span(two_steps).first(1)));
}

TEST_F(database_test, an_edited_migration_is_refused) {
  auto db = open();
  ASSERT_TRUE(migrate(db, two_steps));
  auto edited = two_steps;
  edited[0].sql += "CREATE TABLE c(x TEXT);\n";
  const auto done = migrate(db, edited);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().text.find("never be edited"), std::string::npos) << done.error().text;
}

TEST_F(database_test, a_step_below_the_schema_is_refused) {
  auto db = open();
  ASSERT_TRUE(migrate(db, two_steps));
  auto more = two_steps;
  more.insert(more.begin(), {0, "late", "CREATE TABLE z(x TEXT);\n"});
  EXPECT_FALSE(migrate(db, more));
}

TEST_F(database_test, a_failed_step_leaves_nothing) {
  auto db = open();
  auto broken = two_steps;
  broken[1].sql = "CREATE TABLE b(x TEXT);\nCREATE TABLE b(x TEXT);\n";
  const auto done = migrate(db, broken);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().text.find("migration 2 (second)"), std::string::npos);
  EXPECT_EQ(migrate(db, two_steps).value(), 1u) << "step 1 stayed, step 2 did not";
}

TEST_F(database_test, migrators_at_the_same_time_share_the_work) {
  open();
  std::atomic<std::size_t> applied{0};
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      auto db = open();
      if (auto n = migrate(db, migrations_of("ticket")))
        applied += *n;
      else
        ++failed;
    });
  for (auto& t : threads)
    t.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(applied, migrations_of("ticket").size());
}

TEST_F(database_test, every_role_starts_with_the_common_tables) {
  ASSERT_GE(migrations_of("ticket").size(), 2u);
  EXPECT_EQ(migrations_of("ticket")[0].version, 0);
  EXPECT_EQ(migrations_of("ticket")[1].version, 1);
  EXPECT_TRUE(migrations_of("nobody").empty());
}

// -- outbox and processed events -----------------------------------------------------------------

class outbox_test : public database_test {
protected:
  void SetUp() override { ASSERT_TRUE(migrate(db, migrations_of("common"))); }

  void append(std::vector<domain_event> events) {
    transaction tx(db);
    append_outbox(db, events);
    tx.commit();
  }

  database db = open();
  std::unique_ptr<outbox_store> store = make_outbox_store(open());
};

TEST_F(outbox_test, events_come_back_whole_and_in_order) {
  auto first = event("FIRST");
  first.trace = "00-aa-bb-01";
  first.version = 3;
  append({first, event("SECOND")});
  append({event("THIRD")});
  const auto all = store->read(0, 10);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 3u);
  EXPECT_EQ((*all)[0].id, first.id);
  EXPECT_EQ((*all)[0].trace, first.trace);
  EXPECT_EQ((*all)[0].version, 3u);
  EXPECT_EQ((*all)[0].payload, first.payload);
  EXPECT_EQ((*all)[0].occurred_at, now);
  EXPECT_EQ((*all)[2].type, "THIRD");
  EXPECT_LT((*all)[0].sequence, (*all)[1].sequence);
  EXPECT_LT((*all)[1].sequence, (*all)[2].sequence);
  const auto rest = store->read((*all)[0].sequence, 1);
  ASSERT_EQ(rest->size(), 1u);
  EXPECT_EQ((*rest)[0].type, "SECOND");
}

TEST_F(outbox_test, an_undone_append_is_never_read) {
  {
    transaction tx(db);
    append_outbox(db, std::vector{event("NEVER")});
  }
  append({event("REAL")});
  const auto all = store->read(0, 10);
  ASSERT_EQ(all->size(), 1u);
  EXPECT_EQ((*all)[0].type, "REAL");
}

TEST_F(outbox_test, cursors_are_kept) {
  EXPECT_TRUE(store->cursors()->empty());
  ASSERT_TRUE(store->save_cursor("ticket", 5));
  ASSERT_TRUE(store->save_cursor("stats", 2));
  ASSERT_TRUE(store->save_cursor("ticket", 7));
  auto again = make_outbox_store(open());
  EXPECT_EQ(*again->cursors(), (std::map<std::string, std::int64_t>{{"stats", 2}, {"ticket", 7}}));
}

TEST_F(outbox_test, purges_only_what_is_old_and_applied_by_all) {
  append({event("A"), event("B"), event("C")});
  auto young = event("D");
  young.occurred_at = now + seconds(10);
  append({young, event("E")});
  ASSERT_TRUE(store->purge(now + seconds(5)));
  EXPECT_EQ(store->read(0, 10)->size(), 5u) << "no consumer is known yet";
  ASSERT_TRUE(store->save_cursor("ticket", (*store->read(0, 10))[1].sequence));
  ASSERT_TRUE(store->save_cursor("stats", (*store->read(0, 10))[4].sequence));
  ASSERT_TRUE(store->purge(now + seconds(5)));
  ASSERT_EQ(store->read(0, 10)->size(), 3u) << "ticket has applied A and B only";
  EXPECT_EQ((*store->read(0, 10))[0].type, "C");
  ASSERT_TRUE(store->save_cursor("ticket", (*store->read(0, 10))[2].sequence));
  ASSERT_TRUE(store->purge(now + seconds(5)));
  ASSERT_EQ(store->read(0, 10)->size(), 2u) << "D is young, and E comes after it";
  const auto last = (*store->read(0, 10))[1].sequence;
  ASSERT_TRUE(store->purge(now + seconds(60)));
  EXPECT_TRUE(store->read(0, 10)->empty());
  append({event("F")});
  EXPECT_GT((*store->read(0, 10))[0].sequence, last) << "sequences are never used again";
}

TEST_F(outbox_test, a_message_is_new_once_per_consumer) {
  const auto id = make_uuid(*env);
  EXPECT_FALSE(is_processed(db, "ticket", id));
  {
    transaction tx(db);
    EXPECT_TRUE(mark_processed(db, "ticket", id, now));
  }
  EXPECT_FALSE(is_processed(db, "ticket", id)) << "rolled back with its transaction";
  transaction tx(db);
  EXPECT_TRUE(mark_processed(db, "ticket", id, now));
  EXPECT_FALSE(mark_processed(db, "ticket", id, now));
  EXPECT_TRUE(mark_processed(db, "stats", id, now));
  tx.commit();
}

TEST(leaves_doubt_test, only_errors_that_hide_the_outcome) {
  EXPECT_TRUE(leaves_doubt(std::runtime_error("?"), dialect::sqlite));
  auto db = database::open({.target = ":memory:"});
  ASSERT_TRUE(db);
  db->session() << "CREATE TABLE t(x INTEGER PRIMARY KEY)";
  db->session() << "INSERT INTO t VALUES (1)";
  try {
    db->session() << "INSERT INTO t VALUES (1)";
    FAIL();
  } catch (const std::exception& e) {
    EXPECT_FALSE(leaves_doubt(e, dialect::sqlite));
    EXPECT_TRUE(is_constraint_violation(e, dialect::sqlite));
  }
  try {
    db->session() << "COMMIT";
    FAIL();
  } catch (const std::exception& e) {
    EXPECT_FALSE(leaves_doubt(e, dialect::sqlite));
    EXPECT_FALSE(is_constraint_violation(e, dialect::sqlite));
  }
}

} // namespace
} // namespace tiketi::sql
