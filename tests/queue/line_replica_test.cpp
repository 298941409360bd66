#include "actors/queue/line_replica.hpp"
#include "tests/queue/queue_fixture.hpp"
#include "tests/support/straight_courier.hpp"

#include <optional>

#include <prometheus/counter.h>

namespace tiketi::test {
namespace {

using namespace std::chrono_literals;

/// The queue at its owner, and a copy of its line as another node has it.
class line_replica_test : public queue_fixture {
protected:
  void SetUp() override {
    offer(courier->offered, region);
    carrier = straight_courier::spawn(sys, courier);
    shared = std::make_shared<cluster::copy_context>();
    shared->access.courier = carrier;
    shared->access.replicas = {
        .age_max = 200ms, .stale_max = 2000ms, .hurry = 50ms, .idle_after = 10s};
    shared->metrics = std::make_shared<cluster::replica_metrics>(own_registry, "queue");
    parent =
        sys.spawn([this](cluster::copies_parent::pointer) -> cluster::copies_parent::behavior_type {
          return {[this](const cluster::passivate_copy&) { ++goodbyes; },
                  [](const cluster::stay_copy&) {}};
        });
    replica = queue::spawn_line_replica(sys, event, context, shared, parent);
  }

  void TearDown() override {
    send_exit(replica);
    send_exit(carrier);
    send_exit(parent);
    sched.run();
    courier->offered = {};
  }

  result<queue::queue_place> poll_there(std::uint64_t n) {
    return ask<queue::queue_place>(replica, queue::poll_queue{event, nth_user(n)});
  }

  prometheus::Registry own_registry; ///< the owner's begins anew with it
  std::shared_ptr<straight_courier> courier = std::make_shared<straight_courier>();
  caf::actor carrier;
  std::shared_ptr<cluster::copy_context> shared;
  cluster::copies_parent parent;
  queue::line_replica replica;
  int goodbyes = 0;
};

TEST_F(line_replica_test, answers_those_who_wait_without_the_owner) {
  for (std::uint64_t n = 0; n < 30; ++n)
    ASSERT_TRUE(enter(n));
  for (std::uint64_t n = 2; n < 30; ++n)
    ASSERT_TRUE(poll_there(n));
  const auto asked = courier->carried;
  for (int round = 0; round < 10; ++round)
    for (std::uint64_t n = 2; n < 30; ++n) {
      const auto there = poll_there(n);
      ASSERT_TRUE(there);
      const auto here = poll(n);
      EXPECT_EQ(there->position, here->position) << n;
      EXPECT_EQ(there->queue_size, here->queue_size);
      EXPECT_EQ(there->current_users, here->current_users);
      EXPECT_EQ(there->next_poll, here->next_poll);
      EXPECT_EQ(there->estimated_wait, here->estimated_wait);
    }
  EXPECT_EQ(courier->carried, asked) << "280 polls, no question";
}

TEST_F(line_replica_test, who_is_admitted_hears_of_it_from_the_owner) {
  for (std::uint64_t n = 0; n < 5; ++n)
    ASSERT_TRUE(enter(n));
  EXPECT_EQ(poll_there(2)->position, 1u);
  EXPECT_EQ(poll_there(3)->position, 2u);
  const auto active = poll_there(0);
  ASSERT_TRUE(active);
  EXPECT_EQ(static_cast<queue::place>(active->place), queue::place::active);
  EXPECT_NE(active->expires_at, time_point{}) << "for the entry token";
  ask<queue::queue_counters>(region, queue::set_threshold{event, 3});
  advance(1000ms); // an admission run
  ASSERT_EQ(where(2), queue::place::active);
  const auto now_active = poll_there(2);
  ASSERT_TRUE(now_active);
  EXPECT_EQ(static_cast<queue::place>(now_active->place), queue::place::active);
  EXPECT_EQ(poll_there(3)->position, 1u);
  const auto nobody = poll_there(77);
  ASSERT_TRUE(nobody);
  EXPECT_EQ(static_cast<queue::place>(nobody->place), queue::place::none);
}

TEST_F(line_replica_test, a_poll_after_a_goodbye_keeps_the_place) {
  for (std::uint64_t n = 0; n < 5; ++n)
    ASSERT_TRUE(enter(n));
  ASSERT_EQ(poll_there(3)->position, 2u);
  ASSERT_TRUE(leave(3));
  advance(300ms);
  const auto back = poll_there(3);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->position, 2u);
  advance(60'000ms); // the grace is over
  EXPECT_EQ(where(3), queue::place::waiting);
  EXPECT_EQ(poll_there(3)->position, 2u);
}

TEST_F(line_replica_test, visits_here_keep_a_place_alive_at_the_owner) {
  for (std::uint64_t n = 0; n < 5; ++n)
    ASSERT_TRUE(enter(n));
  const auto ttl = options.room.seen_ttl;
  // Somebody keeps the slots, so that nobody is admitted.
  for (auto t = 0ms; t < ttl + 120s; t += 20s) {
    ASSERT_TRUE(poll(0));
    ASSERT_TRUE(poll(1));
    ASSERT_TRUE(poll_there(4));
    advance(20s);
  }
  EXPECT_EQ(where(4), queue::place::waiting);
  EXPECT_EQ(where(3), queue::place::none) << "was not heard of";
}

TEST_F(line_replica_test, goes_on_with_the_next_owner) {
  for (std::uint64_t n = 0; n < 5; ++n)
    ASSERT_TRUE(enter(n));
  ASSERT_EQ(poll_there(4)->position, 3u);
  courier->away = errc::unavailable;
  advance(300ms);
  EXPECT_EQ(poll_there(4)->position, 3u) << "stands in";
  const auto questions = courier->carried;
  EXPECT_GE(questions, 2u);
  restart();
  courier->offered = {};
  offer(courier->offered, region);
  courier->away.reset();
  advance(300ms);
  const auto there = poll_there(4);
  ASSERT_TRUE(there);
  EXPECT_EQ(there->position, 3u);
  ASSERT_TRUE(leave(2));
  advance(20s);
  EXPECT_EQ(poll_there(4)->position, 2u);
}

TEST_F(line_replica_test, refuses_when_the_owner_is_away_for_long) {
  for (std::uint64_t n = 0; n < 5; ++n)
    ASSERT_TRUE(enter(n));
  ASSERT_TRUE(poll_there(4));
  courier->away = errc::unavailable;
  advance(2500ms);
  const auto refused = poll_there(4);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::unavailable);
}

TEST_F(line_replica_test, a_poll_has_one_patience_for_all_that_is_asked_for_it) {
  for (std::uint64_t n = 0; n < 5; ++n)
    ASSERT_TRUE(enter(n));
  courier->silent = true;
  auto pending = self->request(replica, caf::infinite, queue::poll_queue{event, nth_user(0)});
  sched.run();
  advance(6s);
  // Of one who does not wait, the owner is asked what has changed, then where he is, and then by
  // himself.
  caf::anon_send(carrier, release_kept{});
  sched.run();
  EXPECT_EQ(courier->patiences, (std::vector{8000ms, 2000ms, 2000ms}));
  pending.receive(
      [](const queue::queue_place& p) {
        EXPECT_EQ(static_cast<queue::place>(p.place), queue::place::active);
      },
      [](const caf::error& why) { ADD_FAILURE() << to_failure(why).text; });
}

TEST_F(line_replica_test, leaves_when_nobody_asks) {
  ASSERT_TRUE(enter(1));
  ASSERT_TRUE(poll_there(1));
  for (int i = 0; i < 15; ++i)
    advance(1s);
  EXPECT_EQ(goodbyes, 1);
}

} // namespace
} // namespace tiketi::test
