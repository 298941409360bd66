#include "tests/idempotency/keeper_fixture.hpp"

#include <string>

namespace tiketi::idempotency {
namespace {

class keeper_test : public test::keeper_fixture {
protected:
  static claim request(std::uint8_t scope, std::uint8_t body = 1, bool once = false) {
    claim out;
    out.scope.fill(scope);
    out.owner = "owner";
    out.fingerprint.fill(body);
    out.once = once;
    return out;
  }

  result<run_verdict> begin(const claim& c) { return ask<run_verdict>(keys, begin_run{c}); }

  verdict asked(const claim& c) {
    const auto v = begin(c);
    EXPECT_TRUE(v) << v.error().text;
    return v ? v->what : verdict::full;
  }

  /// How often the answer went out.
  int end(const claim& c, int status = 200, std::string body = "{}") {
    auto count = std::make_shared<int>(0);
    self->send(keys,
               end_run{c.scope,
                       {status, "text/plain", std::make_shared<const std::string>(std::move(body))},
                       [count](const kept_answer*) { ++*count; }});
    sched.run();
    return *count;
  }
};

TEST_F(keeper_test, an_answer_leaves_when_it_is_kept_and_survives_a_restart) {
  EXPECT_EQ(asked(request(1)), verdict::run);
  EXPECT_EQ(store->size(), 0u) << "what may be repeated is not noted before";
  bool was_stored = false;
  store->set_fate([&](const auto&) {
    was_stored = true;
    return fate::committed;
  });
  self->send(keys, end_run{request(1).scope,
                           {200, "text/plain", std::make_shared<const std::string>("once")},
                           [&](const kept_answer*) { EXPECT_TRUE(was_stored); }});
  sched.run();
  EXPECT_TRUE(was_stored);
  EXPECT_EQ(asked(request(1)), verdict::replay);
  restart();
  const auto again = begin(request(1));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->what, verdict::replay);
  EXPECT_EQ(*again->answer.body, "once");
  EXPECT_EQ(again->answer.content_type, "text/plain");
  EXPECT_EQ(context->metrics->replays.Value(), 1);
  EXPECT_EQ(context->metrics->keys.Value(), 1);
}

TEST_F(keeper_test, an_interrupted_run_is_repeated_only_where_that_is_safe) {
  EXPECT_EQ(asked(request(1)), verdict::run);
  EXPECT_EQ(asked(request(2, 1, true)), verdict::run);
  EXPECT_EQ(asked(request(2, 1, true)), verdict::running);
  restart();
  EXPECT_EQ(asked(request(1)), verdict::run);
  EXPECT_EQ(asked(request(2, 1, true)), verdict::interrupted);
  EXPECT_EQ(asked(request(2, 2, true)), verdict::mismatch);
  advance(options.rules.retention + options.tick_interval);
  EXPECT_EQ(asked(request(2, 1, true)), verdict::run) << "it has expired";
}

TEST_F(keeper_test, failures_free_the_key) {
  EXPECT_EQ(asked(request(1)), verdict::run);
  EXPECT_EQ(end(request(1), 503), 1);
  EXPECT_EQ(asked(request(1)), verdict::run);
  EXPECT_EQ(end(request(1), 200), 1);
  EXPECT_EQ(asked(request(1)), verdict::replay);

  EXPECT_EQ(asked(request(2, 1, true)), verdict::run);
  EXPECT_EQ(end(request(2), 429), 1);
  EXPECT_EQ(asked(request(2, 1, true)), verdict::run) << "certainly without effect";
  EXPECT_EQ(end(request(2), 500), 1);
  EXPECT_EQ(asked(request(2, 1, true)), verdict::interrupted) << "perhaps with one";
}

TEST_F(keeper_test, trouble_with_the_store) {
  store->set_unreadable(true);
  EXPECT_EQ(begin(request(1)).error().code, errc::unavailable);
  store->set_unreadable(false);
  EXPECT_EQ(asked(request(1)), verdict::run) << "nothing of it was left behind";
  next_batch(fate::failed);
  EXPECT_EQ(end(request(1), 200, "made"), 1) << "the client hears what was done all the same";
  EXPECT_EQ(context->metrics->unkept.Value(), 1);
  EXPECT_EQ(asked(request(1)), verdict::replay) << "from memory";
  next_batch(fate::failed);
  EXPECT_EQ(begin(request(2, 1, true)).error().code, errc::unavailable) << "it could not be noted";
  EXPECT_EQ(asked(request(2, 1, true)), verdict::run);
  next_batch(fate::lost);
  EXPECT_EQ(end(request(2), 200), 1);
  restart();
  EXPECT_EQ(asked(request(2, 1, true)), verdict::interrupted);
}

TEST_F(keeper_test, of_two_nodes_the_first_answer_counts_for_both) {
  ASSERT_EQ(asked(request(1)), verdict::run);
  key_record theirs;
  theirs.scope = request(1).scope;
  theirs.owner = "owner";
  theirs.fingerprint = request(1).fingerprint;
  theirs.done = true;
  theirs.expires_at = env->now() + options.rules.retention;
  theirs.answer = {201, "text/plain", std::make_shared<const std::string>("theirs")};
  std::vector<key_write> elsewhere;
  elsewhere.push_back({keep_answer{theirs}, env->now()});
  store->commit(elsewhere);
  kept_answer told;
  self->send(keys, end_run{request(1).scope,
                           {200, "text/plain", std::make_shared<const std::string>("ours")},
                           [&](const kept_answer* first) {
                             ASSERT_NE(first, nullptr);
                             told = *first;
                           }});
  sched.run();
  EXPECT_EQ(told.status, 201);
  EXPECT_EQ(*told.body, "theirs");
  const auto again = begin(request(1));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->what, verdict::replay);
  EXPECT_EQ(*again->answer.body, "theirs");
  EXPECT_EQ(context->metrics->unkept.Value(), 0);
}

TEST_F(keeper_test, requests_wait_until_the_store_was_read) {
  stop();
  store->set_unreadable(true);
  start();
  auto pending = self->request(keys, caf::infinite, begin_run{request(1)});
  sched.run();
  EXPECT_TRUE(self->mailbox().empty());
  store->set_unreadable(false);
  advance(options.retry_interval);
  pending.receive([](const run_verdict& v) { EXPECT_EQ(v.what, verdict::run); },
                  [](const caf::error&) { FAIL() << "refused"; });
}

TEST_F(keeper_test, one_tick_removes_all_that_has_expired) {
  stop();
  options.purge_max = 2;
  options.rules.keys_per_owner = 5;
  start();
  for (std::uint8_t n = 1; n <= 5; ++n) {
    ASSERT_EQ(asked(request(n)), verdict::run);
    end(request(n));
  }
  EXPECT_EQ(asked(request(6)), verdict::owner_full);
  restart();
  EXPECT_EQ(asked(request(6)), verdict::owner_full) << "counted from the store";
  EXPECT_EQ(store->size(), 5u);
  advance(options.rules.retention);
  advance(options.tick_interval);
  EXPECT_EQ(store->size(), 0u);
  EXPECT_EQ(context->metrics->keys.Value(), 0);
  EXPECT_EQ(asked(request(6)), verdict::run);
}

TEST_F(keeper_test, off_duty_it_removes_nothing_and_sees_what_another_node_removed) {
  stop();
  bool on_duty = false;
  options.on_duty = [&] { return on_duty; };
  options.rules.keys_per_owner = 5;
  start();
  for (std::uint8_t n = 1; n <= 5; ++n) {
    ASSERT_EQ(asked(request(n)), verdict::run);
    end(request(n));
  }
  advance(options.rules.retention);
  advance(options.tick_interval);
  EXPECT_EQ(store->size(), 5u);
  EXPECT_EQ(asked(request(6)), verdict::owner_full);
  std::vector<key_write> purge;
  purge.push_back({purge_keys{env->now(), 100}, env->now()});
  store->commit(purge); // the other node's
  for (int i = 0; i < options.recount_every; ++i)
    advance(options.tick_interval);
  EXPECT_EQ(asked(request(6)), verdict::run);
  EXPECT_EQ(context->metrics->keys.Value(), 1);
  stop();
}

} // namespace
} // namespace tiketi::idempotency
