#include "actors/base/environment.hpp"
#include "storage/memory/auth_store.hpp"
#include "storage/sql/auth_store.hpp"
#include "tests/support/test_database.hpp"

#include <gtest/gtest.h>

namespace tiketi::auth {
namespace {

using namespace std::chrono_literals;

constexpr time_point start = from_millis(1'771'754'400'000);

/// A store under test, whatever it is made of.
struct backend {
  virtual ~backend() = default;
  virtual auth_writes& writes() = 0;
  virtual auth_queries& queries() = 0;
};

struct memory_backend final : backend {
  memory::auth_store store;
  std::unique_ptr<auth_queries> reader = store.queries();

  auth_writes& writes() override { return store; }
  auth_queries& queries() override { return *reader; }
};

struct sql_backend final : backend {
  test::test_database stored{"auth"};
  std::shared_ptr<auth_writes> writer;
  std::unique_ptr<auth_queries> reader;

  sql_backend() {
    writer = sql::make_auth_writes(open());
    reader = sql::make_auth_queries(open());
  }

  sql::database open() { return stored.open(); }

  auth_writes& writes() override { return *writer; }
  auth_queries& queries() override { return *reader; }
};

class auth_store_test : public ::testing::TestWithParam<const char*> {
protected:
  auth_store_test() {
    if (std::string_view{GetParam()} == "memory")
      store = std::make_unique<memory_backend>();
    else
      store = std::make_unique<sql_backend>();
  }

  auth_written write(auth_write w) {
    std::vector<auth_write> batch;
    batch.push_back(std::move(w));
    return store->writes().commit(batch).at(0);
  }

  account user(const std::string& email) {
    return {user_id{make_uuid(*env)}, email, "$phc", "Name", "010", "user", start};
  }

  issued_token token(user_id owner, const uuid& family, const std::string& hash, time_point at) {
    return {hash, owner, family, at, at + 1h};
  }

  /// An account with one session whose token has this hash.
  issued_token logged_in(const std::string& hash) {
    auto u = user(hash + "@example.com");
    auto t = token(u.id, make_uuid(*env), hash, start);
    EXPECT_EQ(write({create_account{u, t}}).status, commit_status::committed);
    return t;
  }

  auth_written rotate(const issued_token& from, const std::string& presented,
                      const std::string& next, time_point at) {
    return write({rotate_token{presented, token(from.user, from.family, next, at), {5000ms, 3}}});
  }

  std::unique_ptr<environment> env = make_seeded_environment(3, [] { return start; });
  std::unique_ptr<backend> store;
};

TEST_P(auth_store_test, an_account_is_found_as_it_was_stored) {
  const auto u = user("a@example.com");
  ASSERT_EQ(write({create_account{u, std::nullopt}}).status, commit_status::committed);
  for (const auto& found :
       {store->queries().find_account(u.id), store->queries().find_account("a@example.com")}) {
    ASSERT_TRUE(found);
    ASSERT_TRUE(*found);
    EXPECT_EQ((*found)->id, u.id);
    EXPECT_EQ((*found)->email, u.email);
    EXPECT_EQ((*found)->password_hash, u.password_hash);
    EXPECT_EQ((*found)->name, u.name);
    EXPECT_EQ((*found)->phone, u.phone);
    EXPECT_EQ((*found)->role, u.role);
    EXPECT_EQ((*found)->created_at, u.created_at);
  }
}

TEST_P(auth_store_test, what_is_not_there_is_no_failure) {
  EXPECT_FALSE(store->queries().find_account(user_id{make_uuid(*env)}).value());
  EXPECT_FALSE(store->queries().find_account("nobody@example.com").value());
}

TEST_P(auth_store_test, a_query_sees_what_was_committed_after_the_one_before) {
  EXPECT_FALSE(store->queries().find_account("a@example.com").value());
  const auto u = user("a@example.com");
  write({create_account{u, std::nullopt}});
  EXPECT_TRUE(store->queries().find_account("a@example.com").value());
  const auto v = user("b@example.com");
  write({create_account{v, std::nullopt}});
  EXPECT_TRUE(store->queries().find_account(v.id).value());
}

TEST_P(auth_store_test, a_google_id_has_one_account_and_an_account_one_google_id) {
  const auto plain = user("a@example.com");
  auto born_linked = user("b@example.com");
  born_linked.google_id = "g1";
  born_linked.password_hash.clear();
  ASSERT_EQ(write({create_account{plain, std::nullopt}}).status, commit_status::committed);
  ASSERT_EQ(write({create_account{born_linked, std::nullopt}}).status, commit_status::committed);
  EXPECT_EQ(store->queries().find_google("g1").value()->id, born_linked.id);
  EXPECT_EQ(store->queries().find_google("g1").value()->google_id, "g1");
  EXPECT_FALSE(store->queries().find_google("").value()) << "not everybody who is not linked";
  EXPECT_FALSE(store->queries().find_google("g2").value());

  auto thief = user("c@example.com");
  thief.google_id = "g1";
  EXPECT_EQ(write({create_account{thief, std::nullopt}}).status, commit_status::rejected);

  const auto link = [&](user_id who, const std::string& google, const std::string& hash) {
    return write({link_google{who, google, token(who, make_uuid(*env), hash, start)}}).status;
  };
  EXPECT_EQ(link(plain.id, "g1", "h1"), commit_status::rejected) << "taken";
  EXPECT_TRUE(store->queries().find_account(plain.id).value()->google_id.empty());
  EXPECT_EQ(link(plain.id, "g2", "h2"), commit_status::committed);
  EXPECT_EQ(store->queries().find_google("g2").value()->id, plain.id);
  EXPECT_EQ(link(plain.id, "g3", "h3"), commit_status::rejected) << "linked already";
  EXPECT_EQ(link(user_id{make_uuid(*env)}, "g4", "h4"), commit_status::rejected);
  EXPECT_EQ(store->queries().find_google("g2").value()->google_id, "g2");
}

TEST_P(auth_store_test, linking_opens_a_session_and_a_refused_link_none) {
  const auto u = user("a@example.com");
  ASSERT_EQ(write({create_account{u, std::nullopt}}).status, commit_status::committed);
  const auto good = token(u.id, make_uuid(*env), "good", start);
  const auto bad = token(u.id, make_uuid(*env), "bad", start);
  ASSERT_EQ(write({link_google{u.id, "g", good}}).status, commit_status::committed);
  ASSERT_EQ(write({link_google{u.id, "h", bad}}).status, commit_status::rejected);
  EXPECT_EQ(rotate(good, "good", "good2", start + 1s).verdict, refresh_verdict::rotate);
  EXPECT_EQ(rotate(bad, "bad", "bad2", start + 1s).verdict, refresh_verdict::unknown);
}

TEST_P(auth_store_test, many_accounts_are_found_at_once) {
  std::vector<user_id> ids;
  for (int i = 0; i < 21; ++i) {
    const auto u = user("u" + std::to_string(i) + "@example.com");
    ASSERT_EQ(write({create_account{u, std::nullopt}}).status, commit_status::committed);
    ids.push_back(u.id);
  }
  for (const std::size_t n : {0u, 1u, 7u, 8u, 9u, 16u, 17u, 20u}) {
    std::vector<user_id> wanted(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(n));
    auto asked = wanted;
    asked.insert(asked.end(), wanted.begin(), wanted.end()); // twice
    asked.push_back(user_id{make_uuid(*env)});               // nobody
    std::vector<user_id> found;
    for (const auto& row : store->queries().find_accounts(asked).value())
      found.push_back(row.id);
    std::sort(found.begin(), found.end());
    std::sort(wanted.begin(), wanted.end());
    EXPECT_EQ(found, wanted) << n;
  }
}

TEST_P(auth_store_test, an_email_has_one_account_even_within_a_batch) {
  const auto first = user("a@example.com");
  const auto second = user("a@example.com");
  const auto other = user("b@example.com");
  std::vector<auth_write> batch{
      {create_account{first, token(first.id, make_uuid(*env), "h1", start)}},
      {create_account{second, token(second.id, make_uuid(*env), "h2", start)}},
      {create_account{other, token(other.id, make_uuid(*env), "h3", start)}}};
  const auto written = store->writes().commit(batch);
  ASSERT_EQ(written.size(), 3u);
  EXPECT_EQ(written[0].status, commit_status::committed);
  EXPECT_EQ(written[1].status, commit_status::rejected);
  EXPECT_EQ(written[2].status, commit_status::committed);
  EXPECT_EQ(store->queries().find_account("a@example.com").value()->id, first.id);
  EXPECT_TRUE(store->queries().find_account(other.id).value());
  // Nothing of the refused one is left, its session neither.
  EXPECT_EQ(rotate({"h2", second.id, make_uuid(*env), start, start}, "h2", "x", start).verdict,
            refresh_verdict::unknown);
}

TEST_P(auth_store_test, a_token_rotates_once) {
  const auto t = logged_in("h1");
  const auto first = rotate(t, "h1", "h2", start + 1min);
  EXPECT_EQ(first.status, commit_status::committed);
  EXPECT_EQ(first.verdict, refresh_verdict::rotate);
  EXPECT_EQ(rotate(t, "h2", "h3", start + 2min).verdict, refresh_verdict::rotate);
}

TEST_P(auth_store_test, of_two_in_one_batch_one_rotates_and_one_is_a_sibling) {
  const auto t = logged_in("h1");
  std::vector<auth_write> batch{
      {rotate_token{"h1", token(t.user, t.family, "h2", start + 1min), {5000ms, 3}}},
      {rotate_token{"h1", token(t.user, t.family, "h3", start + 1min), {5000ms, 3}}}};
  const auto written = store->writes().commit(batch);
  EXPECT_EQ(written[0].verdict, refresh_verdict::rotate);
  EXPECT_EQ(written[1].verdict, refresh_verdict::sibling);
  // Both pairs work.
  EXPECT_EQ(rotate(t, "h2", "h4", start + 2min).verdict, refresh_verdict::rotate);
  EXPECT_EQ(rotate(t, "h3", "h5", start + 2min).verdict, refresh_verdict::rotate);
}

TEST_P(auth_store_test, reuse_ends_the_family_and_that_is_committed) {
  const auto t = logged_in("h1");
  const auto other = logged_in("o1");
  rotate(t, "h1", "h2", start + 1min);
  const auto reuse = rotate(t, "h1", "h3", start + 2min);
  EXPECT_EQ(reuse.status, commit_status::committed);
  EXPECT_EQ(reuse.verdict, refresh_verdict::reuse);
  EXPECT_EQ(reuse.rows, 1);
  EXPECT_EQ(rotate(t, "h2", "h4", start + 2min).verdict, refresh_verdict::reuse)
      << "the newest token of the family is worth nothing now";
  EXPECT_EQ(rotate(t, "h3", "h5", start + 2min).verdict, refresh_verdict::unknown)
      << "the one asked for was never stored";
  EXPECT_EQ(rotate(other, "o1", "o2", start + 2min).verdict, refresh_verdict::rotate)
      << "other sessions go on";
}

TEST_P(auth_store_test, siblings_have_a_bound) {
  const auto t = logged_in("h1");
  EXPECT_EQ(rotate(t, "h1", "r", start + 1s).verdict, refresh_verdict::rotate);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(rotate(t, "h1", "s" + std::to_string(i), start + 2s).verdict,
              refresh_verdict::sibling);
  EXPECT_EQ(rotate(t, "h1", "s3", start + 2s).verdict, refresh_verdict::reuse);
}

TEST_P(auth_store_test, unknown_and_expired_tokens_write_nothing) {
  const auto t = logged_in("h1");
  const auto unknown = rotate(t, "nope", "h2", start);
  EXPECT_EQ(unknown.status, commit_status::rejected);
  EXPECT_EQ(unknown.verdict, refresh_verdict::unknown);
  const auto expired = rotate(t, "h1", "h2", start + 1h);
  EXPECT_EQ(expired.status, commit_status::rejected);
  EXPECT_EQ(expired.verdict, refresh_verdict::expired);
  EXPECT_EQ(rotate(t, "h2", "h3", start).verdict, refresh_verdict::unknown);
  EXPECT_EQ(rotate(t, "h1", "h4", start).verdict, refresh_verdict::rotate);
}

TEST_P(auth_store_test, a_token_belongs_to_its_family) {
  const auto a = logged_in("a1");
  const auto b = logged_in("b1");
  EXPECT_EQ(rotate(b, "a1", "x", start).verdict, refresh_verdict::unknown);
  EXPECT_EQ(rotate(a, "a1", "x", start).verdict, refresh_verdict::rotate);
}

TEST_P(auth_store_test, logout_ends_all_sessions_of_the_user) {
  const auto t = logged_in("h1");
  const auto second = token(t.user, make_uuid(*env), "h2", start);
  ASSERT_EQ(write({open_session{second}}).status, commit_status::committed);
  const auto other = logged_in("o1");
  const auto ended = write({revoke_sessions{t.user, t.family, start + 1s}});
  EXPECT_EQ(ended.status, commit_status::committed);
  EXPECT_EQ(ended.rows, 2);
  EXPECT_EQ(rotate(t, "h1", "x", start + 2s).verdict, refresh_verdict::reuse);
  EXPECT_EQ(rotate(second, "h2", "y", start + 2s).verdict, refresh_verdict::reuse);
  EXPECT_EQ(rotate(other, "o1", "z", start + 2s).verdict, refresh_verdict::rotate);
  EXPECT_EQ(write({revoke_sessions{t.user, t.family, start + 3s}}).rows, 0) << "once is enough";
}

TEST_P(auth_store_test, logout_by_family_ends_one_session) {
  const auto t = logged_in("h1");
  const auto second = token(t.user, make_uuid(*env), "h2", start);
  write({open_session{second}});
  EXPECT_EQ(write({revoke_sessions{std::nullopt, t.family, start}}).rows, 1);
  EXPECT_EQ(rotate(t, "h1", "x", start).verdict, refresh_verdict::reuse);
  EXPECT_EQ(rotate(second, "h2", "y", start).verdict, refresh_verdict::rotate);
}

TEST_P(auth_store_test, purge_takes_only_what_expired_and_not_more_than_asked) {
  for (int i = 0; i < 5; ++i)
    logged_in("old" + std::to_string(i));
  auto t = logged_in("h1");
  ASSERT_EQ(rotate(t, "h1", "h2", start + 30min).verdict, refresh_verdict::rotate);
  EXPECT_EQ(write({purge_expired{start + 1h, 100}}).rows, 0) << "not before the moment of expiry";
  const auto at = start + 1h + 1ms;
  auto gone = write({purge_expired{at, 2}}).rows;
  EXPECT_GE(gone, 2);
  EXPECT_LE(gone, 4);
  for (int i = 0; i < 10; ++i)
    write({purge_expired{at, 2}});
  EXPECT_EQ(write({purge_expired{at, 2}}).rows, 0);
  EXPECT_EQ(rotate(t, "h2", "h3", start + 31min).verdict, refresh_verdict::rotate)
      << "a session lives as long as its newest token";
  EXPECT_EQ(rotate(t, "h1", "h4", start + 31min).verdict, refresh_verdict::unknown);
}

TEST_P(auth_store_test, a_session_needs_an_account) {
  const auto u = user("a@example.com");
  std::vector<auth_write> batch{
      {open_session{token(user_id{make_uuid(*env)}, make_uuid(*env), "h1", start)}},
      {create_account{u, std::nullopt}}};
  const auto written = store->writes().commit(batch);
  EXPECT_EQ(written[0].status, commit_status::failed);
  EXPECT_EQ(written[1].status, commit_status::committed) << "one bad command spoils no other";
  EXPECT_TRUE(store->queries().find_account(u.id).value());
}

INSTANTIATE_TEST_SUITE_P(backends, auth_store_test, ::testing::Values("memory", "sql"),
                         [](const auto& x) { return std::string{x.param}; });

} // namespace
} // namespace tiketi::auth
