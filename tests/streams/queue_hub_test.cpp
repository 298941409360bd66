#include "actors/queue/type_ids.hpp"
#include "actors/queue/waiting_room.hpp"
#include "net/streams/queue_hub.hpp"
#include "tests/streams/listener.hpp"
#include "tests/support/actor_fixture.hpp"

#include <map>

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>

namespace tiketi::net {
namespace {

using namespace std::chrono_literals;
using queue::place;
using queue::queue_place;
using test::sink_listener;

/// Places by user, as a queue would tell them.
struct script {
  std::map<user_id, queue_place> places;
  std::map<user_id, int> asked;
  int under_way = 0;
  int under_way_max = 0;
  errc broken{};
  bool slow = false; ///< answers only after a turn of virtual time
  bool silent = false;
};

queue::queues::behavior_type fake_queues(queue::queues::pointer self, script* s) {
  using namespace queue;
  return {
      [](const check_admission&) { return admission{}; },
      [](const booking_done&) {},
      [](const enter_queue&) { return queue_place{}; },
      [self, s](const poll_queue& m) -> caf::result<queue_place> {
        ++s->asked[m.user];
        if (s->broken != errc{})
          return to_caf(s->broken);
        auto promise = self->make_response_promise<queue_place>();
        if (s->silent)
          return promise;
        s->under_way_max = std::max(s->under_way_max, ++s->under_way);
        auto answer = [s, promise, user = m.user]() mutable {
          --s->under_way;
          promise.deliver(s->places[user]);
        };
        if (!s->slow)
          answer();
        else
          self->spawn([answer](caf::event_based_actor* a) mutable {
            a->delayed_send(a, 10ms, hub_tick{});
            return caf::behavior{[a, answer](hub_tick) mutable {
              answer();
              a->quit();
            }};
          });
        return promise;
      },
      [](const leave_queue&) { return queue_left{}; },
      [](const count_queue&) { return queue_counters{}; },
      [](const set_threshold&) { return queue_counters{}; },
      [](const clear_queue&) { return queue_counters{}; },
  };
}

class queue_hub_test : public test::actor_test {
protected:
  void SetUp() override { start({}); }

  void TearDown() override {
    self->send_exit(hub, caf::exit_reason::user_shutdown);
    self->send_exit(queues, caf::exit_reason::user_shutdown);
    hub = nullptr;
    queues = nullptr;
    sched.run();
    advance(1s); // answers that are still on their way
  }

  void start(queue_hub_options options) {
    if (hub) {
      self->send_exit(hub, caf::exit_reason::user_shutdown);
      sched.run();
    } else {
      queues = sys.spawn(fake_queues, &said);
    }
    const auto paint = [this](event_id, user_id, const queue_place& p, time_point) {
      return queue_picture{fmt::format(R"({{"place":{},"position":{},"token":{}}})", p.place,
                                       p.position, p.place == 2 ? ++tokens : 0),
                           100s};
    };
    hub = spawn_queue_hub(sys, *env, queues, paint, metrics, options);
    sched.run();
  }

  static user_id user(int n) {
    user_id out;
    out.value.bytes[0] = static_cast<std::uint8_t>(n);
    out.value.bytes[1] = static_cast<std::uint8_t>(n >> 8);
    return out;
  }

  static queue_place waiting(std::uint64_t position, std::int64_t next_poll = 1) {
    queue_place p;
    p.place = static_cast<std::uint8_t>(place::waiting);
    p.position = position;
    p.queue_size = 100;
    p.next_poll = next_poll;
    return p;
  }

  static queue_place active() {
    queue_place p;
    p.place = static_cast<std::uint8_t>(place::active);
    return p;
  }

  result<listening> join(sink_listener& l, int who, std::string last_id = {}) {
    return ask<listening>(hub, watch_queue{event, user(who), std::move(last_id), l.stream.sink});
  }

  std::unique_ptr<sink_listener> listener(int who, std::string last_id = {}) {
    auto l = std::make_unique<sink_listener>();
    EXPECT_TRUE(join(*l, who, std::move(last_id)).has_value());
    l->read();
    return l;
  }

  script said;
  int tokens = 0;
  event_id event = *parse_id<event_id>("00000000-0000-4000-8000-00000000000e");
  prometheus::Registry registry;
  std::shared_ptr<stream_metrics> metrics = std::make_shared<stream_metrics>(registry, "queue");
  queue::queues queues;
  queue_hub_actor hub;
};

static_assert(static_cast<int>(place::active) == 2);

TEST_F(queue_hub_test, tells_changes_only_and_keeps_the_place_alive) {
  said.places[user(1)] = waiting(7);
  auto l = listener(1);
  ASSERT_EQ(l->reader.messages.size(), 1U);
  EXPECT_EQ(l->reader.messages[0].event, "status");
  EXPECT_EQ(l->reader.messages[0].data, R"({"place":1,"position":7,"token":0})");
  EXPECT_FALSE(l->reader.messages[0].id.empty());
  EXPECT_FALSE(l->reader.retry.empty());
  advance(1s);
  for (int i = 0; i < 9; ++i)
    advance(1s);
  l->read();
  EXPECT_EQ(l->reader.messages.size(), 1U) << "nothing changed";
  EXPECT_GE(said.asked[user(1)], 9) << "but the queue heard of the user all the time";
  said.places[user(1)] = waiting(6);
  advance(1s);
  l->read();
  ASSERT_EQ(l->reader.messages.size(), 2U);
  EXPECT_NE(l->reader.messages[0].id, l->reader.messages[1].id);
  said.places[user(1)] = active();
  advance(1s);
  l->read();
  ASSERT_EQ(l->reader.messages.size(), 3U);
  EXPECT_EQ(l->reader.messages[2].data, R"({"place":2,"position":0,"token":1})");
}

TEST_F(queue_hub_test, an_admitted_user_gets_a_new_token_before_the_old_one_ends) {
  auto p = active();
  said.places[user(1)] = p;
  auto l = listener(1);
  EXPECT_EQ(tokens, 1);
  for (int i = 0; i < 99; ++i) {
    said.places[user(1)].current_users++;
    advance(1s);
  }
  l->read();
  EXPECT_EQ(l->reader.messages.size(), 1U) << "how many others are active is no news";
  advance(6s);
  advance(6s);
  l->read();
  EXPECT_EQ(tokens, 2);
  EXPECT_EQ(l->reader.messages.size(), 2U);
}

TEST_F(queue_hub_test, who_comes_back_is_told_what_is_new) {
  said.places[user(1)] = waiting(7);
  auto l = listener(1);
  const auto id = l->reader.messages[0].id;
  auto same = listener(1, id);
  EXPECT_TRUE(same->reader.messages.empty());
  EXPECT_EQ(metrics->resumed.Value(), 1);
  EXPECT_EQ(listener(1, "anything")->reader.messages.size(), 1U);
  said.places[user(1)] = waiting(5);
  EXPECT_EQ(listener(1, id)->reader.messages.size(), 1U);
  advance(1s);
  same->read();
  EXPECT_EQ(same->reader.messages.size(), 1U);
  // One who was admitted meanwhile, or before, needs a token that lives.
  said.places[user(2)] = active();
  const auto entered = listener(2)->reader.messages[0].id;
  EXPECT_EQ(listener(2, entered)->reader.messages.size(), 1U);
}

TEST_F(queue_hub_test, follows_the_rhythm_that_pollers_keep) {
  said.places[user(1)] = waiting(1, 1);
  said.places[user(2)] = waiting(90'000, 60);
  auto near = listener(1);
  auto far = listener(2);
  for (int i = 0; i < 60; ++i)
    advance(1s);
  EXPECT_GE(said.asked[user(1)], 55);
  EXPECT_GE(said.asked[user(2)], 10) << "nobody is looked at less often than every 5 seconds";
  EXPECT_LE(said.asked[user(2)], 14);
}

TEST_F(queue_hub_test, not_in_the_queue_and_joining_later) {
  auto l = listener(1);
  EXPECT_EQ(l->reader.messages[0].data, R"({"place":0,"position":0,"token":0})");
  said.places[user(1)] = waiting(3);
  advance(3s);
  advance(1s);
  l->read();
  EXPECT_EQ(l->reader.messages.back().data, R"({"place":1,"position":3,"token":0})");
}

TEST_F(queue_hub_test, questions_under_way_are_bounded) {
  queue_hub_options options;
  options.asking_max = 10;
  start(options);
  said.slow = true;
  std::vector<std::unique_ptr<sink_listener>> many;
  for (int i = 0; i < 200; ++i) {
    said.places[user(i)] = waiting(static_cast<std::uint64_t>(i) + 1);
    many.push_back(std::make_unique<sink_listener>());
    watch_queue m{event, user(i), {}, many.back()->stream.sink};
    sys.spawn([hub = hub, m](caf::event_based_actor* a) {
      a->request(hub, caf::infinite, m).then([](const listening&) {}, [](const caf::error&) {});
    });
  }
  for (int i = 0; i < 30; ++i)
    advance(10ms);
  EXPECT_LE(said.under_way_max, 10);
  for (auto& l : many) {
    l->read();
    EXPECT_EQ(l->reader.messages.size(), 1U);
  }
  // Nobody is starved: all 200 are looked at within some seconds, over and over.
  for (int i = 0; i < 400; ++i)
    advance(10ms);
  for (int i = 0; i < 200; ++i)
    EXPECT_GE(said.asked[user(i)], 3) << i;
}

TEST_F(queue_hub_test, failures_of_the_queue) {
  said.broken = errc::unavailable;
  sink_listener first;
  EXPECT_EQ(join(first, 1).error().code, errc::unavailable);
  said.broken = {};
  said.places[user(1)] = waiting(2);
  auto l = listener(1);
  said.broken = errc::overloaded;
  advance(1s);
  advance(1s);
  EXPECT_TRUE(l->read());
  said.broken = {};
  said.places[user(1)] = waiting(1);
  advance(1s);
  advance(1s);
  l->read();
  EXPECT_EQ(l->reader.messages.size(), 2U);
  // An answer that never comes.
  said.silent = true;
  advance(1s);
  said.silent = false;
  said.places[user(1)] = active();
  for (int i = 0; i < 8; ++i)
    advance(1s);
  l->read();
  EXPECT_EQ(l->reader.messages.back().data, R"({"place":2,"position":0,"token":1})");
}

TEST_F(queue_hub_test, heartbeats_ends_and_slow_listeners) {
  queue_hub_options options;
  options.heartbeat = 15s;
  options.duration_max = 60s;
  start(options);
  said.places[user(1)] = waiting(2);
  auto l = listener(1);
  sink_listener slow{{2, 1'000}};
  ASSERT_TRUE(join(slow, 1).has_value());
  for (int i = 0; i < 30; ++i)
    advance(1s);
  ASSERT_TRUE(l->read());
  EXPECT_EQ(l->reader.comments, 2U);
  for (int i = 0; i < 20; ++i)
    advance(1s);
  EXPECT_EQ(metrics->dropped.Value(), 1);
  EXPECT_FALSE(slow.stream.sink->is_open());
  for (int i = 0; i < 20; ++i)
    advance(1s);
  EXPECT_FALSE(l->read());
}

TEST_F(queue_hub_test, who_has_left_is_not_looked_at) {
  said.places[user(1)] = waiting(2);
  auto l = listener(1);
  l.reset();
  advance(1s);
  advance(1s);
  const auto asked = said.asked[user(1)];
  for (int i = 0; i < 20; ++i)
    advance(1s);
  EXPECT_EQ(said.asked[user(1)], asked) << "so the place may run out";
}

} // namespace
} // namespace tiketi::net
