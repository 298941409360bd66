#include "actors/queue/domain_events.hpp"
#include "tests/queue/queue_fixture.hpp"

namespace tiketi::queue {
namespace {

using namespace std::chrono_literals;
using test::nth_user;

class queue_actor_test : public test::queue_fixture {
protected:
  std::size_t active_rows() { return journal->rows(event).active.size(); }
  std::size_t waiting_rows() { return journal->rows(event).waiting.size(); }
};

TEST_F(queue_actor_test, first_users_enter_the_rest_wait) {
  auto first = enter(1);
  ASSERT_TRUE(first);
  EXPECT_EQ(static_cast<place>(first->place), place::active);
  EXPECT_EQ(first->current_users, 0u) << "before its own admission";
  EXPECT_EQ(first->threshold, 2u);
  EXPECT_EQ(first->title, "Night \"Live\"");
  EXPECT_EQ(first->artist, "Band");
  EXPECT_EQ(first->expires_at, epoch + 600s);
  ASSERT_TRUE(enter(2));
  auto third = enter(3);
  ASSERT_TRUE(third);
  EXPECT_EQ(static_cast<place>(third->place), place::waiting);
  EXPECT_EQ(third->position, 1u);
  EXPECT_EQ(third->queue_size, 1u);
  EXPECT_EQ(third->estimated_wait, 5);
  EXPECT_EQ(third->next_poll, 1);
  EXPECT_EQ(third->current_users, 2u);
  EXPECT_EQ(enter(3)->position, 1u) << "a repeat only looks";
  EXPECT_EQ(waiting_rows(), 1u);
  EXPECT_EQ(active_rows(), 2u);
  EXPECT_EQ(context->metrics->joined.Value(), 1.0);
  EXPECT_EQ(context->metrics->admitted.Value(), 2.0);
  EXPECT_EQ(context->metrics->waiting.Value(), 1.0);
  EXPECT_EQ(context->metrics->active.Value(), 2.0);
}

TEST_F(queue_actor_test, each_admission_is_told_once_with_its_journal_record) {
  int grown = 0;
  relay = sys.spawn([&grown](relay_actor::pointer) -> relay_actor::behavior_type {
    return {[&grown](const outbox_grew&) { ++grown; }};
  });
  stop();
  start();
  ASSERT_TRUE(enter(1));
  ASSERT_TRUE(enter(2));
  ASSERT_TRUE(enter(3));
  EXPECT_EQ(journal->outbox().size(), 2u) << "who waits is not admitted";
  EXPECT_EQ(grown, 2);
  ASSERT_TRUE(enter(1)) << "a repeat only looks";
  next_batch(fate::failed);
  EXPECT_FALSE(ask<queue_counters>(region, set_threshold{event, 10}));
  self->send(region, booking_done{event, nth_user(1)});
  sched.run();
  advance(2s);
  const auto told = journal->outbox();
  ASSERT_EQ(told.size(), 3u);
  const auto last = read_admission(told.back());
  ASSERT_TRUE(last);
  EXPECT_EQ(last->user, nth_user(3));
  EXPECT_EQ(last->event, event);
  EXPECT_TRUE(last->waited);
  EXPECT_EQ(last->expires_at, last->admitted_at + 600s);
  EXPECT_EQ(told[0].key, to_string(event));
  EXPECT_NE(told[0].id, told[1].id);

  next_batch(fate::failed);
  EXPECT_FALSE(enter(4));
  EXPECT_EQ(journal->outbox().size(), 3u);
  restart();
  ASSERT_TRUE(poll(2));
  EXPECT_EQ(journal->outbox().size(), 3u) << "a restart admits nobody again";
  send_exit(relay);
}

TEST_F(queue_actor_test, without_a_relay_admissions_are_no_events) {
  ASSERT_TRUE(enter(1));
  EXPECT_TRUE(journal->outbox().empty());
}

TEST_F(queue_actor_test, status_never_joins) {
  const auto p = poll(1);
  ASSERT_TRUE(p);
  EXPECT_EQ(static_cast<place>(p->place), place::none);
  EXPECT_EQ(p->next_poll, 3);
  EXPECT_EQ(journal->batches(), 0u);
}

TEST_F(queue_actor_test, the_tick_admits_in_order_up_to_the_threshold) {
  for (std::uint64_t n = 0; n < 6; ++n)
    ASSERT_TRUE(enter(n));
  self->send(region, booking_done{event, nth_user(0)});
  sched.run();
  EXPECT_EQ(active_rows(), 1u);
  EXPECT_EQ(poll(2)->position, 1u) << "admission waits for the tick";
  advance(1s);
  EXPECT_EQ(where(2), place::active);
  EXPECT_EQ(poll(3)->position, 1u);
  EXPECT_EQ(active_rows(), 2u);
  EXPECT_EQ(context->metrics->admitted.Value(), 3.0);
}

TEST_F(queue_actor_test, a_batch_bounds_one_run) {
  stop();
  options.room.admission_batch_max = 3;
  start();
  for (std::uint64_t n = 0; n < 20; ++n)
    ASSERT_TRUE(enter(n));
  ASSERT_TRUE(ask<queue_counters>(region, set_threshold{event, 100}));
  advance(1s);
  EXPECT_EQ(active_rows(), 5u);
  advance(1s);
  EXPECT_EQ(active_rows(), 8u);
}

TEST_F(queue_actor_test, an_expired_slot_goes_to_the_next) {
  for (std::uint64_t n = 0; n < 3; ++n)
    ASSERT_TRUE(enter(n));
  advance(300s);
  ASSERT_EQ(where(1), place::active);
  ASSERT_EQ(where(2), place::waiting);
  advance(301s);
  EXPECT_EQ(where(0), place::none);
  EXPECT_EQ(where(1), place::active);
  EXPECT_EQ(where(2), place::active);
}

TEST_F(queue_actor_test, silent_users_lose_their_place_polling_ones_keep_it) {
  for (std::uint64_t n = 0; n < 2; ++n)
    ASSERT_TRUE(enter(n));
  for (std::uint64_t n = 2; n < 5; ++n)
    ASSERT_TRUE(enter(n));
  for (int i = 0; i < 14; ++i) {
    advance(50s);
    for (const std::uint64_t n : {0u, 1u, 3u})
      ASSERT_NE(where(n), place::none) << n;
  }
  EXPECT_EQ(where(2), place::none);
  EXPECT_EQ(where(4), place::none);
  EXPECT_EQ(poll(3)->position, 1u);
  EXPECT_EQ(waiting_rows(), 1u);
  EXPECT_EQ(context->metrics->stale.Value(), 2.0);
}

TEST_F(queue_actor_test, leaving_has_a_grace_period) {
  for (std::uint64_t n = 0; n < 5; ++n)
    ASSERT_TRUE(enter(n));
  EXPECT_TRUE(leave(2)->was_here);
  EXPECT_TRUE(leave(3)->was_here);
  EXPECT_FALSE(leave(77)->was_here);
  EXPECT_EQ(journal->rows(event).leaving.size(), 2u) << "durable when answered";
  advance(5s);
  EXPECT_EQ(where(2), place::waiting) << "a reload: back in time";
  EXPECT_EQ(journal->rows(event).leaving.size(), 1u);
  advance(7s);
  EXPECT_EQ(poll(2)->position, 1u);
  EXPECT_EQ(where(3), place::none);
  EXPECT_EQ(poll(4)->position, 2u);
  EXPECT_EQ(journal->rows(event).leaving.size(), 0u);
  EXPECT_EQ(context->metrics->left.Value(), 1.0);
}

TEST_F(queue_actor_test, a_restart_in_the_grace_period_forgets_nothing) {
  for (std::uint64_t n = 0; n < 5; ++n)
    ASSERT_TRUE(enter(n));
  EXPECT_TRUE(leave(1)->was_here);
  EXPECT_TRUE(leave(3)->was_here);
  restart();
  EXPECT_EQ(poll(4)->position, 3u) << "still within the grace";
  advance(12s);
  EXPECT_EQ(where(3), place::none);
  EXPECT_EQ(where(1), place::none);
  EXPECT_EQ(where(2), place::active) << "got the slot";
}

TEST_F(queue_actor_test, a_restart_keeps_order_slots_and_threshold_and_goes_on_by_itself) {
  ASSERT_TRUE(ask<queue_counters>(region, set_threshold{event, 3}));
  for (std::uint64_t n = 0; n < 10; ++n)
    ASSERT_TRUE(enter(n));
  advance(100s);
  restart();
  EXPECT_EQ(poll(5)->position, 3u);
  const auto active = ask<admission>(region, check_admission{event, nth_user(1)});
  ASSERT_TRUE(active && active->active);
  // Nobody says a word: the slots run out when they should, and the line moves.
  advance(495s);
  EXPECT_EQ(journal->rows(event).waiting.size(), 7u);
  advance(15s);
  EXPECT_EQ(journal->rows(event).waiting.size(), 4u);
  EXPECT_EQ(where(3), place::active);
  EXPECT_EQ(poll(6)->position, 1u);
  EXPECT_EQ(poll(6)->current_users, 3u);
}

TEST_F(queue_actor_test, a_failed_write_is_a_503_and_changes_nothing) {
  next_batch(fate::failed);
  const auto refused = enter(1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(info(refused.error().code).status, 503);
  EXPECT_EQ(where(1), place::none);
  EXPECT_EQ(active_rows(), 0u);
  ASSERT_TRUE(enter(1));
  EXPECT_EQ(where(1), place::active);
}

TEST_F(queue_actor_test, a_lost_answer_is_looked_up_before_anything_else_is_said) {
  for (std::uint64_t n = 0; n < 2; ++n)
    ASSERT_TRUE(enter(n));
  next_batch(fate::unknown);
  EXPECT_EQ(enter(2).error().code, errc::unavailable);
  EXPECT_EQ(poll(2)->position, 1u) << "it was written";
  next_batch(fate::lost);
  EXPECT_FALSE(enter(3));
  EXPECT_EQ(where(3), place::none) << "it was not";
  EXPECT_EQ(enter(3)->position, 2u);
  EXPECT_EQ(context->metrics->recoveries.Value(), 2.0);
}

TEST_F(queue_actor_test, requests_wait_while_the_journal_is_read_again) {
  for (std::uint64_t n = 0; n < 2; ++n)
    ASSERT_TRUE(enter(n));
  next_batch(fate::unknown);
  // All of them are in the mailbox before the doubtful answer comes.
  auto join = self->request(region, caf::infinite, enter_queue{event, nth_user(2)});
  auto same = self->request(region, caf::infinite, poll_queue{event, nth_user(2)});
  auto other = self->request(region, caf::infinite, enter_queue{event, nth_user(3)});
  sched.run();
  join.receive([](const queue_place&) { ADD_FAILURE() << "the outcome was not known"; },
               [](const caf::error& err) { EXPECT_EQ(to_failure(err).code, errc::unavailable); });
  same.receive([](const queue_place& p) { EXPECT_EQ(p.position, 1u); },
               [](const caf::error&) { ADD_FAILURE(); });
  other.receive([](const queue_place&) {},
                [](const caf::error& err) { EXPECT_EQ(info(to_failure(err).code).status, 503); });
  EXPECT_LE(active_rows(), 2u);
}

TEST_F(queue_actor_test, an_unreadable_journal_answers_503_and_heals) {
  for (std::uint64_t n = 0; n < 3; ++n)
    ASSERT_TRUE(enter(n));
  journal->set_unreadable(true);
  next_batch(fate::unknown);
  EXPECT_FALSE(enter(3));
  advance(500ms);
  journal->set_unreadable(false);
  advance(3s);
  EXPECT_EQ(poll(2)->position, 1u);
}

TEST_F(queue_actor_test, a_start_waits_for_an_unreadable_journal) {
  ASSERT_TRUE(enter(1));
  stop();
  registry = std::make_shared<prometheus::Registry>();
  journal->set_unreadable(true);
  start();
  auto pending = self->request(region, caf::infinite, poll_queue{event, nth_user(1)});
  sched.run();
  EXPECT_TRUE(self->mailbox().empty()) << "nobody is told to be gone";
  journal->set_unreadable(false);
  advance(2s);
  pending.receive(
      [](const queue_place& p) { EXPECT_EQ(static_cast<place>(p.place), place::active); },
      [](const caf::error&) { ADD_FAILURE(); });
}

TEST_F(queue_actor_test, only_events_that_sell_have_a_queue) {
  event = event_id{nth_user(1).value};
  EXPECT_EQ(enter(1).error().code, errc::not_found);

  auto& brief = catalog->events[event];
  brief.event = event;
  advance(11s); // what was known about it is forgotten
  brief.cancelled = true;
  EXPECT_EQ(enter(1).error(), (failure{errc::conflict, "This event has been cancelled"}));

  advance(11s);
  brief.cancelled = false;
  brief.sale_end = env->now();
  EXPECT_EQ(enter(1).error(), (failure{errc::sale_closed, "The sale of this event has ended"}));

  advance(11s);
  brief.sale_end = env->now() + 24h;
  brief.sale_start = env->now() + 61min;
  EXPECT_EQ(enter(1).error().code, errc::sale_closed);
  EXPECT_EQ(journal->batches(), 0u);
}

TEST_F(queue_actor_test, before_the_sale_people_queue_and_nobody_is_admitted) {
  auto& brief = catalog->events[event];
  brief.sale_start = epoch + 60s;
  EXPECT_EQ(enter(1)->position, 1u);
  EXPECT_EQ(enter(2)->position, 2u);
  EXPECT_EQ(enter(3)->position, 3u);
  advance(58s);
  EXPECT_EQ(poll(1)->position, 1u);
  advance(3s);
  EXPECT_EQ(where(1), place::active);
  EXPECT_EQ(where(2), place::active);
  EXPECT_EQ(poll(3)->position, 1u);
}

TEST_F(queue_actor_test, when_the_sale_ends_the_queue_dissolves) {
  auto& brief = catalog->events[event];
  brief.sale_end = epoch + 30s;
  for (std::uint64_t n = 0; n < 5; ++n)
    ASSERT_TRUE(enter(n));
  advance(32s);
  EXPECT_EQ(where(4), place::none);
  EXPECT_EQ(where(0), place::none);
  EXPECT_EQ(waiting_rows() + active_rows(), 0u);
}

TEST_F(queue_actor_test, the_catalog_is_asked_once_in_a_while_and_may_be_away) {
  for (std::uint64_t n = 0; n < 8; ++n)
    ASSERT_TRUE(enter(n));
  EXPECT_EQ(catalog->asked, 1);
  catalog->away = true;
  advance(20s);
  EXPECT_TRUE(enter(9)) << "what was known last is good enough";
  event = event_id{nth_user(5).value};
  EXPECT_EQ(enter(1).error().code, errc::unavailable);
  catalog->away = false;
  EXPECT_EQ(enter(1).error().code, errc::not_found);
}

TEST_F(queue_actor_test, thresholds_are_checked_and_survive_a_clear) {
  for (std::uint32_t wrong : {0u, 1'000'001u})
    EXPECT_EQ(ask<queue_counters>(region, set_threshold{event, wrong}).error().code,
              errc::invalid_request);
  const auto nowhere = event_id{nth_user(5).value};
  EXPECT_EQ(ask<queue_counters>(region, set_threshold{nowhere, 5}).error().code, errc::not_found);
  ASSERT_TRUE(ask<queue_counters>(region, set_threshold{event, 1}));
  for (std::uint64_t n = 0; n < 4; ++n)
    ASSERT_TRUE(enter(n));
  auto counted = ask<queue_counters>(region, count_queue{event});
  ASSERT_TRUE(counted);
  EXPECT_EQ(counted->queue_size, 3u);
  EXPECT_EQ(counted->current_users, 1u);
  EXPECT_EQ(counted->threshold, 1u);
  counted = ask<queue_counters>(region, clear_queue{event});
  ASSERT_TRUE(counted);
  EXPECT_EQ(counted->queue_size + counted->current_users, 0u);
  EXPECT_EQ(where(2), place::none);
  restart();
  EXPECT_EQ(ask<queue_counters>(region, count_queue{event})->threshold, 1u);
  EXPECT_EQ(waiting_rows() + active_rows(), 0u);
}

TEST_F(queue_actor_test, what_comes_during_a_clear_comes_after_it) {
  for (std::uint64_t n = 0; n < 4; ++n)
    ASSERT_TRUE(enter(n));
  auto joining = self->request(region, caf::infinite, enter_queue{event, nth_user(8)});
  auto clearing = self->request(region, caf::infinite, clear_queue{event});
  auto looking = self->request(region, caf::infinite, poll_queue{event, nth_user(8)});
  auto entering = self->request(region, caf::infinite, enter_queue{event, nth_user(9)});
  sched.run();
  const auto no_error = [](const caf::error&) { ADD_FAILURE(); };
  joining.receive([](const queue_place& p) { EXPECT_EQ(p.position, 3u); }, no_error);
  clearing.receive([](const queue_counters& c) { EXPECT_EQ(c.queue_size, 0u); }, no_error);
  looking.receive([](const queue_place& p) { EXPECT_EQ(static_cast<place>(p.place), place::none); },
                  no_error);
  entering.receive(
      [](const queue_place& p) { EXPECT_EQ(static_cast<place>(p.place), place::active); },
      no_error);
}

TEST_F(queue_actor_test, renewals_reach_the_journal_now_and_then) {
  ASSERT_TRUE(enter(1));
  const auto before = journal->batches();
  for (int i = 0; i < 60; ++i) {
    advance(1s);
    EXPECT_GT(poll(1)->expires_at, env->now() + 595s);
  }
  EXPECT_EQ(journal->batches() - before, 12u);
  advance(300s);
  EXPECT_EQ(poll(1)->expires_at, env->now() + 600s);
  EXPECT_EQ(journal->rows(event).active.at(nth_user(1)).first, env->now() + 600s)
      << "durable when answered";
}

TEST_F(queue_actor_test, an_empty_queue_is_given_up_and_comes_back) {
  ASSERT_TRUE(ask<queue_counters>(region, set_threshold{event, 1}));
  ASSERT_TRUE(enter(1));
  self->send(region, booking_done{event, nth_user(1)});
  sched.run();
  const auto running = sys.registry().running();
  for (int i = 0; i < 10; ++i)
    advance(10s);
  EXPECT_EQ(sys.registry().running(), running - 1) << "the queue actor is gone";
  EXPECT_EQ(enter(2)->threshold, 1u) << "the journal remembers";
  EXPECT_EQ(enter(3)->position, 1u);
  for (int i = 0; i < 10; ++i)
    advance(10s);
  EXPECT_EQ(poll(3)->position, 1u) << "a queue in use stays";
}

TEST_F(queue_actor_test, strangers_do_not_start_queues) {
  const auto running = sys.registry().running();
  for (std::uint64_t n = 100; n < 120; ++n) {
    event = event_id{nth_user(n).value};
    EXPECT_EQ(where(1), place::none);
    EXPECT_FALSE(leave(1)->was_here);
    EXPECT_FALSE(ask<admission>(region, check_admission{event, nth_user(1)})->active);
  }
  EXPECT_EQ(sys.registry().running(), running);
}

TEST_F(queue_actor_test, too_many_queues_are_refused) {
  stop();
  registry = std::make_shared<prometheus::Registry>();
  region_options.queues_max = 2;
  start();
  ASSERT_TRUE(enter(1));
  event = event_id{nth_user(100).value};
  EXPECT_EQ(enter(1).error().code, errc::not_found);
  event = event_id{nth_user(101).value};
  EXPECT_EQ(enter(1).error().code, errc::overloaded);
}

TEST_F(queue_actor_test, many_joins_share_few_commits) {
  std::vector<decltype(self->request(region, caf::infinite, enter_queue{}))> pending;
  for (std::uint64_t n = 0; n < 500; ++n)
    pending.push_back(self->request(region, caf::infinite, enter_queue{event, nth_user(n)}));
  sched.run();
  std::uint64_t position = 0;
  for (auto& p : pending)
    p.receive(
        [&](const queue_place& x) {
          if (static_cast<place>(x.place) == place::waiting) {
            EXPECT_EQ(x.position, ++position);
          }
        },
        [](const caf::error&) { ADD_FAILURE(); });
  EXPECT_EQ(position, 498u);
  EXPECT_LE(journal->batches(), 20u);
  EXPECT_EQ(waiting_rows(), 498u);
}

} // namespace
} // namespace tiketi::queue
