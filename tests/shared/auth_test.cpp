#include "storage/sql/auth_store.hpp"
#include "tests/shared/race.hpp"

#include <atomic>

namespace tiketi::auth {
namespace {

class shared_auth_test : public test::shared_database {
protected:
  void SetUp() override {
    shared_database::SetUp();
    if (IsSkipped())
      return;
    stores =
        on_each_node(data, [](sql::database db) { return sql::make_auth_writes(std::move(db)); });
  }

  account user(std::string email) {
    account out;
    out.id = {fresh()};
    out.email = std::move(email);
    out.role = "user";
    return out;
  }

  issued_token token(user_id of, uuid family) {
    return {to_string(fresh()), of, family, now, now + seconds{3600}};
  }

  test::test_database data{"auth"};
  std::vector<std::shared_ptr<auth_writes>> stores;
  const time_point now = from_millis(1'700'000'000'000);
};

TEST_F(shared_auth_test, an_address_is_registered_once) {
  for (int round = 0; round < 10; ++round) {
    std::atomic<int> made{0};
    test::race(nodes, [&](std::size_t node) {
      auto x = user("user" + std::to_string(round) + "@example.org");
      const auto session = token(x.id, fresh());
      const auto done = commit(stores[node], auth_write{create_account{std::move(x), session}});
      made += done.status == commit_status::committed;
      EXPECT_TRUE(done.status == commit_status::committed
                  || done.status == commit_status::rejected);
    });
    EXPECT_EQ(made, 1);
  }
  EXPECT_EQ(sql::make_outbox_store(data.open())->read(0, 100)->size(), 10u);
}

TEST_F(shared_auth_test, of_all_nodes_one_spends_a_refresh_token) {
  const auto x = user("a@example.org");
  ASSERT_EQ(commit(stores[0], auth_write{create_account{x, std::nullopt}}).status,
            commit_status::committed);
  for (int round = 0; round < 10; ++round) {
    const auto first = token(x.id, fresh());
    ASSERT_EQ(commit(stores[0], auth_write{open_session{first}}).status, commit_status::committed);
    std::atomic<int> rotated{0};
    std::atomic<int> siblings{0};
    test::race(nodes, [&](std::size_t node) {
      // Lost races for the count of siblings are told to try again.
      for (auto verdict = refresh_verdict::unknown; verdict == refresh_verdict::unknown;) {
        verdict = commit(stores[node],
                         auth_write{rotate_token{first.hash, token(x.id, first.family), {}}})
                      .verdict;
        rotated += verdict == refresh_verdict::rotate;
        siblings += verdict == refresh_verdict::sibling;
      }
    });
    EXPECT_EQ(rotated, 1);
    EXPECT_EQ(siblings, static_cast<int>(nodes) - 1);
  }
}

} // namespace
} // namespace tiketi::auth
