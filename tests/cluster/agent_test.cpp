#include "actors/cluster/agent.hpp"
#include "storage/memory/cluster_store.hpp"

#include <algorithm>
#include <map>
#include <memory>

#include <gtest/gtest.h>

namespace tiketi::cluster {
namespace {

/// Agents on one database in memory, calls without delay, one time for all.
class agent_test : public ::testing::Test {
protected:
  struct node {
    std::unique_ptr<cluster_store> store;
    std::unique_ptr<agent> a;
    bool drains_by_hand = false;
    std::vector<shard_event> events;
  };

  node& start(const std::string& name, agent_options options = few_shards()) {
    auto& n = nodes[name];
    join_request self;
    self.node = name;
    self.boot.bytes[0] = ++boots;
    self.address = name + ":4710";
    self.roles = {"queue", "ticket"};
    self.runs = {"1.0.0", 1};
    n.store = memory::make_cluster_store(database, name);
    n.a = std::make_unique<agent>(self, options);
    n.events.clear();
    return n;
  }

  static agent_options few_shards() {
    agent_options out;
    out.shards = 64;
    out.limits.handoffs_max = 4;
    out.limits.acquires_max = 16;
    return out;
  }

  /// One call of the node, if it has any.
  bool turn(node& n) {
    const auto request = n.a->next(now);
    bool busy = request.has_value();
    if (request)
      n.a->answered(*request, perform(*n.store, n.a->self(), n.a->member().key(), *request), now);
    for (auto& e : n.a->take_events()) {
      n.events.push_back(e);
      if (e.what == shard_event::kind::draining && !n.drains_by_hand) {
        n.a->drained(e.role, e.shard, e.epoch);
        busy = true;
      }
    }
    return busy;
  }

  void run(milliseconds by) {
    for (const auto end = now + by; now < end; now += milliseconds{50})
      for (auto& [name, n] : nodes)
        for (int i = 0; i < 200 && turn(n); ++i)
          continue;
  }

  std::size_t serving(const std::string& name, const std::string& role = "ticket") {
    std::size_t out = 0;
    for (shard_id s = 0; s < 64; ++s)
      out += nodes[name].a->serves(role, s, now) ? 1 : 0;
    return out;
  }

  static std::size_t count(const node& n, shard_event::kind what) {
    return static_cast<std::size_t>(std::count_if(
        n.events.begin(), n.events.end(), [what](const shard_event& e) { return e.what == what; }));
  }

  mono now = std::chrono::hours{5};
  std::uint8_t boots = 0;
  std::shared_ptr<memory::cluster_database> database = std::make_shared<memory::cluster_database>(
      [this] { return time_point{std::chrono::duration_cast<milliseconds>(now)}; });
  std::map<std::string, node> nodes;
};

TEST_F(agent_test, the_first_node_serves_everything) {
  auto& a = start("a");
  run(seconds{1});
  EXPECT_EQ(serving("a"), 64u);
  EXPECT_EQ(serving("a", "queue"), 64u);
  EXPECT_EQ(count(a, shard_event::kind::opened), 128u);
  EXPECT_FALSE(a.a->serves("ticket", 64, now));
  EXPECT_FALSE(a.a->serves("payment", 0, now));
}

TEST_F(agent_test, a_second_node_gets_its_part_and_nothing_is_served_twice_or_moved_in_vain) {
  auto& a = start("a");
  run(seconds{1});
  start("b");
  run(seconds{5});
  EXPECT_GT(serving("b"), 15u);
  EXPECT_EQ(serving("a") + serving("b"), 64u);
  EXPECT_EQ(count(a, shard_event::kind::draining), serving("b") + serving("b", "queue"));
  const auto routes = nodes["b"].a->routes();
  for (shard_id s = 0; s < 64; ++s) {
    EXPECT_EQ(routes.find("ticket")->map.owner(s) == "b", nodes["b"].a->serves("ticket", s, now));
    EXPECT_EQ(routes.find("ticket")->map.owner(s), routes.find("queue")->map.owner(s))
        << "an event's sale and its queue are together";
  }
}

TEST_F(agent_test, few_shards_are_handed_over_at_once_and_the_others_are_served_meanwhile) {
  auto& a = start("a");
  run(seconds{1});
  a.drains_by_hand = true;
  start("b");
  run(seconds{3});
  EXPECT_EQ(count(a, shard_event::kind::draining), 8u) << "four of each role";
  EXPECT_EQ(serving("a"), 60u);
  EXPECT_EQ(serving("b"), 0u);
  // Those are done; the next ones begin.
  const auto first = a.events;
  for (const auto& e : first)
    if (e.what == shard_event::kind::draining)
      a.a->drained(e.role, e.shard, e.epoch);
  run(seconds{1});
  EXPECT_EQ(serving("b"), 4u);
  EXPECT_EQ(count(a, shard_event::kind::draining), 16u);
}

TEST_F(agent_test, who_changes_his_mind_about_a_hand_over_resumes) {
  auto& a = start("a");
  run(seconds{1});
  a.drains_by_hand = true;
  start("b");
  run(seconds{2});
  ASSERT_EQ(serving("a"), 60u);
  ASSERT_TRUE(*nodes["b"].store->set_draining("b", true));
  run(seconds{2});
  for (const auto& e : std::vector<shard_event>{a.events})
    if (e.what == shard_event::kind::draining)
      a.a->drained(e.role, e.shard, e.epoch);
  run(seconds{1});
  EXPECT_EQ(serving("a"), 64u);
  EXPECT_EQ(count(a, shard_event::kind::resumed), 8u);
}

TEST_F(agent_test, an_answer_of_an_earlier_time_does_not_end_a_drain) {
  auto& a = start("a");
  run(seconds{1});
  a.drains_by_hand = true;
  start("b");
  run(seconds{2});
  const auto draining = std::find_if(a.events.begin(), a.events.end(), [](const shard_event& e) {
    return e.what == shard_event::kind::draining && e.role == "ticket";
  });
  ASSERT_NE(draining, a.events.end());
  a.a->drained("ticket", draining->shard, draining->epoch + 1);
  run(seconds{1});
  EXPECT_FALSE(nodes["b"].a->serves("ticket", draining->shard, now));
  a.a->drained("ticket", draining->shard, draining->epoch);
  run(seconds{1});
  EXPECT_TRUE(nodes["b"].a->serves("ticket", draining->shard, now));
}

TEST_F(agent_test, a_dead_nodes_shards_are_served_again_within_lease_and_renewal) {
  start("a");
  start("b");
  run(seconds{6});
  ASSERT_EQ(serving("a") + serving("b"), 64u);
  nodes.erase("b");
  run(milliseconds{2900});
  EXPECT_LT(serving("a"), 64u) << "its lease holds";
  run(milliseconds{1150});
  EXPECT_EQ(serving("a"), 64u);
}

TEST_F(agent_test, a_node_without_the_database_stops_before_others_begin_and_comes_back) {
  auto& a = start("a");
  start("b");
  run(seconds{6});
  const auto part = serving("a");
  ASSERT_GT(part, 0u);
  database->cut_off("a", true);
  bool stopped = false;
  for (int i = 0; i < 120; ++i) {
    run(milliseconds{50});
    stopped = stopped || serving("a") == 0;
    ASSERT_LE(serving("a") + serving("b"), 64u);
    if (serving("b") == 64u) {
      EXPECT_TRUE(stopped);
    }
  }
  EXPECT_EQ(serving("b"), 64u);
  EXPECT_EQ(count(a, shard_event::kind::closed), 0u) << "it cannot know yet";
  database->cut_off("a", false);
  run(seconds{6});
  EXPECT_EQ(count(a, shard_event::kind::closed), 2 * part);
  EXPECT_EQ(serving("a"), part);
  EXPECT_EQ(nodes["a"].a->member().key().incarnation, 2u);
}

TEST_F(agent_test, nobody_takes_anything_while_the_database_is_away_and_all_go_on_afterwards) {
  auto& a = start("a");
  auto& b = start("b");
  run(seconds{6});
  const auto part = serving("a");
  const auto events = a.events.size();
  database->cut_off("a", true);
  database->cut_off("b", true);
  run(seconds{60});
  EXPECT_EQ(serving("a") + serving("b"), 0u);
  database->cut_off("a", false);
  database->cut_off("b", false);
  run(milliseconds{300});
  EXPECT_EQ(serving("a"), part);
  EXPECT_EQ(serving("b"), 64u - part);
  EXPECT_EQ(a.events.size(), events) << "its actors never noticed";
  EXPECT_EQ(b.a->member().key().incarnation, 1u);
}

TEST_F(agent_test, a_drained_node_owns_nothing_and_may_leave_without_a_gap) {
  start("a");
  start("b");
  run(seconds{6});
  ASSERT_TRUE(*nodes["a"].store->set_draining("b", true));
  run(seconds{6});
  EXPECT_TRUE(nodes["b"].a->empty());
  EXPECT_EQ(serving("a"), 64u);
  nodes["b"].a->leave();
  run(seconds{2});
  EXPECT_EQ(nodes["b"].a->member().stands(), standing::left);
  EXPECT_EQ(nodes["a"].a->routes().view.members.size(), 1u);
}

TEST_F(agent_test, a_shard_that_was_given_with_a_lost_answer_is_found_again) {
  start("a");
  run(seconds{1});
  int calls = 0;
  database->set_fate([&](const std::string& who) {
    return who == "b" && ++calls % 3 == 0 ? memory::cluster_database::fate::lost
                                          : memory::cluster_database::fate::done;
  });
  start("b");
  run(seconds{10});
  // While answers go on getting lost, b drains and everything must find its way back.
  ASSERT_TRUE(*nodes["a"].store->set_draining("b", true));
  run(seconds{15});
  EXPECT_EQ(serving("a"), 64u);
  EXPECT_EQ(serving("a", "queue"), 64u);
}

TEST_F(agent_test, what_the_store_gave_to_somebody_else_is_not_served_any_more) {
  auto& a = start("a");
  run(seconds{1});
  start("b");
  run(milliseconds{50});
  // Somebody moves a shard by hand.
  const auto lease = nodes["a"].store->shards("ticket")->front();
  ASSERT_TRUE(nodes["a"].store->release(
      "ticket", std::vector<shard_release>{{lease.shard, lease.epoch, {}}}, lease.owner));
  const auto closed_before = count(a, shard_event::kind::closed);
  run(seconds{3});
  EXPECT_EQ(count(a, shard_event::kind::closed), closed_before + 1);
  EXPECT_EQ(serving("a") + serving("b"), 64u);
}

} // namespace
} // namespace tiketi::cluster
