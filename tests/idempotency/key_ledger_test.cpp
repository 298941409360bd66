#include "actors/idempotency/key_ledger.hpp"

#include <map>
#include <random>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace tiketi::idempotency {
namespace {

constexpr time_point t0 = from_millis(1'771'754'400'000);

digest bytes(std::uint8_t n) {
  digest out{};
  out.fill(n);
  return out;
}

kept_answer answer(int status, std::string body = "{}") {
  return {status, "application/json", std::make_shared<const std::string>(std::move(body))};
}

claim request(std::uint8_t scope, std::uint8_t body = 1, bool once = false) {
  return {bytes(scope), "owner", bytes(body), once};
}

class key_ledger_test : public ::testing::Test {
protected:
  ledger_rules rules{.keys_per_owner = 3, .keys_max = 5, .running_max = 4};
  key_ledger ledger{rules, 77};

  /// A fresh key up to where it runs.
  void start(const claim& c, time_point now = t0) {
    ASSERT_EQ(ledger.begin(c, now), verdict::look_up);
    ASSERT_EQ(ledger.looked_up(c.scope, std::nullopt, now), c.once ? verdict::note : verdict::run);
  }

  void complete(const claim& c, kept_answer a, time_point now = t0) {
    start(c, now);
    ASSERT_EQ(ledger.finish(c.scope, std::move(a)), fate::keep);
    ledger.kept(c.scope, true);
  }
};

TEST_F(key_ledger_test, the_first_runs_and_its_answer_is_replayed) {
  complete(request(1), answer(201, "made"));
  ASSERT_EQ(ledger.begin(request(1), t0 + seconds{1}), verdict::replay);
  EXPECT_EQ(ledger.answer().status, 201);
  EXPECT_EQ(*ledger.answer().body, "made");
  EXPECT_EQ(ledger.running(), 0u);
  EXPECT_EQ(ledger.keys(), 1u);
}

TEST_F(key_ledger_test, while_it_runs_others_wait_or_differ) {
  ASSERT_EQ(ledger.begin(request(1), t0), verdict::look_up);
  EXPECT_EQ(ledger.begin(request(1), t0), verdict::running) << "while the store is asked";
  EXPECT_EQ(ledger.begin(request(1, 2), t0), verdict::mismatch);
  ASSERT_EQ(ledger.looked_up(bytes(1), std::nullopt, t0), verdict::run);
  EXPECT_EQ(ledger.begin(request(1), t0), verdict::running);
  ASSERT_EQ(ledger.finish(bytes(1), answer(200)), fate::keep);
  EXPECT_EQ(ledger.begin(request(1), t0), verdict::running) << "its answer is not kept yet";
  ledger.kept(bytes(1), true);
  EXPECT_EQ(ledger.begin(request(1, 2), t0), verdict::mismatch);
  EXPECT_EQ(ledger.begin(request(1), t0), verdict::replay);
}

TEST_F(key_ledger_test, which_answers_are_kept) {
  std::uint8_t scope = 0;
  for (const int status : {200, 201, 204, 400, 404, 409, 410, 422}) {
    key_ledger fresh{rules, 1};
    const auto c = request(++scope);
    ASSERT_EQ(fresh.begin(c, t0), verdict::look_up);
    ASSERT_EQ(fresh.looked_up(c.scope, std::nullopt, t0), verdict::run);
    EXPECT_EQ(fresh.finish(c.scope, answer(status)), fate::keep) << status;
  }
  for (const int status : {401, 403, 429, 500, 502, 503, 504}) {
    for (const bool once : {false, true}) {
      key_ledger fresh{rules, 1};
      const auto c = request(++scope, 1, once);
      ASSERT_EQ(fresh.begin(c, t0), verdict::look_up);
      ASSERT_EQ(fresh.looked_up(c.scope, std::nullopt, t0), once ? verdict::note : verdict::run);
      const auto f = fresh.finish(c.scope, answer(status));
      EXPECT_EQ(f, once && status < 500 ? fate::drop : fate::free) << status;
      EXPECT_EQ(fresh.running(), 0u);
      EXPECT_EQ(fresh.keys(), once && status >= 500 ? 1u : 0u)
          << status << ": what was noted stays where the outcome is not certain";
      EXPECT_EQ(fresh.begin(c, t0), verdict::look_up) << "a retry is looked at anew";
    }
  }
}

TEST_F(key_ledger_test, what_the_store_knows_decides) {
  key_record row;
  row.scope = bytes(1);
  row.owner = "owner";
  row.fingerprint = bytes(1);
  row.done = true;
  row.expires_at = t0 + seconds{10};
  row.answer = answer(200, "before the restart");
  ASSERT_EQ(ledger.begin(request(1), t0), verdict::look_up);
  ASSERT_EQ(ledger.looked_up(bytes(1), row, t0), verdict::replay);
  EXPECT_EQ(*ledger.answer().body, "before the restart");
  EXPECT_EQ(ledger.begin(request(1), t0), verdict::replay) << "from memory now";
  EXPECT_EQ(ledger.begin(request(1), t0 + seconds{10}), verdict::look_up) << "it has expired";
  ASSERT_EQ(ledger.looked_up(bytes(1), row, t0 + seconds{10}), verdict::run);
  ledger.give_up(bytes(1));

  ASSERT_EQ(ledger.begin(request(2, 9), t0), verdict::look_up);
  row.scope = bytes(2);
  EXPECT_EQ(ledger.looked_up(bytes(2), row, t0), verdict::mismatch);

  row.scope = bytes(3);
  row.done = false;
  ASSERT_EQ(ledger.begin(request(3, 1, true), t0), verdict::look_up);
  EXPECT_EQ(ledger.looked_up(bytes(3), row, t0), verdict::interrupted);
  ASSERT_EQ(ledger.begin(request(3, 2, true), t0), verdict::look_up);
  EXPECT_EQ(ledger.looked_up(bytes(3), row, t0), verdict::mismatch);
  EXPECT_EQ(ledger.running(), 0u);
}

TEST_F(key_ledger_test, what_another_node_noted_lately_may_still_run_there) {
  rules.elsewhere = seconds{60};
  ledger = key_ledger{rules, 77};
  key_record row;
  row.scope = bytes(1);
  row.fingerprint = bytes(1);
  row.incarnation = 78;
  row.started_at = t0;
  row.expires_at = t0 + seconds{1000};
  const auto judged = [&](time_point now) {
    EXPECT_EQ(ledger.begin(request(1, 1, true), now), verdict::look_up);
    return ledger.looked_up(bytes(1), row, now);
  };
  EXPECT_EQ(judged(t0), verdict::running);
  EXPECT_EQ(judged(t0 + milliseconds{59'999}), verdict::running);
  EXPECT_EQ(judged(t0 + seconds{60}), verdict::interrupted);
  row.incarnation = 77;
  EXPECT_EQ(judged(t0), verdict::interrupted) << "its own: it would know of it";
}

TEST_F(key_ledger_test, a_recount_takes_what_other_nodes_did_into_account) {
  complete(request(1), answer(200));
  complete(request(2), answer(200));
  start(request(3)); // runs meanwhile
  ledger.recount({{"owner", 1}, {"other", 1}});
  EXPECT_EQ(ledger.keys(), 3u) << "two that are stored, one that runs";
  ledger.recount({{"owner", 2}});
  ASSERT_EQ(ledger.begin(request(4), t0), verdict::look_up);
  EXPECT_EQ(ledger.looked_up(bytes(4), std::nullopt, t0), verdict::owner_full);
  ASSERT_EQ(ledger.finish(bytes(3), answer(200)), fate::keep);
  ledger.kept(bytes(3), false);
  EXPECT_EQ(ledger.keys(), 2u);
  ledger.recount({});
  EXPECT_EQ(ledger.keys(), 0u);
}

TEST_F(key_ledger_test, an_owner_and_all_together_have_a_bound) {
  for (std::uint8_t n = 1; n <= 3; ++n)
    complete(request(n), answer(200));
  ASSERT_EQ(ledger.begin(request(4), t0), verdict::look_up);
  EXPECT_EQ(ledger.looked_up(bytes(4), std::nullopt, t0), verdict::owner_full);
  EXPECT_EQ(ledger.begin(request(2), t0), verdict::replay) << "what is kept is still replayed";
  ledger.add_stored("another", 2);
  auto foreign = request(5);
  foreign.owner = "third";
  ASSERT_EQ(ledger.begin(foreign, t0), verdict::look_up);
  EXPECT_EQ(ledger.looked_up(bytes(5), std::nullopt, t0), verdict::full);
  ledger.removed("another");
  ASSERT_EQ(ledger.begin(foreign, t0), verdict::look_up);
  EXPECT_EQ(ledger.looked_up(bytes(5), std::nullopt, t0), verdict::run);
  auto worker = request(6);
  worker.trusted = true;
  ledger.give_up(bytes(5));
  ASSERT_EQ(ledger.begin(worker, t0), verdict::look_up);
  EXPECT_EQ(ledger.looked_up(bytes(6), std::nullopt, t0), verdict::run)
      << "trusted callers share the bound of all only";
  ledger.removed("nobody");
  EXPECT_EQ(ledger.keys(), 5u);
}

TEST_F(key_ledger_test, runs_at_once_have_a_bound) {
  for (std::uint8_t n = 1; n <= 4; ++n)
    EXPECT_EQ(ledger.begin(request(n), t0), verdict::look_up);
  EXPECT_EQ(ledger.begin(request(9), t0), verdict::full);
  ledger.give_up(bytes(1));
  EXPECT_EQ(ledger.begin(request(9), t0), verdict::look_up);
}

TEST_F(key_ledger_test, an_answer_too_long_to_keep_says_so) {
  rules.answer_bytes_max = 10;
  key_ledger small{rules, 1};
  ASSERT_EQ(small.begin(request(1), t0), verdict::look_up);
  ASSERT_EQ(small.looked_up(bytes(1), std::nullopt, t0), verdict::run);
  ASSERT_EQ(small.finish(bytes(1), answer(200, std::string(11, 'x'))), fate::keep);
  EXPECT_EQ(small.record(bytes(1)).answer.status, 409);
  small.kept(bytes(1), true);
  ASSERT_EQ(small.begin(request(1), t0), verdict::replay);
  EXPECT_NE(small.answer().body->find("idempotency_answer_too_large"), std::string::npos);
}

TEST_F(key_ledger_test, memory_is_bounded_and_forgetting_only_costs_a_look_up) {
  rules = {.keys_per_owner = 100'000, .keys_max = 100'000, .cache_bytes = 10'000};
  key_ledger small{rules, 1};
  for (int n = 0; n < 200; ++n) {
    auto c = request(0);
    c.scope[0] = static_cast<std::uint8_t>(n);
    ASSERT_EQ(small.begin(c, t0), verdict::look_up);
    ASSERT_EQ(small.looked_up(c.scope, std::nullopt, t0), verdict::run);
    ASSERT_EQ(small.finish(c.scope, answer(200, std::string(100, 'x'))), fate::keep);
    small.kept(c.scope, true);
    ASSERT_LE(small.cached(), 30u);
  }
  EXPECT_EQ(small.keys(), 200u);
  auto first = request(0);
  EXPECT_EQ(small.begin(first, t0), verdict::look_up);
}

TEST_F(key_ledger_test, an_unstored_answer_is_replayed_from_memory_and_not_counted) {
  start(request(1));
  ASSERT_EQ(ledger.finish(bytes(1), answer(200)), fate::keep);
  ledger.kept(bytes(1), false);
  EXPECT_EQ(ledger.keys(), 0u);
  EXPECT_EQ(ledger.begin(request(1), t0), verdict::replay);
}

/// Against a model: whatever happens, a key has at most one kept answer, and its effect is repeated
/// only where that is allowed.
TEST(key_ledger_model_test, a_key_never_runs_again_once_it_has_an_answer) {
  std::mt19937_64 chance{std::random_device{}()};
  for (int game = 0; game < 300; ++game) {
    const ledger_rules rules{.keys_per_owner = 50, .keys_max = 50, .cache_bytes = 2'000};
    std::optional<key_ledger> ledger{std::in_place, rules, 1};
    std::map<digest, key_record> store;
    std::map<digest, bool> runs; ///< scopes that run, and whether they are `once`
    std::map<digest, std::string> told;
    for (int step = 0; step < 200; ++step) {
      const auto n = static_cast<std::uint8_t>(chance() % 8);
      const bool once = n % 2 == 1;
      const auto c = request(n, 1, once);
      const auto found = store.find(c.scope);
      if (chance() % 25 == 0) { // a crash
        ledger.emplace(rules, chance());
        runs.clear();
        for (const auto& [scope, row] : store)
          ledger->add_stored(row.owner, 1);
        continue;
      }
      if (const auto run = runs.find(c.scope); run != runs.end() && chance() % 2 == 0) {
        const int status = chance() % 3 == 0 ? 503 : 200;
        const auto body = std::to_string(game) + "/" + std::to_string(step);
        const auto f = ledger->finish(c.scope, answer(status, body));
        if (f == fate::keep) {
          store[c.scope] = ledger->record(c.scope);
          ledger->kept(c.scope, true);
          ASSERT_TRUE(told.emplace(c.scope, body).second) << "two answers for one key";
        } else {
          ASSERT_NE(f, fate::drop);
        }
        runs.erase(run);
        continue;
      }
      auto v = ledger->begin(c, t0);
      if (v == verdict::look_up)
        v = ledger->looked_up(
            c.scope, found == store.end() ? std::nullopt : std::optional{found->second}, t0);
      switch (v) {
      case verdict::note:
        ASSERT_TRUE(once);
        ASSERT_EQ(found, store.end());
        store[c.scope] = ledger->record(c.scope);
        runs[c.scope] = true;
        break;
      case verdict::run:
        ASSERT_FALSE(once);
        ASSERT_FALSE(told.contains(c.scope)) << "it has an answer";
        runs[c.scope] = false;
        break;
      case verdict::replay:
        ASSERT_EQ(*ledger->answer().body, told.at(c.scope));
        break;
      case verdict::running:
        ASSERT_TRUE(runs.contains(c.scope));
        break;
      case verdict::interrupted:
        ASSERT_TRUE(once);
        ASSERT_FALSE(told.contains(c.scope));
        break;
      default:
        FAIL() << static_cast<int>(v);
      }
      ASSERT_EQ(ledger->running(), runs.size());
    }
  }
}

} // namespace
} // namespace tiketi::idempotency
