#include "net/streams/seat_hub.hpp"
#include "tests/streams/fake_hall.hpp"
#include "tests/streams/listener.hpp"
#include "tests/support/actor_fixture.hpp"

#include <map>
#include <optional>

#include <nlohmann/json.hpp>
#include <prometheus/counter.h>
#include <prometheus/registry.h>

namespace tiketi::net {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using test::sink_listener;
using ticket::seat_status;

class seat_hub_test : public test::actor_test {
protected:
  void SetUp() override { start(); }

  void TearDown() override {
    self->send_exit(hub, caf::exit_reason::user_shutdown);
    self->send_exit(seats, caf::exit_reason::user_shutdown);
    hub = nullptr;
    seats = nullptr;
    sched.run();
  }

  void start(seat_hub_options options = {}) {
    if (hub) {
      self->send_exit(hub, caf::exit_reason::user_shutdown);
      sched.run();
    } else {
      seats = hall.spawn(sys);
    }
    hub = spawn_seat_hub(sys, *env, seats, metrics, options);
    advance(1s); // it never asks twice within an interval, so that an interval has to have passed
    sched.run();
  }

  result<listening> join(sink_listener& l, std::string last_id = {}) {
    const auto answer = std::make_shared<std::optional<result<listening>>>();
    watch_seats m{hall.event, std::move(last_id), l.stream.sink};
    sys.spawn([hub = hub, m, answer](caf::event_based_actor* a) {
      a->request(hub, caf::infinite, m)
          .then([answer](const listening& x) { *answer = x; },
                [answer](const caf::error& e) { *answer = to_failure(e); });
    });
    sched.run();
    // The event is asked once per interval.
    if (!*answer)
      advance(100ms);
    EXPECT_TRUE(answer->has_value()) << "no answer";
    return answer->value_or(errc::timeout);
  }

  /// Joins without waiting.
  void begin(sink_listener& l) {
    watch_seats m{hall.event, {}, l.stream.sink};
    sys.spawn([hub = hub, m](caf::event_based_actor* a) {
      a->request(hub, caf::infinite, m).then([](const listening&) {}, [](const caf::error&) {});
    });
  }

  /// Joins, reads the beginning, and expects it to be there.
  std::unique_ptr<sink_listener> listener(std::string last_id = {}, stream_bounds bounds = {}) {
    auto l = std::make_unique<sink_listener>(bounds);
    EXPECT_TRUE(join(*l, std::move(last_id)).has_value());
    l->read();
    return l;
  }

  /// What somebody knows who applied every message, seat by seat.
  static std::map<std::string, std::string> known(const sink_listener& l) {
    std::map<std::string, std::string> out;
    for (const auto& m : l.reader.messages) {
      const auto data = json::parse(m.data);
      if (m.event == "snapshot")
        out.clear();
      for (const auto& s : data["seats"])
        out[s["id"]] = s["status"];
    }
    return out;
  }

  std::map<std::string, std::string> truth() {
    std::map<std::string, std::string> out;
    const auto map = json::parse(hall.body());
    for (const auto& s : map["seats"])
      out[s["id"]] = s["status"];
    return out;
  }

  test::fake_hall hall{200};
  prometheus::Registry registry;
  std::shared_ptr<stream_metrics> metrics = std::make_shared<stream_metrics>(registry, "seats");
  ticket::seat_changes_view seats;
  seat_hub_actor hub;
};

TEST_F(seat_hub_test, a_snapshot_first_then_what_changes) {
  auto l = listener();
  ASSERT_EQ(l->reader.messages.size(), 1U);
  EXPECT_EQ(l->reader.messages[0].event, "snapshot");
  EXPECT_EQ(l->reader.messages[0].id, hall.version());
  EXPECT_EQ(l->reader.messages[0].data, hall.body());
  const auto retry = std::stoi(l->reader.retry);
  EXPECT_GE(retry, 1'000);
  EXPECT_LT(retry, 5'000);
  advance(10s);
  l->read();
  EXPECT_EQ(l->reader.messages.size(), 1U) << "nothing changes";

  hall.set(3, seat_status::locked);
  hall.set(7, seat_status::locked);
  hall.set(3, seat_status::reserved);
  advance(100ms);
  l->read();
  ASSERT_EQ(l->reader.messages.size(), 2U) << "all of one interval is one event";
  const auto& m = l->reader.messages[1];
  EXPECT_EQ(m.event, "seats");
  EXPECT_EQ(m.id, hall.version());
  EXPECT_EQ(json::parse(m.data),
            (json{{"version", hall.version()},
                  {"seats", json::array({{{"id", hall.id(3)}, {"status", "reserved"}},
                                         {{"id", hall.id(7)}, {"status", "locked"}}})}}));
  EXPECT_EQ(known(*l), truth());
}

TEST_F(seat_hub_test, all_listeners_share_the_bytes) {
  std::vector<std::unique_ptr<sink_listener>> many;
  for (int i = 0; i < 3'000; ++i) {
    many.push_back(std::make_unique<sink_listener>());
    begin(*many.back());
  }
  advance(200ms);
  EXPECT_LE(metrics->snapshots.Value(), 2) << "one for the first, one for all that came meanwhile";
  for (int round = 0; round < 5; ++round) {
    hall.set(round, seat_status::locked);
    hall.set(100 + round, seat_status::locked);
    advance(100ms);
  }
  EXPECT_EQ(metrics->events.Value(), 5) << "one serialisation each, however many listen";
  for (auto& l : many)
    l->read();
  const auto& first = many[1]->taken;
  ASSERT_GE(first.size(), 8U);
  for (auto& l : many) {
    ASSERT_EQ(l->reader.messages.size(), 6U);
    ASSERT_EQ(l->reader.messages, many[0]->reader.messages);
    for (std::size_t i = 1; i <= 5; ++i)
      ASSERT_EQ(l->taken[l->taken.size() - i].get(), first[first.size() - i].get());
  }
  EXPECT_EQ(known(*many[0]), truth());
  EXPECT_LE(hall.asked, 20);
}

TEST_F(seat_hub_test, who_comes_back_gets_only_what_is_lacking) {
  auto first = listener();
  std::vector<std::string> versions{hall.version()};
  for (int i = 0; i < 5; ++i) {
    hall.set(i, seat_status::locked);
    advance(100ms);
    versions.push_back(hall.version());
  }
  first->read();
  for (std::size_t i = 0; i < versions.size(); ++i) {
    auto again = listener(versions[i]);
    ASSERT_EQ(again->reader.messages.size(), 5 - i);
    EXPECT_TRUE(std::equal(again->reader.messages.begin(), again->reader.messages.end(),
                           first->reader.messages.begin() + 1 + static_cast<std::ptrdiff_t>(i)));
  }
  EXPECT_EQ(metrics->resumed.Value(), 6);
  EXPECT_EQ(metrics->events.Value(), 5);
  EXPECT_EQ(metrics->snapshots.Value(), 1);
  // They go on like everybody else.
  auto last = listener(versions.back());
  hall.set(50, seat_status::reserved);
  advance(100ms);
  last->read();
  ASSERT_EQ(last->reader.messages.size(), 1U);
  EXPECT_EQ(last->reader.messages[0].id, hall.version());
}

TEST_F(seat_hub_test, nobody_listened_meanwhile) {
  auto first = listener();
  const auto seen = hall.version();
  first.reset();
  advance(20s); // the heartbeat finds out
  const auto asked = hall.asked;
  advance(20s);
  EXPECT_EQ(hall.asked, asked) << "an event without listeners is left alone";
  hall.set(1, seat_status::locked);
  hall.set(2, seat_status::locked);
  auto again = listener(seen);
  ASSERT_EQ(again->reader.messages.size(), 1U) << "the event itself knows";
  EXPECT_EQ(again->reader.messages[0].event, "seats");
  EXPECT_EQ(json::parse(again->reader.messages[0].data)["seats"].size(), 2U);
  // And the next one, with another version, gets the map.
  auto other = listener("0000000000000abc-1");
  ASSERT_EQ(other->reader.messages.size(), 1U);
  EXPECT_EQ(other->reader.messages[0].event, "snapshot");
}

TEST_F(seat_hub_test, an_unknown_last_event_gets_a_snapshot) {
  for (const char* id : {"x", "-", "0000000000000abc-", "0000000000000abc-99999999999999999999",
                         "0000000000000abc--1", "0000000000000abc-1000", "0000000000000abd-0",
                         "0000000000000ABC-0", "\"0000000000000abc-0\"", "0000000000000abc-0 "}) {
    auto l = listener(id);
    ASSERT_EQ(l->reader.messages.size(), 1U) << id;
    EXPECT_EQ(l->reader.messages[0].event, "snapshot") << id;
    EXPECT_EQ(l->reader.messages[0].data, hall.body());
    advance(100ms);
  }
}

TEST_F(seat_hub_test, a_ring_that_is_full_forgets) {
  seat_hub_options options;
  options.ring_events_max = 3;
  start(options);
  auto first = listener();
  std::vector<std::string> versions{hall.version()};
  for (int i = 0; i < 5; ++i) {
    hall.set(i, seat_status::locked);
    advance(100ms);
    versions.push_back(hall.version());
  }
  EXPECT_EQ(listener(versions[2])->reader.messages.size(), 3U);
  advance(100ms);
  auto late = listener(versions[1]);
  ASSERT_EQ(late->reader.messages.size(), 1U);
  EXPECT_EQ(late->reader.messages[0].event, "snapshot");
}

TEST_F(seat_hub_test, a_restarted_event_gives_everybody_a_snapshot) {
  auto a = listener();
  auto b = listener();
  hall.set(1, seat_status::locked);
  hall.start_again(0xdef);
  advance(100ms);
  for (auto* l : {a.get(), b.get()}) {
    l->read();
    EXPECT_EQ(l->reader.messages.back().event, "snapshot");
    EXPECT_EQ(l->reader.messages.back().id, hall.version());
    EXPECT_EQ(known(*l), truth());
  }
  hall.set(2, seat_status::locked);
  advance(100ms);
  a->read();
  EXPECT_EQ(known(*a), truth());
}

TEST_F(seat_hub_test, slow_listeners_are_given_up_and_others_are_not) {
  auto slow = std::make_unique<sink_listener>(stream_bounds{4, 1'000'000});
  ASSERT_TRUE(join(*slow).has_value());
  auto quick = listener("", {4, 1'000'000});
  for (int i = 0; i < 20; ++i) {
    hall.set(i, seat_status::locked);
    advance(100ms);
    quick->read();
  }
  EXPECT_EQ(metrics->dropped.Value(), 1);
  EXPECT_FALSE(slow->stream.sink->is_open());
  EXPECT_TRUE(quick->stream.sink->is_open());
  EXPECT_EQ(known(*quick), truth());
}

TEST_F(seat_hub_test, heartbeats_and_the_end) {
  seat_hub_options options;
  options.heartbeat = 15s;
  options.duration_max = 60s;
  start(options);
  auto l = listener();
  for (int i = 0; i < 3; ++i) {
    advance(15s);
    ASSERT_TRUE(l->read());
    EXPECT_EQ(l->reader.comments, static_cast<std::size_t>(i) + 1);
  }
  advance(30s);
  EXPECT_FALSE(l->read()) << "the client shall come back and show its login again";
  EXPECT_EQ(l->reader.messages.size(), 1U);
}

TEST_F(seat_hub_test, failures_of_the_event) {
  hall.broken = errc::unavailable;
  sink_listener first;
  EXPECT_EQ(join(first).error().code, errc::unavailable);
  hall.broken = {};
  advance(100ms);
  auto l = listener();
  hall.broken = errc::overloaded;
  hall.set(1, seat_status::locked);
  advance(1s);
  EXPECT_TRUE(l->read()) << "better times may come";
  hall.broken = {};
  advance(100ms);
  l->read();
  EXPECT_EQ(known(*l), truth());

  // An answer that never comes, because the actor that owed it is gone.
  hall.silent = true;
  hall.set(2, seat_status::locked);
  advance(100ms);
  hall.silent = false;
  advance(1s);
  l->read();
  EXPECT_NE(known(*l), truth());
  advance(5s);
  l->read();
  EXPECT_EQ(known(*l), truth());

  hall.broken = errc::not_found;
  advance(100ms);
  EXPECT_FALSE(l->read());
  sink_listener late;
  EXPECT_EQ(join(late).error().code, errc::not_found);
}

TEST_F(seat_hub_test, unknown_events) {
  sink_listener l;
  event_id other;
  EXPECT_EQ(ask<listening>(hub, watch_seats{other, "", l.stream.sink}).error(),
            failure(errc::not_found, "Event not found"));
  EXPECT_TRUE(listener()->read());
}

TEST_F(seat_hub_test, the_end_of_the_hub_ends_its_streams) {
  auto l = listener();
  self->send_exit(hub, caf::exit_reason::user_shutdown);
  sched.run();
  l->stream.sink.reset();
  EXPECT_FALSE(l->read());
}

TEST_F(seat_hub_test, somebody_who_gave_up_before_the_answer) {
  hall.silent = true;
  {
    sink_listener l;
    begin(l);
    sched.run();
  }
  hall.silent = false;
  advance(10s);
  EXPECT_EQ(hall.asked, 0) << "nobody is there to ask for";
}

} // namespace
} // namespace tiketi::net
