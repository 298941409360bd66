// The worker between a server that speaks like SQS and the real sale on a store in memory, in
// virtual time.

#include "actors/worker/worker_actor.hpp"
#include "net/client/curl_transport.hpp"
#include "tests/event/sale_fixture.hpp"
#include "tests/support/paced_transport.hpp"
#include "tests/support/queue_stand_in.hpp"

#include <algorithm>

namespace tiketi::ticket {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using test::queue_stand_in;

class worker_test : public sale_test {
protected:
  void SetUp() override {
    sale_test::SetUp();
    wishes.from = {"http://sqs/1/work.fifo", queue.url(), "eu-west-1", "key", "secret", {}};
    wishes.pollers = 1;
    wishes.wait = 0s;
    wishes.visibility = 30s;
    wishes.run_timeout = 2000ms;
    wishes.wait_first = 500ms;
    wishes.wait_max = 2000ms;
    calls.breaker.window = 1000;
    calls.breaker.failure_percent = 100;
    calls.retry.attempts_max = 1;
    begin_work();
  }

  void TearDown() override {
    end_work();
    paced->shutdown();
    sale_test::TearDown();
  }

  void begin_work() {
    counted = std::make_shared<prometheus::Registry>();
    at_work = worker::start_worker(sys, *env, *counted, wishes, calls, tokens, role.region, paced);
    sched.run();
  }

  /// As a crash: nothing is finished.
  void end_work() {
    if (at_work.worker) {
      self->send_exit(at_work.worker, caf::exit_reason::kill);
      self->send_exit(at_work.calls, caf::exit_reason::kill);
    }
    at_work = {};
    sched.run();
    while (paced->pump())
      sched.run();
  }

  void quiet() {
    do
      sched.run();
    while (paced->pump());
  }

  void go_on(milliseconds time) {
    for (; time > 0ms; time -= 50ms) {
      advance(50ms);
      quiet();
      if (++steps % 10 == 0)
        queue.reveal();
    }
  }

  std::string token(int who) const {
    return tokens.sign({event.id, user(who), env->now(), env->now() + 600s});
  }

  json seats_for(int who, std::vector<int> numbers) const {
    json body{{"action", "seat_reserve"},
              {"eventId", to_string(event.id)},
              {"userId", to_string(user(who))},
              {"seatIds", json::array()},
              {"entryToken", token(who)}};
    for (const auto n : numbers)
      body["seatIds"].push_back(to_string(seat(n)));
    return body;
  }

  json tickets_for(int who, int quantity) const {
    return {{"action", "reservation_create"},
            {"eventId", to_string(event.id)},
            {"userId", to_string(user(who))},
            {"items", {{{"ticketTypeId", to_string(type)}, {"quantity", quantity}}}},
            {"entryToken", token(who)}};
  }

  /// The receipt, which says the order, too.
  std::string put(const std::string& body, const std::string& group = "g") {
    const auto n = std::to_string(100 + ++messages);
    queue.put({{"MessageId", "id-" + n},
               {"ReceiptHandle", "r-" + n},
               {"Body", body},
               {"Attributes",
                {{"MessageGroupId", group},
                 {"SentTimestamp", std::to_string(to_millis(env->now()))},
                 {"ApproximateReceiveCount", "1"}}}});
    return "r-" + n;
  }
  std::string put(const json& body, const std::string& group = "g") {
    return put(body.dump(), group);
  }

  std::size_t reservations() const { return state().reservations.size(); }

  std::size_t calls_of(const std::string& action) const {
    const auto all = queue.calls();
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [&](const auto& c) { return c.action == action; }));
  }

  double count(const std::string& outcome) {
    for (const auto& family : counted->Collect())
      if (family.name == "worker_messages_total")
        for (const auto& m : family.metric)
          if (m.label.front().value == outcome)
            return m.counter.value;
    return -1;
  }

  queue_stand_in queue;
  worker::worker_options wishes;
  remote::remote_options calls;
  entry_tokens tokens = *entry_tokens::make("0123456789abcdef0123456789abcdef");
  std::shared_ptr<test::paced_transport> paced =
      std::make_shared<test::paced_transport>(net::make_curl_transport({}));
  std::shared_ptr<prometheus::Registry> counted;
  worker::worker_role at_work;
  int messages = 0;
  int steps = 0; ///< of 50 ms
};

TEST_F(worker_test, runs_what_it_is_asked_and_deletes_it) {
  put(seats_for(1, {0, 1}));
  put(tickets_for(2, 3), "h");
  go_on(500ms);
  EXPECT_EQ(reservations(), 2u);
  EXPECT_EQ(seat_state(0), seat_status::locked);
  EXPECT_EQ(seat_state(1), seat_status::locked);
  EXPECT_EQ(queue.waiting(), 0u);
  EXPECT_EQ(calls_of("DeleteMessageBatch"), 1u) << "together";
  EXPECT_EQ(count("reserved"), 2);
}

TEST_F(worker_test, a_message_delivered_twice_has_one_effect) {
  int refusals = 0;
  queue.behave([&](const queue_stand_in::call& c) -> std::optional<test::local_reply> {
    if (c.action == "DeleteMessageBatch" && ++refusals <= 3)
      return test::local_reply{500, "", {}};
    return std::nullopt;
  });
  put(seats_for(1, {0}));
  put(tickets_for(2, 3));
  go_on(10s);
  EXPECT_EQ(refusals, 4);
  EXPECT_EQ(reservations(), 2u);
  EXPECT_EQ(queue.waiting(), 0u) << "each repeat is a success";
  EXPECT_EQ(count("reserved"), 2);
  EXPECT_EQ(count("replayed"), 6);
}

TEST_F(worker_test, a_crash_between_effect_and_deletion_repeats_nothing) {
  queue.behave([&](const queue_stand_in::call& c) -> std::optional<test::local_reply> {
    if (c.action == "DeleteMessageBatch")
      return test::local_reply{503, "", {}};
    return std::nullopt;
  });
  put(seats_for(1, {4}));
  put(tickets_for(2, 2), "h");
  go_on(300ms);
  ASSERT_EQ(reservations(), 2u);
  ASSERT_EQ(queue.waiting(), 2u);
  end_work();
  stop(); // the sale's actors too: only the store is left
  start();
  queue.behave({});
  begin_work();
  go_on(1s);
  EXPECT_EQ(reservations(), 2u);
  EXPECT_EQ(queue.waiting(), 0u);
  EXPECT_EQ(count("replayed"), 2);
  EXPECT_EQ(count("reserved"), 0);
}

TEST_F(worker_test, failures_stay_and_successes_of_the_same_batch_go) {
  ASSERT_TRUE(hold(9, {7}));
  const auto taken = put(seats_for(1, {7}));
  put(seats_for(1, {8}));
  const auto garbage = put(std::string{"{not json"});
  const auto nameless = put(json{{"action", "seat_reserve"}}, "h");
  auto stranger = seats_for(2, {10});
  stranger["entryToken"] = token(3);
  const auto intruder = put(stranger, "h");
  put(json{{"action", "admitted"}});
  put(json{{"action", "dance"}});
  go_on(100ms);
  EXPECT_EQ(reservations(), 2u);
  EXPECT_EQ(seat_state(8), seat_status::locked) << "not held up by the failure before it";
  EXPECT_EQ(seat_state(10), seat_status::available);
  EXPECT_EQ(queue.waiting(), 4u) << "what failed is for the queue's redrive policy";
  std::set<std::string> deleted;
  for (const auto& c : queue.calls())
    if (c.action == "DeleteMessageBatch")
      for (const auto& entry : c.body["Entries"])
        deleted.insert(entry["ReceiptHandle"].get<std::string>());
  EXPECT_EQ(deleted.size(), 3u);
  for (const auto& receipt : {taken, garbage, nameless, intruder})
    EXPECT_FALSE(deleted.contains(receipt)) << receipt;
  EXPECT_EQ(count("noted"), 1);
  EXPECT_EQ(count("unknown"), 1);
  EXPECT_EQ(count("reserved"), 1);
  EXPECT_GE(count("rejected"), 3);
  EXPECT_GE(count("failed"), 1);
}

TEST_F(worker_test, one_group_is_run_in_order) {
  // All want the same seat: the first of its group has to get it.
  for (int n = 1; n <= 8; ++n)
    put(seats_for(n, {20}));
  go_on(200ms);
  ASSERT_EQ(reservations(), 1u);
  EXPECT_EQ(state().reservations.begin()->second.view.user, user(1));
}

TEST_F(worker_test, an_outage_of_the_queue_is_waited_out) {
  queue.behave([](const auto&) -> std::optional<test::local_reply> {
    return queue_stand_in::fault(503, "ServiceUnavailable");
  });
  put(seats_for(1, {0}));
  go_on(20s);
  EXPECT_EQ(reservations(), 0u);
  EXPECT_LT(calls_of("ReceiveMessage"), 20u) << "it is left in peace";
  queue.behave({});
  go_on(3s);
  EXPECT_EQ(reservations(), 1u);
  EXPECT_EQ(queue.waiting(), 0u);
}

TEST_F(worker_test, a_sale_that_is_away_fails_the_message_and_it_comes_again) {
  store.set_away(true);
  put(seats_for(1, {0}));
  go_on(200ms);
  EXPECT_EQ(reservations(), 0u);
  EXPECT_EQ(queue.waiting(), 1u);
  store.set_away(false);
  go_on(10s);
  EXPECT_EQ(reservations(), 1u);
  EXPECT_EQ(queue.waiting(), 0u);
}

TEST_F(worker_test, nothing_begins_that_could_outlast_its_time) {
  end_work();
  wishes.visibility = 2s; // as long as one run may take: there is no time for any
  begin_work();
  put(seats_for(1, {0}));
  go_on(500ms);
  EXPECT_EQ(reservations(), 1u) << "at once there is";
  end_work();
  wishes.visibility = 1s;
  begin_work();
  put(seats_for(2, {1}));
  go_on(500ms);
  EXPECT_EQ(reservations(), 1u);
  EXPECT_EQ(queue.waiting(), 1u);
  EXPECT_GE(count("left"), 1);
}

TEST_F(worker_test, an_answer_that_is_too_large_is_asked_for_in_pieces) {
  std::vector<std::size_t> asked;
  queue.behave([&](const queue_stand_in::call& c) -> std::optional<test::local_reply> {
    if (c.action != "ReceiveMessage")
      return std::nullopt;
    asked.push_back(c.body["MaxNumberOfMessages"].get<std::size_t>());
    if (asked.back() > 1)
      return test::local_reply{200, std::string(17u << 20, 'x'), {}};
    return std::nullopt;
  });
  put(seats_for(1, {0}));
  go_on(2s);
  EXPECT_EQ(reservations(), 1u);
  ASSERT_GE(asked.size(), 2u);
  EXPECT_EQ(asked[0], 10u);
  EXPECT_EQ(asked[1], 1u);
}

TEST_F(worker_test, a_stop_finishes_what_runs_and_begins_nothing) {
  put(seats_for(1, {0}));
  advance(100ms); // the question is asked
  ASSERT_TRUE(paced->pump());
  sched.run(); // the seats are held, and the deletion is on its way
  ASSERT_EQ(reservations(), 1u);
  auto done = begin<worker::finished>(at_work.worker, worker::finish{});
  sched.run();
  EXPECT_FALSE(*done) << "the message is not deleted yet";
  put(seats_for(2, {1}));
  quiet();
  ASSERT_TRUE(*done);
  EXPECT_TRUE(**done);
  EXPECT_EQ(queue.waiting(), 1u);
  const auto asked = calls_of("ReceiveMessage");
  go_on(1s);
  EXPECT_EQ(calls_of("ReceiveMessage"), asked);
  EXPECT_EQ(reservations(), 1u);
}

TEST_F(worker_test, an_idle_worker_stops_at_once) {
  auto done = begin<worker::finished>(at_work.worker, worker::finish{});
  sched.run();
  ASSERT_TRUE(*done);
  EXPECT_TRUE(**done);
}

} // namespace
} // namespace tiketi::ticket
