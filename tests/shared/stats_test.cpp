#include "storage/sql/stats_store.hpp"
#include "tests/shared/race.hpp"

#include <algorithm>
#include <random>
#include <string>

namespace tiketi::stats {
namespace {

using shared_stats_test = test::shared_database;

/// Every node hears every event in its own order and in batches of its own, as when partitions move
/// to and fro; reservations of the same events, hours and rows meet.
TEST_F(shared_stats_test, what_several_consumers_count_adds_up) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  test::test_database data{"stats"};
  auto stores =
      on_each_node(data, [](sql::database db) { return sql::make_stats_writes(std::move(db)); });
  constexpr int reservations = 60;
  const event_id events[] = {{fresh()}, {fresh()}, {fresh()}};
  const auto start = from_millis(3'600'000'000);
  std::vector<std::pair<stats_write, stats_write>> told; // created, then confirmed
  for (int i = 0; i < reservations; ++i) {
    reservation_fact x;
    x.id = {fresh()};
    x.user = {fresh()};
    x.event = events[i % 3];
    x.amount = 1000;
    x.seats = 2;
    x.rows = {{"A", i % 2 + 1, 2}};
    const auto at = start + milliseconds{i * 200'000};
    stats_write created{apply_fact{fresh(), at, x}, at};
    x.step = reservation_step::confirmed;
    stats_write confirmed{apply_fact{fresh(), at + milliseconds{1000}, x}, at};
    told.emplace_back(std::move(created), std::move(confirmed));
  }
  test::race(nodes, [&](std::size_t node) {
    std::mt19937 random{seed + static_cast<unsigned>(node)};
    auto mine = told;
    std::shuffle(mine.begin(), mine.end(), random);
    std::vector<stats_write> batch;
    const auto tell = [&] {
      for (const auto& w : stores[node]->commit(batch))
        EXPECT_EQ(w.status, commit_status::committed);
      batch.clear();
    };
    for (auto& [created, confirmed] : mine) {
      batch.push_back(std::move(created));
      if (random() % 3 == 0)
        tell();
      batch.push_back(std::move(confirmed));
      if (random() % 4 == 0)
        tell();
    }
    if (!batch.empty())
      tell();
  });
  auto queries = sql::make_stats_queries(data.open());
  const auto sums = queries->all_hours();
  ASSERT_TRUE(sums);
  EXPECT_EQ(sums->created, reservations);
  EXPECT_EQ(sums->confirmed, reservations);
  EXPECT_EQ(sums->cohort_confirmed, reservations);
  EXPECT_EQ(sums->confirm_ms, reservations * 1000);
  const auto per_event = queries->events();
  ASSERT_TRUE(per_event);
  ASSERT_EQ(per_event->size(), 3u);
  for (const auto& e : *per_event) {
    EXPECT_EQ(e.confirmed, reservations / 3);
    EXPECT_EQ(e.sold, 2 * reservations / 3);
    EXPECT_EQ(e.pending, 0);
    EXPECT_EQ(e.held, 0);
  }
  long long sold = 0;
  data.open().session() << "SELECT sum(sold) FROM event_rows", soci::into(sold);
  EXPECT_EQ(sold, 2 * reservations);
}

TEST_F(shared_stats_test, requests_of_all_nodes_are_counted) {
  test::test_database data{"stats"};
  auto stores =
      on_each_node(data, [](sql::database db) { return sql::make_stats_writes(std::move(db)); });
  test::race(nodes, [&](std::size_t node) {
    for (int i = 0; i < 50; ++i)
      EXPECT_EQ(commit(stores[node], stats_write{add_requests{7, 10, 1}, {}}).status,
                commit_status::committed);
  });
  const auto sums = sql::make_stats_queries(data.open())->all_hours();
  EXPECT_EQ(sums->requests, 4 * 50 * 10);
  EXPECT_EQ(sums->failed_requests, 4 * 50);
}

} // namespace
} // namespace tiketi::stats
