#include "actors/cluster/overview.hpp"

#include <gtest/gtest.h>

namespace tiketi::cluster {
namespace {

member member_of(const std::string& node, std::uint64_t incarnation, time_point renewed) {
  member out;
  out.key = {node, incarnation};
  out.renewed_at = renewed;
  return out;
}

TEST(cluster_overview_test, numbers_are_written_as_ranges) {
  const auto of = [](std::vector<shard_id> shards) { return ranges_of(shards); };
  EXPECT_EQ(of({}), "");
  EXPECT_EQ(of({7}), "7");
  EXPECT_EQ(of({0, 1, 2, 3}), "0-3");
  EXPECT_EQ(of({0, 2, 3, 5, 8, 9, 10}), "0,2-3,5,8-10");
}

TEST(cluster_overview_test, only_members_own_anything) {
  const time_point now = from_millis(1'000'000);
  cluster_view view;
  view.epoch = 9;
  view.members = {member_of("a", 2, now - milliseconds{250}), member_of("b", 1, now)};
  const std::vector<shard_lease> leases{
      {0, {"a", 2}, 1},    {1, {"a", 1}, 1}, // a process of a's before
      {2, {"gone", 1}, 1}, {3, {}, 4},       {5, {"a", 2}, 1}, {99, {"a", 2}, 1}};
  const auto owners = owners_of(view, leases, 7);
  EXPECT_EQ(owners.epoch, 9u);
  EXPECT_EQ(owners.shards, 7u);
  EXPECT_EQ(owners.owners.size(), 2u) << "b owns nothing";
  EXPECT_EQ(owners.owners.at("a"), (std::vector<shard_id>{0, 5}));
  EXPECT_EQ(owners.owners.at(""), (std::vector<shard_id>{1, 2, 3, 4, 6}));

  const auto all = overview_of(view, owners, now);
  EXPECT_EQ(all.epoch, 9u);
  EXPECT_EQ(all.shards, 7u);
  EXPECT_EQ(all.unowned, 5u);
  ASSERT_EQ(all.members.size(), 2u);
  EXPECT_EQ(all.members[0].shards, 2u);
  EXPECT_EQ(all.members[0].renewed_ago, milliseconds{250});
  EXPECT_EQ(all.members[1].shards, 0u);
  EXPECT_EQ(overview_of(view, owners, now - seconds{1}).members[1].renewed_ago, milliseconds{0})
      << "a clock that was read before the renewal";
}

TEST(cluster_overview_test, without_leases_nobody_owns_anything) {
  const auto owners = owners_of({}, {}, 3);
  EXPECT_EQ(owners.owners.at(""), (std::vector<shard_id>{0, 1, 2}));
  EXPECT_EQ(overview_of({}, owners, {}).unowned, 3u);
}

} // namespace
} // namespace tiketi::cluster
