#include "actors/event/map_replica.hpp"
#include "tests/event/sale_fixture.hpp"
#include "tests/support/straight_courier.hpp"

#include <nlohmann/json.hpp>

namespace tiketi::ticket {
namespace {

using namespace std::chrono_literals;

/// The role as the owner, and a copy of its event's map as another node has it.
class map_replica_test : public sale_test {
protected:
  void SetUp() override {
    sale_test::SetUp();
    offer(courier->offered, role.region);
    carrier = test::straight_courier::spawn(sys, courier);
    context = std::make_shared<cluster::copy_context>();
    context->access.courier = carrier;
    context->access.replicas = {
        .age_max = 200ms, .stale_max = 2000ms, .hurry = 50ms, .idle_after = 10s};
    context->metrics = std::make_shared<cluster::replica_metrics>(registry, "seat_map");
    region =
        sys.spawn([this](cluster::copies_parent::pointer) -> cluster::copies_parent::behavior_type {
          return {[this](const cluster::passivate_copy&) { ++goodbyes; },
                  [this](const cluster::stay_copy&) { ++stays; }};
        });
    replica = spawn_map_replica(sys, *env, event.id, context, region);
  }

  void TearDown() override {
    for (const auto& actor :
         {caf::actor_cast<caf::actor>(replica), carrier, caf::actor_cast<caf::actor>(region)})
      self->send_exit(actor, caf::exit_reason::kill);
    sched.run();
    courier->offered = {};
    sale_test::TearDown();
  }

  result<seat_map_view> read() { return ask<seat_map_view>(replica, get_seat_map{event.id}); }
  result<seat_map_view> owners() { return ask<seat_map_view>(role.region, get_seat_map{event.id}); }

  std::shared_ptr<test::straight_courier> courier = std::make_shared<test::straight_courier>();
  caf::actor carrier;
  std::shared_ptr<cluster::copy_context> context;
  cluster::copies_parent region;
  map_replica replica;
  int goodbyes = 0;
  int stays = 0;
};

TEST_F(map_replica_test, says_what_the_owner_says_at_most_so_late) {
  const auto first = read();
  ASSERT_TRUE(first);
  EXPECT_EQ(*first->body, *owners()->body);
  ASSERT_TRUE(hold(1, {0, 1}));
  const auto old = read();
  EXPECT_EQ(old->etag, first->etag) << "young enough";
  EXPECT_EQ(courier->carried, 1u);
  advance(201ms);
  const auto next = read();
  EXPECT_EQ(*next->body, *owners()->body);
  EXPECT_EQ(next->etag, owners()->etag);
  EXPECT_NE(next->etag, first->etag);
  EXPECT_EQ(courier->carried, 2u);
}

TEST_F(map_replica_test, readers_share_a_question) {
  std::vector<later<seat_map_view>> all;
  for (int i = 0; i < 50; ++i)
    all.push_back(begin<seat_map_view>(replica, get_seat_map{event.id}));
  sched.run();
  for (const auto& one : all) {
    ASSERT_TRUE(one->has_value());
    ASSERT_TRUE(**one);
    EXPECT_EQ((**one)->body, (**all.front())->body) << "the very same bytes";
  }
  EXPECT_EQ(courier->carried, 1u);
}

TEST_F(map_replica_test, tells_those_who_follow_changes) {
  const auto start = ask<seat_changes>(replica, get_seat_changes{event.id, {}, true});
  ASSERT_TRUE(start);
  EXPECT_TRUE(start->whole);
  ASSERT_TRUE(hold(1, {3}));
  advance(300ms);
  const auto changes = ask<seat_changes>(replica, get_seat_changes{event.id, start->version});
  ASSERT_TRUE(changes);
  EXPECT_FALSE(changes->whole);
  ASSERT_EQ(changes->changes.size(), 1u);
  EXPECT_EQ(changes->changes[0].seat, seat(3));
  EXPECT_EQ(changes->changes[0].status, seat_status::locked);
}

TEST_F(map_replica_test, stands_in_for_an_owner_that_is_away_but_not_for_long) {
  ASSERT_TRUE(read());
  advance(300ms);
  courier->silent = true;
  const auto waiting = begin<seat_map_view>(replica, get_seat_map{event.id});
  sched.run();
  EXPECT_FALSE(waiting->has_value());
  advance(50ms);
  ASSERT_TRUE(waiting->has_value()) << "nobody waits longer for something that may be old";
  EXPECT_TRUE(**waiting);
  advance(1600ms);
  EXPECT_TRUE(read());
  advance(100ms);
  const auto late = begin<seat_map_view>(replica, get_seat_map{event.id});
  sched.run();
  EXPECT_FALSE(late->has_value()) << "too old for anybody";
  courier->away = errc::unavailable;
  self->send(carrier, test::release_kept{});
  sched.run();
  ASSERT_TRUE(late->has_value());
  EXPECT_EQ((**late).error().code, errc::unavailable);
  courier->away.reset();
  EXPECT_TRUE(read()) << "the next one asks again";
}

TEST_F(map_replica_test, an_unknown_event_is_not_found_and_leaves_soon) {
  auto unknown = spawn_map_replica(sys, *env, id<event_id>(99), context, region);
  const auto answer = ask<seat_map_view>(unknown, get_seat_map{id<event_id>(99)});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, errc::not_found);
  self->send_exit(unknown, caf::exit_reason::kill);
}

TEST_F(map_replica_test, leaves_when_nobody_reads_and_stays_when_somebody_does) {
  ASSERT_TRUE(read());
  advance(10s);
  EXPECT_EQ(goodbyes, 1);
  ASSERT_TRUE(read());
  self->send(replica, cluster::stop_copy{});
  sched.run();
  EXPECT_EQ(stays, 1) << "it was read meanwhile";
  advance(10s);
  EXPECT_EQ(goodbyes, 2);
  self->send(replica, cluster::stop_copy{});
  sched.run();
  EXPECT_EQ(stays, 1);
  const auto gone = ask<seat_map_view>(replica, get_seat_map{event.id});
  EXPECT_FALSE(gone);
}

} // namespace
} // namespace tiketi::ticket
