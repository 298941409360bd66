#include "actors/catalog/news_watch.hpp"
#include "storage/sql/catalog_store.hpp"
#include "storage/sql/news_store.hpp"
#include "storage/sql/ticket_store.hpp"
#include "tests/shared/race.hpp"
#include "tests/support/actor_fixture.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace tiketi {
namespace {

using namespace std::chrono_literals;

// -- the stores
// ------------------------------------------------------------------------------------

ticket::change_catalog change_of(event_id event) {
  ticket::change_catalog out;
  out.event.id = event;
  out.event.title = "E";
  out.event.venue = "V";
  return out;
}

template <class Writes, class Write>
auto commit_one(Writes& to, Write write) {
  std::vector<Write> batch;
  batch.push_back(std::move(write));
  return to->commit(batch)[0].status;
}

class news_store_test : public testing::Test {
protected:
  static event_id new_event() {
    thread_local const auto env = make_system_environment();
    return {make_uuid(*env)};
  }

  std::unique_ptr<environment> env = make_system_environment();
};

TEST_F(news_store_test, changes_of_events_are_told_once_each_with_the_last_version) {
  test::test_database data{"ticket"};
  auto writes = sql::make_ticket_writes(data.open(), *env);
  auto store = sql::make_news_store(data.open(), true);
  EXPECT_EQ(*store->version(), 0);
  EXPECT_TRUE(store->since(0)->events.empty());
  const auto a = new_event();
  const auto b = new_event();
  for (const auto& e : {a, b, a})
    ASSERT_EQ(commit_one(writes, ticket::ticket_write{change_of(e)}), commit_status::committed);
  const auto all = store->since(0);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->version, 3);
  EXPECT_EQ(all->events, (std::vector<event_id>{b, a}));
  EXPECT_EQ(store->since(2)->events, std::vector<event_id>{a});
  const auto none = store->since(3);
  EXPECT_EQ(none->version, 3);
  EXPECT_TRUE(none->events.empty());
}

TEST_F(news_store_test, a_message_that_was_applied_before_is_no_news) {
  test::test_database data{"ticket"};
  auto writes = sql::make_ticket_writes(data.open(), *env);
  auto change = change_of(new_event());
  change.message = make_uuid(*env);
  for (int i = 0; i < 2; ++i)
    ASSERT_EQ(commit_one(writes, ticket::ticket_write{change}), commit_status::committed);
  EXPECT_EQ(*sql::make_news_store(data.open(), true)->version(), 1);
}

TEST_F(news_store_test, a_change_of_the_catalog_raises_its_version_and_a_refusal_does_not) {
  test::test_database data{"catalog"};
  auto writes = sql::make_catalog_target(data.open(), *env);
  auto store = sql::make_news_store(data.open(), false);
  catalog::put_artist artist;
  artist.artist.id = {make_uuid(*env)};
  artist.artist.name = "A";
  ASSERT_EQ(commit_one(writes, catalog::catalog_write{artist}), commit_status::committed);
  EXPECT_EQ(store->since(0)->version, 1);
  artist.artist.id = {make_uuid(*env)}; // the name is taken
  ASSERT_EQ(commit_one(writes, catalog::catalog_write{artist}), commit_status::rejected);
  ASSERT_EQ(commit_one(writes, catalog::catalog_write{catalog::note_call{}}),
            commit_status::committed);
  EXPECT_EQ(store->since(0)->version, 1);
}

TEST_F(news_store_test, known_to_all_is_what_the_slowest_of_those_there_knows) {
  test::test_database data{"ticket"};
  auto writes = sql::make_ticket_writes(data.open(), *env);
  auto store = sql::make_news_store(data.open(), true);
  for (int i = 0; i < 5; ++i)
    ASSERT_EQ(commit_one(writes, ticket::ticket_write{change_of(new_event())}),
              commit_status::committed);
  EXPECT_EQ(*store->known_to_all(1h), 5) << "nobody has to know";
  ASSERT_TRUE(store->take_in("a", 5));
  ASSERT_TRUE(store->take_in("b", 3));
  EXPECT_EQ(*store->known_to_all(1h), 3);
  ASSERT_TRUE(store->take_in("b", 4));
  EXPECT_EQ(*store->known_to_all(1h), 4);
  EXPECT_EQ(*store->known_to_all(-1h), 5) << "none of them was there in the future";
  ASSERT_TRUE(store->leave("b"));
  EXPECT_EQ(*store->known_to_all(1h), 5);
}

/// Whoever follows the news behind a version hears of every event, however transactions overlap.
class shared_news_test : public test::shared_database {};

TEST_F(shared_news_test, no_change_is_passed_over_while_many_nodes_write) {
  test::test_database data{"ticket"};
  const auto env = make_system_environment();
  auto stores = on_each_node(
      data, [&](sql::database db) { return sql::make_ticket_writes(std::move(db), *env); });
  std::vector<event_id> events;
  for (int i = 0; i < 40; ++i)
    events.push_back({fresh()});
  std::atomic<std::size_t> running{nodes};
  std::set<event_id> heard;
  test::race(nodes + 1, [&](std::size_t node) {
    if (node < nodes) {
      for (std::size_t i = node; i < events.size(); i += nodes) {
        std::vector<ticket::ticket_write> batch;
        batch.push_back({change_of(events[i])});
        batch.push_back({change_of(events[(i * 7) % events.size()])});
        while (stores[node]->commit(batch)[0].status != commit_status::committed) {
        } // a deadlock: again
      }
      --running;
      return;
    }
    auto store = sql::make_news_store(data.open(), true);
    std::int64_t version = 0;
    for (bool last = false; !last;) {
      last = running == 0;
      const auto fresh_news = store->since(version);
      ASSERT_TRUE(fresh_news);
      EXPECT_GE(fresh_news->version, version);
      version = fresh_news->version;
      heard.insert(fresh_news->events.begin(), fresh_news->events.end());
    }
  });
  EXPECT_EQ(heard.size(), events.size());
}

// -- the watch
// -------------------------------------------------------------------------------------

/// What the databases of a cluster would hold, for watches on a scheduler that tests move.
struct shared_rows {
  std::int64_t version = 0;
  std::map<std::string, std::int64_t> readers;
  bool away = false;
};

class rows_store final : public news_store {
public:
  explicit rows_store(shared_rows& rows) : rows_(rows) {}

  result<std::int64_t> version() override { return or_away(rows_.version); }
  result<news> since(std::int64_t) override { return or_away(news{rows_.version, {}}); }
  result<void> take_in(const std::string& node, std::int64_t version) override {
    if (rows_.away)
      return failure{errc::unavailable};
    rows_.readers[node] = version;
    return {};
  }
  result<void> leave(const std::string& node) override {
    rows_.readers.erase(node);
    return {};
  }
  result<std::int64_t> known_to_all(milliseconds) override {
    auto out = rows_.version;
    for (const auto& reader : rows_.readers)
      out = std::min(out, reader.second);
    return or_away(out);
  }

private:
  template <class T>
  result<T> or_away(T x) const {
    if (rows_.away)
      return failure{errc::unavailable};
    return x;
  }

  shared_rows& rows_;
};

class news_watch_test : public test::actor_test {
protected:
  void TearDown() override {
    for (auto& w : watches)
      self->send_exit(w, caf::exit_reason::user_shutdown);
    watches.clear();
    sched.run();
  }

  catalog::news_watch start(const std::string& node) {
    std::vector<catalog::news_source> sources;
    sources.push_back({std::make_unique<rows_store>(rows), rows.version,
                       [this, node](const news& n) { told[node] = n.version; }});
    auto out = catalog::start_news_watch(sys, *env, {.node = node}, std::move(sources), false);
    watches.push_back(out);
    sched.run();
    return out;
  }

  shared_rows rows;
  std::map<std::string, std::int64_t> told;
  std::vector<catalog::news_watch> watches;
};

TEST_F(news_watch_test, what_changes_elsewhere_is_heard_with_the_next_poll) {
  rows.version = 4;
  start("a");
  EXPECT_TRUE(told.empty()) << "read at the start with everything else";
  EXPECT_EQ(rows.readers["a"], 4);
  rows.version = 6;
  advance(50ms);
  EXPECT_EQ(told["a"], 6);
  EXPECT_EQ(rows.readers["a"], 6);
}

TEST_F(news_watch_test, who_awaits_is_answered_when_the_last_one_has_heard) {
  const auto a = start("a");
  rows.readers["b"] = 0; // does not poll just now
  rows.version = 1;
  auto pending = self->request(a, caf::infinite, catalog::await_known{});
  sched.run();
  advance(10ms);
  advance(10ms);
  EXPECT_TRUE(self->mailbox().empty());
  EXPECT_EQ(told["a"], 1) << "it does not wait for its own next poll";
  rows.readers["b"] = 1;
  advance(10ms);
  ASSERT_FALSE(self->mailbox().empty());
  pending.receive([](const catalog::known& k) { EXPECT_TRUE(k.to_all); },
                  [](const caf::error&) { ADD_FAILURE(); });
}

TEST_F(news_watch_test, nobody_is_waited_for_too_long) {
  const auto a = start("a");
  rows.readers["b"] = 0; // never comes back
  rows.version = 1;
  auto pending = self->request(a, caf::infinite, catalog::await_known{});
  sched.run();
  for (int i = 0; i < 199; ++i)
    advance(10ms);
  EXPECT_TRUE(self->mailbox().empty());
  advance(10ms);
  ASSERT_FALSE(self->mailbox().empty());
  pending.receive([](const catalog::known& k) { EXPECT_FALSE(k.to_all); },
                  [](const caf::error&) { ADD_FAILURE(); });
}

TEST_F(news_watch_test, a_database_that_is_away_delays_and_loses_nothing) {
  const auto a = start("a");
  rows.away = true;
  rows.version = 3;
  auto pending = self->request(a, caf::infinite, catalog::await_known{});
  sched.run();
  advance(50ms);
  EXPECT_TRUE(told.empty());
  EXPECT_TRUE(self->mailbox().empty());
  rows.away = false;
  advance(50ms);
  EXPECT_EQ(told["a"], 3);
  ASSERT_FALSE(self->mailbox().empty());
  pending.receive([](const catalog::known& k) { EXPECT_TRUE(k.to_all); },
                  [](const caf::error&) { ADD_FAILURE(); });
}

TEST_F(news_watch_test, who_leaves_in_order_is_waited_for_no_more) {
  const auto a = start("a");
  start("b");
  EXPECT_EQ(rows.readers.size(), 2u);
  self->send_exit(watches.back(), caf::exit_reason::user_shutdown);
  watches.pop_back();
  sched.run();
  EXPECT_EQ(rows.readers.size(), 1u);
}

} // namespace
} // namespace tiketi
