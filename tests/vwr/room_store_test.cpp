#include "storage/memory/vwr_store.hpp"
#include "storage/sql/vwr_store.hpp"
#include "tests/support/test_database.hpp"

#include <random>
#include <stdexcept>

#include <gtest/gtest.h>

namespace tiketi::vwr {
namespace {

constexpr time_point t0 = from_millis(1'771'754'400'000);

class sql_rooms {
public:
  sql_rooms() {
    writes = sql::make_room_writes(open());
    queries = sql::make_room_queries(open());
  }

  sql::database open() { return stored.open(); }

  test::test_database stored{"queue"};
  std::shared_ptr<room_writes> writes;
  std::unique_ptr<room_queries> queries;
};

event_id nth_event(std::uint64_t n) {
  event_id out;
  out.value.bytes[15] = static_cast<std::uint8_t>(n + 1);
  return out;
}

commit_status save(room_writes& store, const event_id& event, const room_row& row) {
  std::vector<save_room> batch{{event, row}};
  return store.commit(batch).front().status;
}

TEST(room_store_test, a_row_survives_a_restart) {
  sql_rooms rooms;
  const room_row row{3, true, 8'000'000'000, 17, 1, t0};
  EXPECT_FALSE(rooms.queries->load({nth_event(1)})->found);
  ASSERT_EQ(save(*rooms.writes, nth_event(1), row), commit_status::committed);
  rooms.writes.reset();
  rooms.queries.reset();
  auto again = sql::make_room_queries(rooms.open());
  const auto found = again->load({nth_event(1)});
  ASSERT_TRUE(found && found->found);
  EXPECT_EQ(found->row, row);
  const auto all = again->all();
  ASSERT_TRUE(all);
  ASSERT_EQ(all->rooms.size(), 1u);
  EXPECT_EQ(all->rooms[0].event, nth_event(1));
  EXPECT_EQ(all->rooms[0].row, row);
}

TEST(room_store_test, only_the_newest_version_may_be_replaced) {
  sql_rooms rooms;
  auto& store = *rooms.writes;
  const auto event = nth_event(1);
  EXPECT_EQ(save(store, event, {1, true, 5, 0, 2, t0}), commit_status::rejected) << "no row yet";
  EXPECT_EQ(save(store, event, {1, true, 5, 0, 1, t0}), commit_status::committed);
  EXPECT_EQ(save(store, event, {1, true, 9, 0, 1, t0}), commit_status::rejected) << "there is one";
  EXPECT_EQ(save(store, event, {1, true, 6, 0, 2, t0}), commit_status::committed);
  EXPECT_EQ(save(store, event, {1, true, 6, 0, 2, t0}), commit_status::rejected) << "repeated";
  EXPECT_EQ(rooms.queries->load({event})->row.issued, 6u);
}

TEST(room_store_test, a_rejected_one_leaves_the_others_of_the_batch) {
  sql_rooms rooms;
  std::vector<save_room> batch{{nth_event(1), {1, true, 1, 0, 1, t0}},
                               {nth_event(2), {1, true, 1, 0, 7, t0}},
                               {nth_event(3), {1, true, 1, 0, 1, t0}}};
  const auto out = rooms.writes->commit(batch);
  EXPECT_EQ(out[0].status, commit_status::committed);
  EXPECT_EQ(out[1].status, commit_status::rejected);
  EXPECT_EQ(out[2].status, commit_status::committed);
  EXPECT_EQ(rooms.queries->all()->rooms.size(), 2u);
}

TEST(room_store_test, the_schema_refuses_what_cannot_be) {
  sql_rooms rooms;
  EXPECT_EQ(save(*rooms.writes, nth_event(1), {1, true, 1, 2, 1, t0}), commit_status::failed)
      << "more served than given out";
  EXPECT_EQ(save(*rooms.writes, nth_event(1), {1, true, 2, 2, 1, t0}), commit_status::committed)
      << "and the connection still works";
}

TEST(room_store_test, both_implementations_agree_after_any_writes) {
  std::mt19937_64 chance{7};
  sql_rooms sql;
  auto memory = std::make_shared<memory::room_store>();
  auto memory_queries = memory::make_room_queries(memory);
  for (int round = 0; round < 300; ++round) {
    const auto issued = chance() % 1000;
    const room_row row{1 + chance() % 3, chance() % 2 == 0,
                       issued,           issued == 0 ? 0 : chance() % issued,
                       1 + chance() % 4, t0 + seconds{static_cast<std::int64_t>(chance() % 1000)}};
    const auto event = nth_event(chance() % 4);
    ASSERT_EQ(save(*sql.writes, event, row), save(*memory, event, row));
    for (std::uint64_t n = 0; n < 4; ++n) {
      const auto a = sql.queries->load({nth_event(n)});
      const auto b = memory_queries->load({nth_event(n)});
      ASSERT_EQ(a->found, b->found);
      if (a->found) {
        ASSERT_EQ(a->row, b->row);
      }
    }
  }
}

} // namespace
} // namespace tiketi::vwr
