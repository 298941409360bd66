#include "actors/base/environment.hpp"
#include "tests/community/store_fixture.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tiketi::community {
namespace {

using namespace std::chrono_literals;

constexpr time_point start = from_millis(1'771'754'400'000); // 2026-02-22T10:00:00Z

class community_store_test : public ::testing::Test {
protected:
  template <class Command>
  community_written run(Command command) {
    std::vector<community_write> batch{{std::move(command), now, limits}};
    auto out = db.writes->commit(batch);
    EXPECT_EQ(out.size(), 1u);
    return out.front();
  }

  uuid id() { return make_uuid(*env); }

  post_row post_of(user_id author) {
    post_row row;
    row.id = post_id{id()};
    row.artist = artist;
    row.author = author;
    row.author_name = "Ada";
    row.title = "title";
    row.content = "content";
    row.created_at = now;
    row.updated_at = now;
    return row;
  }

  comment_row comment_of(post_id post, user_id author) {
    return {comment_id{id()}, post, author, "Ada", "nice", now};
  }

  news_row news_of(user_id author, bool pinned = false) {
    return {news_id{id()}, "title", "content", "Ada", author, 0, pinned, now, now};
  }

  std::unique_ptr<environment> env = make_seeded_environment(7, [] { return start; });
  test::community_database db;
  time_point now = start;
  daily_limits limits{2, 2, 3};
  artist_id artist{make_uuid(*env)};
  user_id ada{make_uuid(*env)};
  user_id bob{make_uuid(*env)};
};

TEST_F(community_store_test, news_round_trip_and_order) {
  const auto old = news_of(ada, true);
  run(insert_news{old});
  now += 1s;
  const auto mid = news_of(ada);
  run(insert_news{mid});
  now += 1s;
  const auto young = news_of({});
  run(insert_news{young});
  const auto page = db.queries->news({{1, 2}}).value();
  EXPECT_EQ(page.total, 3);
  ASSERT_EQ(page.rows.size(), 2u);
  EXPECT_EQ(page.rows[0].id, old.id) << "pinned first";
  EXPECT_EQ(page.rows[1].id, young.id) << "then the newest";
  EXPECT_TRUE(page.rows[1].author_id.is_nil());
  const auto rest = db.queries->news({{2, 2}}).value();
  ASSERT_EQ(rest.rows.size(), 1u);
  EXPECT_EQ(rest.rows[0].id, mid.id);
  EXPECT_TRUE(db.queries->news({{3, 2}}).value().rows.empty());
  const auto found = db.queries->find_news(old.id).value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->title, old.title);
  EXPECT_EQ(found->author_id, ada);
  EXPECT_TRUE(found->pinned);
  EXPECT_EQ(found->created_at, start);
}

TEST_F(community_store_test, only_the_author_edits_news_and_pinned_may_stay) {
  const auto row = news_of(ada, true);
  run(insert_news{row});
  now += 1s;
  const auto foreign = run(edit_news{row.id, bob, "x", "y", {}});
  EXPECT_EQ(foreign.status, commit_status::rejected);
  EXPECT_EQ(foreign.refused->text, "Only the author can edit this news");
  const auto mine = run(edit_news{row.id, ada, "x", "y", {}});
  EXPECT_EQ(mine.status, commit_status::committed);
  EXPECT_TRUE(mine.news->pinned);
  const auto stored = *db.queries->find_news(row.id).value();
  EXPECT_EQ(stored.title, "x");
  EXPECT_EQ(stored.updated_at, now);
  EXPECT_EQ(stored.created_at, start);
  EXPECT_FALSE(run(edit_news{row.id, ada, "x", "y", false}).news->pinned);
  EXPECT_EQ(run(edit_news{news_id{id()}, ada, "x", "y", {}}).refused->code, errc::not_found);
  const auto nobodys = news_of({});
  run(insert_news{nobodys});
  EXPECT_EQ(run(edit_news{nobodys.id, {}, "x", "y", {}}).refused->code, errc::forbidden)
      << "no author is not an author";
}

TEST_F(community_store_test, comments_are_counted_and_go_with_their_post) {
  const auto post = post_of(ada);
  run(insert_post{post});
  const auto a = comment_of(post.id, ada);
  run(insert_comment{a});
  now += 1s;
  const auto b = comment_of(post.id, bob);
  run(insert_comment{b});
  EXPECT_EQ(db.queries->find_post(post.id).value()->comments, 2);
  const auto page = db.queries->comments({post.id, {1, 20}}).value();
  ASSERT_EQ(page.rows.size(), 2u);
  EXPECT_EQ(page.rows[0].id, a.id) << "oldest first";
  EXPECT_EQ(page.total, 2);

  EXPECT_EQ(run(delete_comment{b.id, post_id{id()}, bob, false}).refused->code, errc::not_found)
      << "another post's path";
  EXPECT_EQ(run(delete_comment{b.id, post.id, ada, false}).refused->code, errc::forbidden);
  EXPECT_EQ(run(delete_comment{b.id, post.id, bob, false}).status, commit_status::committed);
  EXPECT_EQ(run(delete_comment{b.id, post.id, bob, false}).refused->code, errc::not_found);
  EXPECT_EQ(db.queries->find_post(post.id).value()->comments, 1) << "subtracted once";

  EXPECT_EQ(run(delete_post{post.id, bob, false}).refused->text,
            "No permission to delete this post");
  EXPECT_EQ(run(delete_post{post.id, bob, true}).status, commit_status::committed) << "admin";
  EXPECT_FALSE(db.queries->find_post(post.id).value());
  EXPECT_EQ(db.queries->comments({post.id, {1, 20}}).value().total, 0);
  EXPECT_EQ(run(insert_comment{comment_of(post.id, bob)}).refused->text, "Post not found");
}

TEST_F(community_store_test, posts_by_artist_have_no_content) {
  const auto mine = post_of(ada);
  run(insert_post{mine});
  auto other = post_of(ada);
  other.artist = artist_id{id()};
  run(insert_post{other});
  EXPECT_EQ(db.queries->posts({{}, {1, 20}}).value().total, 2);
  const auto page = db.queries->posts({artist, {1, 20}}).value();
  EXPECT_EQ(page.total, 1);
  ASSERT_EQ(page.rows.size(), 1u);
  EXPECT_EQ(page.rows[0].id, mine.id);
  EXPECT_TRUE(page.rows[0].content.empty());
  EXPECT_EQ(db.queries->find_post(mine.id).value()->content, "content");
}

TEST_F(community_store_test, points_come_with_the_commit_up_to_the_limit_of_the_day) {
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(run(insert_post{post_of(ada)}).awarded, i < 2 ? 30 : 0);
  EXPECT_EQ(run(insert_post{post_of(bob)}).awarded, 30) << "each user has an own limit";
  EXPECT_EQ(run(insert_news{news_of(ada)}).awarded, 30) << "each action too";
  now = parse_iso("2026-02-22T15:00:00.000Z").value();
  EXPECT_EQ(run(insert_post{post_of(ada)}).awarded, 30) << "midnight in Korea";
  const auto events = db.events();
  ASSERT_EQ(events.size(), 5u);
  for (const auto& e : events) {
    EXPECT_EQ(e.topic, "community-events");
    EXPECT_EQ(e.type, "POINTS_EARNED");
  }
  EXPECT_EQ(nlohmann::json::parse(events[0].payload)["artistId"], to_string(artist));
  EXPECT_TRUE(nlohmann::json::parse(events[3].payload)["artistId"].is_null()) << "news";
}

TEST_F(community_store_test, writing_and_deleting_earns_nothing) {
  for (int i = 0; i < 10; ++i) {
    const auto post = post_of(ada);
    const auto made = run(insert_post{post});
    const auto gone = run(delete_post{post.id, ada, false});
    EXPECT_EQ(made.awarded, i < 2 ? 30 : 0);
    EXPECT_EQ(gone.revoked, made.awarded);
  }
  std::int64_t sum = 0;
  for (const auto& e : db.events()) {
    const auto points = nlohmann::json::parse(e.payload)["points"].get<int>();
    sum += e.type == "POINTS_EARNED" ? points : -points;
  }
  EXPECT_EQ(sum, 0);
  EXPECT_EQ(db.events().size(), 4u);
}

TEST_F(community_store_test, a_deleted_post_takes_back_its_authors_comments_not_those_of_others) {
  const auto post = post_of(ada);
  run(insert_post{post});
  run(insert_comment{comment_of(post.id, ada)});
  run(insert_comment{comment_of(post.id, bob)});
  EXPECT_EQ(run(delete_post{post.id, ada, false}).revoked, 40);
  for (const auto& e : db.events())
    if (e.type == "POINTS_REVOKED") {
      EXPECT_EQ(e.key, to_string(ada));
    }
}

TEST_F(community_store_test, a_comment_taken_back_is_not_taken_back_again_with_its_post) {
  const auto post = post_of(ada);
  run(insert_post{post});
  const auto comment = comment_of(post.id, ada);
  run(insert_comment{comment});
  EXPECT_EQ(run(delete_comment{comment.id, post.id, ada, false}).revoked, 10);
  EXPECT_EQ(run(delete_post{post.id, ada, false}).revoked, 30);
}

TEST_F(community_store_test, views_go_to_news_and_posts_and_pass_over_what_is_gone) {
  const auto news = news_of(ada);
  const auto post = post_of(ada);
  run(insert_news{news});
  run(insert_post{post});
  run(add_views{{{news.id.value, 3}, {post.id.value, 4}, {id(), 9}}});
  EXPECT_EQ(db.queries->find_news(news.id).value()->views, 3);
  EXPECT_EQ(db.queries->find_post(post.id).value()->views, 4);
}

TEST_F(community_store_test, one_bad_command_does_not_spoil_the_batch) {
  const auto good = post_of(ada);
  auto bad = post_of(bob);
  bad.title.clear(); // the schema refuses it
  std::vector<community_write> batch{{insert_post{good}, now, limits},
                                     {insert_post{bad}, now, limits},
                                     {insert_comment{comment_of(good.id, bob)}, now, limits}};
  const auto out = db.writes->commit(batch);
  EXPECT_EQ(out[0].status, commit_status::committed);
  EXPECT_EQ(out[1].status, commit_status::failed);
  EXPECT_EQ(out[2].status, commit_status::committed);
  EXPECT_EQ(db.queries->find_post(good.id).value()->comments, 1);
  EXPECT_FALSE(db.queries->find_post(bad.id).value());
  EXPECT_EQ(db.events().size(), 2u) << "an award never outlives a rollback";
}

TEST_F(community_store_test, only_an_empty_table_is_seeded) {
  EXPECT_EQ(run(seed_news{{news_of({}), news_of({})}}).rows, 2);
  EXPECT_EQ(run(seed_news{{news_of({})}}).rows, 0);
  EXPECT_EQ(db.queries->news({{1, 20}}).value().total, 2);
  EXPECT_TRUE(db.events().empty());
}

} // namespace
} // namespace tiketi::community
