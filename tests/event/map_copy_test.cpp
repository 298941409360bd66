#include "actors/event/map_copy.hpp"

#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tiketi::ticket {
namespace {

/// Names that look like what the copy searches for.
std::vector<seat_row> hall(int seats) {
  std::vector<seat_row> out;
  for (int n = 1; n <= seats; ++n) {
    seat_row s;
    s.id.value.bytes[0] = static_cast<std::uint8_t>(n);
    s.id.value.bytes[1] = static_cast<std::uint8_t>(n >> 8);
    s.section = n % 2 == 0 ? R"(A "front",)" : R"(,"status":"available"})";
    s.row = 1;
    s.number = n;
    s.label = R"({"id":"x","status":"reserved")" + std::to_string(n);
    s.price = 150'000;
    s.status = static_cast<seat_status>(n % 3);
    out.push_back(s);
  }
  return out;
}

event_row event() {
  event_row e;
  e.title = R"("seats":[ "status":"locked" 별)";
  e.layout_config = R"({"seats":[{"id":"1","status":"locked"}]})";
  return e;
}

class map_copy_test : public ::testing::Test {
protected:
  /// Parts this small make many of one map.
  void sync(std::size_t part_max, int tries_max = 200) {
    for (int tries = 0; tries < tries_max; ++tries) {
      const auto question = copy.question();
      if (copy.take(owner.update_for(question.since, question.have, part_max)))
        return;
      if (between)
        between();
    }
    FAIL() << "never complete";
  }

  void expect_same() {
    const auto theirs = owner.publish();
    const auto ours = copy.publish();
    ASSERT_EQ(*ours.body, *theirs.body);
    ASSERT_EQ(ours.etag, theirs.etag);
  }

  std::vector<seat_row> seats = hall(300);
  seat_map owner{event(), seats, 0xabcdef};
  map_copy copy{event_id{}};
  std::function<void()> between;
};

TEST_F(map_copy_test, has_the_owners_bytes_and_versions) {
  ASSERT_NO_FATAL_FAILURE(sync(std::size_t{4} << 20));
  ASSERT_NO_FATAL_FAILURE(expect_same());
  owner.set(0, seat_status::reserved);
  owner.set(299, seat_status::locked);
  owner.set(299, seat_status::available);
  ASSERT_NO_FATAL_FAILURE(sync(std::size_t{4} << 20));
  ASSERT_NO_FATAL_FAILURE(expect_same());
  EXPECT_EQ(copy.beginnings(), 1u) << "the changes were enough";
}

TEST_F(map_copy_test, answers_those_who_follow_changes_as_the_owner_would) {
  ASSERT_NO_FATAL_FAILURE(sync(std::size_t{4} << 20));
  const auto since = owner.version();
  owner.set(7, seat_status::available);
  owner.set(8, seat_status::locked);
  ASSERT_NO_FATAL_FAILURE(sync(std::size_t{4} << 20));
  const get_seat_changes query{event_id{}, since, true};
  const auto ours = copy.changes(query);
  const auto theirs = answer(owner, query);
  EXPECT_EQ(ours.version, theirs.version);
  EXPECT_FALSE(ours.whole);
  ASSERT_EQ(ours.changes.size(), theirs.changes.size());
  for (std::size_t i = 0; i < ours.changes.size(); ++i) {
    EXPECT_EQ(ours.changes[i].seat, theirs.changes[i].seat);
    EXPECT_EQ(ours.changes[i].status, theirs.changes[i].status);
  }
  EXPECT_EQ(ours.changes[0].seat, seats[7].id);
  EXPECT_EQ(*ours.map.body, *theirs.map.body);
}

TEST_F(map_copy_test, a_large_map_comes_in_parts_while_it_changes) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random{seed};
  between = [&] { owner.set(random() % seats.size(), static_cast<seat_status>(random() % 3)); };
  ASSERT_NO_FATAL_FAILURE(sync(1000));
  ASSERT_NO_FATAL_FAILURE(expect_same());
  EXPECT_EQ(copy.beginnings(), 1u);
}

TEST_F(map_copy_test, begins_anew_with_another_activation_of_the_event) {
  ASSERT_NO_FATAL_FAILURE(sync(std::size_t{4} << 20));
  owner = seat_map{event(), hall(20), 0x1234};
  ASSERT_NO_FATAL_FAILURE(sync(std::size_t{4} << 20));
  ASSERT_NO_FATAL_FAILURE(expect_same());
  EXPECT_EQ(copy.beginnings(), 2u);
  // Also in the middle of a copy.
  owner = seat_map{event(), seats, 0x5678};
  bool once = false;
  between = [&] {
    if (!std::exchange(once, true))
      owner = seat_map{event(), hall(250), 0x9abc};
  };
  ASSERT_NO_FATAL_FAILURE(sync(5000));
  ASSERT_NO_FATAL_FAILURE(expect_same());
}

TEST_F(map_copy_test, begins_anew_when_the_changes_are_not_remembered_any_more) {
  ASSERT_NO_FATAL_FAILURE(sync(std::size_t{4} << 20));
  for (int i = 0; i < 10'000; ++i)
    owner.set(static_cast<std::size_t>(i % 300), static_cast<seat_status>(i / 300 % 3));
  ASSERT_NO_FATAL_FAILURE(sync(std::size_t{4} << 20));
  ASSERT_NO_FATAL_FAILURE(expect_same());
  EXPECT_EQ(copy.beginnings(), 2u);
}

TEST_F(map_copy_test, agrees_after_any_history) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random{seed};
  for (int round = 0; round < 300; ++round) {
    const auto changes = random() % (round % 50 == 0 ? 5000 : 40);
    for (std::size_t i = 0; i < changes; ++i)
      owner.set(random() % seats.size(), static_cast<seat_status>(random() % 3));
    ASSERT_NO_FATAL_FAILURE(sync(10'000));
    ASSERT_NO_FATAL_FAILURE(expect_same());
  }
}

TEST_F(map_copy_test, what_makes_no_sense_changes_nothing_and_is_not_believed) {
  ASSERT_NO_FATAL_FAILURE(sync(std::size_t{4} << 20));
  seat_map_update wrong;
  wrong.version = owner.version();
  wrong.changes = {300};
  wrong.statuses = {0};
  EXPECT_FALSE(copy.take(wrong)) << "no such seat";
  EXPECT_TRUE(copy.question().since.empty());
  ASSERT_NO_FATAL_FAILURE(sync(std::size_t{4} << 20));
  ASSERT_NO_FATAL_FAILURE(expect_same());
  wrong.changes = {1};
  wrong.statuses = {9};
  EXPECT_FALSE(copy.take(wrong));
  EXPECT_FALSE(seat_map::from_frame("{}", 100, "0000000000abcdef-1"));
  EXPECT_FALSE(seat_map::from_frame(R"([{"id":"","status":"sold"}])", 0, "0000000000abcdef-1"));
  EXPECT_FALSE(seat_map::from_frame("{}", 0, "abc"));
}

TEST_F(map_copy_test, a_hall_without_seats_is_one_too) {
  owner = seat_map{event(), {}, 1};
  ASSERT_NO_FATAL_FAILURE(sync(std::size_t{4} << 20));
  ASSERT_NO_FATAL_FAILURE(expect_same());
}

} // namespace
} // namespace tiketi::ticket
