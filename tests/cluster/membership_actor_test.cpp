#include "actors/cluster/gateway.hpp"
#include "actors/cluster/membership_actor.hpp"
#include "storage/memory/cluster_store.hpp"
#include "tests/support/actor_fixture.hpp"

#include <map>
#include <set>

namespace tiketi::cluster {
namespace {

using tiketi::test::actor_test;

/// Nodes of one process on one database in memory, in virtual time.
class membership_actor_test : public actor_test {
protected:
  struct node {
    std::shared_ptr<node_state> state;
    caf::actor actor;
    caf::actor region;
    std::shared_ptr<std::set<shard_id>> open = std::make_shared<std::set<shard_id>>();
    std::shared_ptr<std::size_t> notices = std::make_shared<std::size_t>(0);
  };

  ~membership_actor_test() override {
    for (auto& [name, n] : nodes) {
      self->send_exit(n.actor, caf::exit_reason::kill);
      self->send_exit(n.region, caf::exit_reason::kill);
    }
    sched.run();
  }

  mono clock() const { return passed + std::chrono::hours{1}; }

  node& start(const std::string& name) {
    auto& n = nodes[name];
    n.state = std::make_shared<node_state>([this] { return clock(); });
    join_request who;
    who.node = name;
    who.boot = make_uuid(*env);
    who.address = "127.0.0.1:1";
    who.roles = {"ticket"};
    who.runs = {"1.0.0", 1};
    membership_options options;
    options.agent.shards = 32;
    n.actor = sys.spawn(membership_actor, who,
                        std::shared_ptr<cluster_store>{memory::make_cluster_store(database, name)},
                        n.state, options);
    // A region that is done with a shard at once.
    n.region = sys.spawn([open = n.open,
                          notices = n.notices](caf::event_based_actor* region) -> caf::behavior {
      return {
          [open, region](const shard_event& event) {
            if (event.what == shard_event::kind::opened || event.what == shard_event::kind::resumed)
              open->insert(event.shard);
            else
              open->erase(event.shard);
            if (event.what == shard_event::kind::draining)
              region->send(caf::actor_cast<caf::actor>(region->current_sender()),
                           shard_drained{event.role, event.shard, event.epoch});
          },
          [notices](routes_changed) { ++*notices; },
      };
    });
    self->send(n.actor, watch_shards{"ticket", n.region});
    self->send(n.actor, watch_routes{n.region});
    return n;
  }

  void run(milliseconds by) {
    for (milliseconds done{0}; done < by; done += milliseconds{25}) {
      passed += milliseconds{25};
      advance(milliseconds{25});
    }
  }

  std::size_t serving(const std::string& name) {
    auto& n = nodes[name];
    if (!n.state->may_serve())
      return 0;
    const auto routes = n.state->routes();
    const auto& states = routes->find("ticket")->states;
    return static_cast<std::size_t>(std::count(states.begin(), states.end(), shard_state::serving));
  }

  std::chrono::nanoseconds passed{0};
  std::shared_ptr<memory::cluster_database> database = std::make_shared<memory::cluster_database>(
      [this] { return epoch + std::chrono::duration_cast<milliseconds>(passed); });
  std::map<std::string, node> nodes;
};

TEST_F(membership_actor_test, joins_serves_and_tells_everybody) {
  auto& a = start("a");
  EXPECT_FALSE(a.state->may_serve());
  run(milliseconds{200});
  EXPECT_TRUE(a.state->may_serve());
  EXPECT_EQ(serving("a"), 32u);
  EXPECT_EQ(a.open->size(), 32u);
  EXPECT_GT(*a.notices, 1u);
  EXPECT_EQ(a.state->routes()->self, (node_key{"a", 1}));
  EXPECT_LT(std::chrono::abs(a.state->cluster_now()
                             - (epoch + std::chrono::duration_cast<milliseconds>(passed))),
            milliseconds{50});
  const auto report = ask<membership_report>(a.actor, ask_membership{});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->stands, standing::member);
  EXPECT_FALSE(report->empty);
}

TEST_F(membership_actor_test, hands_over_and_takes_over) {
  auto& a = start("a");
  run(milliseconds{200});
  auto& b = start("b");
  run(seconds{4});
  EXPECT_EQ(serving("a") + serving("b"), 32u);
  EXPECT_EQ(a.open->size(), serving("a"));
  EXPECT_EQ(b.open->size(), serving("b"));
  EXPECT_GT(serving("b"), 4u);
  self->send_exit(a.actor, caf::exit_reason::kill);
  run(milliseconds{4100});
  EXPECT_EQ(serving("b"), 32u);
  EXPECT_EQ(b.open->size(), 32u);
}

TEST_F(membership_actor_test, joins_again_only_when_nothing_of_before_can_write) {
  auto& a = start("a");
  start("b");
  std::vector<caf::response_promise> held;
  // A region that takes its time to end what it has.
  const auto slow = sys.spawn([&held](caf::event_based_actor* region) -> caf::behavior {
    return {
        [&held, region](const shard_event& event) {
          if (event.what == shard_event::kind::closed)
            held.push_back(region->make_response_promise());
        },
        [&held](shard_let_go) {
          for (auto& promise : std::exchange(held, {}))
            promise.deliver(shard_let_go{});
        },
    };
  });
  self->send(a.actor, watch_shards{"ticket", slow});
  run(seconds{4});
  ASSERT_GT(serving("a"), 4u);
  const auto owned = serving("a");
  database->cut_off("a", true);
  run(seconds{4});
  EXPECT_EQ(serving("b"), 32u);
  EXPECT_TRUE(held.empty()) << "it does not know";
  database->cut_off("a", false);
  run(seconds{3});
  EXPECT_EQ(held.size(), 32u) << "what it drained for ever is among them";
  EXPECT_FALSE(a.state->may_serve());
  EXPECT_EQ(serving("b"), 32u);
  self->send(slow, shard_let_go{});
  run(seconds{4});
  EXPECT_TRUE(a.state->may_serve());
  EXPECT_EQ(a.state->routes()->self, (node_key{"a", 2}));
  EXPECT_EQ(serving("a") + serving("b"), 32u);
  EXPECT_EQ(serving("a"), owned);
  self->send_exit(slow, caf::exit_reason::kill);
  sched.run();
}

TEST_F(membership_actor_test, nobody_has_to_tell_a_node_that_its_lease_is_over) {
  auto& a = start("a");
  run(milliseconds{200});
  // The actor does not run any more, as if it were stuck in the store.
  self->send_exit(a.actor, caf::exit_reason::kill);
  database->cut_off("a", true);
  auto& b = start("b");
  database->cut_off("b", true);
  run(seconds{1});
  const auto routes = a.state->routes();
  EXPECT_EQ(serving("b"), 0u);
  passed += seconds{3};
  EXPECT_FALSE(a.state->may_serve());
  EXPECT_EQ(a.state->routes(), routes);
  EXPECT_FALSE(b.state->may_serve());
}

TEST_F(membership_actor_test, a_lost_lease_closes_every_shard_and_opens_them_again) {
  auto& a = start("a");
  auto& b = start("b");
  run(seconds{5});
  const auto part = serving("a");
  ASSERT_GT(part, 0u);
  database->cut_off("a", true);
  run(seconds{6});
  EXPECT_EQ(serving("a"), 0u);
  EXPECT_EQ(a.open->size(), part) << "its actors live on, and nothing reaches them";
  EXPECT_EQ(serving("b"), 32u);
  database->cut_off("a", false);
  run(milliseconds{250});
  EXPECT_EQ(a.open->size(), serving("a"));
  run(seconds{5});
  EXPECT_EQ(serving("a"), part);
  EXPECT_EQ(b.open->size(), 32u - part);
}

TEST_F(membership_actor_test, leaves_at_once_and_says_when_the_others_know) {
  auto& a = start("a");
  run(milliseconds{200});
  EXPECT_TRUE(ask<has_left>(a.actor, leave_cluster{}));
  EXPECT_FALSE(a.state->may_serve());
  EXPECT_TRUE(a.open->empty());
  const auto report = ask<membership_report>(a.actor, ask_membership{});
  EXPECT_EQ(report->stands, standing::left);
}

TEST_F(membership_actor_test, leaving_without_the_database_takes_a_lease_at_most) {
  auto& a = start("a");
  run(milliseconds{200});
  database->cut_off("a", true);
  auto pending = self->request(a.actor, caf::infinite, leave_cluster{});
  run(milliseconds{100});
  EXPECT_FALSE(a.state->may_serve());
  EXPECT_TRUE(self->mailbox().empty()) << "there is hope yet";
  run(seconds{3});
  bool answered = false;
  ASSERT_FALSE(self->mailbox().empty());
  pending.receive([&](has_left) { answered = true; }, [](caf::error&) {});
  EXPECT_TRUE(answered);
}

TEST_F(membership_actor_test, a_hint_renews_early_and_not_more_often_than_once_a_second) {
  auto& a = start("a");
  run(milliseconds{200});
  int calls = 0;
  database->set_fate([&](const std::string&) {
    ++calls;
    return memory::cluster_database::fate::done;
  });
  for (int i = 0; i < 10; ++i)
    self->send(a.actor, refresh_view{});
  sched.run();
  EXPECT_EQ(calls, 1);
}

} // namespace
} // namespace tiketi::cluster
