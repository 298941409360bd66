#include "tests/vwr/room_fixture.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace tiketi::vwr {
namespace {

class room_actor_test : public test::room_fixture {
protected:
  /// Lets the clock of the rooms tick, one step after the other.
  void tick(int times = 1) {
    for (int i = 0; i < times; ++i)
      advance(options.advance_interval);
  }

  double waiting_gauge() const { return context->metrics->waiting.Value(); }
};

TEST_F(room_actor_test, numbers_go_out_and_are_served_by_the_clock) {
  EXPECT_EQ(take().error().code, errc::not_found);
  EXPECT_EQ(show().error().code, errc::not_found);
  ASSERT_TRUE(activate());
  EXPECT_TRUE(show()->active);
  for (std::uint64_t n = 1; n <= 5; ++n)
    EXPECT_EQ(take()->number, n);
  EXPECT_EQ(check(5)->ahead, 5u);
  EXPECT_EQ(waiting_gauge(), 5);
  tick();
  EXPECT_TRUE(check(2)->served);
  EXPECT_FALSE(check(3)->served);
  tick(3);
  EXPECT_TRUE(check(5)->served);
  EXPECT_EQ(show()->serving, 5u) << "never past what was given out";
  EXPECT_EQ(waiting_gauge(), 0);
  EXPECT_EQ(context->metrics->issued.Value(), 5);
  EXPECT_EQ(context->metrics->served.Value(), 5);
}

TEST_F(room_actor_test, no_answer_before_the_store_has_it) {
  ASSERT_TRUE(activate());
  std::vector<std::uint64_t> seen; // what the store held when it was asked to write
  store->set_fate([&](const std::vector<save_room>& batch) {
    seen.push_back(batch.front().row.issued);
    return fate::committed;
  });
  std::vector<decltype(self->request(region, caf::infinite, take_number{event}))> pending;
  for (int i = 0; i < 100; ++i)
    pending.push_back(self->request(region, caf::infinite, take_number{event}));
  sched.run();
  std::set<std::uint64_t> numbers;
  for (auto& one : pending)
    one.receive([&](const number_taken& t) { numbers.insert(t.number); },
                [](const caf::error&) { FAIL() << "refused"; });
  EXPECT_EQ(numbers.size(), 100u);
  EXPECT_EQ(*numbers.rbegin(), 100u);
  EXPECT_LT(seen.size(), 10u) << "those that wait share a write";
  EXPECT_EQ(store->row(event).row.issued, 100u);
}

TEST_F(room_actor_test, a_hundred_thousand_at_once_take_a_handful_of_writes) {
  constexpr std::uint64_t people = 100'000;
  stop();
  options.waiting_max = people;
  start();
  ASSERT_TRUE(activate());
  std::uint64_t last = 0;
  // Many askers, because one with many open requests is slow by itself.
  std::vector<caf::actor> crowd;
  for (std::uint64_t n = 0; n < people / 500; ++n)
    crowd.push_back(sys.spawn([&](caf::event_based_actor* me) -> caf::behavior {
      return {[&, me](int) {
        for (int i = 0; i < 500; ++i)
          me->request(region, caf::infinite, take_number{event})
              .then([&](const number_taken& taken) { last = std::max(last, taken.number); },
                    [](const caf::error&) { FAIL() << "refused"; });
      }};
    }));
  const auto before = store->batches();
  const auto begin = std::chrono::steady_clock::now();
  for (const auto& one : crowd)
    caf::anon_send(one, 1);
  sched.run();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(last, people);
  EXPECT_EQ(context->metrics->issued.Value(), people);
  EXPECT_LT(store->batches() - before, 100u);
  RecordProperty("numbers_per_second", static_cast<int>(people / took.count()));
  for (const auto& one : crowd)
    send_exit(one);
  sched.run();
}

TEST_F(room_actor_test, what_could_not_be_written_was_not_given_out) {
  ASSERT_TRUE(activate());
  EXPECT_EQ(take()->number, 1u);
  next_batch(fate::failed);
  EXPECT_EQ(take().error().code, errc::unavailable);
  EXPECT_EQ(take()->number, 2u) << "nobody holds it";
  next_batch(fate::unknown);
  EXPECT_EQ(take().error().code, errc::unavailable);
  EXPECT_EQ(take()->number, 4u) << "3 may be in somebody's hands";
  next_batch(fate::lost);
  EXPECT_EQ(take().error().code, errc::unavailable);
  EXPECT_EQ(take()->number, 5u);
  EXPECT_EQ(context->metrics->recoveries.Value(), 3);
}

TEST_F(room_actor_test, another_owner_is_noticed) {
  ASSERT_TRUE(activate());
  EXPECT_EQ(take()->number, 1u);
  auto row = store->row(event).row;
  row.issued = 50;
  ++row.version;
  store->put(event, row);
  EXPECT_EQ(take().error().code, errc::unavailable) << "its row was not the newest";
  EXPECT_EQ(take()->number, 51u);
}

TEST_F(room_actor_test, a_restart_loses_no_number_and_goes_on_serving) {
  ASSERT_TRUE(activate());
  for (int i = 0; i < 5; ++i)
    take();
  advance(options.advance_interval);
  restart();
  EXPECT_EQ(show()->serving, 2u);
  EXPECT_TRUE(check(2)->served);
  EXPECT_EQ(take()->number, 6u);
  restart();
  tick(5);
  EXPECT_EQ(store->row(event).row.serving, 6u) << "nobody asked, and it was woken all the same";
}

TEST_F(room_actor_test, an_unreadable_store_is_an_outage_and_heals) {
  ASSERT_TRUE(activate());
  take();
  stop();
  store->set_unreadable(true);
  start();
  auto pending = self->request(region, caf::infinite, take_number{event});
  sched.run();
  EXPECT_TRUE(self->mailbox().empty()) << "waits until the region knows its rooms";
  store->set_unreadable(false);
  advance(region_options.retry_interval);
  pending.receive([](const number_taken& t) { EXPECT_EQ(t.number, 2u); },
                  [](const caf::error&) { FAIL() << "refused"; });
  next_batch(fate::unknown);
  store->set_unreadable(true);
  EXPECT_EQ(take().error().code, errc::unavailable);
  auto later = self->request(region, caf::infinite, take_number{event});
  sched.run();
  EXPECT_TRUE(self->mailbox().empty()) << "the row is read again first";
  tick();
  later.receive([](const number_taken&) { FAIL() << "the row could not be read"; },
                [](const caf::error& err) { EXPECT_EQ(to_failure(err).code, errc::unavailable); });
  store->set_unreadable(false);
  tick();
  EXPECT_EQ(take()->number, 4u);
}

TEST_F(room_actor_test, activation_asks_the_catalog) {
  auto& brief = briefs[event];
  brief.cancelled = true;
  EXPECT_EQ(activate().error().code, errc::conflict);
  brief.cancelled = false;
  brief.sale_end = env->now();
  EXPECT_EQ(activate().error().code, errc::conflict);
  brief.sale_end = env->now() + seconds{1};
  catalog_away = true;
  EXPECT_EQ(activate().error().code, errc::unavailable);
  catalog_away = false;
  briefs.clear();
  const auto unknown = activate();
  EXPECT_EQ(unknown.error(), (failure{errc::not_found, "Event not found"}));
  EXPECT_EQ(take().error().code, errc::not_found);
  EXPECT_EQ(store->batches(), 0u) << "nothing was written";
}

TEST_F(room_actor_test, operators_switch_off_resume_advance_and_reset) {
  EXPECT_EQ(deactivate().error().code, errc::not_found);
  EXPECT_EQ(ask<room_advanced>(region, advance_room{event, 5}).error().code, errc::not_found);
  ASSERT_TRUE(activate());
  EXPECT_EQ(ask<active_rooms>(region, list_active{})->events, std::vector{event});
  for (int i = 0; i < 10; ++i)
    take();
  const auto done = ask<room_advanced>(region, advance_room{event, 7});
  EXPECT_EQ(done->serving, 7u);
  EXPECT_EQ(done->advanced, 7u);
  EXPECT_EQ(ask<room_advanced>(region, advance_room{event, 7, true}).error().code, errc::in_doubt);
  EXPECT_EQ(ask<room_advanced>(region, advance_room{event, 7})->advanced, 3u);
  EXPECT_EQ(ask<room_advanced>(region, advance_room{event, 7})->advanced, 0u);
  EXPECT_EQ(activate(true).error().code, errc::conflict);
  EXPECT_TRUE(activate()) << "twice is once";
  EXPECT_EQ(show()->issued, 10u);
  ASSERT_TRUE(deactivate());
  EXPECT_TRUE(deactivate());
  EXPECT_TRUE(ask<active_rooms>(region, list_active{})->events.empty());
  EXPECT_TRUE(check(3)->switched_off);
  EXPECT_EQ(take().error().code, errc::not_found);
  ASSERT_TRUE(activate(true));
  EXPECT_EQ(check(3).error().code, errc::not_found);
  EXPECT_EQ(take()->number, 1u);
  EXPECT_TRUE(check(1, 2));
}

TEST_F(room_actor_test, an_idle_room_leaves_the_memory_and_comes_back) {
  ASSERT_TRUE(activate());
  take();
  const auto running = sys.registry().running();
  tick();
  for (int i = 0; i < 3; ++i)
    advance(options.idle_after);
  EXPECT_LT(sys.registry().running(), running) << "its actor has gone";
  EXPECT_EQ(take()->number, 2u);
  EXPECT_TRUE(check(1)->served);
}

TEST_F(room_actor_test, rooms_and_waiting_commands_are_bounded) {
  stop();
  region_options.rooms_max = 1;
  options.waiting_max = 3;
  start();
  ASSERT_TRUE(activate());
  const event_id second = *parse_id<event_id>("00000000-0000-4000-8000-0000000000e2");
  briefs[second].event = second;
  EXPECT_EQ(ask<room_counters>(region, activate_room{second}).error().code, errc::limit_exceeded);
  std::vector<decltype(self->request(region, caf::infinite, take_number{event}))> pending;
  for (int i = 0; i < 10; ++i)
    pending.push_back(self->request(region, caf::infinite, take_number{event}));
  sched.run();
  std::size_t served = 0;
  for (auto& one : pending)
    one.receive([&](const number_taken&) { ++served; },
                [](const caf::error& err) { EXPECT_EQ(to_failure(err).code, errc::overloaded); });
  EXPECT_GE(served, 3u);
  EXPECT_LT(served, 10u);
  EXPECT_EQ(take()->number, served + 1) << "a refused one took no number";
}

TEST_F(room_actor_test, random_trouble_never_hands_a_number_out_twice) {
  const auto* given = std::getenv("TIKETI_SEED");
  const std::uint64_t seed = given ? std::stoull(given) : std::random_device{}();
  SCOPED_TRACE("replay with TIKETI_SEED=" + std::to_string(seed));
  std::mt19937_64 chance{seed};
  store->set_fate([&](const auto&) {
    switch (chance() % 12) {
    case 0:
      return fate::failed;
    case 1:
      return fate::unknown;
    case 2:
      return fate::lost;
    default:
      return fate::committed;
    }
  });
  std::set<std::pair<std::uint64_t, std::uint64_t>> held;
  for (int round = 0; round < 600; ++round) {
    switch (chance() % 10) {
    case 0:
      (void)activate(chance() % 4 == 0);
      break;
    case 1:
      if (chance() % 3 == 0)
        (void)deactivate();
      break;
    case 2:
      advance(options.advance_interval);
      break;
    case 3:
      if (chance() % 5 == 0)
        restart();
      break;
    default:
      if (const auto n = take()) {
        ASSERT_TRUE(held.insert({n->generation, n->number}).second) << n->number;
      }
    }
    const auto row = store->row(event).row;
    ASSERT_LE(row.serving, row.issued);
    for (const auto& [generation, number] : held)
      if (generation == row.generation) {
        ASSERT_LE(number, row.issued) << "a number was lost";
      }
  }
  EXPECT_GT(held.size(), 50u);
}

} // namespace
} // namespace tiketi::vwr
