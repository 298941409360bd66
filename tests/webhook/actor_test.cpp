#include "actors/webhook/signature.hpp"
#include "tests/webhook/webhook_fixture.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <nlohmann/json.hpp>

namespace tiketi::webhook {
namespace {

using namespace std::chrono_literals;
using test::local_reply;
using test::local_request;
using test::receiver;
using manner = local_reply::manner;

class webhook_actor_test : public test::webhook_test {
protected:
  /// Each event once, in the order of their first arrival, by key.
  static std::map<std::string, std::vector<std::string>>
  arrivals(const std::vector<local_request>& seen) {
    std::map<std::string, std::vector<std::string>> out;
    for (const auto& r : seen) {
      auto& line = out[nlohmann::json::parse(r.body)["key"]];
      const auto id = r.headers.at("tiketi-event-id");
      if (std::find(line.begin(), line.end(), id) == line.end())
        line.push_back(id);
    }
    return out;
  }

  delivery_page list(webhook_id id, caf::optional<delivery_status> status) {
    return call<delivery_page>(list_deliveries{id, status, 1, 100}).value();
  }

  receiver shop;
};

TEST_F(webhook_actor_test, an_event_arrives_signed_and_named) {
  start();
  const auto made = add(shop.url());
  const auto e = event("k1");
  ASSERT_TRUE(tell(e));
  quiet();
  const auto seen = shop.seen();
  ASSERT_EQ(seen.size(), 1u);
  auto headers = seen[0].headers;
  EXPECT_EQ(seen[0].method, "POST");
  EXPECT_EQ(seen[0].target, "/hook");
  EXPECT_EQ(headers["content-type"], "application/json");
  EXPECT_EQ(headers["user-agent"], "tiketi-webhook/1");
  EXPECT_EQ(headers["tiketi-event-id"], to_string(e.id));
  EXPECT_EQ(headers["tiketi-event-type"], "RESERVATION_CREATED");
  EXPECT_EQ(headers["tiketi-delivery-attempt"], "1");
  EXPECT_EQ(headers["traceparent"].substr(0, 36), e.trace.substr(0, 36)) << "the event's trace";
  const auto t = std::to_string(to_millis(env->now()) / 1000);
  EXPECT_EQ(headers["tiketi-signature"],
            "t=" + t + ",v1=" + hmac_hex(made.secret, t + "." + seen[0].body));
  const auto body = nlohmann::json::parse(seen[0].body);
  EXPECT_EQ(body["id"], to_string(e.id));
  EXPECT_EQ(body["key"], "k1");
  EXPECT_EQ(seen[0].body.find("nobody"), std::string::npos);
  const auto v = view(made.webhook.id);
  EXPECT_EQ(v.pending, 0);
  EXPECT_EQ(list(made.webhook.id, delivery_status::delivered).total, 1);
  advance(200ms);
  EXPECT_TRUE(shows(R"(webhook_deliveries_total{outcome="delivered"} 1)")) << metrics();
  EXPECT_TRUE(shows("webhook_deliveries_pending 0"));
  EXPECT_TRUE(shows(R"(webhook_webhooks{state="active"} 1)"));
}

TEST_F(webhook_actor_test, an_event_is_applied_once_and_what_nobody_wants_is_nothing) {
  start();
  const auto unwanted = tell(event("k", "PAYMENT_CONFIRMED"));
  ASSERT_TRUE(unwanted);
  const auto id = add(shop.url()).webhook.id;
  const auto e = event("k");
  EXPECT_FALSE(tell(e)->duplicate);
  EXPECT_TRUE(tell(e)->duplicate);
  quiet();
  EXPECT_TRUE(tell(e)->duplicate);
  ASSERT_TRUE(tell(event("k", "POINTS_EARNED")));
  auto broken = event("k");
  broken.payload = "no json";
  EXPECT_EQ(tell(broken).error().code, errc::invalid_request) << "for the relay to set aside";
  quiet();
  EXPECT_EQ(shop.count(), 1u);
  EXPECT_EQ(view(id).pending, 0);
}

TEST_F(webhook_actor_test, failures_are_repeated_in_order_and_other_keys_go_on) {
  start();
  int bad = 0;
  shop.behave([&](const local_request& r) {
    if (r.body.find("\"key\":\"bad\"") == std::string::npos)
      return local_reply{200, "ok", {}};
    return ++bad <= 2 ? local_reply{500, "no", {}} : local_reply{200, "", {}};
  });
  const auto id = add(shop.url()).webhook.id;
  const auto first = event("bad");
  ASSERT_TRUE(tell(first));
  const auto second = event("bad");
  ASSERT_TRUE(tell(second));
  ASSERT_TRUE(tell(event("good")));
  quiet();
  EXPECT_EQ(shop.count(), 2u) << "one of each key";
  EXPECT_EQ(view(id).pending, 2);
  const auto waiting = list(id, delivery_status::pending).deliveries;
  EXPECT_EQ(waiting.at(1).attempts, 1);
  EXPECT_EQ(waiting.at(1).last_status, 500);
  EXPECT_GE(waiting.at(1).next_attempt_at, env->now() + 500ms);
  pass(10s);
  const auto seen = shop.seen();
  ASSERT_EQ(seen.size(), 5u);
  std::vector<std::string> ids;
  std::vector<std::string> attempts;
  for (const auto& r : seen)
    if (r.body.find("\"key\":\"bad\"") != std::string::npos) {
      ids.push_back(r.headers.at("tiketi-event-id"));
      attempts.push_back(r.headers.at("tiketi-delivery-attempt"));
    }
  const auto a = to_string(first.id);
  EXPECT_EQ(ids, (std::vector<std::string>{a, a, a, to_string(second.id)}));
  EXPECT_EQ(attempts, (std::vector<std::string>{"1", "2", "3", "1"}));
  EXPECT_TRUE(shows(R"(webhook_deliveries_total{outcome="retried"} 2)")) << metrics();
}

TEST_F(webhook_actor_test, given_up_is_a_dead_letter_and_replay_brings_it_back_in_order) {
  start();
  shop.behave([](const local_request&) { return local_reply{500, "", {}}; });
  const auto id = add(shop.url()).webhook.id;
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    const auto e = event("k");
    ids.push_back(to_string(e.id));
    ASSERT_TRUE(tell(e));
  }
  pass(60s);
  EXPECT_EQ(view(id).dead, 3);
  EXPECT_EQ(view(id).pending, 0);
  EXPECT_EQ(shop.count(), 12u) << "four attempts each";
  EXPECT_EQ(list(id, delivery_status::dead).deliveries.at(0).last_error, "status 500");
  EXPECT_TRUE(shows("webhook_dead_letters 3")) << metrics();

  const auto before = shop.count();
  shop.behave([](const local_request&) { return local_reply{200, "", {}}; });
  const auto one = call<replayed>(replay_dead_letters{id, {}, false, {*parse_uuid(ids[1])}});
  EXPECT_EQ(one->count, 1);
  EXPECT_EQ(one->remaining, 2);
  quiet();
  const auto all = call<replayed>(replay_dead_letters{id, {}, true, {}});
  EXPECT_EQ(all->count, 2);
  EXPECT_EQ(all->remaining, 0);
  quiet();
  const auto seen = shop.seen();
  ASSERT_EQ(seen.size(), before + 3);
  EXPECT_EQ(seen[before].headers.at("tiketi-event-id"), ids[1]);
  EXPECT_EQ(seen[before + 1].headers.at("tiketi-event-id"), ids[0]);
  EXPECT_EQ(seen[before + 2].headers.at("tiketi-event-id"), ids[2]);
  EXPECT_EQ(seen[before].headers.at("tiketi-delivery-attempt"), "1");
  EXPECT_EQ(view(id).dead, 0);
}

TEST_F(webhook_actor_test, gone_disables_until_an_administrator_says_otherwise) {
  start();
  shop.behave([](const local_request&) { return local_reply{410, "", {}}; });
  const auto id = add(shop.url()).webhook.id;
  const auto e = event("k");
  ASSERT_TRUE(tell(e));
  quiet();
  EXPECT_EQ(view(id).state, webhook_state::disabled);
  ASSERT_TRUE(tell(event("k")));
  pass(2min);
  EXPECT_EQ(shop.count(), 1u);
  EXPECT_EQ(view(id).pending, 1);
  EXPECT_EQ(view(id).missed, 1);
  shop.behave([](const local_request&) { return local_reply{200, "", {}}; });
  change_webhook on;
  on.id = id;
  on.active = true;
  EXPECT_EQ(call<webhook_view>(on)->state, webhook_state::active);
  quiet();
  ASSERT_EQ(shop.count(), 2u);
  EXPECT_EQ(shop.seen()[1].headers.at("tiketi-event-id"), to_string(e.id));
}

TEST_F(webhook_actor_test, a_paused_webhook_keeps_what_waits) {
  start();
  shop.behave([](const local_request&) { return local_reply{500, "", {}}; });
  const auto id = add(shop.url()).webhook.id;
  ASSERT_TRUE(tell(event("k")));
  quiet();
  change_webhook change;
  change.id = id;
  change.active = false;
  ASSERT_TRUE(call<webhook_view>(change));
  pass(30s);
  EXPECT_EQ(shop.count(), 1u);
  change.active = true;
  shop.behave([](const local_request&) { return local_reply{200, "", {}}; });
  ASSERT_TRUE(call<webhook_view>(change));
  quiet();
  EXPECT_EQ(shop.count(), 2u);
  EXPECT_EQ(view(id).pending, 0);
}

TEST_F(webhook_actor_test, a_receiver_that_misbehaves_gets_it_again) {
  calls.response_bytes_max = 1000;
  options.retry.attempts_max = 20;
  start();
  receiver elsewhere;
  const auto other = elsewhere.url();
  int n = 0;
  shop.behave([&](const local_request&) {
    switch (++n) {
    case 1:
      return local_reply{302, "", {{"Location", other}}};
    case 2:
      return local_reply{200, "", {}, manner::silence};
    case 3:
      return local_reply{200, "", {}, manner::reset};
    case 4:
      return local_reply{200, "0123456789", {}, manner::half};
    case 5:
      return local_reply{200, std::string(100'000, 'x'), {}};
    case 6:
      return local_reply{200, "", {}, manner::garbage};
    case 7:
      return local_reply{404, "", {}};
    default:
      return local_reply{200, std::string(1000, 'x'), {}};
    }
  });
  const auto id = add(shop.url()).webhook.id;
  ASSERT_TRUE(tell(event("k")));
  std::set<std::string> errors;
  for (int i = 0; i < 400 && view(id).pending > 0; ++i) {
    for (const auto& d : list(id, delivery_status::pending).deliveries)
      errors.insert(d.last_error);
    pass(100ms);
  }
  EXPECT_EQ(view(id).pending, 0);
  EXPECT_EQ(elsewhere.connections(), 0u) << "redirects are not followed";
  for (const char* word :
       {"status 302: redirects are not followed", "timed_out", "lost", "too_large", "status 404"})
    EXPECT_TRUE(errors.contains(word)) << word;
  const auto seen = shop.seen();
  for (const auto& r : seen) {
    EXPECT_EQ(r.headers.at("tiketi-event-id"), seen[0].headers.at("tiketi-event-id"));
    EXPECT_EQ(r.body, seen[0].body);
  }
}

TEST_F(webhook_actor_test, rotated_secrets_sign_together_for_a_while) {
  options.secret_overlap = 60s;
  start();
  const auto made = add(shop.url());
  const auto fresh = call<webhook_secret>(rotate_secret{made.webhook.id, {}}).value();
  EXPECT_NE(fresh.secret, made.secret);
  EXPECT_EQ(fresh.webhook.old_secret_until, env->now() + 60s);
  ASSERT_TRUE(tell(event("k")));
  quiet();
  const auto check = [&](const std::vector<std::string>& secrets) {
    const auto r = shop.seen().back();
    const auto t = std::to_string(to_millis(env->now()) / 1000);
    auto expected = "t=" + t;
    for (const auto& s : secrets)
      expected += ",v1=" + hmac_hex(s, t + "." + r.body);
    EXPECT_EQ(r.headers.at("tiketi-signature"), expected);
  };
  check({fresh.secret, made.secret});
  pass(60s);
  ASSERT_TRUE(tell(event("k")));
  quiet();
  check({fresh.secret});
  pass(61s);
  EXPECT_EQ((*store)->state().hooks.at(0).old_secret, "") << "forgotten when it signs no more";
}

TEST_F(webhook_actor_test, machines_inside_are_not_called_whatever_their_name) {
  paced = std::make_shared<test::paced_transport>(
      net::make_curl_transport({.public_addresses_only = true}));
  start();
  const auto direct = add(shop.url()).webhook.id;
  auto by_name = shop.url();
  by_name.replace(by_name.find("127.0.0.1"), 9, "localhost");
  const auto named = add(by_name).webhook.id;
  for (const auto id : {direct, named}) {
    const auto tried = call<test_result>(test_webhook{id}).value();
    EXPECT_FALSE(tried.delivered);
    EXPECT_EQ(tried.error, "forbidden");
  }
  ASSERT_TRUE(tell(event("k")));
  quiet();
  EXPECT_EQ(list(direct, delivery_status::pending).deliveries.at(0).last_error, "forbidden");
  EXPECT_EQ(shop.connections(), 0u);
}

TEST_F(webhook_actor_test, a_ping_is_sent_at_once_and_counts_nothing) {
  start();
  const auto made = add(shop.url());
  change_webhook off;
  off.id = made.webhook.id;
  off.active = false;
  ASSERT_TRUE(call<webhook_view>(off));
  const auto good = call<test_result>(test_webhook{made.webhook.id}).value();
  EXPECT_TRUE(good.delivered);
  EXPECT_EQ(good.status, 204);
  EXPECT_EQ(good.error, "");
  const auto r = shop.seen().at(0);
  EXPECT_EQ(r.headers.at("tiketi-event-type"), "PING");
  EXPECT_EQ(nlohmann::json::parse(r.body)["data"]["webhookId"], to_string(made.webhook.id));
  EXPECT_NE(
      r.headers.at("tiketi-signature")
          .find(hmac_hex(made.secret, std::to_string(to_millis(env->now()) / 1000) + "." + r.body)),
      std::string::npos);
  shop.behave([](const local_request&) { return local_reply{503, "", {}}; });
  const auto bad = call<test_result>(test_webhook{made.webhook.id}).value();
  EXPECT_FALSE(bad.delivered);
  EXPECT_EQ(bad.status, 503);
  EXPECT_EQ(list(made.webhook.id, caf::none).total, 0);
  EXPECT_EQ(call<test_result>(test_webhook{webhook_id{make_uuid(*env)}}).error().code,
            errc::not_found);
}

TEST_F(webhook_actor_test, a_receiver_that_fails_too_often_is_left_alone_and_nobody_else) {
  calls.breaker = {.window = 4, .failure_percent = 50, .open_for = 10'000ms, .trials = 1};
  options.retry.attempts_max = 100;
  start();
  receiver well;
  shop.behave([](const local_request&) { return local_reply{500, "", {}}; });
  const auto ill = add(shop.url()).webhook.id;
  add(well.url());
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(tell(event("k" + std::to_string(i))));
  quiet();
  EXPECT_LE(shop.count(), 12u);
  EXPECT_EQ(well.count(), 20u);
  const auto opened = shop.count();
  pass(4s);
  EXPECT_EQ(shop.count(), opened);
  EXPECT_TRUE(shows(R"(resilience4j_circuitbreaker_state{name="webhook/)" + to_string(ill)
                    + R"(",state="open"} 1)"))
      << metrics();
  for (const auto& d : list(ill, delivery_status::pending).deliveries)
    EXPECT_LE(d.attempts, 2) << "what was not sent is no attempt";
  shop.behave([](const local_request&) { return local_reply{200, "", {}}; });
  pass(60s);
  EXPECT_EQ(view(ill).pending, 0);
}

TEST_F(webhook_actor_test, a_slow_receiver_holds_nobody_up) {
  options.schedule = {.per_webhook_max = 4, .shared_max = 3};
  options.attempt_timeout = 20s;
  start();
  receiver well;
  shop.behave([](const local_request&) { return local_reply{200, "", {}, manner::silence}; });
  add(shop.url());
  add(well.url());
  for (int i = 0; i < 30; ++i)
    ASSERT_TRUE(tell(event("k" + std::to_string(i))));
  // What the slow one was sent has no answer before the others are done.
  std::size_t slow_first = 0;
  for (int i = 0; i < 200 && well.count() < 30; ++i) {
    sched.run();
    slow_first = shop.count();
    paced->pump();
  }
  EXPECT_EQ(well.count(), 30u);
  EXPECT_LE(slow_first, 4u);
}

TEST_F(webhook_actor_test, an_outcome_outlives_a_database_that_is_away) {
  start();
  const auto id = add(shop.url()).webhook.id;
  ASSERT_TRUE(tell(event("k")));
  const auto later = event("k");
  ASSERT_TRUE(tell(later));
  (*store)->set_away(true);
  quiet();
  const auto sent = shop.count();
  EXPECT_LE(sent, 1u);
  EXPECT_EQ(tell(event("k")).error().code, errc::unavailable) << "the relay keeps it";
  pass(3s);
  EXPECT_EQ(shop.count(), sent);
  (*store)->set_away(false);
  pass(3s);
  EXPECT_EQ(view(id).pending, 0);
  EXPECT_EQ(shop.count(), 2u) << "none twice, none lost";
}

TEST_F(webhook_actor_test, lost_answers_of_the_database_are_made_good) {
  start();
  auto fault = memory::commit_fault::answer_lost;
  (*store)->on_batch([&](const auto&) { return std::exchange(fault, memory::commit_fault::none); });
  create_webhook cmd;
  cmd.url = shop.url();
  cmd.types = {"RESERVATION_CREATED"};
  EXPECT_EQ(call<webhook_secret>(cmd).error().code, errc::unavailable);
  pass(1s);
  ASSERT_EQ(call<webhook_list>(list_webhooks{})->webhooks.size(), 1u) << "it was made after all";
  const auto id = call<webhook_list>(list_webhooks{})->webhooks[0].id;
  for (const auto kind : {memory::commit_fault::answer_lost, memory::commit_fault::commit_lost,
                          memory::commit_fault::refused}) {
    fault = kind;
    const auto before = shop.count();
    const auto e = event("k");
    EXPECT_FALSE(tell(e));
    ASSERT_TRUE(tell(e)) << "the relay comes again";
    pass(1s);
    EXPECT_EQ(shop.count(), before + 1);
    // And the outcome's answer is lost.
    const auto f = event("k");
    int writes = 0;
    (*store)->on_batch(
        [&, kind](const auto&) { return ++writes == 2 ? kind : memory::commit_fault::none; });
    ASSERT_TRUE(tell(f));
    pass(2s);
    EXPECT_EQ(shop.count(), before + 2);
    EXPECT_EQ(view(id).pending, 0);
    (*store)->on_batch(
        [&](const auto&) { return std::exchange(fault, memory::commit_fault::none); });
  }
}

TEST_F(webhook_actor_test, a_deleted_webhook_gets_nothing_more) {
  start();
  shop.behave([](const local_request&) { return local_reply{500, "", {}}; });
  const auto id = add(shop.url()).webhook.id;
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(tell(event("k")));
  quiet();
  const auto sent = shop.count();
  ASSERT_TRUE(call<webhook_deleted>(delete_webhook{id, {}}));
  EXPECT_EQ(call<webhook_view>(get_webhook{id}).error().code, errc::not_found);
  EXPECT_EQ(call<webhook_deleted>(delete_webhook{id, {}}).error().code, errc::not_found);
  EXPECT_EQ(call<webhook_secret>(rotate_secret{id, {}}).error().code, errc::not_found);
  EXPECT_EQ(call<delivery_page>(list_deliveries{id, caf::none, 1, 1}).error().code,
            errc::not_found);
  EXPECT_EQ(call<replayed>(replay_dead_letters{id, {}, true, {}}).error().code, errc::not_found);
  ASSERT_TRUE(tell(event("k")));
  pass(30s);
  EXPECT_EQ(shop.count(), sent);
}

TEST_F(webhook_actor_test, order_holds_under_random_failures_and_crashes) {
  options.retry.attempts_max = 1000;
  options.retry.age_max = std::chrono::hours{24};
  options.schedule = {.per_webhook_max = 3, .shared_max = 2};
  for (unsigned seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(seed);
    store = std::make_shared<disk>();
    std::mt19937 chance{seed};
    std::mt19937 mood{seed + 1000};
    receiver other;
    bool calm = false;
    std::set<std::string> taken; // answered 200: the receiver has it
    const auto moody = [&](const local_request& r) {
      const auto n = calm ? 0 : mood() % 10;
      if (n < 5)
        return local_reply{200, "", {}};
      static_cast<void>(r);
      return n < 8 ? local_reply{503, "", {}} : local_reply{200, "", {}, manner::reset};
    };
    receiver one;
    one.behave(moody);
    other.behave(moody);
    start();
    add(one.url());
    add(other.url());
    std::map<std::string, std::vector<std::string>> told;
    for (int step = 0; step < 40; ++step) {
      const auto key = std::string(1, static_cast<char>('a' + chance() % 4));
      const auto e = event(key);
      ASSERT_TRUE(tell(e));
      told[key].push_back(to_string(e.id));
      switch (chance() % 6) {
      case 0:
        pass(milliseconds{100 * (chance() % 8)});
        break;
      case 1:
        sched.run();
        paced->pump();
        break;
      case 2:
        if (chance() % 3 == 0) {
          stop();
          start();
        }
        break;
      default:
        break;
      }
    }
    stop();
    calm = true;
    start();
    pass(30s);
    for (const auto* r : {&one, &other})
      EXPECT_EQ(arrivals(r->seen()), told) << "each event, in the order of its key";
    for (const auto& hook : (*store)->state().hooks) {
      EXPECT_EQ(hook.view.pending, 0);
      EXPECT_EQ(hook.view.dead, 0);
    }
    stop();
    ASSERT_FALSE(HasFailure());
  }
}

} // namespace
} // namespace tiketi::webhook
