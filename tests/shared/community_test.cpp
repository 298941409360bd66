#include "storage/outbox.hpp"
#include "storage/sql/community_store.hpp"
#include "tests/shared/race.hpp"

#include <algorithm>
#include <atomic>
#include <map>

namespace tiketi::community {
namespace {

class shared_community_test : public test::shared_database {
protected:
  void SetUp() override {
    shared_database::SetUp();
    if (IsSkipped())
      return;
    stores = on_each_node(
        data, [](sql::database db) { return sql::make_community_writes(std::move(db)); });
  }

  post_row make_post() {
    post_row out;
    out.id = {fresh()};
    out.artist = {fresh()};
    out.author = writer;
    out.author_name = "W";
    out.title = "T";
    out.content = "C";
    out.created_at = out.updated_at = now;
    return out;
  }

  comment_row make_comment(post_id post) {
    comment_row out;
    out.id = {fresh()};
    out.post = post;
    out.author = writer;
    out.author_name = "W";
    out.content = "C";
    out.created_at = now;
    return out;
  }

  template <class Command>
  community_written run(std::size_t node, Command command) {
    return commit(stores[node], community_write{std::move(command), now, {}});
  }

  std::map<std::string, int> told() {
    std::map<std::string, int> out;
    const auto events = sql::make_outbox_store(data.open())->read(0, 10'000);
    EXPECT_TRUE(events);
    for (const auto& e : *events)
      ++out[e.type];
    return out;
  }

  test::test_database data{"community"};
  std::vector<std::shared_ptr<community_writes>> stores;
  const user_id writer{fresh()};
  const time_point now = from_millis(1'700'000'000'000);
};

TEST_F(shared_community_test, the_daily_limit_of_points_holds_over_all_nodes) {
  std::atomic<std::int64_t> points{0};
  test::race(nodes, [&](std::size_t node) {
    for (int i = 0; i < 10; ++i)
      points += run(node, insert_post{make_post()}).awarded;
  });
  EXPECT_EQ(points, daily_limits{}.posts * points_for(point_action::post));
  EXPECT_EQ(told()["POINTS_EARNED"], daily_limits{}.posts);
}

TEST_F(shared_community_test, what_all_nodes_delete_at_once_is_taken_back_once) {
  for (int round = 0; round < 10; ++round) {
    const auto post = make_post();
    ASSERT_EQ(run(0, insert_post{post}).status, commit_status::committed);
    const auto comment = make_comment(post.id);
    ASSERT_EQ(run(0, insert_comment{comment}).status, commit_status::committed);
    std::atomic<int> deleted{0};
    test::race(nodes, [&](std::size_t node) {
      const auto done = node % 2 == 0 ? run(node, delete_post{post.id, writer})
                                      : run(node, delete_comment{comment.id, post.id, writer});
      if (done.status == commit_status::committed)
        ++deleted;
      else
        EXPECT_EQ(done.status, commit_status::rejected);
    });
    EXPECT_GE(deleted, 1);
    EXPECT_LE(deleted, 2);
  }
  const auto all = told();
  EXPECT_EQ(all.at("POINTS_EARNED"), all.at("POINTS_REVOKED"));
}

TEST_F(shared_community_test, a_post_counts_the_comments_it_has) {
  const auto post = make_post();
  ASSERT_EQ(run(0, insert_post{post}).status, commit_status::committed);
  test::race(nodes, [&](std::size_t node) {
    for (int i = 0; i < 20; ++i) {
      const auto comment = make_comment(post.id);
      EXPECT_EQ(run(node, insert_comment{comment}).status, commit_status::committed);
      run(node, add_views{{{post.id.value, 1}}});
      if (i % 4 == 0) {
        EXPECT_EQ(run(node, delete_comment{comment.id, post.id, writer}).status,
                  commit_status::committed);
      }
    }
  });
  auto queries = sql::make_community_queries(data.open());
  const auto found = queries->find_post(post.id);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->comments, 4 * 15);
  EXPECT_EQ((*found)->views, 4 * 20);
}

TEST_F(shared_community_test, demo_news_come_once) {
  std::vector<news_row> rows(3);
  std::atomic<std::int64_t> seeded{0};
  test::race(nodes, [&](std::size_t node) {
    auto own = rows;
    for (auto& r : own) {
      r.id = {fresh()};
      r.title = r.content = r.author = "N";
    }
    seeded += run(node, seed_news{own}).rows;
  });
  EXPECT_EQ(seeded, 3);
}

} // namespace
} // namespace tiketi::community
