#include "actors/base/trace.hpp"
#include "actors/remote/role.hpp"
#include "net/client/curl_transport.hpp"
#include "tests/support/actor_fixture.hpp"
#include "tests/support/local_server.hpp"
#include "tests/support/paced_transport.hpp"
#include "tests/support/places.hpp"

#include <atomic>

#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace tiketi::remote {
namespace {

using namespace std::chrono_literals;
using test::local_reply;
using test::local_request;
using test::local_server;
using manner = local_reply::manner;

/// Virtual time, real calls to a real server.
class client_test : public test::actor_test {
protected:
  void SetUp() override {
    options.attempt_timeout = 150ms;
    options.in_flight_max = 3;
    options.breaker = {.window = 4,
                       .failure_percent = 50,
                       .slow_percent = 100,
                       .slow_after = 3000ms,
                       .open_for = 10'000ms,
                       .trials = 2};
    options.retry = {3, 100ms, 400ms};
    client = start_remote(sys, *env, registry, options, paced, {"shop", "bank"});
    sched.run();
  }

  void TearDown() override {
    stop_remote(client);
    sched.run();
    client = nullptr;
    paced->shutdown();
  }

  http_call call(bool repeatable = true, std::string target = "shop") const {
    http_call x;
    x.target = std::move(target);
    x.request.url = server.url() + "/";
    x.repeatable = repeatable;
    return x;
  }

  /// Runs everything, virtual waits included, until the answer is there.
  http_answer run(http_call x) {
    auto pending = self->request(client, caf::infinite, std::move(x));
    for (int i = 0; i < 1000 && self->mailbox().empty(); ++i) {
      sched.run();
      if (!self->mailbox().empty())
        break;
      if (!paced->pump())
        advance(20ms);
    }
    http_answer out;
    out.text = "no answer";
    if (self->mailbox().empty()) {
      ADD_FAILURE() << "no answer";
      return out;
    }
    pending.receive([&](http_answer& a) { out = std::move(a); },
                    [](caf::error& e) { ADD_FAILURE() << to_failure(e).text; });
    return out;
  }

  std::string metrics() const { return prometheus::TextSerializer{}.Serialize(registry.Collect()); }

  bool shows(const std::string& line) const {
    return metrics().find(line + "\n") != std::string::npos;
  }

  std::atomic<int> calls{0};
  std::function<local_reply(int)> behave = [](int) { return local_reply{200, "fine", {}}; };
  std::string trace_seen; ///< of the last call; read when its answer is there
  local_server server{[this](const local_request& r) {
    const auto found = r.headers.find("traceparent");
    trace_seen = found == r.headers.end() ? "" : found->second;
    return behave(++calls);
  }};
  remote_options options;
  prometheus::Registry registry;
  std::shared_ptr<test::paced_transport> paced =
      std::make_shared<test::paced_transport>(net::make_curl_transport({}));
  client_actor client;
};

TEST_F(client_test, answers_with_whatever_the_server_said) {
  const auto a = run(call());
  EXPECT_EQ(a.error, http_failure::none);
  EXPECT_EQ(a.status, 200);
  EXPECT_EQ(a.body, "fine");
  EXPECT_EQ(a.attempts, 1u);
  EXPECT_TRUE(a.may_have_arrived);
  EXPECT_TRUE(shows(R"(remote_calls_total{result="answered",target="shop"} 1)")) << metrics();
}

TEST_F(client_test, carries_the_trace_of_what_led_to_it) {
  auto x = call();
  x.trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const auto parent = x.trace;
  EXPECT_EQ(run(std::move(x)).status, 200);
  EXPECT_TRUE(is_traceparent(trace_seen)) << trace_seen;
  EXPECT_EQ(trace_seen.substr(0, 36), parent.substr(0, 36));
  EXPECT_NE(trace_seen, parent);
  EXPECT_EQ(run(call()).status, 200);
  EXPECT_TRUE(is_traceparent(trace_seen)) << "without one, it begins a trace";
  EXPECT_NE(trace_seen.substr(0, 36), parent.substr(0, 36));
}

TEST_F(client_test, repeats_what_may_be_repeated) {
  behave = [](int n) {
    // The reset first: on a kept connection libcurl would repeat it without asking.
    if (n == 1)
      return local_reply{200, "", {}, manner::reset};
    if (n == 2)
      return local_reply{500, "", {}};
    return local_reply{200, "third", {}};
  };
  const auto a = run(call());
  EXPECT_EQ(a.body, "third");
  EXPECT_EQ(a.attempts, 3u);
  EXPECT_EQ(calls, 3);
  EXPECT_TRUE(shows(R"(remote_retries_total{target="shop"} 2)")) << metrics();
}

TEST_F(client_test, never_repeats_anything_else) {
  for (const auto& bad : {local_reply{500, "", {}}, local_reply{200, "", {}, manner::reset},
                          local_reply{200, "", {}, manner::silence}}) {
    const auto before = calls.load();
    behave = [&](int) { return bad; };
    const auto a = run(call(false));
    EXPECT_EQ(a.attempts, 1u);
    EXPECT_EQ(calls, before + 1);
    EXPECT_TRUE(a.may_have_arrived);
  }
}

TEST_F(client_test, never_repeats_a_mistake_of_ours) {
  behave = [](int) { return local_reply{400, "no", {}}; };
  EXPECT_EQ(run(call()).status, 400);
  EXPECT_EQ(calls, 1);
}

TEST_F(client_test, tells_the_last_failure_when_attempts_are_used_up) {
  behave = [](int) { return local_reply{200, "", {}, manner::silence}; };
  const auto a = run(call());
  EXPECT_EQ(a.error, http_failure::timed_out);
  EXPECT_EQ(a.attempts, 3u);
  EXPECT_TRUE(a.may_have_arrived);
}

TEST_F(client_test, the_deadline_is_for_all_attempts) {
  behave = [](int) { return local_reply{503, "", {{"Retry-After", "1"}}}; };
  auto x = call();
  x.timeout = 2500ms;
  const auto a = run(std::move(x));
  EXPECT_EQ(a.status, 503);
  EXPECT_EQ(a.attempts, 3u) << "at 0, 1 and 2 s";
  x = call(true, "bank");
  x.timeout = 1500ms;
  EXPECT_EQ(run(std::move(x)).attempts, 2u);
}

TEST_F(client_test, certainly_not_sent_is_said) {
  auto x = call();
  x.request.url = "http://127.0.0.1:" + std::to_string(test::free_port()) + "/";
  const auto a = run(std::move(x));
  EXPECT_EQ(a.error, http_failure::refused);
  EXPECT_FALSE(a.may_have_arrived);
}

TEST_F(client_test, a_failing_target_is_left_alone_and_tried_again_later) {
  behave = [](int) { return local_reply{500, "", {}}; };
  for (int i = 0; i < 4; ++i)
    run(call(false));
  EXPECT_EQ(calls, 4);
  EXPECT_TRUE(shows(R"(resilience4j_circuitbreaker_state{name="shop",state="open"} 1)"))
      << metrics();
  EXPECT_TRUE(shows(R"(resilience4j_circuitbreaker_state{name="shop",state="closed"} 0)"));

  const auto refused = run(call());
  EXPECT_EQ(refused.error, http_failure::circuit_open);
  EXPECT_FALSE(refused.may_have_arrived);
  EXPECT_EQ(calls, 4) << "nothing reached it";
  EXPECT_TRUE(shows(R"(remote_calls_total{result="circuit_open",target="shop"} 1)"));
  EXPECT_EQ(run(call(true, "bank")).status, 500) << "every target has its own circuit";

  behave = [](int) { return local_reply{200, "well", {}}; };
  advance(10'000ms);
  EXPECT_TRUE(shows(R"(resilience4j_circuitbreaker_state{name="shop",state="half_open"} 1)"))
      << metrics();
  EXPECT_EQ(run(call()).body, "well");
  EXPECT_EQ(run(call()).body, "well");
  EXPECT_TRUE(shows(R"(resilience4j_circuitbreaker_state{name="shop",state="closed"} 1)"));
}

TEST_F(client_test, a_circuit_that_opens_ends_the_retries) {
  behave = [](int) { return local_reply{500, "", {}}; };
  run(call(false));
  run(call(false));
  const auto a = run(call());
  EXPECT_EQ(a.attempts, 2u) << "the fourth failure opened it";
  EXPECT_EQ(a.status, 500);
  EXPECT_EQ(calls, 4);
}

TEST_F(client_test, mistakes_of_ours_do_not_open_the_circuit) {
  behave = [](int) { return local_reply{404, "", {}}; };
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(run(call(false)).status, 404);
}

TEST_F(client_test, more_calls_than_allowed_are_refused) {
  behave = [](int) { return local_reply{200, "", {}, manner::silence}; };
  for (int i = 0; i < 3; ++i)
    caf::anon_send(client, call(false));
  sched.run();
  const auto a = run(call(false));
  EXPECT_EQ(a.error, http_failure::overloaded);
  EXPECT_FALSE(a.may_have_arrived);
  EXPECT_EQ(run(call(false, "bank")).error, http_failure::timed_out) << "the limit is per target";
  while (paced->pump())
    sched.run();
  behave = [](int) { return local_reply{200, "room", {}}; };
  EXPECT_EQ(run(call(true, "bank")).body, "room");
}

TEST_F(client_test, an_unknown_target_is_refused) {
  EXPECT_EQ(run(call(true, "nobody")).error, http_failure::rejected);
  EXPECT_EQ(calls, 0);
}

TEST_F(client_test, one_target_may_have_many_circuits) {
  options.circuits_max = 2;
  stop_remote(client);
  sched.run();
  client = start_remote(sys, *env, registry, options, paced, {"shop", "bank"});
  sched.run();
  const auto through = [this](const std::string& circuit) {
    auto x = call(false);
    x.circuit = circuit;
    return run(std::move(x));
  };
  behave = [](int) { return local_reply{500, "", {}}; };
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(through("a").status, 500);
  EXPECT_EQ(through("a").error, http_failure::circuit_open);
  EXPECT_TRUE(shows(R"(resilience4j_circuitbreaker_state{name="shop/a",state="open"} 1)"))
      << metrics();
  behave = [](int) { return local_reply{200, "well", {}}; };
  EXPECT_EQ(through("b").body, "well");
  EXPECT_EQ(through("").body, "well") << "the target itself";
  EXPECT_TRUE(shows(R"(resilience4j_circuitbreaker_state{name="shop/b",state="closed"} 1)"));
  // A third one takes the place of the one that was unused for longest, with its metrics.
  advance(1ms);
  EXPECT_EQ(through("a").error, http_failure::circuit_open);
  advance(1ms);
  EXPECT_EQ(through("c").body, "well");
  EXPECT_EQ(metrics().find("shop/b"), std::string::npos);
  EXPECT_EQ(through("a").error, http_failure::circuit_open) << "the one in use was kept";
  advance(options.circuit_idle);
  EXPECT_EQ(through("d").body, "well");
  EXPECT_EQ(metrics().find("shop/a"), std::string::npos) << "idle ones are forgotten";
  EXPECT_EQ(through("a").body, "well");
}

TEST_F(client_test, circuits_in_use_are_never_forgotten) {
  options.circuits_max = 2;
  stop_remote(client);
  sched.run();
  client = start_remote(sys, *env, registry, options, paced, {"shop"});
  behave = [](int) { return local_reply{200, "", {}, manner::silence}; };
  for (const char* circuit : {"a", "b"}) {
    auto x = call(false);
    x.circuit = circuit;
    caf::anon_send(client, x);
  }
  sched.run();
  auto third = call(false);
  third.circuit = "c";
  EXPECT_EQ(run(third).error, http_failure::overloaded);
  while (paced->pump())
    sched.run();
  behave = [](int) { return local_reply{200, "room", {}}; };
  EXPECT_EQ(run(third).body, "room");
}

TEST_F(client_test, whoever_still_waits_at_the_end_is_answered) {
  behave = [](int) { return local_reply{200, "", {}, manner::silence}; };
  auto pending = self->request(client, caf::infinite, call());
  sched.run();
  stop_remote(client);
  sched.run();
  ASSERT_FALSE(self->mailbox().empty());
  pending.receive(
      [](const http_answer& a) {
        EXPECT_EQ(a.error, http_failure::rejected);
        EXPECT_TRUE(a.may_have_arrived);
      },
      [](caf::error& e) { ADD_FAILURE() << to_failure(e).text; });
}

} // namespace
} // namespace tiketi::remote
