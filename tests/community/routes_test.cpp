#include "net/routes/community.hpp"
#include "tests/community/community_fixture.hpp"
#include "tests/support/fake_exchange.hpp"

namespace tiketi::net {
namespace {

using nlohmann::json;

class community_routes_test : public test::community_test {
protected:
  void SetUp() override {
    community_test::SetUp();
    add_community_routes(routes, {role});
    caller = std::make_unique<test::route_caller>(sys, *env, routes, [this] { sched.run(); });
    user = identity{ada, "ada@example.com", "user"};
    other = identity{bob, "bob@example.com", "user"};
    admin = identity{add_user("Root"), "root@example.com", "admin"};
  }

  void TearDown() override {
    caller.reset();
    community_test::TearDown();
  }

  test::fake_exchange_ptr call(verb method, const std::string& path, const json& body = nullptr,
                               std::optional<identity> who = std::nullopt) {
    request r;
    r.method = method;
    const auto question = path.find('?');
    r.path = path.substr(0, question);
    if (question != std::string::npos) {
      auto rest = path.substr(question + 1);
      while (!rest.empty()) {
        const auto end = std::min(rest.find('&'), rest.size());
        const auto pair = rest.substr(0, end);
        rest = end == rest.size() ? std::string{} : rest.substr(end + 1);
        const auto equals = pair.find('=');
        r.query.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
      }
    }
    r.body = body.is_null() ? std::string{} : body.dump();
    r.peer = "192.0.2.1";
    r.who = std::move(who);
    auto x = caller->call(std::move(r));
    EXPECT_EQ(x->replies(), 1u) << path;
    return x;
  }

  std::string make_post() {
    const auto x = call(verb::post, "/api/community/posts",
                        {{"title", "t"}, {"content", "c"}, {"artist_id", to_string(artist)}}, user);
    EXPECT_EQ(x->status(), 201);
    auto body = x->json();
    return body["post"]["id"];
  }

  router routes;
  std::unique_ptr<test::route_caller> caller;
  std::optional<identity> user;
  std::optional<identity> other;
  std::optional<identity> admin;
};

TEST_F(community_routes_test, news_rows_have_exactly_these_fields) {
  const auto made = call(verb::post, "/api/news",
                         {{"title", "큰 소식"},
                          {"content", "line\nline"},
                          {"author", "Somebody Else"},
                          {"author_id", "00000000-0000-0000-0000-000000000001"},
                          {"is_pinned", true}},
                         admin);
  ASSERT_EQ(made->status(), 201);
  const auto row = made->json()["news"];
  const json expected{{"id", row["id"]},
                      {"title", "큰 소식"},
                      {"content", "line\nline"},
                      {"author", "Root"},
                      {"author_id", to_string(admin->user)},
                      {"views", 0},
                      {"is_pinned", true},
                      {"created_at", "2026-02-22T10:00:00.000Z"},
                      {"updated_at", "2026-02-22T10:00:00.000Z"}};
  EXPECT_EQ(row, expected);
  const auto listed = call(verb::get, "/api/news")->json();
  EXPECT_EQ(listed,
            (json{{"news", {expected}},
                  {"pagination", {{"page", 1}, {"limit", 20}, {"total", 1}, {"totalPages", 1}}}}));
  const auto path = "/api/news/" + row["id"].get<std::string>();
  EXPECT_EQ(call(verb::get, path)->json()["news"]["views"], 1);
  EXPECT_EQ(call(verb::get, path)->json()["news"]["views"], 1) << "the same address";
  EXPECT_EQ(call(verb::get, path, nullptr, user)->json()["news"]["views"], 2);
  const auto edited = call(verb::put, path, {{"title", "x"}, {"content", "y"}}, admin);
  EXPECT_EQ(edited->status(), 200);
  EXPECT_EQ(edited->json()["news"]["title"], "x");
  EXPECT_EQ(edited->json()["news"]["is_pinned"], true);
  EXPECT_EQ(call(verb::del, path, nullptr, admin)->json(),
            (json{{"message", "News deleted successfully"}}));
  EXPECT_EQ(call(verb::get, path)->status(), 404);
  EXPECT_EQ(call(verb::del, path, nullptr, admin)->json()["error"], "News not found");
}

TEST_F(community_routes_test, news_is_for_administrators) {
  for (const auto& [method, path] :
       {std::pair{verb::post, "/api/news"},
        std::pair{verb::put, "/api/news/00000000-0000-0000-0000-000000000001"},
        std::pair{verb::del, "/api/news/00000000-0000-0000-0000-000000000001"}}) {
    EXPECT_EQ(call(method, path)->status(), 401) << path;
    const auto refused = call(method, path, nullptr, user);
    EXPECT_EQ(refused->status(), 403) << path;
    EXPECT_EQ(refused->json()["message"], "Admin role required");
  }
  const auto mine = call(verb::post, "/api/news", {{"title", "t"}, {"content", "c"}}, admin);
  auto colleague = *admin;
  colleague.user = add_user("Second");
  const auto path = "/api/news/" + mine->json()["news"]["id"].get<std::string>();
  const auto foreign = call(verb::put, path, {{"title", "x"}, {"content", "y"}}, colleague);
  EXPECT_EQ(foreign->status(), 403);
  EXPECT_EQ(foreign->json()["error"], "Only the author can edit this news");
  EXPECT_EQ(call(verb::del, path, nullptr, colleague)->status(), 200);
}

TEST_F(community_routes_test, posts_and_comments) {
  const auto id = make_post();
  const auto path = "/api/community/posts/" + id;
  const auto post = call(verb::get, path)->json()["post"];
  const json expected{{"id", id},
                      {"artist_id", to_string(artist)},
                      {"author_id", to_string(ada)},
                      {"author_name", "Ada"},
                      {"title", "t"},
                      {"content", "c"},
                      {"views", 1},
                      {"comment_count", 0},
                      {"is_pinned", false},
                      {"created_at", "2026-02-22T10:00:00.000Z"},
                      {"updated_at", "2026-02-22T10:00:00.000Z"}};
  EXPECT_EQ(post, expected);
  auto item = expected;
  item.erase("content");
  EXPECT_EQ(call(verb::get, "/api/community/posts?artistId=" + to_string(artist))->json(),
            (json{{"posts", {item}},
                  {"pagination", {{"page", 1}, {"limit", 20}, {"total", 1}, {"totalPages", 1}}}}));
  EXPECT_TRUE(call(verb::get, "/api/community/posts?artistId=00000000-0000-0000-0000-000000000001")
                  ->json()["posts"]
                  .empty());

  const auto commented = call(verb::post, path + "/comments", {{"content", "nice"}}, other);
  ASSERT_EQ(commented->status(), 201);
  const auto comment = commented->json()["comment"];
  EXPECT_EQ(comment, (json{{"id", comment["id"]},
                           {"post_id", id},
                           {"author_id", to_string(bob)},
                           {"author_name", "Bob"},
                           {"content", "nice"},
                           {"created_at", "2026-02-22T10:00:00.000Z"}}));
  EXPECT_EQ(call(verb::get, path + "/comments?page=1&limit=100")->json(),
            (json{{"comments", {comment}},
                  {"pagination", {{"page", 1}, {"limit", 100}, {"total", 1}, {"totalPages", 1}}}}));
  EXPECT_EQ(call(verb::get, path)->json()["post"]["comment_count"], 1);

  const auto elsewhere = make_post();
  const auto comment_id = comment["id"].get<std::string>();
  const auto wrong = call(
      verb::del, "/api/community/posts/" + elsewhere + "/comments/" + comment_id, nullptr, other);
  EXPECT_EQ(wrong->status(), 404);
  EXPECT_EQ(wrong->json()["error"], "Comment not found");
  const auto foreign = call(verb::del, path + "/comments/" + comment_id, nullptr, user);
  EXPECT_EQ(foreign->status(), 403);
  EXPECT_EQ(foreign->json()["error"], "No permission to delete this comment");
  EXPECT_EQ(call(verb::del, path + "/comments/" + comment_id, nullptr, admin)->json(),
            (json{{"message", "Comment deleted successfully"}}));

  EXPECT_EQ(call(verb::put, path, {{"title", "x"}, {"content", "y"}}, admin)->json()["error"],
            "Only the author can edit this post");
  EXPECT_EQ(
      call(verb::put, path, {{"title", "x"}, {"content", "y"}}, user)->json()["post"]["title"],
      "x");
  EXPECT_EQ(call(verb::del, path, nullptr, other)->json()["error"],
            "No permission to delete this post");
  EXPECT_EQ(call(verb::del, path, nullptr, user)->json(),
            (json{{"message", "Post deleted successfully"}}));
  EXPECT_EQ(call(verb::get, path)->json()["error"], "Post not found");
  EXPECT_EQ(call(verb::post, path + "/comments", {{"content", "late"}}, other)->status(), 404);
  EXPECT_TRUE(call(verb::get, path + "/comments")->json()["comments"].empty());
}

TEST_F(community_routes_test, writing_needs_a_user_before_anything_is_looked_at) {
  const std::string post = "/api/community/posts/not-an-id";
  EXPECT_EQ(call(verb::post, "/api/community/posts", {{"junk", 1}})->status(), 401);
  EXPECT_EQ(call(verb::put, post)->status(), 401);
  EXPECT_EQ(call(verb::del, post)->status(), 401);
  EXPECT_EQ(call(verb::post, post + "/comments")->status(), 401);
  EXPECT_EQ(call(verb::del, post + "/comments/x")->status(), 401);
}

TEST_F(community_routes_test, bad_input_is_400_with_every_field) {
  const std::string posts = "/api/community/posts";
  const auto nothing = call(verb::post, posts, json::object(), user);
  EXPECT_EQ(nothing->status(), 400);
  EXPECT_EQ(nothing->json()["fields"].size(), 3u);
  EXPECT_EQ(nothing->json()["error"], nothing->json()["message"]);
  const auto artist_text = to_string(artist);
  for (const auto& body : std::vector<json>{
           {{"title", std::string(256, 'x')}, {"content", "c"}, {"artist_id", artist_text}},
           {{"title", " "}, {"content", "c"}, {"artist_id", artist_text}},
           {{"title", "t"}, {"content", ""}, {"artist_id", artist_text}},
           {{"title", "t"}, {"content", std::string(50'001, 'x')}, {"artist_id", artist_text}},
           {{"title", 7}, {"content", "c"}, {"artist_id", artist_text}},
           {{"title", "t"}, {"content", "c"}, {"artist_id", "x"}},
           {{"title", std::string("a\0b", 3)}, {"content", "c"}, {"artist_id", artist_text}}})
    EXPECT_EQ(call(verb::post, posts, body, user)->status(), 400) << body.dump().substr(0, 80);
  EXPECT_EQ(
      call(
          verb::post, posts,
          {{"title", "t"}, {"content", "c"}, {"artist_id", "00000000-0000-0000-0000-000000000001"}},
          user)
          ->json()["error"],
      "Artist not found");
  EXPECT_EQ(
      call(verb::post, "/api/news", {{"title", "t"}, {"content", "c"}, {"is_pinned", "yes"}}, admin)
          ->json()["fields"][0]["field"],
      "is_pinned");
  for (const std::string path :
       {"/api/news/x", "/api/community/posts/x", "/api/community/posts/x/comments",
        "/api/community/posts?artistId=x", "/api/news?page=one", "/api/community/posts?limit=x"})
    EXPECT_EQ(call(verb::get, path)->status(), 400) << path;
  const auto id = make_post();
  EXPECT_EQ(
      call(verb::post, posts + "/" + id + "/comments", {{"content", std::string(5001, 'x')}}, user)
          ->status(),
      400);
  // Characters are counted, not bytes.
  std::string korean;
  for (int i = 0; i < 255; ++i)
    korean += "글";
  EXPECT_EQ(call(verb::post, posts,
                 {{"title", korean}, {"content", "c"}, {"artist_id", artist_text}}, user)
                ->status(),
            201);
}

TEST_F(community_routes_test, page_and_limit_fall_back_as_the_contract_says) {
  make_post();
  make_post();
  for (const auto& [query, page, limit] : std::vector<std::tuple<std::string, int, int>>{
           {"", 1, 20},
           {"?page=0&limit=0", 1, 20},
           {"?page=-3&limit=-1", 1, 20},
           {"?page=2&limit=1", 2, 1},
           {"?limit=5000", 1, 100},
           {"?page=&limit=", 1, 20},
           {"?page=99999999999999999999&limit=1", 1'000'000, 1}}) {
    auto body = call(verb::get, "/api/community/posts" + query)->json();
    EXPECT_EQ(body["pagination"]["page"], page) << query;
    EXPECT_EQ(body["pagination"]["limit"], limit) << query;
    EXPECT_EQ(body["pagination"]["total"], 2) << query;
    EXPECT_EQ(body["pagination"]["totalPages"], limit == 1 ? 2 : 1) << query;
  }
}

} // namespace
} // namespace tiketi::net
