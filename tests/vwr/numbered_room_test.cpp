#include "actors/vwr/numbered_room.hpp"

#include <array>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace tiketi::vwr {
namespace {

constexpr time_point t0 = from_millis(1'771'754'400'000);

void write(numbered_room& room) {
  if (!room.has_changes())
    return;
  room.begin(t0);
  room.end();
}

numbered_room active_room(std::uint64_t people = 0) {
  numbered_room room;
  EXPECT_TRUE(room.activate(false));
  for (std::uint64_t i = 0; i < people; ++i)
    EXPECT_TRUE(room.take());
  write(room);
  return room;
}

TEST(numbered_room_test, numbers_go_out_in_order_and_become_known_when_written) {
  auto room = active_room();
  EXPECT_EQ(*room.take(), 1u);
  EXPECT_EQ(*room.take(), 2u);
  EXPECT_EQ(room.durable().issued, 0u);
  EXPECT_FALSE(room.find(1, 1)) << "nobody holds it yet";
  const auto row = room.begin(t0);
  EXPECT_EQ(row.issued, 2u);
  EXPECT_EQ(row.version, 2u);
  EXPECT_EQ(*room.take(), 3u) << "goes with the next write";
  EXPECT_FALSE(room.has_changes()) << "one write at a time";
  room.end();
  EXPECT_EQ(room.durable().issued, 2u);
  EXPECT_TRUE(room.has_changes());
  EXPECT_TRUE(room.find(1, 2));
  EXPECT_FALSE(room.find(1, 3));
}

TEST(numbered_room_test, a_number_is_served_in_its_turn) {
  auto room = active_room(3);
  EXPECT_EQ(room.find(1, 3)->ahead, 3u);
  EXPECT_FALSE(room.find(1, 1)->served);
  EXPECT_EQ(room.advance(2), 2u);
  EXPECT_FALSE(room.find(1, 1)->served) << "not before it is written";
  write(room);
  EXPECT_TRUE(room.find(1, 1)->served);
  EXPECT_TRUE(room.find(1, 2)->served);
  EXPECT_FALSE(room.find(1, 3)->served);
  EXPECT_EQ(room.find(1, 3)->ahead, 1u);
  EXPECT_EQ(room.advance(500), 1u) << "never past what was given out";
  EXPECT_EQ(room.advance(500), 0u);
}

TEST(numbered_room_test, switched_off_everybody_with_a_number_may_enter) {
  auto room = active_room(3);
  EXPECT_TRUE(room.deactivate());
  write(room);
  EXPECT_TRUE(room.find(1, 3)->served);
  EXPECT_TRUE(room.find(1, 3)->switched_off);
  EXPECT_EQ(room.take().error().code, errc::not_found);
  EXPECT_EQ(room.advance_by_clock(10), 0u);
  EXPECT_EQ(room.advance(1), 1u) << "an operator may";
}

TEST(numbered_room_test, activation_resumes_and_resets_only_when_told_and_off) {
  auto room = active_room(3);
  EXPECT_TRUE(room.activate(false));
  EXPECT_FALSE(room.has_changes()) << "it was on already";
  EXPECT_EQ(room.activate(true).error().code, errc::conflict);
  EXPECT_EQ(room.decided().issued, 3u);
  EXPECT_TRUE(room.deactivate());
  EXPECT_TRUE(room.activate(false));
  EXPECT_EQ(*room.take(), 4u);
  EXPECT_TRUE(room.deactivate());
  EXPECT_TRUE(room.activate(true));
  write(room);
  EXPECT_EQ(room.durable().generation, 2u);
  EXPECT_EQ(room.durable().issued, 0u);
  EXPECT_EQ(*room.take(), 1u);
  write(room);
  EXPECT_TRUE(room.find(2, 1));
  EXPECT_FALSE(room.find(1, 1)) << "of the generation before";
}

TEST(numbered_room_test, what_never_was_cannot_be_switched_off) {
  numbered_room room;
  EXPECT_EQ(room.deactivate().error().code, errc::not_found);
  EXPECT_EQ(room.take().error().code, errc::not_found);
  EXPECT_FALSE(room.find(1, 1));
  EXPECT_FALSE(room.exists());
}

TEST(numbered_room_test, the_last_number_and_the_last_generation) {
  numbered_room room;
  room.restore(room_row{generations, true, number_max - 1, 5, 9, t0});
  EXPECT_EQ(*room.take(), number_max);
  EXPECT_EQ(room.take().error().code, errc::limit_exceeded);
  write(room);
  EXPECT_TRUE(room.find(0, number_max)) << "generations are told modulo";
  EXPECT_FALSE(room.find(1, number_max));
}

TEST(numbered_room_test, estimates_and_polls_are_the_contracts) {
  EXPECT_EQ(estimated_wait(0, 50), 0);
  EXPECT_EQ(estimated_wait(1, 50), 1);
  EXPECT_EQ(estimated_wait(50, 50), 1);
  EXPECT_EQ(estimated_wait(51, 50), 2);
  EXPECT_EQ(estimated_wait(1'000'000, 50), 20'000);
  for (const auto& [ahead, seconds] : std::vector<std::pair<std::uint64_t, int>>{{0, 2},
                                                                                 {500, 2},
                                                                                 {501, 5},
                                                                                 {2'000, 5},
                                                                                 {2'001, 10},
                                                                                 {10'000, 10},
                                                                                 {10'001, 15},
                                                                                 {number_max, 15}})
    EXPECT_EQ(next_poll(ahead), seconds) << ahead;
}

/// What a test's store and its customers have seen.
struct world {
  numbered_room room;
  std::optional<room_row> stored;
  std::optional<room_row> under_way;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> waiting; ///< generation, number: undelivered
  std::vector<std::pair<std::uint64_t, std::uint64_t>> writing;
  std::set<std::pair<std::uint64_t, std::uint64_t>> delivered;
};

enum class step { take, on, reset, off, advance, begin, written, failed, lost_answer, count };

bool apply(world& w, step s) {
  const auto give_up = [&] {
    w.waiting.clear();
    w.writing.clear();
    w.under_way.reset();
    w.room.restore(w.stored);
  };
  switch (s) {
  case step::take:
    if (const auto n = w.room.take())
      w.waiting.emplace_back(w.room.decided().generation, *n);
    return true;
  case step::on:
    return w.room.activate(false).has_value();
  case step::reset:
    return w.room.activate(true).has_value();
  case step::off:
    return w.room.deactivate().has_value();
  case step::advance:
    w.room.advance_by_clock(2);
    return true;
  case step::begin:
    if (!w.room.has_changes())
      return false;
    w.under_way = w.room.begin(t0);
    w.writing = std::exchange(w.waiting, {});
    return true;
  case step::written:
    if (!w.under_way)
      return false;
    w.stored = std::exchange(w.under_way, std::nullopt);
    w.room.end();
    for (const auto& one : std::exchange(w.writing, {}))
      EXPECT_TRUE(w.delivered.insert(one).second) << "number " << one.second << " went out twice";
    return true;
  case step::failed:
    if (!w.under_way)
      return false;
    give_up();
    return true;
  case step::lost_answer:
    if (!w.under_way)
      return false;
    w.stored = w.under_way;
    give_up();
    return true;
  default:
    return false;
  }
}

void check(const world& w) {
  for (const auto* row : {&w.room.durable(), &w.room.decided()})
    ASSERT_LE(row->serving, row->issued);
  if (w.stored && !w.under_way) {
    ASSERT_EQ(w.room.durable(), *w.stored) << "what is told is what is stored";
  }
  for (const auto& [generation, number] : w.delivered) {
    if (generation != w.room.durable().generation)
      continue;
    const auto found = w.room.find(generation, number);
    ASSERT_TRUE(found) << "number " << number << " was lost";
    ASSERT_EQ(found->served, !w.room.durable().active || number <= w.room.durable().serving);
  }
}

std::size_t explore(const world& w, int depth) {
  if (depth == 0)
    return 1;
  std::size_t runs = 0;
  for (int i = 0; i < static_cast<int>(step::count); ++i) {
    auto next = w;
    if (!apply(next, static_cast<step>(i)))
      continue;
    check(next);
    if (::testing::Test::HasFatalFailure())
      return runs;
    runs += explore(next, depth - 1);
  }
  return runs;
}

TEST(numbered_room_test, every_short_history_keeps_its_promises) {
  EXPECT_GT(explore({}, 7), 20'000u);
  world w;
  w.room = active_room(2);
  w.stored = w.room.durable();
  w.delivered = {{1, 1}, {1, 2}};
  EXPECT_GT(explore(w, 6), 20'000u);
}

} // namespace
} // namespace tiketi::vwr
