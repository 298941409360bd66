#include "actors/cluster/departure.hpp"

#include "actors/cluster/gateway.hpp"

#include <algorithm>

#include <caf/actor_cast.hpp>
#include <caf/scoped_actor.hpp>
#include <spdlog/spdlog.h>

namespace tiketi::cluster {

namespace {

bool others_can_own(const routing& routes) {
  return std::any_of(routes.view.members.begin(), routes.view.members.end(), [&](const member& m) {
    return m.key.node != routes.self.node && !m.draining && m.has_role(sale_role);
  });
}

/// The node knows that it drains, so an empty one stays empty.
bool is_empty(const routing& routes) {
  const auto* self = routes.view.find(routes.self.node);
  if (self != nullptr && !self->draining)
    return false;
  return std::all_of(routes.roles.begin(), routes.roles.end(), [](const role_routing& role) {
    return std::all_of(role.states.begin(), role.states.end(),
                       [](shard_state s) { return s == shard_state::elsewhere; });
  });
}

} // namespace

handed_over hand_over(caf::actor_system& sys, const cluster_role& role, const admin_actor& admin,
                      milliseconds patience) {
  const auto before = role.state->routes();
  if (before->self.incarnation == 0 || !role.state->may_serve() || !others_can_own(*before))
    return handed_over::nobody;
  const auto deadline = role.state->now() + patience;
  caf::scoped_actor self{sys};
  bool told = false;
  self->request(admin, patience, set_draining{before->self.node, true})
      .receive([&](const draining_set&) { told = true; }, [](const caf::error&) {});
  if (!told)
    return handed_over::part;
  self->send(role.membership, watch_routes{caf::actor_cast<caf::actor>(self)});
  self->send(role.membership, refresh_view{});
  for (;;) {
    if (is_empty(*role.state->routes()))
      return handed_over::all;
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - role.state->now());
    if (left.count() <= 0)
      return handed_over::part;
    self->receive([](routes_changed) {}, caf::after(left) >> [] {});
  }
}

bool leave(caf::actor_system& sys, const cluster_role& role, milliseconds patience) {
  caf::scoped_actor self{sys};
  bool left = false;
  self->request(role.membership, patience, leave_cluster{})
      .receive([&](has_left) { left = true; }, [](const caf::error&) {});
  return left;
}

} // namespace tiketi::cluster
