#include "storage/sql/membership_store.hpp"
#include "storage/sql/ticket_store.hpp"
#include "tests/shared/race.hpp"

#include <atomic>

namespace tiketi::membership {
namespace {

class shared_benefits_test : public test::shared_database {
protected:
  void SetUp() override {
    shared_database::SetUp();
    if (IsSkipped())
      return;
    stores = on_each_node(
        data, [this](sql::database db) { return sql::make_ticket_writes(std::move(db), *env); });
  }

  template <class Command>
  ticket::ticket_written run(std::size_t node, Command command) {
    return commit(stores[node], ticket::ticket_write{std::move(command)});
  }

  /// A loser of a race says so, or is told to try again after a deadlock.
  template <class Command>
  ticket::ticket_written settled(std::size_t node, const Command& command) {
    for (;;) {
      auto done = run(node, command);
      if (done.status != commit_status::failed)
        return done;
    }
  }

  membership_row active_member(const time_point& now) {
    membership_row out;
    out.id = {fresh()};
    out.user = {fresh()};
    out.artist = {fresh()};
    out.status = membership_status::active;
    out.paid_by = {fresh()};
    out.joined_at = out.created_at = out.updated_at = now;
    out.expires_at = now + std::chrono::hours{24};
    out.version = 1;
    return out;
  }

  domain_event told() {
    domain_event out;
    out.id = fresh();
    out.topic = "membership-events";
    out.key = "k";
    out.type = "MEMBERSHIP_NOTED";
    out.payload = "{}";
    return out;
  }

  test::test_database data{"ticket"};
  std::unique_ptr<environment> env = make_system_environment();
  std::vector<std::shared_ptr<ticket::ticket_writes>> stores;
};

TEST_F(shared_benefits_test, points_for_the_same_thing_are_given_and_taken_back_once) {
  const auto now = env->now();
  const auto member = active_member(now);
  ASSERT_EQ(run(0, change_membership{member, {}, {}, {}}).status, commit_status::committed);
  std::vector<post_points> all;
  for (int i = 0; i < 20; ++i) {
    post_points earn{
        fresh(), member.user, member.artist, false, {{}, "COMMUNITY_POST", 30, "", fresh(), now}};
    all.push_back(earn);
    if (i % 2 == 0) {
      earn.message = fresh();
      earn.revoke = true;
      all.push_back(earn);
    }
  }
  test::race(nodes, [&](std::size_t node) {
    for (const auto& x : all)
      EXPECT_EQ(settled(node, x).status, commit_status::committed);
  });
  auto queries = sql::make_membership_queries(data.open());
  EXPECT_EQ((*queries->find(member.id))->row.points, 10 * 30);
  EXPECT_EQ(queries->points_of(member.id, 100)->size(), 30u);
}

TEST_F(shared_benefits_test, a_message_that_two_nodes_hear_is_applied_by_one) {
  for (int round = 0; round < 20; ++round) {
    const auto message = fresh();
    std::atomic<int> applied{0};
    test::race(nodes, [&](std::size_t node) {
      // No row is touched: only the mark tells one from the other.
      const auto done = settled(node, change_membership{{}, {}, message, {told()}});
      EXPECT_EQ(done.status, commit_status::committed);
      applied += done.duplicate ? 0 : 1;
    });
    EXPECT_EQ(applied, 1);
  }
  EXPECT_EQ(sql::make_outbox_store(data.open())->read(0, 1000)->size(), 20u);
}

TEST_F(shared_benefits_test, of_two_changes_of_one_version_one_counts) {
  const auto now = env->now();
  auto member = active_member(now);
  ASSERT_EQ(run(0, change_membership{member, {}, {}, {}}).status, commit_status::committed);
  for (int round = 0; round < 10; ++round) {
    ++member.version;
    std::atomic<int> changed{0};
    test::race(nodes, [&](std::size_t node) {
      auto next = member;
      next.price = static_cast<std::int64_t>(node);
      const auto done = settled(node, change_membership{next, {}, {}, {told()}});
      changed += done.status == commit_status::committed;
    });
    EXPECT_EQ(changed, 1);
  }
  EXPECT_EQ(sql::make_outbox_store(data.open())->read(0, 1000)->size(), 10u);
}

} // namespace
} // namespace tiketi::membership
