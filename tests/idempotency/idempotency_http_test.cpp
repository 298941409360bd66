#include "net/http/idempotency.hpp"
#include "tests/idempotency/keeper_fixture.hpp"
#include "tests/support/fake_exchange.hpp"

#include <deque>
#include <optional>

namespace tiketi::net {
namespace {

using headers = std::vector<std::pair<std::string, std::string>>;

const user_id anna = *parse_id<user_id>("00000000-0000-4000-8000-00000000000a");
const user_id berta = *parse_id<user_id>("00000000-0000-4000-8000-00000000000b");

class idempotency_http_test : public test::keeper_fixture {
protected:
  idempotency_http_test() { build(); }
  ~idempotency_http_test() override { caller.reset(); }

  void build() {
    caller.reset();
    routes.emplace();
    const auto add = [&](std::string pattern, repeatable repeats) {
      route r;
      r.method = verb::post;
      r.pattern = std::move(pattern);
      r.who = access::user;
      r.repeats = repeats;
      r.handle = [this](front&, const exchange_ptr& x) {
        ++runs;
        if (holds) {
          held.push_back(x);
          return;
        }
        if (forgets)
          return;
        if (throws)
          throw std::runtime_error("a bug");
        auto out = json_response(status, {{"run", runs}, {"key", domain_key(x->req())}});
        out.headers.emplace_back("Set-Cookie", "secret=1");
        x->reply(std::move(out));
      };
      routes->add(std::move(r));
    };
    add("/pay/{id}", repeatable::safely);
    add("/create", repeatable::once);
    add("/plain", repeatable::no);
    honour_idempotency_keys(*routes, keys);
    caller.emplace(sys, *env, *routes, [this] { sched.run(); });
  }

  void restart_all() {
    caller.reset();
    restart();
    build();
  }

  test::fake_exchange_ptr post(const std::string& path, headers h, std::string body = "{}",
                               user_id who = anna) {
    request r;
    r.method = verb::post;
    r.path = path;
    r.headers = std::move(h);
    r.body = std::move(body);
    r.who = identity{who, "a@example.com", "user"};
    return caller->call(std::move(r));
  }

  test::fake_exchange_ptr keyed(const std::string& key, std::string body = "{}",
                                const std::string& path = "/pay/1", user_id who = anna) {
    return post(path, {{"idempotency-key", key}}, std::move(body), who);
  }

  int runs = 0;
  int status = 200;
  bool holds = false;
  bool forgets = false;
  bool throws = false;
  std::deque<exchange_ptr> held;
  std::optional<router> routes;
  std::optional<test::route_caller> caller;
};

TEST_F(idempotency_http_test, the_same_answer_again_without_another_run) {
  const auto first = keyed("k");
  const auto second = keyed("k");
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(second->status(), first->status());
  EXPECT_EQ(second->json(), first->json());
  EXPECT_TRUE(first->headers("Idempotent-Replayed").empty());
  EXPECT_EQ(second->headers("Idempotent-Replayed"), std::vector<std::string>{"true"});
  EXPECT_EQ(first->headers("Set-Cookie").size(), 1u);
  EXPECT_TRUE(second->headers("Set-Cookie").empty()) << "cookies are not kept";
  EXPECT_EQ(second->replies(), 1u);
}

TEST_F(idempotency_http_test, also_after_a_restart) {
  status = 409;
  const auto first = keyed("k");
  restart_all();
  const auto second = keyed("k");
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(second->status(), 409);
  EXPECT_EQ(second->json(), first->json());
}

TEST_F(idempotency_http_test, without_the_header_nothing_is_asked_or_kept) {
  post("/pay/1", {});
  post("/pay/1", {});
  post("/plain", {{"idempotency-key", "k"}});
  post("/plain", {{"idempotency-key", "k"}});
  EXPECT_EQ(runs, 4);
  EXPECT_EQ(store->size(), 0u);
  EXPECT_EQ(context->metrics->runs.Value(), 0);
}

TEST_F(idempotency_http_test, while_the_first_runs_the_second_is_told_to_wait) {
  holds = true;
  const auto first = keyed("k");
  EXPECT_FALSE(first->answered());
  const auto second = keyed("k");
  EXPECT_EQ(second->status(), 409);
  EXPECT_EQ(second->json()["code"], "idempotency_in_progress");
  EXPECT_EQ(second->headers("Retry-After"), std::vector<std::string>{"1"});
  EXPECT_EQ(keyed("k", "other")->status(), 422);
  held.front()->reply(json_response({{"late", true}}));
  held.clear();
  sched.run();
  EXPECT_EQ(first->json(), (nlohmann::json{{"late", true}}));
  EXPECT_EQ(keyed("k")->json(), first->json());
  EXPECT_EQ(runs, 1);
}

TEST_F(idempotency_http_test, another_request_under_the_same_key_is_refused) {
  keyed("k", R"({"amount":1})");
  const auto x = keyed("k", R"({"amount":2})");
  EXPECT_EQ(x->status(), 422);
  EXPECT_EQ(x->json()["code"], "idempotency_mismatch");
  EXPECT_EQ(runs, 1);
}

TEST_F(idempotency_http_test, a_key_belongs_to_its_caller_and_path) {
  EXPECT_EQ(keyed("k")->json()["run"], 1);
  EXPECT_EQ(keyed("k", "{}", "/pay/1", berta)->json()["run"], 2);
  EXPECT_EQ(keyed("k", "{}", "/pay/2")->json()["run"], 3);
  EXPECT_EQ(keyed("k", "{}", "/create")->json()["run"], 4);
  EXPECT_EQ(keyed("k")->json()["run"], 1);
}

TEST_F(idempotency_http_test, garbage_for_a_key_is_refused) {
  for (const auto& key : {std::string{}, std::string(256, 'k'), std::string{"a\tb"},
                          std::string{"a\0b", 3}, std::string{"k\xc3\xa9y"}, std::string{"\x7f"}}) {
    const auto x = keyed(key);
    EXPECT_EQ(x->status(), 400) << key;
    EXPECT_EQ(x->json()["code"], "invalid_request");
  }
  EXPECT_EQ(post("/pay/1", {{"idempotency-key", "a"}, {"idempotency-key", "b"}})->status(), 400);
  EXPECT_EQ(runs, 0);
  EXPECT_EQ(keyed(std::string(255, 'k'))->status(), 200);
}

TEST_F(idempotency_http_test, failures_are_not_kept) {
  for (const int failed : {500, 503, 504, 401, 403, 429}) {
    const auto before = runs;
    status = failed;
    EXPECT_EQ(keyed("k")->status(), failed);
    EXPECT_EQ(keyed("k")->status(), failed);
    EXPECT_EQ(runs, before + 2) << failed;
  }
  status = 200;
  EXPECT_EQ(keyed("k")->status(), 200);
  EXPECT_EQ(keyed("k")->headers("Idempotent-Replayed").size(), 1u);
}

TEST_F(idempotency_http_test, what_would_happen_twice_never_runs_again_in_doubt) {
  status = 503;
  EXPECT_EQ(keyed("k", "{}", "/create")->status(), 503);
  const auto x = keyed("k", "{}", "/create");
  EXPECT_EQ(x->status(), 409);
  EXPECT_EQ(x->json()["code"], "idempotency_interrupted");
  holds = true;
  keyed("other", "{}", "/create");
  held.clear(); // as a crash leaves it
  restart_all();
  EXPECT_EQ(keyed("other", "{}", "/create")->json()["code"], "idempotency_interrupted");
  EXPECT_EQ(runs, 2);
}

TEST_F(idempotency_http_test, a_handler_that_fails_or_forgets_is_answered_and_frees_the_key) {
  forgets = true;
  EXPECT_EQ(keyed("k")->status(), 500);
  forgets = false;
  throws = true;
  EXPECT_EQ(keyed("k")->status(), 500);
  throws = false;
  EXPECT_EQ(keyed("k")->status(), 200);
  EXPECT_EQ(runs, 3);
}

TEST_F(idempotency_http_test, too_many_keys_of_one_caller) {
  caller.reset();
  stop();
  options.rules.keys_per_owner = 2;
  start();
  build();
  keyed("1");
  keyed("2");
  const auto x = keyed("3");
  EXPECT_EQ(x->status(), 429);
  EXPECT_EQ(x->json()["code"], "idempotency_keys_exhausted");
  EXPECT_EQ(x->headers("Retry-After").size(), 1u);
  EXPECT_EQ(keyed("2")->status(), 200) << "a replay needs no room";
  EXPECT_EQ(post("/pay/1", {})->status(), 200) << "without a key it goes on";
  EXPECT_EQ(keyed("3", "{}", "/pay/1", berta)->status(), 200);
}

TEST_F(idempotency_http_test, the_store_away_is_an_outage_before_anything_ran) {
  store->set_unreadable(true);
  const auto x = keyed("k");
  EXPECT_EQ(x->status(), 503);
  EXPECT_EQ(runs, 0);
  store->set_unreadable(false);
  EXPECT_EQ(keyed("k")->status(), 200);
}

TEST(domain_key_test, one_key_per_header_method_and_path) {
  request r;
  r.method = verb::post;
  r.path = "/api/seats/reserve";
  EXPECT_EQ(domain_key(r), "");
  r.headers = {{"idempotency-key", std::string(255, 'x')}};
  const auto key = domain_key(r);
  EXPECT_EQ(key.size(), 64u);
  EXPECT_EQ(key.substr(0, 2), "h:");
  EXPECT_EQ(domain_key(r), key);
  r.path = "/api/reservations";
  EXPECT_NE(domain_key(r), key);
}

} // namespace
} // namespace tiketi::net
