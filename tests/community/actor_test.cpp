#include "tests/community/community_fixture.hpp"

namespace tiketi::community {
namespace {

using namespace std::chrono_literals;

class community_actor_test : public test::community_test {
protected:
  post_row write_post(user_id author) {
    auto made = ask<post_row>(role, publish_post{author, artist, "title", "content"});
    EXPECT_TRUE(made) << made.error().text;
    return made ? *made : post_row{};
  }
};

TEST_F(community_actor_test, the_author_is_named_as_the_account_says) {
  const auto post = write_post(ada);
  EXPECT_EQ(post.author_name, "Ada");
  EXPECT_EQ(post.author, ada);
  EXPECT_EQ(post.created_at, epoch);
  const auto news = ask<news_row>(role, publish_news{bob, "title", "content", true});
  EXPECT_EQ(news->author, "Bob");
  EXPECT_EQ(news->author_id, bob);
  const auto comment = ask<comment_row>(role, publish_comment{post.id, bob, "nice"});
  EXPECT_EQ(comment->author_name, "Bob");
  EXPECT_EQ(roles.grew, 3) << "points are in the outbox";
  EXPECT_EQ(metrics->points_awarded.Value(), 70);
}

TEST_F(community_actor_test, nobody_and_unknown_artists_write_nothing) {
  const user_id gone{make_uuid(*env)};
  EXPECT_EQ(ask<post_row>(role, publish_post{gone, artist, "t", "c"}).error().code,
            errc::unauthenticated);
  EXPECT_EQ(ask<news_row>(role, publish_news{gone, "t", "c", false}).error().code,
            errc::unauthenticated);
  const artist_id nobody{make_uuid(*env)};
  EXPECT_EQ(ask<post_row>(role, publish_post{ada, nobody, "t", "c"}).error(),
            (failure{errc::not_found, "Artist not found"}));
  EXPECT_EQ(ask<post_page>(role, list_posts{})->total, 0);
  EXPECT_TRUE(db.events().empty());
}

TEST_F(community_actor_test, an_answer_includes_its_own_view_before_it_is_stored) {
  const auto post = write_post(ada);
  EXPECT_EQ(ask<post_row>(role, show_post{post.id, "u:1"})->views, 1);
  EXPECT_EQ(ask<post_row>(role, show_post{post.id, "u:1"})->views, 1);
  EXPECT_EQ(ask<post_row>(role, show_post{post.id, "u:2"})->views, 2);
  EXPECT_EQ(ask<post_page>(role, list_posts{})->rows.at(0).views, 2);
  EXPECT_EQ(db.queries->find_post(post.id).value()->views, 0) << "reading writes nothing";
  advance(1s);
  EXPECT_EQ(db.queries->find_post(post.id).value()->views, 2);
  EXPECT_EQ(ask<post_row>(role, show_post{post.id, "u:1"})->views, 2);
  EXPECT_EQ(ask<post_row>(role, edit_post{post.id, ada, "x", "y"})->views, 2);
  advance(30min);
  EXPECT_EQ(ask<post_row>(role, show_post{post.id, "u:1"})->views, 3);
}

TEST_F(community_actor_test, views_survive_a_failed_write_and_a_stop) {
  const auto post = write_post(ada);
  ask<post_row>(role, show_post{post.id, "u:1"});
  store->next = commit_status::failed;
  advance(1s);
  EXPECT_EQ(db.queries->find_post(post.id).value()->views, 0);
  EXPECT_EQ(metrics->views_lost.Value(), 1);
  EXPECT_EQ(ask<post_row>(role, show_post{post.id, "u:1"})->views, 1);
  advance(1s);
  EXPECT_EQ(db.queries->find_post(post.id).value()->views, 1);
  ask<post_row>(role, show_post{post.id, "u:2"});
  stop();
  EXPECT_EQ(db.queries->find_post(post.id).value()->views, 2);
  start();
}

TEST_F(community_actor_test, views_of_what_does_not_exist_are_not_counted) {
  EXPECT_EQ(ask<news_row>(role, show_news{news_id{make_uuid(*env)}, "u:1"}).error(),
            (failure{errc::not_found, "News not found"}));
  EXPECT_EQ(ask<post_row>(role, show_post{post_id{make_uuid(*env)}, "u:1"}).error(),
            (failure{errc::not_found, "Post not found"}));
}

TEST_F(community_actor_test, what_could_not_be_stored_is_an_error) {
  store->next = commit_status::failed;
  EXPECT_EQ(ask<post_row>(role, publish_post{ada, artist, "t", "c"}).error().code,
            errc::unavailable);
  store->next = commit_status::unknown;
  const auto doubt = ask<post_row>(role, publish_post{ada, artist, "t", "c"});
  EXPECT_EQ(doubt.error().code, errc::unavailable);
  EXPECT_NE(doubt.error().text, failure{errc::unavailable}.text);
  EXPECT_EQ(roles.grew, 0);
}

TEST_F(community_actor_test, over_the_limit_of_the_day_one_still_writes) {
  options.awards.posts = 1;
  stop();
  start();
  write_post(ada);
  write_post(ada);
  EXPECT_EQ(metrics->over_limit.Value(), 1);
  EXPECT_EQ(ask<post_page>(role, list_posts{})->total, 2);
  EXPECT_EQ(db.events().size(), 1u);
}

} // namespace
} // namespace tiketi::community
