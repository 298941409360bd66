#include "actors/cluster/gateway.hpp"
#include "actors/cluster/role.hpp"
#include "storage/sql/cluster_store.hpp"
#include "tests/support/test_database.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <caf/all.hpp>
#include <gtest/gtest.h>

// Whole nodes, each with an actor system of its own: membership on a real database, connections
// over the loopback interface, regions that count what they apply. Leases are shorter than usual.

namespace tiketi::cluster {
namespace {

using namespace std::chrono_literals;

constexpr shard_id shards = 64;

/// What all regions write to, in place of a sale's database: the last word about a command's id.
class ledger {
public:
  /// False: it was applied before.
  bool apply(const uuid& command, bool ask_first) {
    const std::lock_guard lock{mutex_};
    auto& count = effects_[to_string(command)];
    if (count != 0 && ask_first)
      return false;
    ++count;
    return true;
  }

  std::size_t applied() const {
    const std::lock_guard lock{mutex_};
    return effects_.size();
  }

  std::size_t twice() const {
    const std::lock_guard lock{mutex_};
    std::size_t out = 0;
    for (const auto& [id, count] : effects_)
      out += count > 1 ? 1 : 0;
    return out;
  }

private:
  mutable std::mutex mutex_;
  std::map<std::string, int> effects_;
};

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

class node {
public:
  node(const std::string& name, std::shared_ptr<cluster_store> store, std::shared_ptr<ledger> book)
      : sys_(config_) {
    cluster_options options;
    options.transport = transport();
    options.membership.tick = 10ms;
    options.membership.agent.lease = {900ms, 200ms, 50ms, 300ms};
    options.membership.agent.shards = shards;
    cluster_dependencies needs;
    needs.who.node = name;
    needs.who.roles = {"ticket"};
    needs.who.runs = {"1.0.0", 1};
    needs.store = std::move(store);
    auto started = start_cluster(sys_, *env_, options, std::move(needs));
    if (!started)
      throw std::runtime_error(started.error().text);
    role_ = *started;
    region_ = sys_.spawn([book = std::move(book)](caf::event_based_actor* self) -> caf::behavior {
      return {
          [book](const routed_command& message) {
            const bool first = book->apply(message.command.command, message.repeated);
            return command_reply{reply_code::done, message.command.epoch,
                                 first ? "applied" : "applied before"};
          },
          [self](const shard_event& event) {
            if (event.what == shard_event::kind::draining)
              self->send(caf::actor_cast<caf::actor>(self->current_sender()),
                         shard_drained{event.role, event.shard, event.epoch});
          },
      };
    });
    caf::anon_send(role_.gateway, attach_region{"ticket", region_});
    caf::anon_send(role_.membership, watch_shards{"ticket", region_});
  }

  ~node() { die(); }

  /// As a process would: nothing is told to anybody.
  void die() {
    if (!role_.gateway)
      return;
    stop(sys_, role_);
    caf::anon_send_exit(region_, caf::exit_reason::kill);
    region_ = nullptr;
    role_ = {};
  }

  bool leave() {
    caf::scoped_actor self{sys_};
    bool out = false;
    self->request(role_.membership, 10s, leave_cluster{})
        .receive([&](has_left) { out = true; }, [](caf::error&) {});
    return out;
  }

  std::size_t serving() const {
    if (!role_.state || !role_.state->may_serve())
      return 0;
    const auto routes = role_.state->routes();
    const auto* role = routes->find("ticket");
    return role == nullptr ? 0
                           : static_cast<std::size_t>(std::count(
                               role->states.begin(), role->states.end(), shard_state::serving));
  }

  bool all_links_up(std::size_t members) {
    const auto routes = role_.state->routes();
    if (routes->view.members.size() != members)
      return false;
    caf::scoped_actor self{sys_};
    bool up = true;
    for (const auto& one : routes->view.members)
      if (one.key.node != routes->self.node)
        self->request(role_.gateway, 5s, ask_link{}, one.key.node)
            .receive([&](const link_report& is) { up = up && is.state == link_state::up; },
                     [&](caf::error&) { up = false; });
    return up;
  }

  /// As a region will: again and again under one id, with the view of the moment, until it knows or
  /// the deadline is over.
  reply_code send(caf::scoped_actor& self, std::uint64_t key, std::chrono::milliseconds patience) {
    envelope command;
    command.role = "ticket";
    command.key = key;
    command.command = make_uuid(*env_);
    command.deadline = to_millis(role_.state->cluster_now() + patience);
    for (;;) {
      command_reply reply;
      self->request(role_.gateway, 20s, send_command{command})
          .receive([&](command_reply& is) { reply = std::move(is); }, [](caf::error&) {});
      if (!may_try_again(reply.code) && reply.code != reply_code::lost)
        return reply.code;
      if (to_millis(role_.state->cluster_now()) >= command.deadline)
        return reply.code;
      ++command.attempt;
      std::this_thread::sleep_for(10ms); // back-off
    }
  }

  caf::actor_system& sys() { return sys_; }

private:
  prepared_config config_;
  std::unique_ptr<environment> env_ = make_system_environment();
  caf::actor_system sys_;
  cluster_role role_;
  caf::actor region_;
};

bool eventually(const std::function<bool()>& holds, std::chrono::milliseconds within = 15s) {
  const auto end = std::chrono::steady_clock::now() + within;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end)
      return false;
    std::this_thread::sleep_for(5ms); // between two looks
  }
  return true;
}

class nodes_test : public ::testing::Test {
protected:
  void start(const std::string& name) {
    nodes[name] = std::make_unique<node>(name, sql::make_cluster_store(stored.open()), book);
  }

  std::size_t serving() const {
    std::size_t out = 0;
    for (const auto& [name, n] : nodes)
      out += n->serving();
    return out;
  }

  bool settled() {
    return eventually([&] {
      if (serving() != shards)
        return false;
      for (auto& [name, n] : nodes)
        if (n->serving() == 0 || !n->all_links_up(nodes.size()))
          return false;
      return true;
    });
  }

  /// Clients of the named nodes that send until told to stop.
  void load(const std::vector<std::string>& at) {
    for (const auto& name : at)
      clients.emplace_back([this, &n = *nodes.at(name), seed = clients.size()] {
        std::mt19937_64 chance{seed};
        caf::scoped_actor self{n.sys()};
        while (!stopping) {
          const auto begin = std::chrono::steady_clock::now();
          const auto code = n.send(self, chance(), 8s);
          const auto took = std::chrono::steady_clock::now() - begin;
          const std::lock_guard lock{mutex};
          ++codes[code];
          worst = std::max(worst, took);
        }
      });
  }

  void expect_all_done(std::size_t at_least) {
    stopping = true;
    for (auto& client : clients)
      client.join();
    clients.clear();
    for (const auto& [code, count] : codes)
      if (code != reply_code::done) {
        ADD_FAILURE() << count << " commands: " << to_string_view(code);
      }
    EXPECT_GE(codes[reply_code::done], at_least);
    EXPECT_EQ(book->twice(), 0u);
    EXPECT_EQ(book->applied(), codes[reply_code::done]);
    std::cout << codes[reply_code::done] << " commands, the worst took "
              << std::chrono::duration_cast<milliseconds>(worst).count() << " ms\n";
  }

  test::test_database stored{"cluster"};
  std::shared_ptr<ledger> book = std::make_shared<ledger>();
  std::map<std::string, std::unique_ptr<node>> nodes;
  std::vector<std::thread> clients;
  std::atomic<bool> stopping{false};
  std::mutex mutex;
  std::map<reply_code, std::size_t> codes;
  std::chrono::nanoseconds worst{0};
};

TEST_F(nodes_test, a_node_comes_and_another_goes_and_no_command_fails_or_is_applied_twice) {
  start("a");
  start("b");
  ASSERT_TRUE(settled());
  load({"a", "b"});
  start("c");
  ASSERT_TRUE(settled());
  // Drained first, as an update in steps does it.
  auto admin = sql::make_cluster_store(stored.open());
  ASSERT_TRUE(*admin->set_draining("c", true));
  ASSERT_TRUE(eventually([&] { return nodes["c"]->serving() == 0; }));
  ASSERT_TRUE(nodes["c"]->leave());
  nodes.erase("c");
  ASSERT_TRUE(settled());
  expect_all_done(100);
}

TEST_F(nodes_test, a_node_dies_and_its_shards_are_served_again_after_its_lease) {
  for (const auto* name : {"a", "b", "c"})
    start(name);
  ASSERT_TRUE(settled());
  load({"a", "b"});
  const auto before = book->applied();
  ASSERT_TRUE(eventually([&] { return book->applied() > before + 50; }));
  const auto died = std::chrono::steady_clock::now();
  nodes["c"]->die();
  nodes.erase("c");
  ASSERT_TRUE(eventually([&] { return serving() == shards; }));
  const auto took = std::chrono::steady_clock::now() - died;
  // Lease and renewal, and room for a busy machine.
  EXPECT_LT(took, 900ms + 200ms + 3s);
  std::cout << "served again after " << std::chrono::duration_cast<milliseconds>(took).count()
            << " ms\n";
  ASSERT_TRUE(settled());
  const auto after = book->applied();
  ASSERT_TRUE(eventually([&] { return book->applied() > after + 50; }));
  expect_all_done(100);
}

} // namespace
} // namespace tiketi::cluster
