#include "actors/queue/mirror.hpp"
#include "tests/queue/seed.hpp"
#include "tests/redis/client_fixture.hpp"
#include "tests/redis/seed.hpp"

#include <algorithm>
#include <map>
#include <sstream>

#include <fmt/format.h>

namespace tiketi::queue {
namespace {

class queue_mirror_test : public test::redis_test {
protected:
  queue_mirror_test() {
    rules.threshold = 5;
    rules.slots.ttl = milliseconds{4'000};
    rules.slots.renewal_interval = milliseconds{500};
    rules.admission_batch_max = 3;
    room.emplace(rules);
    options_of_mirror.changes_max = 7;
    options_of_mirror.waiting_max = 60;
    options_of_mirror.retry_after = milliseconds{100};
    options_of_mirror.verify_every = milliseconds{1'000};
    options_of_mirror.deadline = milliseconds{5'000};
    mirror.emplace(event, 77, options_of_mirror);
  }

  void commit(const journal_op& op) {
    room->begin(op);
    ASSERT_TRUE(room->apply(op, now));
    mirror->changed(op);
  }
  void commit_if(const std::optional<journal_op>& op) {
    if (op)
      commit(*op);
  }

  void enter(std::uint64_t n) {
    const auto user = test::nth_user(n);
    if (room->place_of(user) != place::none)
      return;
    if (auto op = room->decide_enter(user, now, true))
      commit(*op);
  }

  void admit() {
    room->expire(now);
    for (const auto& op : room->decide_admissions(now, 3))
      commit(op);
  }

  /// One exchange with Redis, where one is due.
  bool exchange() {
    auto call = mirror->next(*room, now);
    if (!call)
      return false;
    mirror->answered(run(*client, std::move(*call)), now);
    return true;
  }

  void settle() {
    for (int i = 0; i < 10'000 && !mirror->current(); ++i)
      if (!exchange())
        now += milliseconds{50};
    ASSERT_TRUE(mirror->current());
  }

  std::string in_redis(const std::string& name) {
    return server.command(
        {"ZRANGE", fmt::format("{{{}}}:{}", to_string(event), name), "0", "-1", "WITHSCORES"});
  }

  /// Line and live slots in Redis are those of the room.
  void expect_same() {
    std::string line;
    for (const auto& w : room->line_after(0, 100'000))
      line += fmt::format("{}{} {}", line.empty() ? "" : " ", to_string(w.user), w.sequence);
    EXPECT_EQ(in_redis("queue"), line);
    std::map<std::string, std::int64_t> slots;
    for (const auto& user : room->active_users())
      slots[to_string(user)] = to_millis(room->slot_of(user)->expires_at);
    std::map<std::string, std::int64_t> copied;
    std::istringstream in{in_redis("active")};
    std::int64_t until = 0;
    for (std::string user; in >> user >> until;)
      if (until > to_millis(now)) // others are no slots, whoever looks
        copied[user] = until;
    EXPECT_EQ(copied, slots);
    const auto threshold = fmt::format("{{{}}}:threshold", to_string(event));
    EXPECT_EQ(server.command({"GET", threshold}), std::to_string(room->threshold()));
    EXPECT_NE(server.command({"PTTL", threshold}), "-1"); // no key lives for ever
  }

  event_id event{test::nth_user(9).value};
  room_rules rules;
  mirror_options options_of_mirror;
  std::optional<waiting_room> room;
  std::optional<queue_mirror> mirror;
  time_point now = from_millis(1'771'754'400'000);
  std::shared_ptr<redis::client> client = connect(options());
};

TEST_F(queue_mirror_test, follows_changes_in_order) {
  settle();
  for (std::uint64_t n = 0; n < 20; ++n)
    enter(n);
  settle();
  expect_same();
  EXPECT_EQ(mirror->copies(), 1u);
  commit_if(room->decide_release(test::nth_user(0)));
  admit();
  commit(set_limit{9});
  settle();
  expect_same();
  commit(clear_line{});
  enter(3);
  settle();
  expect_same();
  EXPECT_EQ(mirror->copies(), 1u);
}

TEST_F(queue_mirror_test, an_unchanged_copy_that_redis_lost_is_made_again) {
  for (std::uint64_t n = 0; n < 30; ++n)
    enter(n);
  settle();
  server.restart_empty();
  ASSERT_TRUE(await_ready(*client, 1));
  EXPECT_FALSE(mirror->next(*room, now).has_value()); // nothing to tell
  now += options_of_mirror.verify_every;
  EXPECT_TRUE(exchange());
  EXPECT_FALSE(mirror->current());
  settle();
  expect_same();
  EXPECT_EQ(mirror->copies(), 2u);
}

TEST_F(queue_mirror_test, nothing_gathers_while_redis_is_away) {
  settle();
  server.kill();
  ASSERT_TRUE(await_ready(*client, 0));
  for (std::uint64_t n = 0; n < 500; ++n) {
    enter(n);
    exchange();
    now += milliseconds{1};
  }
  EXPECT_TRUE(mirror->behind());
  server.start();
  ASSERT_TRUE(await_ready(*client, 1));
  settle();
  expect_same();
}

TEST_F(queue_mirror_test, more_changes_than_may_wait_become_a_copy) {
  settle();
  auto slow = mirror->next(*room, now + options_of_mirror.verify_every);
  ASSERT_TRUE(slow.has_value()); // on its way
  for (std::uint64_t n = 0; n < 200; ++n)
    enter(n);
  EXPECT_TRUE(mirror->behind());
  mirror->answered(run(*client, std::move(*slow)), now);
  settle();
  expect_same();
  EXPECT_EQ(mirror->copies(), 2u);
}

TEST_F(queue_mirror_test, a_late_call_cannot_undo_a_newer_copy) {
  enter(1);
  settle();
  enter(2);
  auto late = mirror->next(*room, now);
  ASSERT_TRUE(late.has_value());
  mirror->answered({redis::call_error::timed_out, {}, {}}, now);
  now += options_of_mirror.retry_after;
  settle();
  const auto repeated = run(*client, std::move(*late)); // only now
  EXPECT_EQ(repeated.value.items.at(0).integer, 0);
  expect_same();
}

TEST_F(queue_mirror_test, slots_that_ended_are_removed) {
  enter(1);
  settle();
  now += milliseconds{60'000};
  room->expire(now);
  EXPECT_NE(in_redis("active"), "");
  now += milliseconds{600'000};
  commit_if(room->decide_purge(now));
  settle();
  while (exchange()) {
  }
  EXPECT_EQ(in_redis("active"), "");
}

TEST_F(queue_mirror_test, random_changes_and_faults_end_in_the_same_queue) {
  std::mt19937_64 chance{test::random_test_seed()};
  for (int step = 0; step < 3'000; ++step) {
    now += milliseconds{static_cast<std::int64_t>(chance() % 60)};
    room->expire(now);
    const auto n = chance() % 60;
    const auto user = test::nth_user(n);
    switch (chance() % 12) {
    case 0:
    case 1:
    case 2:
    case 3:
      enter(n);
      break;
    case 4:
    case 5:
      admit();
      break;
    case 6:
      if (room->place_of(user) == place::active)
        commit_if(room->decide_renewal(user, now));
      break;
    case 7:
      commit_if(room->decide_release(user));
      break;
    case 8:
      if (room->place_of(user) == place::waiting) {
        const auto line = room->line_after(0, 100'000);
        const auto found = std::find_if(line.begin(), line.end(),
                                        [&](const waiting_user& w) { return w.user == user; });
        commit(drop_waiting{user, found->sequence, false});
      }
      break;
    case 9:
      if (chance() % 20 == 0)
        commit(clear_line{});
      else if (chance() % 5 == 0)
        commit(set_limit{static_cast<std::uint32_t>(1 + chance() % 8)});
      commit_if(room->decide_purge(now));
      break;
    default:
      if (auto call = mirror->next(*room, now)) {
        redis::outcome out;
        switch (chance() % 25) {
        case 0: // did not arrive
          out.error = redis::call_error::unavailable;
          break;
        case 1: // arrived, and the answer was lost
          run(*client, std::move(*call));
          out.error = redis::call_error::timed_out;
          break;
        case 2: // Redis forgets
          server.command({"FLUSHALL"});
          out = run(*client, std::move(*call));
          break;
        default:
          out = run(*client, std::move(*call));
        }
        mirror->answered(out, now);
      }
      break;
    }
  }
  settle();
  now += options_of_mirror.verify_every; // a loss nobody has noticed yet
  exchange();
  settle();
  room->expire(now);
  expect_same();
  EXPECT_GT(mirror->copies(), 1u);
}

} // namespace
} // namespace tiketi::queue
