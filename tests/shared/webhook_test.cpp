#include "storage/sql/webhook_store.hpp"
#include "tests/shared/race.hpp"

#include <atomic>

namespace tiketi::webhook {
namespace {

class shared_webhook_test : public test::shared_database {
protected:
  void SetUp() override {
    shared_database::SetUp();
    if (IsSkipped())
      return;
    stores = on_each_node(data,
                          [](sql::database db) { return sql::make_webhook_writes(std::move(db)); });
  }

  template <class Command>
  webhook_written run(std::size_t node, Command command) {
    return commit(stores[node], webhook_write{std::move(command), now, limits});
  }

  webhook_row hook(user_id by) {
    webhook_row out;
    out.view.id = {fresh()};
    out.view.url = "https://example.org/";
    out.view.types = {"RESERVATION_CREATED"};
    out.view.created_by = by;
    out.secret = "s";
    return out;
  }

  fan_out event() {
    fan_out out;
    out.event = fresh();
    out.key = "k" + std::to_string(out.event.bytes[0] % 3);
    out.type = "RESERVATION_CREATED";
    out.body = "{}";
    return out;
  }

  test::test_database data{"webhook"};
  std::vector<std::shared_ptr<webhook_writes>> stores;
  webhook_limits limits;
  const time_point now = from_millis(1'700'000'000'000);
};

TEST_F(shared_webhook_test, limits_hold_over_all_nodes) {
  limits.webhooks_max = 10;
  limits.webhooks_per_organiser = 6;
  const user_id one{fresh()};
  const user_id other{fresh()};
  std::atomic<int> made{0};
  test::race(nodes, [&](std::size_t node) {
    for (int i = 0; i < 8; ++i)
      made += run(node, insert_webhook{hook(node % 2 == 0 ? one : other)}).status
              == commit_status::committed;
  });
  EXPECT_EQ(made, 10);
  std::map<user_id, int> by;
  for (const auto& h : sql::make_webhook_queries(data.open())->webhooks().value())
    ++by[h.view.created_by];
  EXPECT_LE(by[one], 6);
  EXPECT_LE(by[other], 6);
}

/// Relays of two nodes hand over the same events, deliverers of two nodes settle the same attempts.
TEST_F(shared_webhook_test, what_is_pending_is_what_is_there) {
  const auto h = hook({fresh()});
  ASSERT_EQ(run(0, insert_webhook{h}).status, commit_status::committed);
  std::vector<fan_out> events;
  for (int i = 0; i < 40; ++i)
    events.push_back(event());
  std::atomic<std::int64_t> queued{0};
  std::atomic<int> delivered{0};
  test::race(nodes, [&](std::size_t node) {
    auto queries = sql::make_webhook_queries(data.open());
    for (const auto& e : events) {
      const auto done = run(node, e);
      EXPECT_EQ(done.status, commit_status::committed);
      queued += done.rows;
      const auto due = queries->due(h.view.id, now + seconds{1}, 1);
      ASSERT_TRUE(due);
      for (const auto& d : due->heads) {
        settle s{h.view.id, d.lane.sequence, d.attempts + 1, {}};
        s.outcome.what = settlement::delivered;
        s.outcome.status = 200;
        const auto settled = run(node, s);
        EXPECT_EQ(settled.status, commit_status::committed);
        delivered += settled.queued.empty() ? 0 : 1;
      }
    }
  });
  EXPECT_EQ(queued, 40);
  const auto all = sql::make_webhook_queries(data.open())->webhooks();
  ASSERT_TRUE(all);
  EXPECT_EQ(all->front().view.pending, 40 - delivered) << "each attempt is settled once";
  list_deliveries waiting;
  waiting.id = h.view.id;
  waiting.status = delivery_status::pending;
  waiting.page = 1;
  waiting.limit = 100;
  EXPECT_EQ(sql::make_webhook_queries(data.open())->deliveries(waiting)->total, 40 - delivered);
}

} // namespace
} // namespace tiketi::webhook
