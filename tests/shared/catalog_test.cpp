#include "actors/catalog/demo_data.hpp"
#include "storage/sql/catalog_store.hpp"
#include "tests/shared/race.hpp"

#include <atomic>

namespace tiketi::catalog {
namespace {

class shared_catalog_test : public test::shared_database {
protected:
  void SetUp() override {
    shared_database::SetUp();
    if (IsSkipped())
      return;
    stores = on_each_node(
        data, [this](sql::database db) { return sql::make_catalog_target(std::move(db), *env); });
  }

  template <class Command>
  catalog_written run(std::size_t node, Command command) {
    return commit(stores[node], catalog_write{std::move(command)});
  }

  put_event event_of(const std::string& artist) {
    put_event out;
    out.event.id = {fresh()};
    out.event.title = "E";
    out.event.venue = "V";
    out.event.event_date = from_millis(1'000'000);
    out.event.artist_name = artist;
    return out;
  }

  test::test_database data{"catalog"};
  std::unique_ptr<environment> env = make_system_environment();
  std::vector<std::shared_ptr<catalog_target>> stores;
};

TEST_F(shared_catalog_test, the_demo_data_come_once_when_nodes_start_together) {
  std::atomic<int> changed{0};
  const auto demo = make_demo_data(from_millis(1'700'000'000'000));
  test::race(nodes, [&](std::size_t node) {
    const auto done = run(node, demo);
    EXPECT_EQ(done.status, commit_status::committed);
    changed += done.changed ? 1 : 0;
  });
  EXPECT_EQ(changed, 1);
}

TEST_F(shared_catalog_test, an_artist_that_two_events_bring_along_is_made_once) {
  for (int round = 0; round < 10; ++round)
    test::race(nodes, [&](std::size_t node) {
      EXPECT_EQ(run(node, event_of("Artist " + std::to_string(round))).status,
                commit_status::committed);
    });
  auto queries = sql::make_catalog_queries(data.open());
  EXPECT_EQ(queries->artists(1, 100)->total, 10);
}

TEST_F(shared_catalog_test, an_event_is_cancelled_once_and_stays_cancelled) {
  for (int round = 0; round < 10; ++round) {
    const auto event = event_of("A");
    ASSERT_EQ(run(0, event).status, commit_status::committed);
    std::atomic<int> cancelled{0};
    test::race(nodes, [&](std::size_t node) {
      if (node == 0) {
        edit_event edit{event.event.id, {}};
        edit.to.title = "Other";
        edit.to.venue = "V";
        edit.to.event_date = event.event.event_date;
        EXPECT_EQ(run(node, edit).status, commit_status::committed);
      } else if (run(node, cancel_event{event.event.id}).status == commit_status::committed) {
        ++cancelled;
      }
    });
    EXPECT_EQ(cancelled, 1);
    const auto found = sql::make_catalog_queries(data.open())->event(event.event.id);
    ASSERT_TRUE(found && *found);
    EXPECT_TRUE((*found)->event.cancelled);
  }
}

TEST_F(shared_catalog_test, members_are_counted_once_per_message) {
  put_artist artist;
  artist.artist.id = {fresh()};
  artist.artist.name = "A";
  ASSERT_EQ(run(0, artist).status, commit_status::committed);
  std::vector<uuid> messages;
  for (int i = 0; i < 30; ++i)
    messages.push_back(fresh());
  test::race(nodes, [&](std::size_t node) {
    for (const auto& m : messages)
      EXPECT_EQ(run(node, count_members{m, artist.artist.id, 1}).status, commit_status::committed);
  });
  const auto found = sql::make_catalog_queries(data.open())->artist(artist.artist.id);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->member_count, 30);
}

} // namespace
} // namespace tiketi::catalog
