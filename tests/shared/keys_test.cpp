#include "storage/sql/idempotency_store.hpp"
#include "tests/shared/race.hpp"

#include <atomic>

namespace tiketi::idempotency {
namespace {

using shared_keys_test = test::shared_database;

TEST_F(shared_keys_test, of_all_nodes_one_may_run_and_one_answer_is_kept) {
  test::test_database data{"gateway"};
  auto stores =
      on_each_node(data, [](sql::database db) { return sql::make_key_writes(std::move(db)); });
  const auto now = from_millis(1'700'000'000'000);
  for (int round = 0; round < 30; ++round) {
    std::atomic<int> noted{0};
    std::atomic<int> kept{0};
    test::race(nodes, [&](std::size_t node) {
      key_record r;
      r.scope[0] = static_cast<std::uint8_t>(round);
      r.owner = "u";
      r.incarnation = node + 1;
      r.started_at = now;
      r.expires_at = now + seconds{60};
      const auto first = commit(stores[node], key_write{note_run{r}, now}).status;
      noted += first == commit_status::committed;
      // One whose note was refused does not run; were it to answer, that would not be kept either.
      r.done = true;
      r.answer.status = 200 + static_cast<int>(node);
      const auto then = commit(stores[node], key_write{keep_answer{r}, now}).status;
      kept += then == commit_status::committed;
      EXPECT_EQ(first, then);
    });
    EXPECT_EQ(noted, 1);
    EXPECT_EQ(kept, 1);
  }
}

} // namespace
} // namespace tiketi::idempotency
