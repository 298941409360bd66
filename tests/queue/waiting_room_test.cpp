#include "actors/queue/waiting_room.hpp"
#include "storage/memory/queue_journal.hpp"
#include "tests/queue/seed.hpp"

#include <map>
#include <random>
#include <set>

namespace tiketi::queue {
namespace {

using namespace std::chrono_literals;
using test::nth_user;

constexpr time_point t0 = from_millis(1'771'754'400'000);

class waiting_room_test : public ::testing::Test {
protected:
  static room_rules rules() {
    room_rules r;
    r.threshold = 3;
    return r;
  }

  /// Decided, written and applied at once.
  void apply(const journal_op& op) {
    room.begin(op);
    ASSERT_TRUE(room.apply(op, now));
  }

  void apply(const std::vector<journal_op>& ops) {
    for (const auto& op : ops)
      room.begin(op);
    for (const auto& op : ops)
      ASSERT_TRUE(room.apply(op, now));
  }

  void enter(std::uint64_t n) {
    auto op = room.decide_enter(nth_user(n), now, true);
    ASSERT_TRUE(op);
    apply(*op);
  }

  place where(std::uint64_t n) { return room.place_of(nth_user(n)); }

  time_point now = t0;
  waiting_room room{rules()};
};

TEST_F(waiting_room_test, the_first_enter_at_once_the_rest_wait_in_order) {
  for (std::uint64_t n = 0; n < 6; ++n)
    enter(n);
  EXPECT_EQ(room.active_size(), 3u);
  EXPECT_EQ(where(2), place::active);
  EXPECT_EQ(where(3), place::waiting);
  EXPECT_EQ(room.position(nth_user(3)), 1u);
  EXPECT_EQ(room.position(nth_user(5)), 3u);
  EXPECT_TRUE(room.decide_admissions(now, 100).empty()) << "no slot is free";
}

TEST_F(waiting_room_test, nobody_enters_past_a_join_that_is_being_written) {
  room.apply(set_limit{1}, now);
  enter(0);
  auto join = room.decide_enter(nth_user(1), now, true);
  ASSERT_TRUE(join && std::holds_alternative<join_line>(*join));
  room.begin(*join);
  apply(*room.decide_release(nth_user(0)));
  const auto next = room.decide_enter(nth_user(2), now, true);
  EXPECT_TRUE(next && std::holds_alternative<join_line>(*next));
}

TEST_F(waiting_room_test, slots_being_written_count) {
  std::vector<journal_op> under_way;
  for (std::uint64_t n = 0; n < 3; ++n) {
    auto op = room.decide_enter(nth_user(n), now, true);
    ASSERT_TRUE(op && std::holds_alternative<admit_user>(*op));
    room.begin(*op);
    under_way.push_back(*op);
  }
  auto op = room.decide_enter(nth_user(3), now, true);
  ASSERT_TRUE(op && std::holds_alternative<join_line>(*op));
  apply(*op);
  EXPECT_TRUE(room.decide_admissions(now, 100).empty());
  room.abandon(under_way[0]);
  EXPECT_EQ(room.decide_admissions(now, 100).size(), 1u);
}

TEST_F(waiting_room_test, before_the_sale_everybody_waits) {
  auto op = room.decide_enter(nth_user(1), now, false);
  EXPECT_TRUE(op && std::holds_alternative<join_line>(*op));
}

TEST_F(waiting_room_test, a_full_line_refuses) {
  auto r = rules();
  r.line_max = 2;
  waiting_room small{r};
  for (std::uint64_t n = 0; n < 2; ++n) {
    auto op = small.decide_enter(nth_user(n), now, false);
    ASSERT_TRUE(op);
    small.begin(*op);
  }
  const auto op = small.decide_enter(nth_user(2), now, false);
  ASSERT_FALSE(op);
  EXPECT_EQ(op.error().code, errc::overloaded);
}

TEST_F(waiting_room_test, admission_is_one_batch_at_a_time_and_in_order) {
  for (std::uint64_t n = 0; n < 10; ++n)
    enter(n);
  room.apply(set_limit{100}, now);
  const auto batch = room.decide_admissions(now, 4);
  ASSERT_EQ(batch.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(std::get<admit_user>(batch[i]).user, nth_user(3 + i));
    room.begin(batch[i]);
  }
  EXPECT_TRUE(room.busy(nth_user(3)));
  EXPECT_TRUE(room.decide_admissions(now, 4).empty());
  EXPECT_EQ(where(3), place::waiting) << "not before it is durable";
  for (const auto& op : batch)
    ASSERT_TRUE(room.apply(op, now));
  EXPECT_EQ(where(6), place::active);
  EXPECT_EQ(where(7), place::waiting);
}

TEST_F(waiting_room_test, nobody_overtakes_a_user_under_change) {
  for (std::uint64_t n = 0; n < 8; ++n)
    enter(n);
  room.apply(set_limit{100}, now);
  const auto leaving = room.decide_leave(nth_user(5), now);
  room.begin(*leaving);
  EXPECT_EQ(room.decide_admissions(now, 100).size(), 2u) << "3 and 4 only";
}

TEST_F(waiting_room_test, coming_back_within_the_grace_keeps_the_place) {
  for (std::uint64_t n = 0; n < 5; ++n)
    enter(n);
  apply(*room.decide_leave(nth_user(3), now));
  apply(*room.decide_leave(nth_user(1), now));
  EXPECT_FALSE(room.decide_leave(nth_user(3), now)) << "once is enough";
  now += 9s;
  EXPECT_TRUE(room.decide_departures(now).empty());
  EXPECT_EQ(room.position(nth_user(3)), 1u) << "still counts";
  apply(unmark_leaving{nth_user(3)});
  now += 2s;
  const auto gone = room.decide_departures(now);
  ASSERT_EQ(gone.size(), 1u);
  EXPECT_EQ(std::get<drop_active>(gone[0]).user, nth_user(1));
  apply(gone);
  EXPECT_EQ(where(3), place::waiting);
  EXPECT_EQ(where(1), place::none);
  EXPECT_EQ(room.decide_admissions(now, 100).size(), 1u) << "the slot is free";
}

TEST_F(waiting_room_test, whoever_leaves_again_gets_a_new_grace) {
  for (std::uint64_t n = 0; n < 5; ++n)
    enter(n);
  apply(*room.decide_leave(nth_user(3), now));
  now += 5s;
  apply(unmark_leaving{nth_user(3)});
  apply(*room.decide_leave(nth_user(3), now));
  now += 6s;
  EXPECT_TRUE(room.decide_departures(now).empty()) << "the first goodbye no longer holds";
  now += 5s;
  EXPECT_EQ(room.decide_departures(now).size(), 1u);
}

TEST_F(waiting_room_test, a_leaving_user_at_the_head_is_admitted_and_leaves_from_there) {
  for (std::uint64_t n = 0; n < 4; ++n)
    enter(n);
  apply(*room.decide_leave(nth_user(3), now));
  apply(*room.decide_release(nth_user(0)));
  apply(room.decide_admissions(now, 100));
  EXPECT_EQ(where(3), place::active);
  EXPECT_TRUE(room.leaving(nth_user(3)));
  now += 11s;
  const auto gone = room.decide_departures(now);
  ASSERT_EQ(gone.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<drop_active>(gone[0]));
}

TEST_F(waiting_room_test, a_departure_that_was_not_written_is_tried_again) {
  for (std::uint64_t n = 0; n < 4; ++n)
    enter(n);
  apply(*room.decide_leave(nth_user(3), now));
  now += 11s;
  auto gone = room.decide_departures(now);
  ASSERT_EQ(gone.size(), 1u);
  room.begin(gone[0]);
  EXPECT_TRUE(room.decide_departures(now).empty());
  room.abandon(gone[0]);
  EXPECT_EQ(where(3), place::waiting);
  apply(room.decide_departures(now));
  EXPECT_EQ(where(3), place::none);
}

TEST_F(waiting_room_test, an_old_goodbye_does_not_follow_into_the_next_stay) {
  enter(0);
  now += 595s;
  apply(*room.decide_leave(nth_user(0), now));
  now += 5s;
  EXPECT_EQ(room.expire(now), 1u);
  auto op = room.decide_enter(nth_user(0), now, true);
  ASSERT_TRUE(op);
  EXPECT_TRUE(std::get<admit_user>(*op).unmark) << "the journal forgets it in the same write";
  apply(*op);
  now += 10s;
  EXPECT_TRUE(room.decide_departures(now).empty());
  EXPECT_EQ(where(0), place::active);
}

TEST_F(waiting_room_test, silent_users_are_dropped_polling_ones_stay) {
  for (std::uint64_t n = 0; n < 6; ++n)
    enter(n);
  now += 400s;
  room.touch(nth_user(4), now);
  now += 201s;
  const auto gone = room.decide_stale(now);
  ASSERT_EQ(gone.size(), 2u);
  apply(gone);
  EXPECT_EQ(where(4), place::waiting);
  EXPECT_EQ(room.position(nth_user(4)), 1u);
}

TEST_F(waiting_room_test, rows_of_slots_that_ran_out_are_purged_live_ones_never) {
  enter(0);
  now += 300s;
  enter(1);
  now = t0 + 600s;
  EXPECT_EQ(room.expire(now), 1u);
  EXPECT_FALSE(room.empty()) << "a row is left in the journal";
  EXPECT_FALSE(room.decide_purge(now)) << "some are gathered first";
  now += 5s;
  const auto purge = room.decide_purge(now);
  ASSERT_TRUE(purge);
  EXPECT_EQ(std::get<purge_expired>(*purge).before, t0 + 600s);
  apply(*purge);
  EXPECT_FALSE(room.decide_purge(now));
  EXPECT_EQ(where(1), place::active);
}

TEST_F(waiting_room_test, clear_removes_everybody_and_keeps_the_threshold) {
  for (std::uint64_t n = 0; n < 6; ++n)
    enter(n);
  apply(set_limit{7});
  apply(clear_line{});
  EXPECT_EQ(room.line_size() + room.active_size(), 0u);
  EXPECT_EQ(room.threshold(), 7u);
  enter(9);
  EXPECT_EQ(where(9), place::active);
}

// -- random runs with a journal that fails, loses answers and survives crashes --------------------

/// What was promised to users, and must hold whatever happens.
struct promises {
  std::map<user_id, std::uint64_t> joined; ///< sequence, since the answer
  std::map<user_id, time_point> active;    ///< until
};

class random_run {
public:
  explicit random_run(std::uint64_t seed) : random_(seed) {
    rules_.threshold = static_cast<std::uint32_t>(1 + below(6));
    rules_.slots = {.ttl = 60s, .session_max = 200s, .renewal_interval = 5s};
    rules_.seen_ttl = 100s;
    room_.emplace(rules_);
  }

  void run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFatalFailure(); ++i) {
      step();
      check();
    }
  }

private:
  std::uint64_t below(std::uint64_t n) { return random_() % n; }

  void step() {
    now_ += milliseconds{below(3000)};
    room_->expire(now_);
    forget_expired();
    const auto user = nth_user(below(25));
    switch (below(10)) {
    case 0:
    case 1:
    case 2:
      if (room_->place_of(user) == place::none && !room_->busy(user)) {
        auto op = room_->decide_enter(user, now_, true);
        ASSERT_TRUE(op);
        start({*op});
      }
      break;
    case 3:
      start(room_->decide_admissions(now_, 1 + below(5)));
      break;
    case 4:
      if (!room_->busy(user))
        if (auto op = room_->decide_leave(user, now_))
          start({*op});
      break;
    case 5:
      start(room_->decide_departures(now_));
      start(room_->decide_stale(now_));
      if (auto op = room_->decide_purge(now_))
        start({*op});
      break;
    case 6: // heard of
      if (room_->busy(user))
        break;
      if (room_->leaving(user)) {
        start({unmark_leaving{user}});
      } else if (room_->place_of(user) == place::waiting) {
        room_->touch(user, now_);
      } else if (room_->place_of(user) == place::active) {
        if (auto op = room_->decide_renewal(user, now_))
          start({*op});
        told_.active[user] = room_->slot_of(user)->expires_at;
      }
      break;
    case 7:
      if (below(10) == 0)
        crash();
      break;
    default:
      finish_oldest();
    }
  }

  void start(const std::vector<journal_op>& ops) {
    for (const auto& op : ops) {
      room_->begin(op);
      under_way_.push_back(op);
    }
  }

  /// The journal works first in, first out, as the writer does.
  void finish_oldest() {
    if (under_way_.empty())
      return;
    const auto op = under_way_.front();
    under_way_.pop_front();
    switch (below(12)) {
    case 0:
      room_->abandon(op);
      for (const auto& behind : under_way_)
        room_->abandon(behind);
      under_way_.clear();
      return;
    case 1: // the answer was lost: written or not, the room is read again
      if (below(2) == 0)
        write(op);
      under_way_.clear(); // those behind it were never sent
      reload();
      return;
    default:
      write(op);
      ASSERT_TRUE(room_->apply(op, now_));
      acknowledge(op);
    }
  }

  void write(const journal_op& op) {
    if (const auto* admit = std::get_if<admit_user>(&op); admit && admit->sequence != 0) {
      EXPECT_GT(admit->sequence, last_admitted_) << "join order";
      last_admitted_ = admit->sequence;
      EXPECT_TRUE(admitted_.insert(admit->sequence).second) << "admitted twice for one join";
    }
    std::vector<queue_write> batch{{event_, {op}}};
    journal_->commit(batch);
    // What was promised ends with the write, whoever hears of it.
    if (const auto* drop = std::get_if<drop_waiting>(&op))
      told_.joined.erase(drop->user);
    else if (const auto* release = std::get_if<drop_active>(&op))
      told_.active.erase(release->user);
    else if (const auto* admit = std::get_if<admit_user>(&op))
      told_.joined.erase(admit->user);
  }

  void acknowledge(const journal_op& op) {
    if (const auto* join = std::get_if<join_line>(&op))
      told_.joined[join->user] = join->sequence;
    else if (const auto* admit = std::get_if<admit_user>(&op))
      told_.active[admit->user] = admit->expires_at;
  }

  void crash() {
    // The writer may have finished some more before everything went.
    for (auto left = below(under_way_.size() + 1); left > 0; --left) {
      write(under_way_.front());
      under_way_.pop_front();
    }
    under_way_.clear();
    room_.emplace(rules_);
    if (journal_->rows(event_).waiting.empty()) {
      // Numbers order the present line, they are no names: an empty one may start again.
      last_admitted_ = 0;
      admitted_.clear();
    }
    reload();
  }

  void reload() {
    room_->reset();
    queue_page page;
    load_page query{event_, 0, 4};
    do {
      auto loaded = journal_->load(query);
      ASSERT_TRUE(loaded);
      page = *loaded;
      EXPECT_TRUE(room_->restore(page, now_).empty());
      if (!page.waiting.empty())
        query.after = page.waiting.back().sequence;
    } while (page.waiting.size() == query.limit);
    room_->restored();
  }

  void forget_expired() {
    std::erase_if(told_.active, [&](const auto& x) { return x.second <= now_; });
  }

  void check() {
    ASSERT_LE(room_->active_size(), rules_.threshold);
    ASSERT_LE(told_.active.size(), rules_.threshold) << "more active users than slots";
    for (const auto& [user, until] : told_.active)
      ASSERT_NE(room_->slot_of(user), nullptr) << "an active user was forgotten";
    for (const auto& [user, sequence] : told_.joined)
      ASSERT_NE(room_->position(user), 0u) << "a place in line was lost";
    std::uint64_t before = 0;
    for (const auto& [sequence, user] : journal_->rows(event_).waiting) {
      ASSERT_GT(sequence, before);
      before = sequence;
    }
  }

  std::mt19937_64 random_;
  room_rules rules_;
  event_id event_{nth_user(999).value};
  std::shared_ptr<memory::queue_journal> journal_ = std::make_shared<memory::queue_journal>();
  std::optional<waiting_room> room_;
  time_point now_ = t0;
  std::deque<journal_op> under_way_;
  promises told_;
  std::uint64_t last_admitted_ = 0;
  std::set<std::uint64_t> admitted_;
};

TEST(waiting_room_random_test, promises_hold_through_failures_and_crashes) {
  const auto first = test::test_seed();
  for (std::uint64_t i = 0; i < 60; ++i) {
    SCOPED_TRACE(test::replay(first + i));
    random_run{first + i}.run(2000);
    if (HasFailure())
      return;
  }
}

} // namespace
} // namespace tiketi::queue
