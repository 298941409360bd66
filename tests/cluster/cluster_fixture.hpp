#pragma once

#include "actors/cluster/node_state.hpp"
#include "actors/cluster/sharing_metrics.hpp"
#include "tests/support/actor_fixture.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <prometheus/registry.h>

namespace tiketi::cluster {

/// One node in virtual time, which knows of itself ("a") and of others, and serves what a test
/// says.
class sharing_test : public tiketi::test::actor_test {
protected:
  static constexpr shard_id shards = 4;

  ~sharing_test() override {
    for (const auto& a : others)
      self->send_exit(a, caf::exit_reason::kill);
    sched.run();
  }

  /// The whole map is `owner`'s, who serves it if it is this node.
  void routed_to(const std::string& owner, std::uint64_t view = 1) {
    auto made = std::make_shared<routing>();
    made->self = {"a", 1};
    made->cluster = "one";
    made->view.epoch = view;
    const std::vector<candidate> all{{owner, 1}};
    made->roles.push_back({std::string{sale_role}, shard_map{view, all, shards},
                           std::vector<shard_state>(shards, owner == "a" ? shard_state::serving
                                                                         : shard_state::elsewhere),
                           std::vector<std::uint64_t>(shards, 1)});
    state->set_routes(made);
    state->set_serves_until(state->now() + std::chrono::hours{1});
  }

  void set_state(shard_id shard, shard_state to) {
    auto made = std::make_shared<routing>(*state->routes());
    made->roles.front().states[shard] = to;
    state->set_routes(made);
  }

  void pass(milliseconds by) {
    for (milliseconds done{0}; done < by; done += milliseconds{1}) {
      passed += milliseconds{1};
      advance(milliseconds{1});
    }
  }

  template <class Actor>
  Actor keep(Actor a) {
    others.push_back(caf::actor_cast<caf::actor>(a));
    return a;
  }

  milliseconds passed{0};
  std::shared_ptr<node_state> state = std::make_shared<node_state>(
      [this] { return std::chrono::duration_cast<mono>(passed + std::chrono::hours{1}); });
  prometheus::Registry registry;
  std::shared_ptr<sharing_metrics> metrics = std::make_shared<sharing_metrics>(registry);
  std::vector<caf::actor> others;
};

} // namespace tiketi::cluster
