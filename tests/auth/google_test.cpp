#include "actors/auth/google.hpp"
#include "actors/remote/role.hpp"
#include "net/client/curl_transport.hpp"
#include "net/routes/auth.hpp"
#include "tests/auth/auth_fixture.hpp"
#include "tests/auth/google_keys.hpp"
#include "tests/support/fake_exchange.hpp"
#include "tests/support/local_server.hpp"
#include "tests/support/paced_transport.hpp"

#include <mutex>

namespace tiketi::auth {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using test::signing_key;
using advice = key_set::advice;

constexpr time_point t0 = from_millis(1'771'754'400'000);

const signing_key& first_key() {
  static const signing_key key{"k1"};
  return key;
}

const signing_key& second_key() {
  static const signing_key key{"k2"};
  return key;
}

json claims(time_point now = t0) {
  const auto second = to_millis(now) / 1000;
  return {
      {"iss", "https://accounts.google.com"}, {"aud", "our-client"},    {"sub", "1234567890"},
      {"email", "Ada@Example.com"},           {"email_verified", true}, {"name", "Ada Lovelace"},
      {"picture", "https://lh3.example/ada"}, {"iat", second},          {"exp", second + 3600}};
}

json key_document(std::vector<const signing_key*> keys) {
  auto list = json::array();
  for (const auto* k : keys)
    list.push_back(k->jwk());
  return {{"keys", list}};
}

rsa_key public_key(const signing_key& key) {
  return parse_key_set(key_document({&key}).dump()).value().front().key;
}

/// What becomes of a token that is checked with the first key.
result<google_identity> check(const std::string& token, time_point now = t0) {
  const auto parsed = parse_id_token(token);
  if (!parsed)
    return parsed.error();
  return check_id_token(*parsed, public_key(first_key()), {"other-client", "our-client"}, now);
}

// -- tokens --------------------------------------------------------------------------------------

TEST(id_token_test, a_good_token_says_who_it_is) {
  const auto who = check(first_key().token(claims()));
  ASSERT_TRUE(who) << who.error().text;
  EXPECT_EQ(who->subject, "1234567890");
  EXPECT_EQ(who->email, "ada@example.com");
  EXPECT_TRUE(who->email_verified);
  EXPECT_EQ(who->name, "Ada Lovelace");
  EXPECT_EQ(who->picture, "https://lh3.example/ada");
}

TEST(id_token_test, every_claim_counts) {
  const auto with = [](const char* field, const json& value, time_point now = t0) {
    auto c = claims();
    if (value.is_discarded())
      c.erase(field);
    else
      c[field] = value;
    return check(first_key().token(c), now);
  };
  const json absent(json::value_t::discarded);
  const auto second = to_millis(t0) / 1000;
  EXPECT_TRUE(with("iss", "accounts.google.com"));
  EXPECT_TRUE(with("aud", "other-client"));
  EXPECT_TRUE(with("exp", second + 1));
  EXPECT_TRUE(with("iat", second + 60));
  EXPECT_TRUE(with("nbf", second + 60));
  for (const auto& bad :
       {with("iss", "https://accounts.google.com.evil.example"), with("iss", absent),
        with("iss", 1), with("aud", "somebody-else"), with("aud", ""), with("aud", absent),
        with("aud", json::array({"our-client"})), with("exp", second), with("exp", absent),
        with("exp", "never"), with("exp", -1), with("exp", 1e300), with("exp", 1ull << 63),
        with("iat", second + 61), with("iat", absent), with("nbf", second + 61),
        with("nbf", "x")}) {
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().text, "Invalid Google token");
    EXPECT_EQ(bad.error().code, errc::invalid_request);
  }
  for (const auto& bad : {with("sub", absent), with("sub", ""), with("sub", std::string(256, 's')),
                          with("email", absent), with("email", "no address"),
                          with("email", std::string(300, 'e') + "@x.com")}) {
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().text, "Invalid Google token payload");
  }
  EXPECT_FALSE(with("email_verified", absent)->email_verified);
  EXPECT_FALSE(with("email_verified", false)->email_verified);
  EXPECT_FALSE(with("email_verified", "false")->email_verified);
  EXPECT_FALSE(with("email_verified", 1)->email_verified);
  EXPECT_TRUE(with("email_verified", "true")->email_verified);
  EXPECT_EQ(with("picture", "javascript:alert(1)")->picture, "");
}

TEST(id_token_test, only_rs256_with_the_issuers_key) {
  const auto good = first_key().token(claims());
  const json rs256{{"alg", "RS256"}, {"kid", "k1"}};
  EXPECT_FALSE(check(second_key().token(claims(), rs256))) << "another key under the same name";
  // A signature of other words.
  const auto other = claims(t0 + 1h);
  const auto dot = good.rfind('.');
  EXPECT_FALSE(check(test::base64url(rs256.dump()) + "." + test::base64url(other.dump())
                     + good.substr(dot)));
  // No signature, in every spelling.
  for (const char* alg : {"none", "None", "NONE", "nOnE", ""}) {
    const auto text = test::base64url(json{{"alg", alg}, {"kid", "k1"}}.dump()) + "."
                      + test::base64url(claims().dump());
    EXPECT_FALSE(check(text + ".")) << alg;
    EXPECT_FALSE(check(text + good.substr(dot))) << alg;
  }
  // HMAC with what everybody knows: the public key.
  const auto jwk = first_key().jwk();
  for (const auto& secret : {jwk["n"].get<std::string>(), jwk.dump(), std::string{}})
    for (const char* alg : {"HS256", "RS256"})
      EXPECT_FALSE(check(test::hmac_token(claims(), {{"alg", alg}, {"kid", "k1"}}, secret)));
  for (const char* alg : {"HS256", "HS512", "RS384", "RS512", "PS256", "ES256", "rs256"})
    EXPECT_FALSE(check(first_key().token(claims(), {{"alg", alg}, {"kid", "k1"}}))) << alg;
  EXPECT_FALSE(check(first_key().token(claims(), {{"alg", "RS256"}}))) << "no key named";
  EXPECT_FALSE(
      check(first_key().token(claims(), {{"alg", "RS256"}, {"kid", "k1"}, {"crit", {"b64"}}})));
  // A key that the token brings along is not looked at.
  EXPECT_FALSE(check(second_key().token(
      claims(), {{"alg", "RS256"}, {"kid", "k1"}, {"jwk", second_key().jwk()}})));
}

TEST(id_token_test, no_changed_character_is_accepted) {
  const auto good = first_key().token(claims());
  for (std::size_t i = 0; i < good.size(); i += 7) {
    auto bad = good;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(check(bad)) << i;
  }
  for (std::size_t cut = 1; cut < good.size(); cut += 13)
    EXPECT_FALSE(check(good.substr(0, cut))) << cut;
}

TEST(id_token_test, garbage_is_refused) {
  for (const std::string bad : {"", ".", "..", "...", "a.b.c", "e30.e30.e30",
                                "e30=.e30=.e30=", "{}.{}.{}", "\xff.\xff.\xff"})
    EXPECT_FALSE(check(bad)) << bad;
  EXPECT_FALSE(check(std::string(8193, 'a')));
  EXPECT_FALSE(check(first_key().token(json::array())));
  EXPECT_FALSE(check(first_key().token("text")));
}

TEST(key_document_test, only_keys_that_can_be_used_are_taken) {
  auto document = key_document({&first_key(), &second_key()});
  EXPECT_EQ(parse_key_set(document.dump())->size(), 2u);
  const auto changed = [&](const char* field, const json& value) {
    auto d = document;
    d["keys"][0][field] = value;
    return parse_key_set(d.dump())->size();
  };
  EXPECT_EQ(changed("kty", "EC"), 1u);
  EXPECT_EQ(changed("use", "enc"), 1u);
  EXPECT_EQ(changed("alg", "RS512"), 1u);
  EXPECT_EQ(changed("kid", ""), 1u);
  EXPECT_EQ(changed("n", "AQAB"), 1u) << "too short";
  EXPECT_EQ(changed("n", "***"), 1u);
  EXPECT_EQ(changed("e", "AQ"), 1u) << "one";
  EXPECT_EQ(changed("e", "Ag"), 1u) << "even";
  EXPECT_EQ(changed("e", nullptr), 1u);
  const signing_key weak{"weak", 1024};
  EXPECT_FALSE(parse_key_set(key_document({&weak}).dump()));
  for (const char* bad :
       {"", "{}", "[]", "null", R"({"keys":{}})", R"({"keys":[]})", R"({"keys":[1,null,"x",[]]})"})
    EXPECT_FALSE(parse_key_set(bad)) << bad;
}

// -- keys over time ------------------------------------------------------------------------------

TEST(freshness_test, is_what_the_answer_says) {
  EXPECT_EQ(freshness("public, max-age=21600, must-revalidate", ""), 21600s);
  EXPECT_EQ(freshness("Max-Age=60", "20"), 40s);
  EXPECT_EQ(freshness("max-age=60", "100"), 0s);
  EXPECT_EQ(freshness("max-age=60", "x"), 60s);
  EXPECT_EQ(freshness("no-store, max-age=60", ""), 0s);
  EXPECT_EQ(freshness("", ""), std::nullopt);
  EXPECT_EQ(freshness("public,, ,", ""), std::nullopt);
  EXPECT_EQ(freshness("max-age=-1", ""), std::nullopt);
  EXPECT_EQ(freshness("max-age=999999999999999999999", ""), std::nullopt);
}

class key_set_test : public ::testing::Test {
protected:
  void fetch(std::optional<seconds> fresh_for = 1000s) {
    set.fetching(now);
    set.fetched(parse_key_set(key_document({&first_key()}).dump()).value(), fresh_for, now);
  }

  advice ask(const char* kid = "k1") const { return set.find(kid, now).what; }

  key_set set{{.age_min = 300s,
               .age_max = 2000s,
               .stale_max = 500s,
               .refetch_wait = 60s,
               .failure_wait = 5s}};
  time_point now = t0;
};

TEST_F(key_set_test, the_first_question_fetches) {
  EXPECT_EQ(ask(), advice::fetch);
  fetch();
  EXPECT_EQ(ask(), advice::use);
}

TEST_F(key_set_test, keys_are_kept_as_long_as_they_are_fresh) {
  fetch(1000s);
  now += 999s;
  EXPECT_EQ(ask(), advice::use);
  now += 1s;
  EXPECT_EQ(ask(), advice::fetch);
}

TEST_F(key_set_test, an_answer_cannot_make_us_ask_all_the_time_or_never) {
  for (const auto said : {std::optional<seconds>{}, std::optional{0s}, std::optional{1s}}) {
    fetch(said);
    now += 299s;
    EXPECT_EQ(ask(), advice::use);
    now += 1s;
    EXPECT_EQ(ask(), advice::fetch);
  }
  fetch(100'000'000s);
  now += 1999s;
  EXPECT_EQ(ask(), advice::use);
  now += 1s;
  EXPECT_EQ(ask(), advice::fetch);
}

TEST_F(key_set_test, unknown_keys_fetch_at_a_bounded_rate) {
  fetch();
  EXPECT_EQ(ask("new"), advice::unknown_key) << "they were fetched just now";
  now += 59s;
  EXPECT_EQ(ask("new"), advice::unknown_key);
  now += 1s;
  EXPECT_EQ(ask("new"), advice::fetch);
  set.fetching(now);
  EXPECT_EQ(ask("new"), advice::unknown_key);
  EXPECT_EQ(ask(), advice::use);
}

TEST_F(key_set_test, old_keys_bridge_an_outage_but_not_for_ever) {
  fetch(1000s);
  now += 1000s;
  EXPECT_EQ(ask(), advice::fetch);
  set.fetching(now);
  set.failed();
  EXPECT_EQ(ask(), advice::use);
  EXPECT_EQ(ask("new"), advice::unavailable);
  now += 4s;
  EXPECT_EQ(ask(), advice::use) << "no call for each login";
  now += 1s;
  EXPECT_EQ(ask(), advice::fetch);
  set.fetching(now);
  now = t0 + 1499s;
  set.fetching(now);
  EXPECT_EQ(ask(), advice::use);
  now = t0 + 1500s;
  set.fetching(now);
  EXPECT_EQ(ask(), advice::unavailable);
}

TEST_F(key_set_test, nothing_fetched_yet_is_unavailable) {
  set.fetching(now);
  set.failed();
  EXPECT_EQ(ask(), advice::unavailable);
  now += 5s;
  EXPECT_EQ(ask(), advice::fetch);
}

// -- the whole login, with a key server ----------------------------------------------------------

class google_login_test : public test::auth_test {
protected:
  void SetUp() override {
    serve({&first_key()});
    client = remote::start_remote(sys, *env, registry, {}, paced, {"google"});
    google_options with;
    with.client_ids = {"our-client"};
    with.keys_url = server.url() + "/certs";
    google = start_google(sys, *env, client, with);
    auth_test::SetUp();
    self->send_exit(role, caf::exit_reason::user_shutdown);
    role = sys.spawn(auth::auth, env.get(), &metrics, tokens, options,
                     auth_neighbours{writer, reader, hashers, google});
    sched.run();
    net::add_auth_routes(routes, {role, 1800s, 604'800s, true});
    caller = std::make_unique<test::route_caller>(sys, *env, routes, [this] { settle(); });
  }

  void TearDown() override {
    caller.reset();
    self->send_exit(google, caf::exit_reason::user_shutdown);
    remote::stop_remote(client);
    google = nullptr;
    client = nullptr;
    auth_test::TearDown();
    paced->shutdown();
  }

  void serve(std::vector<const signing_key*> keys) {
    const std::lock_guard lock{mutex};
    answer = {200, key_document(keys).dump(), {{"Cache-Control", "public, max-age=3600"}}};
  }

  void serve(test::local_reply reply) {
    const std::lock_guard lock{mutex};
    answer = std::move(reply);
  }

  int fetches() {
    const std::lock_guard lock{mutex};
    return fetched;
  }

  void settle() {
    sched.run();
    while (paced->pump())
      sched.run();
  }

  result<google_session> log_in_with(const std::string& credential) {
    auto pending = self->request(role, caf::infinite, google_login{credential});
    for (int i = 0; i < 1000 && self->mailbox().empty(); ++i) {
      sched.run();
      if (self->mailbox().empty() && !paced->pump())
        advance(100ms);
    }
    result<google_session> out = failure{errc::internal, "no answer"};
    if (self->mailbox().empty()) {
      ADD_FAILURE() << "no answer";
      return out;
    }
    pending.receive([&](google_session& s) { out = std::move(s); },
                    [&](caf::error& err) { out = to_failure(err); });
    return out;
  }

  result<google_session> log_in_as(const json& changes, const signing_key& key = first_key()) {
    auto c = claims(env->now());
    if (!changes.is_null())
      c.update(changes);
    return log_in_with(key.token(c));
  }

  std::mutex mutex;
  test::local_reply answer;
  int fetched = 0;
  test::local_server server{[this](const test::local_request& r) {
    const std::lock_guard lock{mutex};
    ++fetched;
    EXPECT_EQ(r.target, "/certs");
    return answer;
  }};
  std::shared_ptr<test::paced_transport> paced =
      std::make_shared<test::paced_transport>(net::make_curl_transport({}));
  remote::client_actor client;
  google_actor google;
  net::router routes;
  std::unique_ptr<test::route_caller> caller;
};

TEST_F(google_login_test, makes_an_account_and_finds_it_again) {
  const auto first = log_in_as({});
  ASSERT_TRUE(first) << first.error().text;
  EXPECT_EQ(first->opened.user.email, "ada@example.com");
  EXPECT_EQ(first->opened.user.name, "Ada Lovelace");
  EXPECT_EQ(first->opened.user.role, "user");
  EXPECT_EQ(first->picture, "https://lh3.example/ada");
  EXPECT_TRUE(tokens.verify_access(first->opened.access_token, env->now()));
  EXPECT_TRUE(refresh(first->opened.refresh_token));
  // By Google's name for its owner, whatever the address is by now.
  const auto again = log_in_as({{"email", "ada@new.example"}});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->opened.user.id, first->opened.user.id);
  EXPECT_EQ(fetches(), 1) << "keys are kept";
}

TEST_F(google_login_test, no_password_opens_an_account_without_one) {
  ASSERT_TRUE(log_in_as({}));
  for (const char* password : {"", "x", "password1"})
    EXPECT_FALSE(log_in("ada@example.com", password)) << password;
}

TEST_F(google_login_test, an_account_with_a_password_is_linked_once) {
  const auto registered = register_user("ada@example.com");
  ASSERT_TRUE(registered);
  const auto linked = log_in_as({});
  ASSERT_TRUE(linked) << linked.error().text;
  EXPECT_EQ(linked->opened.user.id, registered->user.id);
  EXPECT_TRUE(log_in("ada@example.com")) << "the password still works";
  const auto other = log_in_as({{"sub", "another"}});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, errc::conflict);
  EXPECT_EQ(log_in_as({})->opened.user.id, registered->user.id);
}

TEST_F(google_login_test, an_unverified_address_opens_nothing) {
  ASSERT_TRUE(register_user("ada@example.com"));
  const auto refused = log_in_as({{"email_verified", false}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::invalid_request);
  // Nor does it leave a link behind.
  EXPECT_TRUE(log_in_as({{"sub", "the-owner"}}));
}

TEST_F(google_login_test, names_that_cannot_be_stored_are_put_right) {
  std::string korean;
  for (int i = 0; i < 200; ++i)
    korean += "가";
  const auto longest = log_in_as({{"name", korean}});
  ASSERT_TRUE(longest);
  EXPECT_EQ(longest->opened.user.name.size(), 300u) << "100 characters, none of them cut";
  const auto nameless =
      log_in_as({{"sub", "2"}, {"email", "b@example.com"}, {"name", std::string("\n \x01")}});
  ASSERT_TRUE(nameless);
  EXPECT_EQ(nameless->opened.user.name, "b@example.com");
}

TEST_F(google_login_test, a_write_that_failed_is_no_login) {
  store->next_commit({commit_status::failed, {}, 0});
  const auto failed = log_in_as({});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, errc::unavailable);
  EXPECT_TRUE(log_in_as({}));
}

TEST_F(google_login_test, whoever_is_second_with_a_new_account_gets_the_first_ones) {
  ASSERT_TRUE(log_in_as({{"sub", "warm up"}, {"email", "w@example.com"}}));
  const auto token = first_key().token(claims(env->now()));
  std::vector<user_id> users;
  for (int i = 0; i < 3; ++i)
    self->send(role, google_login{token});
  settle();
  for (int i = 0; i < 3; ++i)
    self->receive([&](const google_session& s) { users.push_back(s.opened.user.id); },
                  [&](const caf::error& e) { ADD_FAILURE() << to_failure(e).text; });
  ASSERT_EQ(users.size(), 3u);
  EXPECT_EQ(users[0], users[1]);
  EXPECT_EQ(users[1], users[2]);
}

TEST_F(google_login_test, a_new_key_is_fetched_when_it_appears) {
  ASSERT_TRUE(log_in_as({}));
  serve({&first_key(), &second_key()});
  EXPECT_FALSE(log_in_as({}, second_key())) << "fetched a moment ago: not again";
  EXPECT_EQ(fetches(), 1);
  advance(61s);
  EXPECT_TRUE(log_in_as({}, second_key()));
  EXPECT_EQ(fetches(), 2);
}

TEST_F(google_login_test, made_up_keys_do_not_make_us_hammer_the_server) {
  ASSERT_TRUE(log_in_as({}));
  for (int i = 0; i < 50; ++i) {
    const signing_key& key = second_key();
    EXPECT_FALSE(log_in_with(
        key.token(claims(env->now()), {{"alg", "RS256"}, {"kid", "x" + std::to_string(i)}})));
    advance(1s);
  }
  EXPECT_LE(fetches(), 2);
}

TEST_F(google_login_test, a_withdrawn_key_stops_working_when_its_time_is_over) {
  ASSERT_TRUE(log_in_as({}));
  serve({&second_key()});
  advance(3599s);
  EXPECT_TRUE(log_in_as({}));
  advance(1s);
  EXPECT_FALSE(log_in_as({}));
  EXPECT_TRUE(log_in_as({}, second_key()));
}

TEST_F(google_login_test, without_keys_nobody_is_let_in_and_nobody_is_called_a_fraud) {
  for (const auto& bad :
       {test::local_reply{500, "", {}}, test::local_reply{404, "", {}},
        test::local_reply{200, "<html>", {}}, test::local_reply{200, R"({"keys":[]})", {}},
        test::local_reply{302, "", {{"Location", "http://127.0.0.1:1/"}}},
        test::local_reply{200, "{\"keys\"", {}, test::local_reply::manner::half}}) {
    serve(bad);
    advance(11s);
    const auto refused = log_in_as({});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, errc::unavailable);
  }
  serve({&first_key()});
  advance(30s);
  EXPECT_TRUE(log_in_as({}));
  // And an outage later on is bridged.
  serve(test::local_reply{503, "", {}});
  advance(2h);
  EXPECT_TRUE(log_in_as({}));
}

TEST_F(google_login_test, logins_wait_for_one_fetch_together) {
  const auto token = first_key().token(claims(env->now()));
  for (int i = 0; i < 5; ++i)
    self->send(google, verify_google{token});
  settle();
  for (int i = 0; i < 5; ++i)
    self->receive([](const google_identity& who) { EXPECT_EQ(who.subject, "1234567890"); },
                  [](const caf::error& e) { ADD_FAILURE() << to_failure(e).text; });
  EXPECT_EQ(fetches(), 1);
}

TEST_F(google_login_test, the_answer_has_the_fields_and_cookies_of_the_contract) {
  const auto token = first_key().token(claims(env->now()));
  const auto x =
      caller->call(net::verb::post, "/api/auth/google", json{{"credential", token}}.dump());
  ASSERT_EQ(x->status(), 200);
  const auto body = x->json();
  EXPECT_EQ(body["message"], "Google login successful");
  EXPECT_EQ(body["user"]["picture"], "https://lh3.example/ada");
  EXPECT_EQ(body["user"]["id"], body["user"]["userId"]);
  EXPECT_EQ(body["user"].size(), 6u);
  EXPECT_EQ(x->headers("Set-Cookie").size(), 2u);
  EXPECT_TRUE(tokens.verify_access(body["token"].get<std::string>(), env->now()));

  auto faceless = claims(env->now());
  faceless.erase("picture");
  const auto y = caller->call(net::verb::post, "/api/auth/google",
                              json{{"credential", first_key().token(faceless)}}.dump());
  ASSERT_EQ(y->status(), 200);
  EXPECT_TRUE(y->json()["user"]["picture"].is_null());
  for (const char* bad : {"{}", R"({"credential":""})", R"({"credential":"  "})"}) {
    const auto z = caller->call(net::verb::post, "/api/auth/google", bad);
    ASSERT_EQ(z->status(), 400) << bad;
    EXPECT_EQ(z->json()["error"], "Google credential is required");
    EXPECT_EQ(z->json()["message"], z->json()["error"]);
  }
  const auto forged =
      caller->call(net::verb::post, "/api/auth/google", R"({"credential":"a.b.c"})");
  ASSERT_EQ(forged->status(), 400);
  EXPECT_EQ(forged->json()["error"], "Invalid Google token");
}

class no_google_test : public test::auth_test {};

TEST_F(no_google_test, says_that_it_is_not_configured) {
  const auto refused = ask<google_session>(role, google_login{"x"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().text, "GOOGLE_CLIENT_ID is not configured");
}

} // namespace
} // namespace tiketi::auth
