#include "actors/bus/relay.hpp"
#include "actors/bus/type_ids.hpp"
#include "actors/system/actor_config.hpp"
#include "actors/system/caf_error.hpp"
#include "net/kafka/bus.hpp"
#include "net/kafka/client.hpp"

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>

#include <caf/all.hpp>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka_mock.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace tiketi::kafka {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 60s;

/// librdkafka's brokers, in this process. They know no topics before somebody uses them.
class mock_brokers {
public:
  mock_brokers() {
    char text[256] = {};
    owner_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof text));
    cluster_ = rd_kafka_mock_cluster_new(owner_.get(), 1);
    rd_kafka_mock_topic_create(cluster_, "payment-events", 2, 1);
    rd_kafka_mock_topic_create(cluster_, "payment-events.dlq", 1, 1);
  }
  ~mock_brokers() { rd_kafka_mock_cluster_destroy(cluster_); }

  std::string address() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }
  void down() { rd_kafka_mock_broker_set_down(cluster_, 1); }
  void up() { rd_kafka_mock_broker_set_up(cluster_, 1); }
  void refuse_produce(std::size_t times) {
    const std::vector<rd_kafka_resp_err_t> errors(times,
                                                  RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
    rd_kafka_mock_push_request_errors_array(cluster_, 0 /* Produce */, errors.size(),
                                            errors.data());
  }

private:
  client_ptr owner_;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
};

/// What is durable, whatever happens to the actors. Thread-safe.
struct disk {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<domain_event> rows;
  std::map<std::string, std::int64_t> cursors;
  std::vector<std::string> aside;
  std::set<uuid> processed;
  std::map<std::string, std::vector<std::int64_t>> applied_by_key;
  std::size_t count = 0;
  std::size_t calls = 0;

  void append(environment& env, const std::string& key, std::size_t bytes = 0) {
    const std::lock_guard lock{mutex};
    domain_event e;
    e.id = make_uuid(env);
    e.sequence = static_cast<std::int64_t>(rows.size()) + 1;
    e.topic = "payment-events";
    e.key = key;
    e.type = "PAYMENT_CONFIRMED";
    e.occurred_at = env.now();
    e.payload = R"({"type":"PAYMENT_CONFIRMED","text":")" + std::string(bytes, 'x') + "\"}";
    rows.push_back(std::move(e));
  }

  template <class Predicate>
  bool wait(Predicate p) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, patience, std::move(p));
  }
};

class disk_outbox final : public outbox_store {
public:
  explicit disk_outbox(disk& d) : disk_(d) {}

  result<std::vector<domain_event>> read(std::int64_t sequence, std::size_t limit) override {
    const std::lock_guard lock{disk_.mutex};
    std::vector<domain_event> out;
    for (auto i = static_cast<std::size_t>(sequence); i < disk_.rows.size() && out.size() < limit;
         ++i)
      out.push_back(disk_.rows[i]);
    return out;
  }
  result<std::map<std::string, std::int64_t>> cursors() override {
    const std::lock_guard lock{disk_.mutex};
    return disk_.cursors;
  }
  result<void> save_cursor(const std::string& consumer, std::int64_t sequence) override {
    const std::lock_guard lock{disk_.mutex};
    disk_.cursors[consumer] = sequence;
    disk_.changed.notify_all();
    return {};
  }
  result<void> set_aside(const std::string& consumer, const domain_event& event, const std::string&,
                         time_point) override {
    const std::lock_guard lock{disk_.mutex};
    disk_.aside.push_back(consumer + ":" + event.key);
    disk_.changed.notify_all();
    return {};
  }
  result<void> purge(time_point) override { return {}; }

private:
  disk& disk_;
};

/// Applies each event once, as a consumer with a database does; `answer` may refuse first.
using judge = std::function<std::optional<failure>(const domain_event&, std::size_t call)>;

consumer_actor::behavior_type ledger(consumer_actor::pointer, disk* d, judge answer) {
  return {[d, answer](const deliver& x) -> caf::result<applied> {
    const std::lock_guard lock{d->mutex};
    ++d->calls;
    d->changed.notify_all();
    if (answer)
      if (auto why = answer(x.event, d->calls))
        return to_caf(*why);
    const bool fresh = d->processed.insert(x.event.id).second;
    if (fresh) {
      d->applied_by_key[x.event.key].push_back(x.event.sequence);
      ++d->count;
    }
    d->changed.notify_all();
    return applied{x.event.id, !fresh};
  }};
}

struct node {
  node(const std::string& brokers, disk& d, judge answer = {}, kafka_options options = {}) {
    options.connection.brokers = brokers;
    options.topics.create = false; // the mock cluster has no such request
    options.consumer.back_off_min = 20ms;
    options.consumer.back_off_max = 100ms;
    options.consumer.poison_after = 3;
    options.consumer.tick = 20ms;
    bus.emplace(sys, *env, registry, options);
    consumer = sys.spawn(ledger, &d, std::move(answer));
    auto to = bus->feed({"payment-events"}, {{"payment-events", "ledger", consumer}});
    relay_options how;
    how.tick = 20ms;
    how.poll = 50ms;
    how.save_every = 50ms;
    how.back_off_min = 20ms;
    how.back_off_max = 200ms;
    how.poison_after = 3;
    relay = spawn_relay(sys, *env, spawn_outbox(sys, *env, std::make_unique<disk_outbox>(d)),
                        std::move(to), how);
    bus->start();
  }

  ~node() {
    bus->stop_consumers();
    caf::anon_send_exit(relay, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(consumer, caf::exit_reason::user_shutdown);
    bus->stop(1s);
  }

  double metric(const std::string& name) const {
    double sum = 0;
    for (const auto& family : registry.Collect())
      if (family.name == name)
        for (const auto& m : family.metric)
          sum += m.counter.value + m.gauge.value;
    return sum;
  }

  std::unique_ptr<environment> env = make_system_environment();
  prometheus::Registry registry;
  actor_config config;
  caf::actor_system sys{config};
  std::optional<kafka_bus> bus;
  consumer_actor consumer;
  relay_actor relay;
};

void expect_in_order(const disk& d) {
  for (const auto& [key, sequences] : d.applied_by_key)
    EXPECT_TRUE(std::is_sorted(sequences.begin(), sequences.end())) << "key " << key;
}

class kafka_bridge_test : public ::testing::Test {
protected:
  void append(std::size_t events, std::size_t keys) {
    for (std::size_t i = 0; i < events; ++i)
      data.append(*env, "k" + std::to_string(i % keys));
  }

  std::unique_ptr<environment> env = make_system_environment();
  mock_brokers brokers;
  disk data;
};

TEST_F(kafka_bridge_test, events_of_the_outbox_reach_the_consumer_once_and_in_order) {
  append(500, 7);
  {
    node n{brokers.address(), data};
    ASSERT_TRUE(data.wait([&] { return data.count == 500; })) << data.count;
    ASSERT_TRUE(data.wait([&] { return data.cursors["kafka"] == 500; }));
    EXPECT_TRUE(n.bus->connected());
    EXPECT_EQ(n.metric("kafka_in_flight"), 0);
    EXPECT_GE(n.metric("kafka_produced_total"), 500);
    // Counted when the consumer's answer has arrived.
    EXPECT_TRUE(data.wait([&] { return n.metric("kafka_applied_total") >= 500; }));
  }
  const auto calls = data.calls;
  append(10, 7);
  node again{brokers.address(), data};
  ASSERT_TRUE(data.wait([&] { return data.count == 510; })) << data.count;
  EXPECT_EQ(data.calls, calls + 10) << "offsets were committed at the end";
  expect_in_order(data);
}

TEST_F(kafka_bridge_test, brokers_that_refuse_or_go_away_change_neither_order_nor_number) {
  brokers.refuse_produce(3);
  append(100, 5);
  node n{brokers.address(), data};
  ASSERT_TRUE(data.wait([&] { return data.count >= 50; }));
  brokers.down();
  append(200, 5);
  brokers.refuse_produce(2);
  brokers.up();
  ASSERT_TRUE(data.wait([&] { return data.count == 300; })) << data.count;
  expect_in_order(data);
}

TEST_F(kafka_bridge_test, failures_are_tried_again_and_hold_up_their_key_only) {
  append(60, 6);
  std::map<uuid, int> tries;
  node n{brokers.address(), data, [&](const domain_event& e, std::size_t) {
           return e.key == "k1" && ++tries[e.id] < 5 ? std::optional{failure{errc::unavailable}}
                                                     : std::nullopt;
         }};
  ASSERT_TRUE(data.wait([&] { return data.count == 60; })) << data.count;
  EXPECT_GE(n.metric("kafka_apply_errors_total"), 40);
  EXPECT_EQ(n.metric("kafka_dead_letters_total"), 0) << "only what can never be applied is";
  expect_in_order(data);
}

TEST_F(kafka_bridge_test, poison_goes_to_the_dead_letters_and_the_next_ones_go_on) {
  append(20, 1);
  node n{brokers.address(), data, [](const domain_event& e, std::size_t) {
           return e.sequence == 5 ? std::optional{failure{errc::invalid_request, "bad amount"}}
                                  : std::nullopt;
         }};
  ASSERT_TRUE(data.wait([&] { return data.count == 19; })) << data.count;
  EXPECT_EQ(n.metric("kafka_dead_letters_total"), 1);
  expect_in_order(data);
}

TEST_F(kafka_bridge_test, a_record_that_nobody_can_read_is_a_dead_letter_at_once) {
  kafka_options options;
  options.connection.brokers = brokers.address();
  {
    const auto client = make_client(RD_KAFKA_PRODUCER, make_conf(options.connection, {}));
    record r;
    r.topic = "payment-events";
    r.key = "k0";
    r.value = "no json at all";
    ASSERT_TRUE(send(client.get(), r, "", 1));
    ASSERT_EQ(rd_kafka_flush(client.get(), 10'000), RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  append(1, 1);
  node n{brokers.address(), data};
  ASSERT_TRUE(data.wait([&] { return data.count == 1; }));
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (n.metric("kafka_dead_letters_total") < 1 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(5ms);
  EXPECT_EQ(n.metric("kafka_dead_letters_total"), 1);
}

TEST_F(kafka_bridge_test, what_is_too_large_for_a_message_is_set_aside_by_the_relay) {
  data.append(*env, "large", 50'000);
  data.append(*env, "large");
  kafka_options options;
  options.producer.message_bytes_max = 20'000;
  node n{brokers.address(), data, {}, options};
  ASSERT_TRUE(data.wait([&] { return data.count == 1 && data.aside.size() == 1; }))
      << data.count << " applied, " << data.aside.size() << " set aside, " << data.calls
      << " calls, " << n.metric("kafka_refused_total") << " refused, "
      << n.metric("kafka_produced_total");
  EXPECT_EQ(data.aside.front(), "kafka:large");
  EXPECT_GE(n.metric("kafka_refused_total"), 3);
}

TEST_F(kafka_bridge_test, a_consumer_that_is_behind_is_given_no_more_than_it_may_hold) {
  append(80, 80);
  std::atomic<bool> open{false};
  kafka_options options;
  options.consumer.held_max = 10;
  options.consumer.patience = 1h;
  node n{brokers.address(), data,
         [&](const domain_event&, std::size_t) {
           return open ? std::nullopt : std::optional{failure{errc::unavailable}};
         },
         options};
  double most = 0;
  const auto produced = std::chrono::steady_clock::now() + patience;
  while (n.metric("kafka_produced_total") < 80 && std::chrono::steady_clock::now() < produced)
    std::this_thread::sleep_for(5ms);
  ASSERT_TRUE(data.wait([&] { return data.calls > 40; }));
  for (int i = 0; i < 100; ++i) {
    most = std::max(most, n.metric("kafka_consumer_held"));
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_GT(most, 0);
  // Two partitions, and what was read before each pause may come on top.
  EXPECT_LE(most, 2 * 20);
  open = true;
  ASSERT_TRUE(data.wait([&] { return data.count == 80; })) << data.count;
}

TEST_F(kafka_bridge_test, a_repeated_event_has_one_effect) {
  append(50, 3);
  {
    node n{brokers.address(), data};
    ASSERT_TRUE(data.wait([&] { return data.count == 50; }));
  }
  data.cursors.clear(); // as if the cursor had never been stored
  append(1, 1);
  node n{brokers.address(), data};
  ASSERT_TRUE(data.wait([&] { return data.calls >= 101; })) << data.calls;
  EXPECT_EQ(data.count, 51u);
}

} // namespace
} // namespace tiketi::kafka
