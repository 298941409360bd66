#include "actors/cluster/shard_map.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include <gtest/gtest.h>

namespace tiketi::cluster {
namespace {

std::vector<candidate> nodes(std::size_t count, std::uint32_t weight = weight_default) {
  std::vector<candidate> out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back({"node-" + std::to_string(i), weight});
  return out;
}

std::map<std::string, std::size_t> counts(const shard_map& map) {
  std::map<std::string, std::size_t> out;
  for (shard_id s = 0; s < map.shards(); ++s)
    ++out[std::string{map.owner(s)}];
  return out;
}

/// Every shard whose owner differs went to or came from `node`.
void expect_only_moves_of(const std::string& node, const shard_map& a, const shard_map& b) {
  for (shard_id s = 0; s < a.shards(); ++s)
    if (a.owner(s) != b.owner(s)) {
      ASSERT_TRUE(a.owner(s) == node || b.owner(s) == node) << s;
    }
}

// These numbers are part of the protocol: nodes of two releases must agree on them.
TEST(shard_map_test, places_are_the_same_on_every_machine) {
  EXPECT_EQ(shard_of(0, 1024), 431u);
  EXPECT_EQ(shard_of(1, 1024), 193u);
  EXPECT_EQ(shard_of(0xffffffffULL, 1024), 448u);
  EXPECT_EQ(shard_of(0x123456789abcdef0ULL, 1000), 16u);
  const std::vector<candidate> three{{"a", 8}, {"b", 8}, {"c", 4}};
  const shard_map map{7, three, 24};
  std::string owners;
  for (shard_id s = 0; s < map.shards(); ++s)
    owners += map.owner(s);
  EXPECT_EQ(owners, "aababbababaaabacbbbcbaca");
  EXPECT_EQ(map.epoch(), 7u);
}

TEST(shard_map_test, keys_spread_evenly) {
  std::vector<std::size_t> hits(64, 0);
  for (std::uint64_t key = 0; key < 64'000; ++key) // route tags may be close together
    ++hits[shard_of(key, 64)];
  for (const auto n : hits) {
    EXPECT_GT(n, 800u);
    EXPECT_LT(n, 1200u);
  }
}

TEST(shard_map_test, nobody_owns_a_shard_without_nodes) {
  EXPECT_EQ(shard_map{}.owner_of_key(3), "");
  EXPECT_EQ((shard_map{1, {}, 16}.owner(3)), "");
  const std::vector<candidate> none{{"a", 0}};
  EXPECT_EQ((shard_map{1, none, 16}.owner(3)), "");
  EXPECT_TRUE((shard_map{1, none, 16}.shards_of("").empty()));
  EXPECT_EQ((shard_map{1, nodes(1), 16}.owner(16)), "") << "no such shard";
}

TEST(shard_map_test, the_order_of_the_nodes_does_not_matter) {
  std::mt19937_64 chance{1};
  auto all = nodes(9);
  const shard_map map{1, all, 512};
  for (int round = 0; round < 20; ++round) {
    std::shuffle(all.begin(), all.end(), chance);
    const shard_map again{1, all, 512};
    for (shard_id s = 0; s < 512; ++s)
      ASSERT_EQ(map.owner(s), again.owner(s));
  }
}

TEST(shard_map_test, equal_weights_own_equal_parts) {
  for (const std::size_t n : {1, 2, 3, 5, 16, 64}) {
    const auto all = counts(shard_map{1, nodes(n), 1024});
    const double mean = 1024.0 / static_cast<double>(n);
    const double deviation = std::sqrt(mean * (1.0 - 1.0 / static_cast<double>(n)));
    ASSERT_EQ(all.size(), n);
    for (const auto& [node, owned] : all)
      EXPECT_NEAR(static_cast<double>(owned), mean, 5 * deviation + 0.5) << node << " of " << n;
  }
}

TEST(shard_map_test, parts_follow_the_weights) {
  auto all = nodes(5, 8);
  all[0].weight = 32;
  all[1].weight = 4;
  const auto owned = counts(shard_map{1, all, 16'384});
  const double unit = 16'384.0 / (32 + 4 + 3 * 8);
  for (const auto& one : all)
    EXPECT_NEAR(static_cast<double>(owned.at(one.node)), unit * one.weight,
                0.1 * unit * one.weight + 1)
        << one.node;
}

TEST(shard_map_test, a_node_that_comes_or_goes_moves_nothing_between_the_others) {
  for (std::size_t n = 1; n < 24; ++n) {
    const auto more = nodes(n + 1);
    const shard_map before{1, nodes(n), 1024};
    const shard_map after{2, more, 1024};
    expect_only_moves_of(more.back().node, before, after);
    const auto moved = after.shards_of(more.back().node).size();
    EXPECT_LT(moved, 2 * 1024 / (n + 1) + 16) << "about one part of " << n + 1;
    EXPECT_GT(moved, 0u);
  }
}

TEST(shard_map_test, a_weight_that_changes_moves_shards_of_its_node_only_and_one_way) {
  std::mt19937_64 chance{2};
  for (int round = 0; round < 60; ++round) {
    auto all = nodes(2 + chance() % 8);
    for (auto& one : all)
      one.weight = static_cast<std::uint32_t>(1 + chance() % 16);
    auto& changed = all[chance() % all.size()];
    const shard_map before{1, all, 1024};
    const auto old = changed.weight;
    changed.weight = static_cast<std::uint32_t>(chance() % 20);
    const shard_map after{2, all, 1024};
    expect_only_moves_of(changed.node, before, after);
    const auto had = before.shards_of(changed.node);
    const auto has = after.shards_of(changed.node);
    const auto& fewer = changed.weight < old ? has : had;
    const auto& more = changed.weight < old ? had : has;
    EXPECT_TRUE(std::includes(more.begin(), more.end(), fewer.begin(), fewer.end()));
  }
}

} // namespace
} // namespace tiketi::cluster
