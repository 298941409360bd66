#include "actors/bus/relay.hpp"
#include "actors/bus/topic_dispatch.hpp"
#include "actors/bus/type_ids.hpp"
#include "tests/support/actor_fixture.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include <prometheus/registry.h>

namespace tiketi {
namespace {

using namespace std::chrono_literals;

/// What is durable, apart from the store objects that come and go with restarts.
struct outbox_rows {
  std::vector<domain_event> rows;
  std::map<std::string, std::int64_t> cursors;
  std::vector<std::string> dead;
  std::vector<time_point> purges;
  bool away = false;
  std::size_t reads = 0;
};

class memory_outbox final : public outbox_store {
public:
  explicit memory_outbox(outbox_rows& data) : data_(data) {}

  result<std::vector<domain_event>> read(std::int64_t sequence, std::size_t limit) override {
    ++data_.reads;
    if (data_.away)
      return failure{errc::unavailable};
    std::vector<domain_event> out;
    for (const auto& e : data_.rows)
      if (e.sequence > sequence && out.size() < limit)
        out.push_back(e);
    return out;
  }

  result<std::map<std::string, std::int64_t>> cursors() override {
    if (data_.away)
      return failure{errc::unavailable};
    return data_.cursors;
  }

  result<void> save_cursor(const std::string& consumer, std::int64_t sequence) override {
    if (data_.away)
      return failure{errc::unavailable};
    auto& stored = data_.cursors[consumer];
    stored = std::max(stored, sequence);
    return {};
  }

  result<void> set_aside(const std::string& consumer, const domain_event& event,
                         const std::string& reason, time_point) override {
    data_.dead.push_back(consumer + ":" + std::to_string(event.sequence) + ":" + reason);
    return {};
  }

  result<void> purge(time_point before) override {
    data_.purges.push_back(before);
    return {};
  }

private:
  outbox_rows& data_;
};

struct script {
  std::vector<std::int64_t> done;
  std::size_t calls = 0;
  /// What to answer: nothing = applied.
  std::function<std::optional<failure>(const domain_event&, std::size_t call)> answer;
  std::set<std::int64_t> silent; ///< events that get no answer
  std::vector<caf::typed_response_promise<applied>> kept;
  bool fail_kept = false; ///< answer what is kept when the next one comes
};

consumer_actor::behavior_type consumer(consumer_actor::pointer self, script* s) {
  return {[self, s](const deliver& x) -> caf::result<applied> {
    ++s->calls;
    if (s->fail_kept)
      for (auto& late : std::exchange(s->kept, {}))
        late.deliver(to_caf(errc::unavailable));
    if (s->silent.count(x.event.sequence) != 0) {
      auto promise = self->make_response_promise<applied>();
      s->kept.push_back(promise);
      return promise;
    }
    if (s->answer)
      if (auto why = s->answer(x.event, s->calls))
        return to_caf(*why);
    s->done.push_back(x.event.sequence);
    return applied{x.event.id};
  }};
}

class relay_test : public test::actor_test {
protected:
  void start(relay_options options = {}, std::vector<std::string> types = {}) {
    to = sys.spawn(consumer, &inbox);
    auto box = spawn_outbox(sys, *env, std::make_unique<memory_outbox>(data), false);
    relay =
        spawn_relay(sys, *env, box, {{"payment-events", "ticket", to, std::move(types)}}, options);
    sched.run();
  }

  void stop() {
    self->send_exit(relay, caf::exit_reason::user_shutdown);
    self->send_exit(to, caf::exit_reason::user_shutdown);
    sched.run();
    relay = nullptr;
    to = nullptr;
    inbox.kept.clear();
  }

  void append(std::string key, std::string topic = "payment-events", std::string type = {}) {
    domain_event e;
    e.type = std::move(type);
    e.id = make_uuid(*env);
    e.sequence = static_cast<std::int64_t>(data.rows.size()) + 1;
    e.topic = std::move(topic);
    e.key = std::move(key);
    e.occurred_at = env->now();
    data.rows.push_back(std::move(e));
  }

  void grew() {
    self->send(relay, outbox_grew{});
    sched.run();
  }

  /// Of the role "payment" and its only consumer; the last label picks one of several.
  double metric(const std::string& name, const std::string& last = "payment") {
    for (const auto& family : registry.Collect())
      if (family.name == name)
        for (const auto& m : family.metric)
          for (const auto& label : m.label)
            if (label.value == last)
              return m.gauge.value + m.counter.value + m.histogram.sample_sum;
    ADD_FAILURE() << name << " " << last;
    return -1;
  }

  static relay_options measured(prometheus::Registry& to) {
    relay_options out;
    out.role = "payment";
    out.registry = &to;
    out.poison_after = 2;
    return out;
  }

  prometheus::Registry registry;
  outbox_rows data;
  script inbox;
  consumer_actor to;
  relay_actor relay;
};

TEST_F(relay_test, delivers_what_is_new_and_starts_behind_the_stored_cursor) {
  append("a");
  append("b");
  start();
  EXPECT_EQ(inbox.done, (std::vector<std::int64_t>{1, 2}));
  append("a");
  grew();
  EXPECT_EQ(inbox.done, (std::vector<std::int64_t>{1, 2, 3}));
  stop();
  EXPECT_EQ(data.cursors["ticket"], 3) << "stored at the end";
  append("c");
  inbox.done.clear();
  start();
  EXPECT_EQ(inbox.done, std::vector<std::int64_t>{4});
  stop();
}

TEST_F(relay_test, news_wait_for_company) {
  start({.linger = 50ms});
  append("a");
  grew();
  append("b");
  grew();
  EXPECT_TRUE(inbox.done.empty());
  const auto reads = data.reads;
  advance(50ms);
  EXPECT_EQ(inbox.done, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(data.reads, reads + 1) << "one read for both";
  append("c");
  grew();
  advance(50ms);
  EXPECT_EQ(inbox.done, (std::vector<std::int64_t>{1, 2, 3}));
  stop();
}

TEST_F(relay_test, a_crash_repeats_but_never_skips) {
  start();
  advance(1s); // stores cursor 0
  for (int i = 0; i < 5; ++i)
    append("k");
  grew();
  EXPECT_EQ(inbox.done.size(), 5u);
  const auto before = data.cursors;
  stop();
  data.cursors = before; // as if the process had died before the cursor was stored
  inbox.done.clear();
  start();
  EXPECT_EQ(inbox.done, (std::vector<std::int64_t>{1, 2, 3, 4, 5}));
  stop();
}

/// Two nodes with one outbox, and whose turn it is.
class relay_duty_test : public relay_test {
protected:
  struct node {
    script inbox;
    consumer_actor to;
    relay_actor relay;
    bool on_duty = false;
  };

  void SetUp() override {
    for (auto& n : nodes) {
      n.to = sys.spawn(consumer, &n.inbox);
      n.relay = spawn_relay(sys, *env,
                            spawn_outbox(sys, *env, std::make_unique<memory_outbox>(data), false),
                            {{"payment-events", "ticket", n.to}},
                            {.tick = 100ms, .poll = 100ms, .on_duty = [&n] { return n.on_duty; }});
    }
    sched.run();
  }

  void TearDown() override {
    for (auto& n : nodes) {
      n.inbox.kept.clear();
      self->send_exit(n.relay, caf::exit_reason::user_shutdown);
      self->send_exit(n.to, caf::exit_reason::user_shutdown);
      n.relay = nullptr;
      n.to = nullptr;
    }
    sched.run();
  }

  void turn_of(std::size_t which) {
    for (std::size_t i = 0; i < std::size(nodes); ++i)
      nodes[i].on_duty = i == which;
  }

  using numbers = std::vector<std::int64_t>;

  node nodes[2];
};

TEST_F(relay_duty_test, off_duty_it_reads_and_delivers_nothing) {
  append("a");
  const auto reads = data.reads;
  for (auto& n : nodes)
    self->send(n.relay, outbox_grew{});
  advance(100ms);
  advance(1s);
  EXPECT_EQ(data.reads, reads);
  EXPECT_TRUE(data.cursors.empty());
  EXPECT_TRUE(nodes[0].inbox.done.empty() && nodes[1].inbox.done.empty());
}

TEST_F(relay_duty_test, who_takes_over_begins_where_the_other_one_was) {
  turn_of(0);
  advance(100ms);
  append("a");
  append("b");
  advance(100ms); // nobody told it of them
  EXPECT_EQ(nodes[0].inbox.done, (numbers{1, 2}));
  turn_of(1);
  append("a");
  advance(100ms); // the one stores its cursors, the other one may load before or after that
  advance(100ms);
  EXPECT_EQ(data.cursors["ticket"], 3);
  EXPECT_EQ(nodes[0].inbox.done, (numbers{1, 2}));
  EXPECT_EQ(nodes[1].inbox.done.back(), 3);
  turn_of(0);
  append("b");
  advance(100ms);
  advance(100ms);
  EXPECT_EQ(nodes[0].inbox.done.back(), 4);
  // Between two nodes an event may go out twice, but none is left out, and keys keep their order.
  for (const auto& n : nodes)
    EXPECT_TRUE(std::is_sorted(n.inbox.done.begin(), n.inbox.done.end()));
}

TEST_F(relay_duty_test, what_is_under_way_when_the_turn_ends_is_delivered_again_by_the_next_one) {
  append("a");
  append("a");
  nodes[0].inbox.silent.insert(1);
  turn_of(0);
  advance(100ms);
  EXPECT_EQ(nodes[0].inbox.calls, 1u);
  turn_of(1);
  advance(100ms);
  advance(100ms);
  EXPECT_EQ(nodes[1].inbox.done, (numbers{1, 2}));
  // The answer to the first delivery comes in the node's next turn, and means nothing any more.
  nodes[0].inbox.fail_kept = true;
  append("a");
  turn_of(0);
  advance(100ms);
  advance(10s);
  EXPECT_EQ(nodes[0].inbox.calls, 2u);
  EXPECT_EQ(nodes[0].inbox.done, numbers{3});
  EXPECT_EQ(data.cursors["ticket"], 3);
}

TEST_F(relay_duty_test, it_stops_at_once_even_in_the_middle_of_a_page) {
  for (int i = 0; i < 200; ++i)
    append("k"); // one key: one after the other
  nodes[0].inbox.answer = [this](const domain_event& e, std::size_t) -> std::optional<failure> {
    if (e.sequence == 50)
      turn_of(1);
    return {};
  };
  turn_of(0);
  advance(100ms);
  EXPECT_EQ(nodes[0].inbox.done.size(), 50u);
  advance(1s);
  EXPECT_EQ(nodes[0].inbox.done.size(), 50u);
  EXPECT_EQ(nodes[1].inbox.done.back(), 200);
  EXPECT_LE(nodes[1].inbox.done.front(), 51);
}

TEST_F(relay_duty_test, turns_that_change_at_random_lose_nothing) {
  for (int round = 0; round < 60; ++round) {
    for (auto n = env->random() % 4; n > 0; --n)
      append(std::to_string(env->random() % 3));
    switch (env->random() % 4) {
    case 0: // nobody's, as while a lease runs out
      turn_of(2);
      break;
    case 1: // both for a moment
      nodes[0].on_duty = nodes[1].on_duty = true;
      break;
    default:
      turn_of(env->random() % 2);
    }
    advance(100ms);
  }
  turn_of(0);
  advance(1s);
  advance(1s);
  std::set<std::int64_t> all;
  for (const auto& n : nodes)
    all.insert(n.inbox.done.begin(), n.inbox.done.end());
  EXPECT_EQ(all.size(), data.rows.size());
}

TEST_F(relay_test, other_topics_are_passed_over) {
  append("a", "reservation-events");
  append("a");
  append("a", "reservation-events");
  start();
  EXPECT_EQ(inbox.done, std::vector<std::int64_t>{2});
  stop();
  EXPECT_EQ(data.cursors["ticket"], 3);
}

TEST_F(relay_test, one_subscription_to_all_topics_serves_the_consumer_of_each) {
  append("a", "reservation-events");
  append("a");
  append("b", "membership-events");
  script other;
  to = sys.spawn(consumer, &inbox);
  const auto members = sys.spawn(consumer, &other);
  const auto both =
      spawn_topic_dispatch(sys, {{"payment-events", to}, {"membership-events", members}});
  auto box = spawn_outbox(sys, *env, std::make_unique<memory_outbox>(data), false);
  relay = spawn_relay(sys, *env, box, {{"*", "both", both}}, {});
  sched.run();
  EXPECT_EQ(inbox.done, std::vector<std::int64_t>{2});
  EXPECT_EQ(other.done, std::vector<std::int64_t>{3});
  stop();
  EXPECT_EQ(data.cursors["both"], 3) << "what is nobody's is passed over";
  self->send_exit(both, caf::exit_reason::user_shutdown);
  self->send_exit(members, caf::exit_reason::user_shutdown);
  sched.run();
}

TEST_F(relay_test, types_that_nobody_asked_for_are_passed_over) {
  append("a", "payment-events", "PAYMENT_NOTED");
  append("a", "payment-events", "PAYMENT_CONFIRMED");
  append("a", "payment-events", "PAYMENT_NOTED");
  start({}, {"PAYMENT_CONFIRMED", "PAYMENT_REFUNDED"});
  EXPECT_EQ(inbox.done, std::vector<std::int64_t>{2});
  stop();
  EXPECT_EQ(data.cursors["ticket"], 3);
}

TEST_F(relay_test, a_lost_notice_delays_an_event_by_the_poll_interval_only) {
  start();
  append("a");
  sched.run();
  EXPECT_TRUE(inbox.done.empty());
  for (int i = 0; i < 6; ++i)
    advance(200ms);
  EXPECT_EQ(inbox.done, std::vector<std::int64_t>{1});
  stop();
}

TEST_F(relay_test, a_failure_is_repeated_with_back_off_and_blocks_its_key_only) {
  int failures = 3;
  inbox.answer = [&](const domain_event& e, std::size_t) -> std::optional<failure> {
    if (e.sequence == 1 && failures-- > 0)
      return failure{errc::unavailable};
    return std::nullopt;
  };
  append("a");
  append("a");
  append("b");
  start();
  EXPECT_EQ(inbox.done, std::vector<std::int64_t>{3});
  for (int i = 0; i < 10; ++i)
    advance(200ms);
  EXPECT_EQ(inbox.done, (std::vector<std::int64_t>{3, 1, 2}));
  stop();
  EXPECT_EQ(data.cursors["ticket"], 3);
}

TEST_F(relay_test, an_unanswered_delivery_is_repeated) {
  append("a");
  inbox.silent = {1};
  start({.patience = 1s});
  EXPECT_EQ(inbox.calls, 1u);
  inbox.silent.clear();
  for (int i = 0; i < 10; ++i)
    advance(200ms);
  EXPECT_EQ(inbox.calls, 2u);
  EXPECT_EQ(inbox.done, std::vector<std::int64_t>{1});
  stop();
}

TEST_F(relay_test, a_permanent_failure_is_set_aside_after_its_attempts) {
  inbox.answer = [](const domain_event& e, std::size_t) -> std::optional<failure> {
    if (e.sequence == 1)
      return failure{errc::invalid_request, "no such type"};
    return std::nullopt;
  };
  append("a");
  append("a");
  start({.poison_after = 3});
  for (int i = 0; i < 10; ++i)
    advance(200ms);
  EXPECT_EQ(data.dead, std::vector<std::string>{"ticket:1:no such type"});
  EXPECT_EQ(inbox.done, std::vector<std::int64_t>{2});
  stop();
}

TEST_F(relay_test, a_passing_failure_is_never_set_aside) {
  inbox.answer = [](const domain_event&, std::size_t) -> std::optional<failure> {
    return failure{errc::unavailable};
  };
  append("a");
  start({.back_off_max = 400ms, .poison_after = 3});
  for (int i = 0; i < 100; ++i)
    advance(200ms);
  EXPECT_GT(inbox.calls, 20u);
  EXPECT_TRUE(data.dead.empty());
  stop();
  EXPECT_EQ(data.cursors["ticket"], 0);
}

TEST_F(relay_test, more_than_a_window_of_events_flows_through) {
  for (int i = 0; i < 500; ++i)
    append(std::to_string(i % 7));
  start({.page = 16, .held_max = 32, .in_flight_max = 4});
  ASSERT_EQ(inbox.done.size(), 500u);
  std::map<std::int64_t, std::int64_t> last;
  for (const auto s : inbox.done) {
    EXPECT_LT(last[s % 7], s);
    last[s % 7] = s;
  }
  stop();
}

TEST_F(relay_test, a_database_that_is_away_at_the_start_only_delays) {
  data.away = true;
  append("a");
  start();
  EXPECT_TRUE(inbox.done.empty());
  data.away = false;
  advance(200ms);
  EXPECT_EQ(inbox.done, std::vector<std::int64_t>{1});
  data.away = true;
  append("a");
  grew();
  data.away = false;
  for (int i = 0; i < 6; ++i)
    advance(200ms);
  EXPECT_EQ(inbox.done, (std::vector<std::int64_t>{1, 2}));
  stop();
}

TEST_F(relay_test, metrics_say_what_waits_and_what_came_of_it) {
  auto options = measured(registry);
  options.patience = 2s;
  start(options);
  EXPECT_EQ(metric("tiketi_outbox_age_seconds"), 0);
  EXPECT_EQ(metric("tiketi_outbox_age_seconds", "ticket"), 0);
  append("a");
  append("b");
  append("b");
  inbox.silent = {1};
  inbox.answer = [](const domain_event& e, std::size_t) -> std::optional<failure> {
    if (e.sequence == 2)
      return failure{errc::unavailable};
    return std::nullopt;
  };
  grew();
  for (int i = 0; i < 15; ++i)
    advance(200ms);
  EXPECT_EQ(metric("tiketi_outbox_age_seconds"), 3);
  EXPECT_EQ(metric("tiketi_outbox_in_flight"), 1);
  EXPECT_EQ(metric("tiketi_outbox_events_total", "applied"), 0);
  EXPECT_GE(metric("tiketi_outbox_events_total", "retried"), 3);
  inbox.silent.clear(); // the next attempt is answered
  const auto retried = metric("tiketi_outbox_events_total", "retried");
  inbox.answer = [](const domain_event& e, std::size_t) -> std::optional<failure> {
    if (e.sequence == 2)
      return failure{errc::invalid_request};
    return std::nullopt;
  };
  for (int i = 0; i < 50; ++i)
    advance(200ms);
  EXPECT_EQ(metric("tiketi_outbox_events_total", "set_aside"), 1);
  EXPECT_EQ(data.dead.size(), 1u);
  EXPECT_EQ(metric("tiketi_outbox_events_total", "applied"), 2)
      << "the slow one, and the one behind";
  EXPECT_EQ(metric("tiketi_outbox_events_total", "retried"), retried + 1);
  EXPECT_EQ(metric("tiketi_outbox_age_seconds"), 0);
  EXPECT_EQ(metric("tiketi_outbox_in_flight"), 0);
  stop();
}

TEST_F(relay_test, a_delivery_without_an_answer_counts_once) {
  auto options = measured(registry);
  options.patience = 1s;
  options.back_off_min = 10s;
  options.back_off_max = 10s;
  start(options);
  append("a");
  inbox.silent = {1};
  grew();
  for (int i = 0; i < 10; ++i)
    advance(200ms);
  EXPECT_EQ(metric("tiketi_outbox_events_total", "retried"), 1);
  ASSERT_EQ(inbox.kept.size(), 1u);
  inbox.fail_kept = true; // a late error changes nothing
  append("b");
  grew();
  EXPECT_TRUE(inbox.kept.empty());
  EXPECT_EQ(metric("tiketi_outbox_events_total", "retried"), 1);
  stop();
}

TEST_F(relay_test, its_mailbox_is_looked_at_once_per_tick) {
  start(measured(registry));
  advance_clock(200ms); // the tick is in the mailbox, and four notices behind it
  for (int i = 0; i < 4; ++i)
    self->send(relay, outbox_grew{});
  sched.run();
  EXPECT_EQ(metric("tiketi_mailbox_depth", "relay"), 4);
  advance(200ms);
  EXPECT_EQ(metric("tiketi_mailbox_depth", "relay"), 4) << "nothing waited this time";
  stop();
}

TEST_F(relay_test, purges_only_behind_stored_cursors_and_keeps_the_retention) {
  append("a");
  start({.keep = std::chrono::hours{1}, .purge_every = std::chrono::minutes{1}});
  EXPECT_TRUE(data.purges.empty());
  for (int i = 0; i < 310; ++i)
    advance(200ms);
  ASSERT_EQ(data.purges.size(), 1u);
  EXPECT_LE(data.purges[0], env->now() - std::chrono::hours{1});
  EXPECT_EQ(data.cursors["ticket"], 1);
  stop();
}

} // namespace
} // namespace tiketi
