// The running program: the pages for news and community as the web client calls them.

#include "tests/sale/sale_client.hpp"
#include "tests/support/stored_rows.hpp"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

namespace tiketi::test {
namespace {

using nlohmann::json;

class community_program_test : public ::testing::Test {
protected:
  static void SetUpTestSuite() {
    data = new temp_dir;
    server_process::options o;
    o.data = data->path();
    o.arguments = load_arguments();
    server = new server_process{o};
    ASSERT_TRUE(server->start()) << server->log_tail();
  }

  static void TearDownTestSuite() {
    if (server != nullptr) {
      EXPECT_EQ(server->stop(), 0) << server->log_tail();
    }
    delete server;
    delete data;
  }

  http_reply call(const char* method, const std::string& path, const json& body = nullptr) {
    return client.send(method, "/api/v1" + path, body.is_null() ? "" : body.dump());
  }

  void log_in(const char* email, const char* password) {
    client.common.clear();
    const auto reply = call("POST", "/auth/login", {{"email", email}, {"password", password}});
    ASSERT_EQ(reply.status, 200) << reply.body;
    client.common = {{"Authorization", "Bearer " + reply.json()["token"].get<std::string>()}};
  }

  static void expect_fields(const json& row, std::initializer_list<const char*> names) {
    for (const auto* name : names)
      EXPECT_TRUE(row.contains(name)) << name << " is missing: " << row.dump();
  }

  http_client client{server->port()};

  inline static temp_dir* data = nullptr;
  inline static server_process* server = nullptr;
};

TEST_F(community_program_test, news_pages) {
  const auto listed = call("GET", "/news");
  ASSERT_EQ(listed.status, 200) << listed.body;
  const auto news = listed.json()["news"];
  ASSERT_GE(news.size(), 3u) << "the demo articles";
  for (const auto& row : news) {
    expect_fields(row, {"id", "title", "content", "author", "views", "is_pinned", "created_at"});
    EXPECT_EQ(row["title"].get<std::string>().find("공지사항"), std::string::npos);
  }
  const auto first = "/news/" + news.back()["id"].get<std::string>();
  const auto shown = call("GET", first).json()["news"];
  EXPECT_EQ(shown["views"].get<int>(), news.back()["views"].get<int>() + 1);
  EXPECT_TRUE(shown.contains("author_id"));

  log_in("demo@tiketi.local", "demo-password");
  const auto refused = call("POST", "/news", {{"title", "t"}, {"content", "c"}, {"author", "d"}});
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.json()["message"], "Admin role required");

  log_in("admin@tiketi.local", "admin-password");
  const auto made = call("POST", "/news",
                         {{"title", "오늘의 소식"},
                          {"content", "내용"},
                          {"author", "someone"},
                          {"author_id", nullptr},
                          {"is_pinned", true}});
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.json()["news"]["author"], "Admin");
  const auto path = "/news/" + made.json()["news"]["id"].get<std::string>();
  EXPECT_EQ(call("GET", "/news").json()["news"][0]["title"], "오늘의 소식") << "pinned";
  const auto edited =
      call("PUT", path, {{"title", "고친 소식"}, {"content", "내용"}, {"is_pinned", false}});
  EXPECT_EQ(edited.status, 200) << edited.body;
  EXPECT_EQ(edited.json()["news"]["is_pinned"], false);
  EXPECT_EQ(call("DELETE", path).status, 200);
  EXPECT_EQ(call("GET", path).status, 404);
}

TEST_F(community_program_test, board_pages) {
  const auto artists = call("GET", "/artists?page=1&limit=50").json()["artists"];
  ASSERT_FALSE(artists.empty());
  const auto artist = artists[0]["id"].get<std::string>();
  const json draft{{"title", "첫 글"}, {"content", "안녕하세요"}, {"artist_id", artist}};
  EXPECT_EQ(call("POST", "/community/posts", draft).status, 401);
  log_in("demo@tiketi.local", "demo-password");
  // Of a member; what the person writes counts.
  const auto joined = call("POST", "/memberships/subscribe", {{"artistId", artist}});
  ASSERT_EQ(joined.status, 201) << joined.body;
  const auto paid = call("POST", "/payments/process",
                         {{"paymentMethod", "naver_pay"},
                          {"paymentType", "membership"},
                          {"referenceId", joined.json()["membershipId"]}});
  ASSERT_EQ(paid.status, 200) << paid.body;
  const auto standing = [&] { return call("GET", "/memberships/my/" + artist).json(); };
  const auto expect_points = [&](int points) {
    const auto now = [&] { return standing()["membership"]["points"].get<int>(); };
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{15};
    while (now() != points && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    EXPECT_EQ(now(), points);
  };
  expect_points(200);
  auto nobody = draft;
  nobody["artist_id"] = "00000000-0000-0000-0000-000000000001";
  EXPECT_EQ(call("POST", "/community/posts", nobody).status, 404);
  const auto made = call("POST", "/community/posts", draft);
  ASSERT_EQ(made.status, 201) << made.body;
  const auto id = made.json()["post"]["id"].get<std::string>();

  const auto board = call("GET", "/community/posts?page=1&limit=20&artistId=" + artist).json();
  ASSERT_EQ(board["posts"].size(), 1u);
  expect_fields(board["posts"][0], {"id", "artist_id", "title", "author_name", "views",
                                    "comment_count", "is_pinned", "created_at"});
  EXPECT_EQ(board["pagination"]["totalPages"], 1);

  const auto path = "/community/posts/" + id;
  const auto comment = call("POST", path + "/comments", {{"content", "반가워요"}});
  ASSERT_EQ(comment.status, 201) << comment.body;
  expect_fields(comment.json()["comment"],
                {"id", "author_id", "author_name", "content", "created_at"});
  expect_points(240); // 30 for a post, 10 for a comment
  const auto history = standing()["pointHistory"];
  ASSERT_EQ(history.size(), 3u);
  for (const auto& entry : history) {
    expect_fields(entry, {"id", "action_type", "points", "description", "reference_id"});
    if (entry["action_type"] == "COMMUNITY_POST") {
      EXPECT_EQ(entry["points"], 30);
      EXPECT_EQ(entry["reference_id"], id);
    }
  }
  const auto shown = call("GET", path).json()["post"];
  expect_fields(shown, {"artist_id", "author_id", "author_name", "title", "content", "views",
                        "comment_count", "is_pinned", "created_at"});
  EXPECT_EQ(shown["comment_count"], 1);
  EXPECT_EQ(shown["author_name"], "Demo");
  const auto comments = call("GET", path + "/comments?page=1&limit=100").json();
  ASSERT_EQ(comments["comments"].size(), 1u);
  EXPECT_EQ(call("PUT", path, {{"title", "고침"}, {"content", "고침"}}).status, 200);
  EXPECT_EQ(
      call("DELETE", path + "/comments/" + comments["comments"][0]["id"].get<std::string>()).status,
      200);
  EXPECT_EQ(call("DELETE", path).status, 200);
  EXPECT_EQ(call("GET", path).status, 404);

  expect_points(200); // deleting takes back what writing brought
  std::int64_t sum = 0;
  const auto all = standing()["pointHistory"];
  for (const auto& entry : all)
    sum += entry["points"].get<std::int64_t>();
  EXPECT_EQ(sum, 200);
  EXPECT_EQ(all.size(), 5u);
  // Each was told once and applied once.
  const auto file = data->path() / "ticket.db";
  EXPECT_EQ(stored_number(file, "SELECT count(*) FROM dead_events"), 0);
  EXPECT_EQ(stored_number(data->path() / "community.db", "SELECT count(*) FROM dead_events"), 0);
}

} // namespace
} // namespace tiketi::test
