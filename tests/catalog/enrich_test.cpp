// Looking up artists at a server that is really there, on a port of this machine.

#include "actors/catalog/catalog_actor.hpp"
#include "actors/catalog/enrich.hpp"
#include "actors/catalog/name_id.hpp"
#include "actors/remote/role.hpp"
#include "actors/system/actor_config.hpp"
#include "net/client/curl_transport.hpp"
#include "storage/files/image_store.hpp"
#include "storage/sql/catalog_admin_store.hpp"
#include "storage/sql/catalog_store.hpp"
#include "tests/storage/temporary_folder.hpp"
#include "tests/support/local_server.hpp"

#include <mutex>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <gtest/gtest.h>
#include <prometheus/registry.h>

namespace tiketi::catalog {
namespace {

using namespace std::chrono_literals;
using test::local_reply;
using test::local_request;

std::string png() {
  std::string out{"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16};
  out.resize(500, 'x');
  return out;
}

class enrich_test : public ::testing::Test {
protected:
  void SetUp() override {
    auto db = open();
    ASSERT_TRUE(sql::migrate(db, sql::migrations_of("catalog")));
    writer_ = sys.spawn(tiketi::writer<catalog_write, catalog_written>,
                        std::shared_ptr<commit_target<catalog_write, catalog_written>>(
                            sql::make_catalog_target(std::move(db), *env)),
                        writer_options{}, batch_observer{});
    readers_ = {sys.spawn(reader, env.get(),
                          std::shared_ptr<catalog_queries>{sql::make_catalog_queries(open())})};
    catalog_ =
        sys.spawn(catalog, env.get(), std::make_shared<catalog_metrics>(registry),
                  catalog_options{}, writer_, readers_, ticket::reader_actor{}, relay_actor{});
    images_ = start_images(sys, *files::open_image_store(folder.file("images"), {}, *env), false);
    transport_ = net::make_curl_transport({});
    remote_ =
        remote::start_remote(sys, *env, registry, {}, transport_, {std::string{enrich_target}});
    options.client_id = "id";
    options.client_secret = "secret";
    options.accounts_url = server.url();
    options.api_url = server.url();
    options.image_prefix = server.url() + "/images/";
    options.pause = 1ms;
  }

  void TearDown() override {
    stop(role_);
    remote::stop_remote(remote_);
    transport_->shutdown();
    for (auto& a : {caf::actor_cast<caf::actor>(catalog_), caf::actor_cast<caf::actor>(images_),
                    caf::actor_cast<caf::actor>(writer_), caf::actor_cast<caf::actor>(readers_[0])})
      caf::anon_send_exit(a, caf::exit_reason::user_shutdown);
    readers_.clear();
    catalog_ = nullptr;
    writer_ = nullptr;
    images_ = nullptr;
    remote_ = nullptr;
  }

  sql::database open() {
    sql::database_options o;
    o.target = folder.file("catalog.db");
    o.durable = sql::durability::normal;
    return sql::database::open(o).value();
  }

  void add(const std::string& name, std::optional<std::string> image_url = {}) {
    artist_row row;
    row.id = id(name);
    row.name = name;
    row.image_url = std::move(image_url);
    caf::scoped_actor self{sys};
    self->request(catalog_, 5s, catalog_write{put_artist{row}, {}})
        .receive([](const catalog_written&) {},
                 [](const caf::error& e) { FAIL() << to_failure(e).text; });
  }

  static artist_id id(const std::string& name) { return artist_id{name_based_uuid({}, name)}; }

  artist_row stored(const std::string& name) {
    return **sql::make_catalog_admin_queries(open())->artist(id(name));
  }

  result<artists_enriched> run() {
    if (!role_.enrich)
      role_ = start_enrich(sys, *env, options,
                           {.catalog = catalog_,
                            .queries = sql::make_catalog_admin_queries(open()),
                            .images = images_,
                            .remote = remote_});
    result<artists_enriched> out = failure{errc::timeout};
    caf::scoped_actor self{sys};
    self->request(role_.enrich, 20s, enrich_artists{{user_id{make_uuid(*env)}, "192.0.2.1"}})
        .receive([&](artists_enriched& e) { out = std::move(e); },
                 [&](const caf::error& e) { out = to_failure(e); });
    return out;
  }

  /// The service: a token, one artist per search, images; and what goes wrong with it.
  local_reply answer(const local_request& rq) {
    const std::lock_guard lock{mutex};
    calls.push_back(rq.target);
    local_reply out;
    if (rq.target == "/api/token") {
      const bool known = rq.headers.at("authorization") == "Basic aWQ6c2VjcmV0"
                         && rq.body == "grant_type=client_credentials";
      out.status = known ? token_status : 400;
      out.body = R"({"access_token":"t0k3n"})";
    } else if (rq.target.starts_with("/v1/search")) {
      out.status = rq.headers.at("authorization") == "Bearer t0k3n" ? search_status : 401;
      out.body = search_body;
    } else {
      out.body = image;
    }
    return out;
  }

  std::size_t asked(const std::string& start) {
    const std::lock_guard lock{mutex};
    return static_cast<std::size_t>(std::count_if(
        calls.begin(), calls.end(), [&](const auto& c) { return c.starts_with(start); }));
  }

  std::string found(const std::string& url) const {
    return R"({"artists":{"items":[{"name":"x","genres":["k-pop","rock"],"images":[{"url":")" + url
           + R"(","width":640}]}]}})";
  }

  test::temporary_folder folder;
  std::mutex mutex;
  std::vector<std::string> calls;
  int token_status = 200;
  int search_status = 200;
  std::string search_body = "{}";
  std::string image = png();
  test::local_server server{[this](const local_request& rq) { return answer(rq); }};
  std::unique_ptr<environment> env = make_system_environment();
  prometheus::Registry registry;
  actor_config config;
  std::shared_ptr<remote::transport> transport_;
  caf::actor_system sys{config};
  enrich_options options;
  catalog_writer writer_;
  std::vector<reader_actor> readers_;
  catalog_actor catalog_;
  image_actor images_;
  remote::client_actor remote_;
  enrich_role role_;
};

TEST_F(enrich_test, without_an_account_nobody_is_asked) {
  add("A");
  options.client_secret.clear();
  const auto done = run();
  ASSERT_TRUE(done);
  EXPECT_EQ(done->message, "Spotify credentials not configured");
  EXPECT_EQ(done->enriched, 0);
  EXPECT_LT(done->total, 0);
  EXPECT_TRUE(calls.empty());
}

TEST_F(enrich_test, artists_get_genres_and_an_image_of_our_own) {
  add("방탄 & co");
  add("B");
  add("Has one", "/mine.png");
  search_body = found(server.url() + "/images/a");
  const auto done = run();
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(done->message, "Artist enrichment complete");
  EXPECT_EQ(done->enriched, 2);
  EXPECT_EQ(done->total, 2);
  const auto a = stored("방탄 & co");
  EXPECT_EQ(a.description, "k-pop, rock");
  ASSERT_TRUE(a.image_url);
  EXPECT_TRUE(a.image_url->starts_with("/api/image/files/")) << *a.image_url;
  EXPECT_TRUE(type_of_name(a.image_url->substr(a.image_url->rfind('/') + 1)));
  EXPECT_EQ(stored("Has one").image_url, "/mine.png");
  EXPECT_EQ(asked("/v1/search?type=artist&limit=1&q=%EB%B0%A9%ED%83%84%20%26%20co"), 1u);
  EXPECT_EQ(run()->total, 0) << "nothing is left";
}

TEST_F(enrich_test, images_come_from_one_place_and_are_images) {
  add("A");
  search_body = found("http://127.0.0.1:1/elsewhere");
  auto done = run();
  ASSERT_TRUE(done);
  EXPECT_EQ(done->enriched, 0);
  EXPECT_FALSE(stored("A").image_url);
  EXPECT_EQ(stored("A").description, "k-pop, rock");
  search_body = found(server.url() + "/images/a");
  image = "<html>" + std::string(500, ' ');
  done = run();
  EXPECT_EQ(done->enriched, 0);
  EXPECT_FALSE(stored("A").image_url) << "left null";
}

TEST_F(enrich_test, a_refused_login_is_told_without_the_secret) {
  add("A");
  token_status = 401;
  const auto done = run();
  ASSERT_TRUE(done);
  EXPECT_EQ(done->message, "Spotify authentication failed: status 401");
  EXPECT_EQ(asked("/v1"), 0u);
}

TEST_F(enrich_test, too_many_calls_end_it_and_the_next_one_goes_on) {
  add("A");
  add("B");
  search_status = 429;
  auto done = run();
  ASSERT_TRUE(done);
  EXPECT_EQ(done->enriched, 0);
  EXPECT_EQ(done->total, 2);
  search_status = 200;
  search_body = found(server.url() + "/images/a");
  done = run();
  EXPECT_EQ(done->enriched, 2);
}

TEST(read_search_test, whatever_comes_is_read_or_nothing) {
  for (const char* body : {"", "{", "[]", "null", R"({"artists":5})", R"({"artists":{"items":{}}})",
                           R"({"artists":{"items":[]}})", R"({"artists":{"items":[5]}})",
                           R"({"artists":{"items":[{"images":[{"url":7}],"genres":[1,null]}]}})"}) {
    const auto read = read_search(body);
    EXPECT_TRUE(read.image_url.empty() && read.description.empty()) << body;
  }
  EXPECT_EQ(url_encoded("a b&c=d/é~"), "a%20b%26c%3Dd%2F%C3%A9~");
}

} // namespace
} // namespace tiketi::catalog
