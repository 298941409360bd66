// The sender against a server that speaks like SQS, in virtual time; and the outbox in front of it.

#include "actors/bus/type_ids.hpp"
#include "actors/queue/domain_events.hpp"
#include "actors/sqs/role.hpp"
#include "net/client/curl_transport.hpp"
#include "tests/queue/seed.hpp"
#include "tests/support/actor_fixture.hpp"
#include "tests/support/paced_transport.hpp"
#include "tests/support/queue_stand_in.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <prometheus/registry.h>

namespace tiketi::sqs {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using test::nth_user;
using test::queue_stand_in;

/// The outbox of a role as a table in memory that outlives actors.
struct table {
  std::vector<domain_event> events;
  std::map<std::string, std::int64_t> cursors;
  std::map<uuid, std::string> dead; ///< with the reason
};

class table_outbox final : public outbox_store {
public:
  explicit table_outbox(std::shared_ptr<table> t) : t_(std::move(t)) {}

  result<std::vector<domain_event>> read(std::int64_t sequence, std::size_t limit) override {
    std::vector<domain_event> out;
    for (const auto& e : t_->events)
      if (e.sequence > sequence && out.size() < limit)
        out.push_back(e);
    return out;
  }
  result<std::map<std::string, std::int64_t>> cursors() override { return t_->cursors; }
  result<void> save_cursor(const std::string& consumer, std::int64_t sequence) override {
    t_->cursors[consumer] = sequence;
    return {};
  }
  result<void> set_aside(const std::string&, const domain_event& event, const std::string& reason,
                         time_point) override {
    t_->dead.emplace(event.id, reason);
    return {};
  }
  result<void> purge(time_point) override { return {}; }

private:
  std::shared_ptr<table> t_;
};

class sqs_sender_test : public test::actor_test {
protected:
  sqs_sender_test() {
    options.to = {"http://sqs/1/notices.fifo", server.url(), "eu-west-1", "key", "secret", {}};
    options.call_timeout = 300ms;
    options.rules.wait_first = 500ms;
    options.rules.wait_max = 4000ms;
    calls.breaker.window = 1000; // opens only where a test wants it to
    calls.breaker.failure_percent = 100;
  }

  void TearDown() override {
    paced->shutdown();
    stop();
  }

  void start() {
    registry = std::make_shared<prometheus::Registry>();
    role = start_sqs(sys, *env, *registry, options, calls, {tokens, paced});
    relay = spawn_relay(sys, *env,
                        spawn_outbox(sys, *env, std::make_unique<table_outbox>(stored), false),
                        {role.consumer()});
    quiet();
  }

  /// As a crash: whatever was under way is lost.
  void stop() {
    if (relay) {
      self->send_exit(relay, caf::exit_reason::kill);
      self->send_exit(role.sender, caf::exit_reason::kill);
      self->send_exit(role.calls, caf::exit_reason::kill);
    }
    relay = nullptr;
    role = {};
    sched.run();
    while (paced->pump())
      sched.run();
  }

  void quiet() {
    do
      sched.run();
    while (paced->pump());
  }

  void pass(milliseconds time) {
    for (quiet(); time > 0ms; time -= 100ms) {
      advance(100ms);
      quiet();
    }
  }

  /// The queue of this event admitted this user.
  void admit(std::uint64_t event, std::uint64_t user) {
    auto e = queue::admission_event(
        event_id{nth_user(event).value},
        {nth_user(user), 0, env->now() + 600s, env->now() + 3600s, false}, env->now(), *env);
    e.sequence = static_cast<std::int64_t>(stored->events.size()) + 1;
    stored->events.push_back(std::move(e));
    self->send(relay, outbox_grew{});
  }

  std::vector<json> taken_of(std::uint64_t event) const {
    std::vector<json> out;
    for (const auto& m : server.taken())
      if (m.at("MessageGroupId") == to_string(nth_user(event)))
        out.push_back(m);
    return out;
  }

  static std::string dedup(std::uint64_t event, std::uint64_t user) {
    return to_string(nth_user(user)) + ":" + to_string(nth_user(event));
  }

  std::vector<std::string> dedups_of(std::uint64_t event) const {
    std::vector<std::string> out;
    for (const auto& m : taken_of(event))
      out.push_back(m.at("MessageDeduplicationId"));
    return out;
  }

  std::vector<std::string> expected(std::uint64_t event, std::uint64_t first, std::uint64_t last) {
    std::vector<std::string> out;
    for (auto n = first; n <= last; ++n)
      out.push_back(dedup(event, n));
    return out;
  }

  double value(const std::string& name, const std::string& label = {}) {
    for (const auto& family : registry->Collect())
      if (family.name == name)
        for (const auto& m : family.metric)
          if (label.empty() || (!m.label.empty() && m.label.front().value == label))
            return m.counter.value + m.gauge.value;
    return -1;
  }

  queue_stand_in server;
  sender_options options;
  remote::remote_options calls;
  entry_tokens tokens = *entry_tokens::make("0123456789abcdef0123456789abcdef");
  std::shared_ptr<test::paced_transport> paced =
      std::make_shared<test::paced_transport>(net::make_curl_transport({}));
  std::shared_ptr<prometheus::Registry> registry;
  std::shared_ptr<table> stored = std::make_shared<table>();
  sqs_role role;
  relay_actor relay;
};

TEST_F(sqs_sender_test, a_notice_is_what_the_contract_says) {
  start();
  const auto at = env->now();
  admit(7, 1);
  pass(100ms);
  const auto taken = server.taken();
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0]["MessageGroupId"], to_string(nth_user(7)));
  EXPECT_EQ(taken[0]["MessageDeduplicationId"], dedup(7, 1));
  const auto body = json::parse(taken[0]["MessageBody"].get<std::string>());
  EXPECT_EQ(body.size(), 5u);
  EXPECT_EQ(body["action"], "admitted");
  EXPECT_EQ(body["eventId"], to_string(nth_user(7)));
  EXPECT_EQ(body["userId"], to_string(nth_user(1)));
  EXPECT_EQ(body["timestamp"], to_millis(at));
  const auto claims = tokens.verify(body["entryToken"].get<std::string>(), env->now());
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->event.value, nth_user(7).value);
  EXPECT_EQ(claims->user, nth_user(1));
  EXPECT_LE(claims->expires_at, at + 600s) << "not longer than the slot";
  const auto sent = server.calls();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].action, "SendMessageBatch");
  EXPECT_EQ(sent[0].body["QueueUrl"], "http://sqs/1/notices.fifo");
  EXPECT_EQ(sent[0].request.target, "/");
  EXPECT_EQ(value("sqs_notices_total", "sent"), 1);
  EXPECT_EQ(value("sqs_notices_waiting"), 0);
}

TEST_F(sqs_sender_test, a_crowd_goes_in_tens_and_in_order) {
  start();
  for (std::uint64_t n = 1; n <= 150; ++n)
    for (const std::uint64_t event : {900U, 901U, 902U})
      admit(event, n);
  pass(2s);
  for (const std::uint64_t event : {900U, 901U, 902U})
    EXPECT_EQ(dedups_of(event), expected(event, 1, 150)) << event;
  std::size_t most = 0;
  for (const auto& c : server.calls()) {
    EXPECT_LE(c.body["Entries"].size(), 10u);
    most = std::max(most, c.body["Entries"].size());
  }
  EXPECT_EQ(most, 10u);
  EXPECT_LT(server.calls().size(), 150u);
  EXPECT_EQ(value("sqs_notices_total", "sent"), 450);
}

TEST_F(sqs_sender_test, nothing_is_lost_while_the_service_is_away) {
  start();
  int failures = 0;
  server.behave([&](const auto&) -> std::optional<test::local_reply> {
    switch (++failures % 5) {
    case 0:
      return test::local_reply{500, "oops", {}};
    case 1:
      return queue_stand_in::fault(503, "ServiceUnavailable");
    case 2:
      return queue_stand_in::fault(400, "RequestThrottled");
    case 3:
      return test::local_reply{200, "", {}, test::local_reply::manner::reset};
    default:
      return test::local_reply{200, "", {}, test::local_reply::manner::silence};
    }
  });
  for (std::uint64_t n = 1; n <= 100; ++n)
    admit(900, n);
  pass(60s);
  EXPECT_TRUE(server.taken().empty());
  EXPECT_GT(failures, 10);
  EXPECT_LT(failures, 60) << "the service is left in peace";
  EXPECT_GT(value("sqs_oldest_notice_seconds"), 50);
  EXPECT_GT(value("sqs_call_failures_total", "unavailable"), 10);
  server.behave({});
  pass(20s);
  EXPECT_EQ(dedups_of(900), expected(900, 1, 100)) << "once each, in order";
  EXPECT_TRUE(stored->dead.empty());
  EXPECT_EQ(value("sqs_oldest_notice_seconds"), 0);
  EXPECT_EQ(stored->cursors["sqs"], 100);
}

TEST_F(sqs_sender_test, only_the_refused_part_of_a_call_is_sent_again) {
  start();
  std::map<std::string, int> tries;
  server.behave([&](const queue_stand_in::call& c) -> std::optional<test::local_reply> {
    return server.take(c, [&](const json& entry) -> json {
      const std::string id = entry["MessageDeduplicationId"];
      const auto attempt = ++tries[id];
      if (id == dedup(900, 3) && attempt <= 2)
        return {{"SenderFault", false}, {"Code", "InternalError"}, {"Message", "later"}};
      return {};
    });
  });
  for (std::uint64_t n = 1; n <= 5; ++n)
    admit(900, n);
  admit(901, 1);
  pass(10s);
  EXPECT_EQ(taken_of(900).size(), 5u);
  EXPECT_EQ(taken_of(901).size(), 1u);
  for (std::uint64_t n = 1; n <= 5; ++n)
    EXPECT_EQ(tries[dedup(900, n)], n == 3 ? 3 : 1) << n;
  EXPECT_EQ(value("sqs_notice_retries_total"), 2);
}

TEST_F(sqs_sender_test, with_one_of_a_group_per_call_partial_failures_keep_the_order) {
  options.rules.per_group = 1;
  start();
  std::map<std::string, int> tries;
  server.behave([&](const queue_stand_in::call& c) -> std::optional<test::local_reply> {
    return server.take(c, [&](const json& entry) -> json {
      const std::string id = entry["MessageDeduplicationId"];
      if (++tries[id] == 1 && std::hash<std::string>{}(id) % 3 == 0)
        return {{"SenderFault", false}, {"Code", "InternalError"}};
      return {};
    });
  });
  for (std::uint64_t n = 1; n <= 40; ++n)
    for (const std::uint64_t event : {900U, 901U})
      admit(event, n);
  pass(60s);
  EXPECT_EQ(dedups_of(900), expected(900, 1, 40));
  EXPECT_EQ(dedups_of(901), expected(901, 1, 40));
}

TEST_F(sqs_sender_test, what_can_never_be_sent_is_set_aside_with_the_reason) {
  start();
  server.behave([&](const queue_stand_in::call& c) -> std::optional<test::local_reply> {
    return server.take(c, [&](const json& entry) -> json {
      if (entry["MessageDeduplicationId"] == dedup(900, 2))
        return {{"SenderFault", true}, {"Code", "InvalidMessageContents"}, {"Message", "no"}};
      return {};
    });
  });
  for (std::uint64_t n = 1; n <= 4; ++n)
    admit(900, n);
  pass(60s);
  EXPECT_EQ(taken_of(900).size(), 3u) << "the others are not held up";
  ASSERT_EQ(stored->dead.size(), 1u);
  EXPECT_EQ(stored->dead.begin()->first, stored->events[1].id);
  EXPECT_EQ(stored->dead.begin()->second, "SQS: InvalidMessageContents: no");
  EXPECT_EQ(stored->cursors["sqs"], 4) << "and the outbox can be purged";
}

TEST_F(sqs_sender_test, a_call_refused_as_a_whole_finds_the_one_to_blame) {
  start();
  server.behave([&](const queue_stand_in::call& c) -> std::optional<test::local_reply> {
    for (const auto& entry : c.body["Entries"])
      if (entry["MessageDeduplicationId"] == dedup(900, 3))
        return queue_stand_in::fault(400, "InvalidMessageContents");
    return std::nullopt;
  });
  for (std::uint64_t n = 1; n <= 5; ++n)
    admit(900, n);
  pass(60s);
  EXPECT_EQ(dedups_of(900),
            (std::vector{dedup(900, 1), dedup(900, 2), dedup(900, 4), dedup(900, 5)}));
  ASSERT_EQ(stored->dead.size(), 1u);
  EXPECT_EQ(stored->dead.begin()->first, stored->events[2].id);
}

TEST_F(sqs_sender_test, a_wrong_setting_loses_nothing) {
  start();
  server.behave([](const auto&) -> std::optional<test::local_reply> {
    return queue_stand_in::fault(400, "QueueDoesNotExist");
  });
  for (std::uint64_t n = 1; n <= 15; ++n)
    admit(900, n);
  pass(120s);
  EXPECT_TRUE(stored->dead.empty());
  EXPECT_GT(value("sqs_call_failures_total", "misconfigured"), 5);
  server.behave({});
  pass(20s);
  EXPECT_EQ(dedups_of(900), expected(900, 1, 15));
}

TEST_F(sqs_sender_test, a_crash_repeats_what_was_not_settled_and_loses_nothing) {
  start();
  server.behave([](const auto&) -> std::optional<test::local_reply> {
    return test::local_reply{503, "", {}};
  });
  for (std::uint64_t n = 1; n <= 30; ++n)
    admit(900, n);
  pass(3s);
  stop();
  server.behave({});
  start();
  pass(5s);
  EXPECT_EQ(dedups_of(900), expected(900, 1, 30));
}

TEST_F(sqs_sender_test, an_old_admission_is_not_told_any_more) {
  options.age_max = 3600s;
  start();
  admit(900, 1);
  stop();
  advance(std::chrono::hours{2});
  start();
  admit(900, 2);
  pass(1s);
  EXPECT_EQ(dedups_of(900), expected(900, 2, 2));
  EXPECT_EQ(value("sqs_notices_total", "outdated"), 1);
}

TEST_F(sqs_sender_test, other_events_and_broken_ones_do_no_harm) {
  start();
  domain_event other;
  other.type = "queue.left";
  other.id = make_uuid(*env);
  EXPECT_TRUE(ask<applied>(role.sender, deliver{other}));
  other.type = "queue.admitted";
  other.payload = "{";
  const auto broken = ask<applied>(role.sender, deliver{other});
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, errc::invalid_request);
  EXPECT_TRUE(server.calls().empty());
}

} // namespace
} // namespace tiketi::sqs
