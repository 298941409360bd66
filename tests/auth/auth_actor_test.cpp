#include "actors/auth/role.hpp"
#include "storage/sql/auth_store.hpp"
#include "tests/auth/auth_fixture.hpp"
#include "tests/storage/temporary_folder.hpp"

namespace tiketi::auth {
namespace {

using namespace std::chrono_literals;

class auth_actor_test : public test::auth_test {};

TEST_F(auth_actor_test, registration_opens_an_account_and_a_session) {
  const auto s = register_user(" Ada@Example.com ");
  ASSERT_TRUE(s);
  EXPECT_EQ(s->user.email, "ada@example.com");
  EXPECT_EQ(s->user.name, "Ada");
  EXPECT_EQ(s->user.role, "user");
  const auto claims = tokens.verify_access(s->access_token, env->now());
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->user, s->user.id);
  EXPECT_EQ(claims->email, "ada@example.com");
  EXPECT_EQ(claims->role, "user");
  EXPECT_EQ(claims->expires_at, epoch + 1800s);
  EXPECT_TRUE(tokens.verify_refresh(s->refresh_token, epoch + 604'799s));
  EXPECT_FALSE(tokens.verify_refresh(s->refresh_token, epoch + 604'800s));
  const auto me = ask<user_view>(role, get_user{s->user.id});
  ASSERT_TRUE(me);
  EXPECT_EQ(me->created_at, epoch);
  EXPECT_EQ(metrics.registrations.Value(), 1);
  EXPECT_EQ(metrics.hash_queue.Value(), 0);
}

TEST_F(auth_actor_test, an_address_registers_once_whatever_its_case) {
  ASSERT_TRUE(register_user("a@example.com"));
  const auto again = register_user("A@EXAMPLE.com");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error(),
            (failure{errc::conflict, "Registration failed. Please try again or login."}));
}

TEST_F(auth_actor_test, of_parallel_registrations_one_wins) {
  auto first =
      self->request(role, caf::infinite, register_account{"a@example.com", "password1", "One", ""});
  auto second =
      self->request(role, caf::infinite, register_account{"a@example.com", "password2", "Two", ""});
  sched.run();
  int opened = 0;
  int refused = 0;
  for (auto* pending : {&first, &second})
    pending->receive([&](session&) { ++opened; },
                     [&](caf::error& e) {
                       EXPECT_EQ(to_failure(e).code, errc::conflict);
                       ++refused;
                     });
  EXPECT_EQ(opened, 1);
  EXPECT_EQ(refused, 1);
}

TEST_F(auth_actor_test, bad_registrations_change_nothing) {
  EXPECT_EQ(register_user("not-an-address").error().code, errc::invalid_request);
  EXPECT_EQ(register_user("a@example.com", "short").error(),
            (failure{errc::invalid_request, "Password must be at least 8 characters"}));
  EXPECT_EQ(store->token_count(), 0u);
}

TEST_F(auth_actor_test, login_opens_a_session) {
  const auto registered = register_user("a@example.com");
  const auto in = log_in("A@example.com");
  ASSERT_TRUE(in);
  ASSERT_TRUE(in->opened);
  EXPECT_EQ(in->opened->user.id, registered->user.id);
  EXPECT_NE(in->opened->refresh_token, registered->refresh_token);
  EXPECT_TRUE(refresh(in->opened->refresh_token)) << "it is stored";
  EXPECT_EQ(store->live_sessions(registered->user.id), 2u);
  EXPECT_EQ(metrics.logins.Value(), 1);
}

TEST_F(auth_actor_test, unknown_account_and_wrong_password_look_the_same) {
  register_user("a@example.com");
  const auto wrong = log_in("a@example.com", "wrong password");
  const auto unknown = log_in("nobody@example.com", "wrong password");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error(), failure{errc::invalid_credentials});
  EXPECT_EQ(unknown.error(), wrong.error());
  EXPECT_EQ(metrics.logins_refused.Value(), 2);
}

TEST_F(auth_actor_test, guessing_slows_down_for_known_and_unknown_accounts) {
  register_user("a@example.com");
  for (const std::string email : {"a@example.com", "nobody@example.com"}) {
    for (int i = 0; i < 3; ++i)
      EXPECT_EQ(log_in(email, "wrong password").error().code, errc::invalid_credentials);
    const auto throttled = log_in(email);
    ASSERT_TRUE(throttled);
    EXPECT_FALSE(throttled->opened) << "the right password has to wait too";
    EXPECT_EQ(throttled->wait, 1000ms);
  }
  advance(1s);
  const auto in = log_in("a@example.com");
  ASSERT_TRUE(in);
  EXPECT_TRUE(in->opened);
  EXPECT_EQ(metrics.logins_throttled.Value(), 2);
}

/// A hasher that answers `check_request` only when a `hash_request` comes by.
struct slow_hasher_state {
  slow_hasher_state() = default;

  std::vector<caf::typed_response_promise<password_verdict>> held;
};

hasher_actor::behavior_type slow_hasher(hasher_actor::stateful_pointer<slow_hasher_state> self) {
  return {
      [self](const hash_request&) -> caf::result<hashed_password> {
        for (auto& promise : std::exchange(self->state.held, {}))
          promise.deliver(password_verdict{});
        return hashed_password{};
      },
      [self](const check_request&) -> caf::result<password_verdict> {
        auto promise = self->make_response_promise<password_verdict>();
        self->state.held.push_back(promise);
        return promise;
      },
  };
}

TEST_F(auth_actor_test, a_full_hashing_pool_refuses_and_recovers) {
  const std::vector<hasher_actor> slow{sys.spawn(slow_hasher), sys.spawn(slow_hasher)};
  self->send_exit(role, caf::exit_reason::user_shutdown);
  role =
      sys.spawn(auth, env.get(), &metrics, tokens, options, auth_neighbours{writer, reader, slow});
  std::vector<decltype(self->request(role, caf::infinite, login{}))> pending;
  for (int i = 0; i < 11; ++i)
    pending.push_back(self->request(role, caf::infinite,
                                    login{"u" + std::to_string(i) + "@example.com", "password1"}));
  sched.run();
  EXPECT_EQ(metrics.hashes_refused.Value(), 3) << "hash_waiting_max is 8";
  EXPECT_EQ(metrics.hash_queue.Value(), 8);
  EXPECT_TRUE(ask<hashed_password>(slow[0], hash_request{}));
  EXPECT_EQ(metrics.hash_queue.Value(), 4) << "the hashers share the work";
  EXPECT_TRUE(ask<hashed_password>(slow[1], hash_request{}));
  EXPECT_EQ(metrics.hash_queue.Value(), 0);
  std::map<errc, int> answers;
  for (auto& p : pending)
    p.receive([](login_outcome&) { ADD_FAILURE() << "no such account"; },
              [&](caf::error& e) { ++answers[to_failure(e).code]; });
  EXPECT_EQ(answers, (std::map<errc, int>{{errc::invalid_credentials, 8}, {errc::overloaded, 3}}));
  auto again = self->request(role, caf::infinite, login{"v@example.com", "password1"});
  sched.run();
  EXPECT_EQ(metrics.hash_queue.Value(), 1) << "the pool is free again";
  for (const auto& x : slow)
    EXPECT_TRUE(ask<hashed_password>(x, hash_request{}));
  again.receive([](login_outcome&) { ADD_FAILURE() << "no such account"; },
                [](caf::error& e) { EXPECT_EQ(to_failure(e).code, errc::invalid_credentials); });
  for (const auto& x : slow)
    self->send_exit(x, caf::exit_reason::user_shutdown);
}

TEST_F(auth_actor_test, refresh_rotates) {
  const auto s = register_user("a@example.com");
  advance(10s);
  const auto next = refresh(s->refresh_token);
  ASSERT_TRUE(next);
  EXPECT_NE(next->refresh_token, s->refresh_token);
  EXPECT_EQ(next->user.email, "a@example.com");
  const auto before = tokens.verify_refresh(s->refresh_token, env->now());
  const auto after = tokens.verify_refresh(next->refresh_token, env->now());
  EXPECT_EQ(before->family, after->family);
  EXPECT_NE(before->token, after->token);
  EXPECT_EQ(metrics.rotated.Value(), 1);
}

TEST_F(auth_actor_test, two_tabs_both_keep_their_session) {
  const auto s = register_user("a@example.com");
  const auto one = refresh(s->refresh_token);
  const auto two = refresh(s->refresh_token);
  ASSERT_TRUE(one);
  ASSERT_TRUE(two);
  EXPECT_NE(one->refresh_token, two->refresh_token);
  advance(1min);
  EXPECT_TRUE(refresh(one->refresh_token));
  EXPECT_TRUE(refresh(two->refresh_token));
  EXPECT_EQ(metrics.siblings.Value(), 1);
}

TEST_F(auth_actor_test, reuse_ends_the_session_for_both_parties) {
  const auto s = register_user("a@example.com");
  const auto next = refresh(s->refresh_token);
  advance(5s);
  const auto reused = refresh(s->refresh_token);
  ASSERT_FALSE(reused);
  EXPECT_EQ(reused.error().code, errc::token_reused);
  EXPECT_EQ(reused.error().text, "Token reuse detected. All sessions revoked for security.");
  EXPECT_FALSE(refresh(next->refresh_token));
  EXPECT_EQ(store->live_sessions(s->user.id), 0u);
  EXPECT_EQ(metrics.reused.Value(), 2);
}

TEST_F(auth_actor_test, bad_refresh_tokens_are_told_apart_as_the_contract_says) {
  const auto s = register_user("a@example.com");
  const auto text = [&](const std::string& token) {
    const auto r = refresh(token);
    EXPECT_FALSE(r);
    EXPECT_EQ(r.error().code, errc::invalid_request);
    return r.error().text;
  };
  EXPECT_EQ(text(""), "Refresh token is required");
  EXPECT_EQ(text("garbage"), "Invalid or expired refresh token");
  EXPECT_EQ(text(s->access_token), "Invalid or expired refresh token");
  // Signed by us, never stored.
  EXPECT_EQ(text(tokens.sign(refresh_claims{s->user.id, make_uuid(*env), make_uuid(*env),
                                            env->now(), env->now() + 1h})),
            "Invalid or expired refresh token");
  store->remove_account(s->user.id);
  EXPECT_EQ(text(s->refresh_token), "User not found");
  advance(604'800s);
  EXPECT_EQ(text(s->refresh_token), "Invalid or expired refresh token");
}

TEST_F(auth_actor_test, logout_with_an_access_token_ends_every_session) {
  const auto s = register_user("a@example.com");
  const auto in = log_in("a@example.com");
  const auto out = ask<logged_out>(role, logout{s->user.id, ""});
  ASSERT_TRUE(out);
  EXPECT_EQ(out->sessions, 2);
  EXPECT_FALSE(refresh(s->refresh_token));
  EXPECT_FALSE(refresh(in->opened->refresh_token));
}

TEST_F(auth_actor_test, logout_with_the_refresh_cookie_alone_ends_that_session) {
  const auto s = register_user("a@example.com");
  const auto in = log_in("a@example.com");
  const auto out = ask<logged_out>(role, logout{std::nullopt, s->refresh_token});
  ASSERT_TRUE(out);
  EXPECT_EQ(out->sessions, 1);
  EXPECT_FALSE(refresh(s->refresh_token));
  EXPECT_TRUE(refresh(in->opened->refresh_token));
}

TEST_F(auth_actor_test, logout_of_nobody_is_no_failure) {
  EXPECT_EQ(ask<logged_out>(role, logout{std::nullopt, "garbage"})->sessions, 0);
  EXPECT_EQ(ask<logged_out>(role, logout{})->sessions, 0);
}

TEST_F(auth_actor_test, verify_token_takes_access_tokens_only) {
  const auto s = register_user("a@example.com");
  EXPECT_EQ(ask<user_view>(role, verify_token{s->access_token})->id, s->user.id);
  const auto invalid = failure{errc::invalid_request, "Invalid or expired token"};
  EXPECT_EQ(ask<user_view>(role, verify_token{s->refresh_token}).error(), invalid);
  EXPECT_EQ(ask<user_view>(role, verify_token{"x"}).error(), invalid);
  store->remove_account(s->user.id);
  EXPECT_EQ(ask<user_view>(role, verify_token{s->access_token}).error(),
            (failure{errc::invalid_request, "User not found"}));
  advance(1800s);
  EXPECT_EQ(ask<user_view>(role, verify_token{s->access_token}).error(), invalid);
}

TEST_F(auth_actor_test, ensure_user_creates_once_and_promotes_nobody) {
  const auto created =
      ask<ensured>(role, ensure_user{"Admin@example.com", "a long password", "Admin", "admin"});
  ASSERT_TRUE(created);
  EXPECT_TRUE(created->created);
  EXPECT_EQ(created->role, "admin");
  EXPECT_EQ(log_in("admin@example.com", "a long password")->opened->user.role, "admin");
  const auto again =
      ask<ensured>(role, ensure_user{"admin@example.com", "another password", "Admin", "admin"});
  EXPECT_FALSE(again->created);
  EXPECT_EQ(again->id, created->id);
  EXPECT_FALSE(log_in("admin@example.com", "another password"));

  const auto plain = register_user("user@example.com");
  const auto kept =
      ask<ensured>(role, ensure_user{"user@example.com", "a long password", "X", "admin"});
  EXPECT_FALSE(kept->created);
  EXPECT_EQ(kept->role, "user");
  EXPECT_EQ(ask<user_view>(role, get_user{plain->user.id})->role, "user");

  EXPECT_EQ(
      ask<ensured>(role, ensure_user{"x@example.com", "a long password", "X", "root"}).error().code,
      errc::invalid_request);
}

TEST_F(auth_actor_test, what_is_not_committed_is_not_handed_out) {
  ASSERT_TRUE(register_user("a@example.com"));
  store->next_commit({commit_status::failed, {}, 0});
  EXPECT_EQ(register_user("b@example.com").error().code, errc::unavailable);
  EXPECT_TRUE(register_user("b@example.com")) << "nothing was left behind";
  store->next_commit({commit_status::failed, {}, 0});
  EXPECT_EQ(log_in("a@example.com").error().code, errc::unavailable);
  store->set_readable(false);
  EXPECT_EQ(log_in("a@example.com").error().code, errc::unavailable);
  store->set_readable(true);
  EXPECT_TRUE(log_in("a@example.com")->opened);
}

TEST_F(auth_actor_test, an_outcome_in_doubt_can_be_repeated) {
  const auto s = register_user("a@example.com");
  store->next_commit({commit_status::unknown, {}, 0});
  EXPECT_EQ(refresh(s->refresh_token).error().code, errc::unavailable);
  EXPECT_TRUE(refresh(s->refresh_token)) << "the grace covers the answer that was lost";
}

TEST_F(auth_actor_test, failures_of_the_store_do_not_count_as_guesses) {
  register_user("a@example.com");
  store->set_readable(false);
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(log_in("a@example.com").error().code, errc::unavailable);
  store->set_readable(true);
  EXPECT_TRUE(log_in("a@example.com")->opened);
}

TEST_F(auth_actor_test, expired_sessions_are_removed_by_themselves) {
  for (int i = 0; i < 3; ++i)
    register_user("u" + std::to_string(i) + "@example.com");
  EXPECT_EQ(store->token_count(), 3u);
  advance(604'800s);
  advance(600s);
  advance(600s);
  EXPECT_EQ(store->token_count(), 0u);
  EXPECT_EQ(metrics.purged.Value(), 6);
}

/// The role as the program starts it: threads, SQLite, real hashes.
TEST(auth_role_test, runs_on_its_own_threads_and_stops) {
  test::temporary_folder folder;
  const auto open = [&] {
    sql::database_options options;
    options.target = folder.file("auth.db");
    return sql::database::open(options).value();
  };
  auto db = open();
  ASSERT_TRUE(sql::migrate(db, sql::migrations_of("auth")));
  const auto env = make_system_environment();
  prometheus::Registry registry;
  actor_config config;
  caf::actor_system sys{config};
  auth_options options;
  options.hash = {64, 1, 1};
  const auto role =
      start_auth(sys, *env, registry, options,
                 {session_tokens::make("a-test-secret-that-is-long-enough-").value(),
                  sql::make_auth_writes(std::move(db)), sql::make_auth_queries(open())});
  {
    caf::scoped_actor self{sys};
    std::string token;
    self->request(role.auth, caf::infinite,
                  register_account{"a@example.com", "password1", "Ada", ""})
        .receive([&](session& s) { token = s.refresh_token; },
                 [](caf::error& e) { ADD_FAILURE() << to_failure(e).text; });
    self->request(role.auth, caf::infinite, login{"a@example.com", "password1"})
        .receive([](login_outcome& o) { EXPECT_TRUE(o.opened); },
                 [](caf::error& e) { ADD_FAILURE() << to_failure(e).text; });
    self->request(role.auth, caf::infinite, refresh_session{token})
        .receive([&](session& s) { EXPECT_NE(s.refresh_token, token); },
                 [](caf::error& e) { ADD_FAILURE() << to_failure(e).text; });
  }
  stop(role);
  sys.await_all_actors_done();
}

} // namespace
} // namespace tiketi::auth
