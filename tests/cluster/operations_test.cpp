#include "actors/cluster/admin.hpp"
#include "actors/cluster/departure.hpp"
#include "actors/cluster/watcher.hpp"
#include "actors/system/caf_error.hpp"
#include "storage/sql/cluster_store.hpp"
#include "tests/support/test_database.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <caf/all.hpp>
#include <gtest/gtest.h>

// What operators do with a cluster: whole nodes, each with an actor system of its own, on one real
// database.

namespace tiketi::cluster {
namespace {

using namespace std::chrono_literals;

constexpr shard_id shards = 64;

transport_options transport() {
  transport_options out;
  out.port = 0;
  out.heartbeat = 100ms;
  out.silence_max = 2000ms;
  out.retry_max = 200ms;
  out.tick = 10ms;
  return out;
}

struct prepared_config : actor_config {
  prepared_config() : actor_config(1) { prepare(*this, transport()); }
};

bool eventually(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline)
      return false;
    // Other threads and a database are asked again; nothing is concluded from the time.
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

class node {
public:
  node(const std::string& name, test::test_database& stored) : sys_(config_) {
    cluster_options options;
    options.transport = transport();
    options.membership.tick = 10ms;
    options.membership.agent.lease = {1500ms, 200ms, 50ms, 300ms};
    options.membership.agent.shards = shards;
    cluster_dependencies needs;
    needs.who.node = name;
    needs.who.roles = {std::string{sale_role}};
    needs.who.runs = {"1.0.0", 1};
    needs.store = sql::make_cluster_store(stored.open());
    auto started = start_cluster(sys_, *env_, options, std::move(needs));
    if (!started)
      throw std::runtime_error(started.error().text);
    role_ = *started;
    admin_ = spawn_admin(sys_, sql::make_cluster_store(stored.open()), {.shards = shards});
    watcher_ = sys_.spawn(cluster_watcher, role_, std::make_shared<cluster_metrics>(*registry_),
                          watcher_options{.every = 20ms});
  }

  ~node() {
    caf::anon_send_exit(watcher_, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(admin_, caf::exit_reason::user_shutdown);
    stop(sys_, role_);
  }

  std::size_t serving() const {
    const auto routes = role_.state->routes();
    const auto* role = routes->find(sale_role);
    return role == nullptr ? 0
                           : static_cast<std::size_t>(std::count(
                               role->states.begin(), role->states.end(), shard_state::serving));
  }

  template <class Reply, class Message>
  result<Reply> ask(Message message) {
    caf::scoped_actor self{sys_};
    result<Reply> out = failure{errc::internal};
    self->request(admin_, 10s, std::move(message))
        .receive([&](Reply& reply) { out = std::move(reply); },
                 [&](caf::error& error) { out = to_failure(error); });
    return out;
  }

  handed_over give_all(milliseconds patience = 15s) {
    return hand_over(sys_, role_, admin_, patience);
  }
  bool leave_now() { return leave(sys_, role_, 10s); }

  double value(const std::string& name, const prometheus::Labels& labels = {}) const {
    for (const auto& family : registry_->Collect())
      if (family.name == name)
        for (const auto& metric : family.metric)
          if (labels_of(metric) == labels)
            return metric.gauge.value + metric.counter.value;
    return -1;
  }

private:
  static prometheus::Labels labels_of(const prometheus::ClientMetric& metric) {
    prometheus::Labels out;
    for (const auto& label : metric.label)
      out[label.name] = label.value;
    return out;
  }

  prepared_config config_;
  std::unique_ptr<environment> env_ = make_system_environment();
  std::shared_ptr<prometheus::Registry> registry_ = std::make_shared<prometheus::Registry>();
  caf::actor_system sys_;
  cluster_role role_;
  admin_actor admin_;
  caf::actor watcher_;
};

class cluster_operations_test : public ::testing::Test {
protected:
  void SetUp() override {
    ASSERT_TRUE(eventually(
        [&] { return a.serving() > 0 && b.serving() > 0 && a.serving() + b.serving() == shards; }));
  }

  test::test_database stored{"cluster"};
  node a{"a", stored};
  node b{"b", stored};
};

TEST_F(cluster_operations_test, the_overview_is_what_the_nodes_do) {
  const auto all = a.ask<cluster_overview>(show_cluster{});
  ASSERT_TRUE(all);
  ASSERT_EQ(all->members.size(), 2u);
  EXPECT_EQ(all->shards, shards);
  EXPECT_EQ(all->unowned, 0u);
  EXPECT_EQ(all->members[0].who.key.node, "a");
  EXPECT_EQ(all->members[0].shards, a.serving());
  EXPECT_EQ(all->members[1].shards, b.serving());
  EXPECT_LT(all->members[0].renewed_ago, seconds{60});
  const auto owners = b.ask<shard_owners>(show_shards{});
  ASSERT_TRUE(owners);
  EXPECT_EQ(owners->owners.at("a").size(), a.serving());
  EXPECT_EQ(owners->epoch, all->epoch);
}

TEST_F(cluster_operations_test, a_drained_node_owns_nothing_until_it_may_again) {
  const auto before = b.serving();
  const auto done = a.ask<draining_set>(set_draining{"b", true});
  ASSERT_TRUE(done);
  EXPECT_TRUE(eventually([&] { return b.serving() == 0 && a.serving() == shards; }));
  const auto all = a.ask<cluster_overview>(show_cluster{});
  ASSERT_TRUE(all);
  EXPECT_TRUE(all->members[1].who.draining);
  EXPECT_EQ(all->epoch, done->epoch);
  EXPECT_TRUE(b.ask<draining_set>(set_draining{"b", false}));
  EXPECT_TRUE(eventually([&] { return b.serving() == before; }));
  EXPECT_TRUE(eventually([&] { return a.serving() + b.serving() == shards; }));
}

TEST_F(cluster_operations_test, who_is_no_member_cannot_be_drained) {
  const auto before = a.ask<cluster_overview>(show_cluster{});
  const auto refused = a.ask<draining_set>(set_draining{"c", true});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::not_found);
  EXPECT_EQ(a.ask<cluster_overview>(show_cluster{})->epoch, before->epoch);
}

TEST_F(cluster_operations_test,
       a_node_that_stops_gives_everything_away_first_and_the_last_nothing) {
  EXPECT_EQ(b.give_all(), handed_over::all);
  EXPECT_EQ(b.serving(), 0u);
  EXPECT_TRUE(eventually([&] { return a.serving() == shards; }));
  EXPECT_EQ(a.give_all(), handed_over::nobody) << "b does not take anything while it drains";
  EXPECT_EQ(a.serving(), shards);
  EXPECT_TRUE(b.leave_now());
  EXPECT_EQ(b.give_all(), handed_over::nobody) << "it is no member any more";
  const auto all = a.ask<cluster_overview>(show_cluster{});
  ASSERT_TRUE(all);
  EXPECT_EQ(all->members.size(), 1u);
  EXPECT_EQ(a.give_all(), handed_over::nobody) << "there is nobody else";
}

TEST_F(cluster_operations_test, metrics_say_what_happens) {
  const auto serving = [](const node& n) {
    return n.value("cluster_shards", {{"state", "serving"}});
  };
  EXPECT_TRUE(eventually([&] {
    return serving(a) == static_cast<double>(a.serving())
           && serving(b) == static_cast<double>(b.serving());
  }));
  EXPECT_TRUE(eventually([&] {
    return a.value("cluster_links", {{"state", "up"}}) == 1
           && a.value("cluster_peer_up", {{"peer", "b"}}) == 1;
  }));
  EXPECT_EQ(a.value("cluster_may_serve"), 1);
  EXPECT_TRUE(eventually([&] { return a.value("cluster_members", {{"state", "serving"}}) == 2; }));
  EXPECT_GT(a.value("cluster_lease_remaining_seconds"), 0);
  EXPECT_LT(a.value("cluster_lease_remaining_seconds"), 1.5);
  const auto given = b.value("cluster_handovers_total", {{"direction", "given"}});
  const auto had = static_cast<double>(b.serving());
  EXPECT_EQ(b.give_all(), handed_over::all);
  EXPECT_TRUE(eventually([&] {
    return b.value("cluster_handovers_total", {{"direction", "given"}}) == given + had;
  }));
  EXPECT_TRUE(eventually([&] { return a.value("cluster_members", {{"state", "draining"}}) == 1; }));
  EXPECT_TRUE(b.leave_now());
  EXPECT_TRUE(eventually([&] {
    return a.value("cluster_links", {{"state", "up"}}) == 0 && b.value("cluster_may_serve") == 0;
  }));
}

} // namespace
} // namespace tiketi::cluster
