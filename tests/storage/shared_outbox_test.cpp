#include "actors/base/environment.hpp"
#include "storage/sql/database.hpp"
#include "tests/support/test_database.hpp"

#include <atomic>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace tiketi::sql {
namespace {

/// Several processes append to one outbox; here they are several connections.
class shared_outbox_test : public testing::Test {
protected:
  void SetUp() override {
    if (test::tested_dialect() != dialect::postgresql)
      GTEST_SKIP() << "SQLite has one writer, in one process";
  }

  static domain_event event(std::string key, std::string type) {
    thread_local const auto env = make_system_environment();
    domain_event out;
    out.id = make_uuid(*env);
    out.topic = "t";
    out.key = std::move(key);
    out.type = std::move(type);
    out.payload = "{}";
    return out;
  }

  static std::vector<std::string> types(const result<std::vector<domain_event>>& events) {
    std::vector<std::string> out;
    EXPECT_TRUE(events);
    if (events)
      for (const auto& e : *events)
        out.push_back(e.type);
    return out;
  }

  using words = std::vector<std::string>;

  test::test_database data{"common"};
};

TEST_F(shared_outbox_test, a_number_that_is_still_on_its_way_is_waited_for_and_never_skipped) {
  auto slow = data.open();
  auto quick = data.open();
  auto box = make_outbox_store(data.open());
  auto first = std::make_optional<transaction>(slow);
  append_outbox(slow, std::vector{event("a", "SLOW")});
  {
    transaction second{quick};
    append_outbox(quick, std::vector{event("b", "QUICK")});
    second.commit();
  }
  EXPECT_EQ(types(box->read(0, 10)), words{}) << "QUICK stands behind what may still come";
  EXPECT_EQ(types(box->read(0, 10)), words{});
  first->commit();
  first.reset();
  EXPECT_EQ(types(box->read(0, 10)), (words{"SLOW", "QUICK"}));
}

TEST_F(shared_outbox_test, a_number_that_will_never_be_holds_up_nobody) {
  auto slow = data.open();
  auto quick = data.open();
  auto box = make_outbox_store(data.open());
  auto first = std::make_optional<transaction>(slow);
  append_outbox(slow, std::vector{event("a", "NEVER")});
  {
    transaction second{quick};
    append_outbox(quick, std::vector{event("b", "QUICK")});
    second.commit();
  }
  EXPECT_EQ(types(box->read(0, 10)), words{});
  first.reset(); // undone
  EXPECT_EQ(types(box->read(0, 10)), words{"QUICK"});
}

TEST_F(shared_outbox_test, who_hangs_in_a_transaction_stops_no_other_writer) {
  auto hanging = data.open();
  auto other = data.open();
  auto box = make_outbox_store(data.open());
  transaction first{hanging};
  append_outbox(hanging, std::vector{event("a", "HANGS")});
  other.session() << "SET lock_timeout = '1ms'";
  for (int i = 0; i < 20; ++i) {
    transaction next{other};
    append_outbox(other, std::vector{event("b", "GOES_ON")});
    next.commit();
    EXPECT_EQ(types(box->read(0, 10)), words{});
  }
  first.commit();
  EXPECT_EQ(box->read(0, 100)->size(), 21u);
}

TEST_F(shared_outbox_test, who_appends_later_is_not_waited_for) {
  auto early = data.open();
  auto late = data.open();
  auto done = data.open();
  auto box = make_outbox_store(data.open());
  auto first = std::make_optional<transaction>(early);
  append_outbox(early, std::vector{event("a", "EARLY")});
  {
    transaction tx{done};
    append_outbox(done, std::vector{event("b", "DONE")});
    tx.commit();
  }
  EXPECT_EQ(types(box->read(0, 10)), words{});
  transaction open_end{late};
  append_outbox(late, std::vector{event("c", "LATE")});
  first.reset();
  EXPECT_EQ(types(box->read(0, 10)), words{"DONE"}) << "its number is behind that of DONE";
}

TEST_F(shared_outbox_test, an_older_cursor_of_another_node_changes_nothing) {
  auto one = make_outbox_store(data.open());
  auto other = make_outbox_store(data.open());
  ASSERT_TRUE(one->save_cursor("stats", 0));
  ASSERT_TRUE(one->save_cursor("stats", 80));
  ASSERT_TRUE(other->save_cursor("stats", 50));
  EXPECT_EQ(one->cursors()->at("stats"), 80);
}

/// Writers commit and undo at random; whoever reads behind a cursor meets every committed event
/// exactly once, in order.
TEST_F(shared_outbox_test, many_writers_and_a_reader_at_once) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  constexpr int writers = 4;
  constexpr int rounds = 60;
  std::vector<std::set<std::string>> committed(writers);
  std::atomic<int> running{writers};
  data.open();
  std::vector<std::thread> threads;
  for (int w = 0; w < writers; ++w)
    threads.emplace_back([&, w] {
      std::mt19937 random(seed + static_cast<unsigned>(w));
      auto db = data.open();
      for (int i = 0; i < rounds; ++i) {
        transaction tx{db};
        std::vector<domain_event> batch;
        for (auto n = 1 + random() % 3; n > 0; --n)
          batch.push_back(event(std::to_string(w), "E"));
        append_outbox(db, batch);
        if (random() % 4 == 0)
          db.session() << "SELECT pg_sleep(0.003)"; // others overtake
        if (random() % 3 == 0)
          continue; // undone
        tx.commit();
        for (const auto& e : batch)
          committed[static_cast<std::size_t>(w)].insert(to_string(e.id));
      }
      --running;
    });
  auto box = make_outbox_store(data.open());
  std::int64_t cursor = 0;
  std::set<std::string> seen;
  for (bool last = false; !last;) {
    last = running == 0; // one more read after the end
    for (bool more = true; more;) {
      const auto page = box->read(cursor, 7);
      ASSERT_TRUE(page);
      for (const auto& e : *page) {
        EXPECT_GT(e.sequence, cursor);
        cursor = e.sequence;
        EXPECT_TRUE(seen.insert(to_string(e.id)).second);
      }
      more = !page->empty();
    }
  }
  for (auto& t : threads)
    t.join();
  std::set<std::string> all;
  for (const auto& part : committed)
    all.insert(part.begin(), part.end());
  EXPECT_EQ(seen, all);
}

} // namespace
} // namespace tiketi::sql
