#include "actors/queue/line_copy.hpp"
#include "actors/queue/line_ranks.hpp"
#include "actors/queue/waiting_room.hpp"
#include "tests/queue/seed.hpp"

#include <iterator>
#include <random>
#include <set>
#include <vector>

namespace tiketi::queue {
namespace {

using namespace std::chrono_literals;
using test::nth_user;

constexpr time_point t0 = from_millis(1'771'754'400'000);

void expect_same(const line_ranks& ranks, const std::set<std::uint64_t>& model,
                 std::mt19937_64& random) {
  ASSERT_EQ(ranks.size(), model.size());
  std::size_t rank = 0;
  const auto step = model.size() / 50 + 1;
  for (const auto n : model) {
    ++rank;
    if (rank % step == 0 || rank == 1 || rank == model.size()) {
      ASSERT_EQ(ranks.rank(n), rank) << n;
    }
  }
  for (int i = 0; i < 20; ++i) {
    const auto n = random() % (ranks.last() + 200);
    ASSERT_EQ(ranks.contains(n), model.contains(n)) << n;
    if (!model.contains(n)) {
      ASSERT_EQ(ranks.rank(n), 0u);
    }
  }
}

TEST(line_ranks_test, does_what_an_ordered_set_does) {
  const auto seed = test::test_seed();
  SCOPED_TRACE(test::replay(seed));
  std::mt19937_64 random{seed};
  line_ranks ranks;
  std::set<std::uint64_t> model;
  std::uint64_t last = random() % 100'000;
  for (int round = 0; round < 120; ++round) {
    const bool grows = random() % 3 != 0;
    for (int i = 0; i < 1500; ++i) {
      if (grows ? random() % 4 != 0 : random() % 8 == 0) {
        last += 1 + (random() % 50 == 0 ? random() % 500 : 0);
        ASSERT_TRUE(ranks.append(last));
        model.insert(last);
      } else if (!model.empty()) {
        // Mostly from the front, as in a line.
        auto it = model.begin();
        if (random() % 4 == 0)
          it =
              model.lower_bound(*model.begin() + random() % (*model.rbegin() - *model.begin() + 1));
        ASSERT_TRUE(ranks.erase(*it));
        ASSERT_FALSE(ranks.erase(*it));
        model.erase(it);
      }
    }
    ASSERT_NO_FATAL_FAILURE(expect_same(ranks, model, random)) << round;
  }
}

TEST(line_ranks_test, refuses_what_is_out_of_order_or_too_far) {
  line_ranks ranks;
  EXPECT_TRUE(ranks.append(10));
  EXPECT_FALSE(ranks.append(10));
  EXPECT_FALSE(ranks.append(9));
  EXPECT_FALSE(ranks.append(10 + line_ranks::range_max));
  EXPECT_EQ(ranks.size(), 1u);
  EXPECT_TRUE(ranks.append(10 + line_ranks::range_max - 100));
  EXPECT_EQ(ranks.rank(10 + line_ranks::range_max - 100), 2u);
}

TEST(line_ranks_test, is_made_of_its_bits) {
  const line_ranks ranks{3, {0b1010, 0, std::uint64_t{1} << 63}};
  EXPECT_EQ(ranks.size(), 3u);
  EXPECT_EQ(ranks.rank(3 * 64 + 1), 1u);
  EXPECT_EQ(ranks.rank(3 * 64 + 3), 2u);
  EXPECT_EQ(ranks.rank(5 * 64 + 63), 3u);
  EXPECT_EQ(ranks.last(), 5u * 64 + 63);
  EXPECT_EQ(line_ranks(7, {}).size(), 0u);
}

/// A room, and copies of its line that hear of it now and then.
class line_copy_test : public ::testing::Test {
protected:
  static constexpr std::uint64_t nonce = 77;

  static room_rules rules() {
    room_rules r;
    r.threshold = 3;
    return r;
  }

  void apply(const journal_op& op) {
    room.begin(op);
    ASSERT_TRUE(room.apply(op, now));
  }

  void enter(std::uint64_t n) {
    if (room.place_of(nth_user(n)) != place::none)
      return;
    if (auto op = room.decide_enter(nth_user(n), now, true))
      apply(*op);
  }

  void leave(std::uint64_t n) {
    if (auto op = room.decide_leave(nth_user(n), now))
      apply(*op);
  }

  void sync(line_copy& one) {
    for (int tries = 0;; ++tries) {
      ASSERT_LT(tries, 3);
      const auto question = one.question();
      room.expire(now);
      if (one.take(room.tell(question, now), now))
        return;
    }
  }

  event_id event;
  time_point now = t0;
  waiting_room room{rules(), nonce};
  line_copy copy{event, {}};
};

TEST_F(line_copy_test, knows_the_place_of_whoever_it_has_asked_for) {
  for (std::uint64_t n = 0; n < 8; ++n)
    enter(n);
  EXPECT_EQ(copy.look(nth_user(5), now), line_copy::knowledge::unknown);
  copy.wanted(nth_user(5));
  copy.wanted(nth_user(1)); // has a slot
  sync(copy);
  ASSERT_EQ(copy.look(nth_user(5), now), line_copy::knowledge::here);
  const auto p = copy.place_of(nth_user(5));
  EXPECT_EQ(p.position, 3u);
  EXPECT_EQ(p.queue_size, 5u);
  EXPECT_EQ(p.current_users, 3u);
  EXPECT_EQ(p.threshold, 3u);
  EXPECT_EQ(p.next_poll, next_poll(3));
  EXPECT_EQ(copy.look(nth_user(1), now), line_copy::knowledge::unknown) << "its owner is asked";
  queue_place active;
  active.place = static_cast<std::uint8_t>(place::active);
  copy.learn(nth_user(1), active);
  EXPECT_EQ(copy.look(nth_user(1), now), line_copy::knowledge::elsewhere);
}

TEST_F(line_copy_test, who_said_goodbye_is_sent_to_the_owner_and_known_again_afterwards) {
  for (std::uint64_t n = 0; n < 6; ++n)
    enter(n);
  copy.wanted(nth_user(4));
  sync(copy);
  leave(4);
  EXPECT_EQ(copy.look(nth_user(4), now), line_copy::knowledge::here) << "as far as it knows";
  sync(copy);
  EXPECT_EQ(copy.look(nth_user(4), now), line_copy::knowledge::elsewhere);
  line_copy newcomer{event, {}};
  newcomer.wanted(nth_user(4));
  sync(newcomer);
  EXPECT_EQ(newcomer.look(nth_user(4), now), line_copy::knowledge::unknown);
  // The owner keeps the place of one who comes back.
  apply(unmark_leaving{nth_user(4)});
  queue_place waiting;
  waiting.place = static_cast<std::uint8_t>(place::waiting);
  copy.learn(nth_user(4), waiting);
  ASSERT_EQ(copy.look(nth_user(4), now), line_copy::knowledge::unknown);
  copy.wanted(nth_user(4));
  sync(copy);
  ASSERT_EQ(copy.look(nth_user(4), now), line_copy::knowledge::here);
  EXPECT_EQ(copy.place_of(nth_user(4)).position, 2u);
}

TEST_F(line_copy_test, tells_the_owner_who_was_heard_of_but_not_each_time) {
  for (std::uint64_t n = 0; n < 6; ++n)
    enter(n);
  copy.wanted(nth_user(4));
  sync(copy);
  now += 59s;
  EXPECT_EQ(copy.look(nth_user(4), now), line_copy::knowledge::here);
  EXPECT_FALSE(copy.has_news());
  now += 2s;
  copy.look(nth_user(4), now);
  copy.look(nth_user(4), now);
  EXPECT_TRUE(copy.has_news());
  const auto question = copy.question();
  EXPECT_EQ(question.seen, std::vector<user_id>{nth_user(4)});
  copy.lost();
  EXPECT_EQ(copy.question().seen, question.seen) << "told again when it was not heard";
  room.expire(now);
  ASSERT_TRUE(copy.take(room.tell(question, now), now));
  // Who was not heard of is dropped, who was is not.
  now = t0 + rules().seen_ttl + 30s;
  std::set<user_id> dropped;
  for (const auto& op : room.decide_stale(now))
    dropped.insert(std::get<drop_waiting>(op).user);
  EXPECT_TRUE(dropped.contains(nth_user(3)));
  EXPECT_FALSE(dropped.contains(nth_user(4)));
}

TEST_F(line_copy_test, a_visit_does_not_undo_a_goodbye) {
  for (std::uint64_t n = 0; n < 6; ++n)
    enter(n);
  leave(4);
  follow_line query;
  query.seen = {nth_user(4), nth_user(999)};
  room.tell(query, now);
  EXPECT_TRUE(room.leaving(nth_user(4)));
  EXPECT_EQ(room.place_of(nth_user(999)), place::none);
}

TEST_F(line_copy_test, of_another_owners_line_it_believes_nothing_it_knew) {
  for (std::uint64_t n = 0; n < 6; ++n)
    enter(n);
  copy.wanted(nth_user(4));
  sync(copy);
  ASSERT_EQ(copy.look(nth_user(4), now), line_copy::knowledge::here);
  // The next owner has somebody else under the same number.
  room = waiting_room{rules(), nonce + 100};
  for (std::uint64_t n = 10; n < 16; ++n)
    enter(n);
  sync(copy);
  EXPECT_EQ(copy.look(nth_user(4), now), line_copy::knowledge::unknown);
}

TEST_F(line_copy_test, many_who_want_to_know_are_asked_for_in_parts) {
  line_copy small{event, {.tell_every = 60s, .users_per_question = 2}};
  for (std::uint64_t n = 0; n < 10; ++n)
    enter(n);
  for (std::uint64_t n = 3; n < 10; ++n)
    small.wanted(nth_user(n));
  int questions = 0;
  while (small.has_news() || questions == 0) {
    EXPECT_LE(small.question().unknown.size(), 2u);
    small.lost();
    for (std::uint64_t n = 3; n < 10; ++n)
      if (small.look(nth_user(n), now) == line_copy::knowledge::unknown)
        small.wanted(nth_user(n));
    sync(small);
    ASSERT_LT(++questions, 20);
    if (small.look(nth_user(3), now) == line_copy::knowledge::here)
      break;
  }
  EXPECT_EQ(small.place_of(nth_user(3)).position, 1u);
}

TEST_F(line_copy_test, a_long_line_is_told_whole) {
  constexpr std::uint64_t users = 200'000;
  queue_page page;
  for (std::uint64_t n = 1; n <= users; ++n)
    page.waiting.push_back({nth_user(n), n * 3});
  ASSERT_TRUE(room.restore(page, now).empty());
  room.restored();
  copy.wanted(nth_user(users));
  copy.wanted(nth_user(70'000));
  sync(copy);
  ASSERT_EQ(copy.look(nth_user(users), now), line_copy::knowledge::here);
  EXPECT_EQ(copy.place_of(nth_user(users)).position, users);
  EXPECT_EQ(copy.place_of(nth_user(70'000)).position, 70'000u);
}

/// Whatever happens, a copy that has just heard of it says what the room says.
TEST_F(line_copy_test, agrees_with_the_room_after_any_history) {
  const auto seed = test::test_seed();
  SCOPED_TRACE(test::replay(seed));
  std::mt19937_64 random{seed};
  constexpr std::uint64_t users = 400;
  line_copy late{event, {}}; // hears seldom
  for (int round = 0; round < 300; ++round) {
    for (int i = 0; i < 60; ++i) {
      const auto n = random() % users;
      switch (random() % 12) {
      case 0:
        leave(n);
        break;
      case 1:
        if (room.leaving(nth_user(n)))
          apply(unmark_leaving{nth_user(n)});
        break;
      case 2:
        for (const auto& op : room.decide_departures(now))
          apply(op);
        break;
      case 3:
        if (auto op = room.decide_release(nth_user(n)))
          apply(*op);
        break;
      case 4: {
        // Decided together, like in a run.
        const auto ops = room.decide_admissions(now, 5);
        for (const auto& op : ops)
          room.begin(op);
        for (const auto& op : ops)
          ASSERT_TRUE(room.apply(op, now));
        break;
      }
      case 5:
        if (random() % 200 == 0)
          apply(clear_line{});
        break;
      default:
        enter(n);
      }
      now += milliseconds{random() % 300};
      room.expire(now);
    }
    auto* one = random() % 10 == 0 ? &late : &copy;
    for (int i = 0; i < 20; ++i)
      one->wanted(nth_user(random() % users));
    ASSERT_NO_FATAL_FAILURE(sync(*one));
    for (std::uint64_t n = 0; n < users; ++n) {
      const auto user = nth_user(n);
      if (one->look(user, now) != line_copy::knowledge::here)
        continue;
      ASSERT_EQ(room.place_of(user), place::waiting) << n;
      ASSERT_FALSE(room.leaving(user)) << n;
      const auto p = one->place_of(user);
      ASSERT_EQ(p.position, room.position(user)) << n;
      ASSERT_EQ(p.queue_size, room.line_size());
      ASSERT_EQ(p.current_users, room.active_size());
      ASSERT_EQ(p.estimated_wait, room.estimated_wait(p.position, now));
    }
  }
  EXPECT_GE(copy.beginnings(), 1u);
}

TEST(line_log_test, keeps_nothing_before_anybody_asks_and_forgets_what_is_long_ago) {
  line_log log{5};
  log.add(line_change::joined, 1);
  EXPECT_EQ(log.changes(), 0u);
  log.followed();
  log.add(line_change::joined, 2);
  std::vector<std::uint64_t> out;
  ASSERT_TRUE(log.since(5, 0, out));
  EXPECT_EQ(out, std::vector<std::uint64_t>{encode(line_change::joined, 2)});
  EXPECT_FALSE(log.since(6, 0, out));
  EXPECT_FALSE(log.since(5, 2, out)) << "from the future";
  for (std::uint64_t n = 0; n < 140'000; ++n)
    log.add(line_change::gone, n);
  EXPECT_FALSE(log.since(5, 0, out));
  ASSERT_TRUE(log.since(5, log.changes() - 1, out));
  EXPECT_EQ(out, std::vector<std::uint64_t>{encode(line_change::gone, 139'999)});
  log.restart();
  EXPECT_FALSE(log.since(5, 0, out));
}

} // namespace
} // namespace tiketi::queue
