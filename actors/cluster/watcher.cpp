#include "actors/cluster/watcher.hpp"

#include <algorithm>
#include <chrono>

#include <caf/send.hpp>

namespace tiketi::cluster {

namespace {

using watcher = caf::stateful_actor<watcher_data>;

bool is_owned(shard_state state) {
  return state == shard_state::serving || state == shard_state::draining
         || state == shard_state::releasing;
}

std::vector<shard_state> states_of(const routing& routes) {
  std::vector<shard_state> out;
  for (const auto& role : routes.roles)
    out.insert(out.end(), role.states.begin(), role.states.end());
  return out;
}

/// A node whose lease does not hold has none, whatever it still believes.
void show_shards(watcher_data& data) {
  std::array<std::size_t, 5> count{};
  if (data.role.state->may_serve())
    for (const auto state : states_of(*data.role.state->routes()))
      ++count[static_cast<std::size_t>(state)];
  for (std::size_t i = 0; i < data.metrics->shards.size(); ++i)
    data.metrics->shards[i]->Set(
        static_cast<double>(count[static_cast<std::size_t>(shard_state::acquiring) + i]));
}

void count_handovers(watcher_data& data) {
  auto states = states_of(*data.role.state->routes());
  for (std::size_t i = 0; i < states.size(); ++i) {
    const bool owned_before = i < data.before.size() && is_owned(data.before[i]);
    if (is_owned(states[i]) && !owned_before)
      data.metrics->taken.Increment();
    if (!is_owned(states[i]) && owned_before)
      data.metrics->given.Increment();
  }
  data.before = std::move(states);
}

void look_around(watcher_data& data) {
  auto& metrics = *data.metrics;
  const auto& state = *data.role.state;
  const auto routes = state.routes();
  const auto draining = std::count_if(routes->view.members.begin(), routes->view.members.end(),
                                      [](const member& m) { return m.draining; });
  metrics.may_serve.Set(state.may_serve() ? 1 : 0);
  metrics.members_draining.Set(static_cast<double>(draining));
  metrics.members_serving.Set(
      static_cast<double>(static_cast<std::ptrdiff_t>(routes->view.members.size()) - draining));
  metrics.epoch.Set(static_cast<double>(routes->view.epoch));
  const std::chrono::duration<double> left = state.serves_until() - state.now();
  metrics.lease_remaining.Set(std::max(0.0, left.count()));
  show_shards(data);
}

void count_commands(watcher_data& data, const gateway_report& report) {
  auto& metrics = *data.metrics;
  const auto add = [](prometheus::Counter& to, std::uint64_t now, std::uint64_t before) {
    if (now > before)
      to.Increment(static_cast<double>(now - before));
  };
  add(metrics.sent, report.sent, data.commands.sent);
  add(metrics.applied, report.applied, data.commands.applied);
  add(metrics.repeated, report.repeated, data.commands.repeated);
  for (const auto& [code, count] : report.refused)
    if (const auto known = metrics.refused.find(code); known != metrics.refused.end())
      add(*known->second, count, data.commands.refused[code]);
  data.commands = report;
}

void count_links(watcher_data& data) {
  std::array<std::size_t, 5> count{};
  for (const auto& [peer, state] : data.links)
    ++count[static_cast<std::size_t>(state)];
  for (std::size_t i = 0; i < count.size(); ++i)
    data.metrics->links[i]->Set(static_cast<double>(count[i]));
}

/// Peers that are no members any more are forgotten, their series too.
void forget_others(watcher_data& data, const routing& routes) {
  std::erase_if(data.links, [&](const auto& link) { return !routes.view.find(link.first); });
  for (auto it = data.peers.begin(); it != data.peers.end();) {
    if (routes.view.find(it->first) != nullptr) {
      ++it;
      continue;
    }
    data.metrics->peer_up.Remove(it->second);
    it = data.peers.erase(it);
  }
}

void link_is(watcher_data& data, const std::string& peer, link_state state) {
  const auto routes = data.role.state->routes();
  if (routes->view.find(peer) == nullptr)
    return;
  data.links[peer] = state;
  auto& series = data.peers[peer];
  if (series == nullptr)
    series = &data.metrics->peer_up.Add({{"peer", peer}});
  series->Set(state == link_state::up ? 1 : 0);
  count_links(data);
}

void ask(watcher* self) {
  auto& data = self->state;
  const auto patience = data.options.patience;
  const auto routes = data.role.state->routes();
  self->request(data.role.gateway, patience, ask_gateway{})
      .then([self](const gateway_report& report) { count_commands(self->state, report); },
            [](const caf::error&) {});
  // While it waits for the database it does not answer: one question at a time.
  if (!data.asked) {
    data.asked = true;
    self->request(data.role.membership, caf::infinite, ask_membership{})
        .then(
            [self](const membership_report& report) {
              auto& now = self->state;
              now.asked = false;
              if (report.calls_failed > now.calls_failed)
                now.metrics->calls_failed.Increment(
                    static_cast<double>(report.calls_failed - now.calls_failed));
              now.calls_failed = report.calls_failed;
            },
            [self](const caf::error&) { self->state.asked = false; });
  }
  for (const auto& one : routes->view.members) {
    const auto& peer = one.key.node;
    if (peer == routes->self.node)
      continue;
    self->request(data.role.gateway, patience, ask_link{}, peer)
        .then([self, peer](const link_report& report) { link_is(self->state, peer, report.state); },
              // No link yet.
              [self, peer](const caf::error&) { link_is(self->state, peer, link_state::waiting); });
  }
  forget_others(data, *routes);
  count_links(data);
}

} // namespace

caf::behavior cluster_watcher(caf::stateful_actor<watcher_data>* self, cluster_role role,
                              std::shared_ptr<cluster_metrics> metrics, watcher_options options) {
  auto& data = self->state;
  data.role = std::move(role);
  data.metrics = std::move(metrics);
  data.options = options;
  self->set_default_handler(caf::drop);
  self->send(data.role.membership, watch_routes{self});
  self->send(self, watcher_tick{});
  return {
      [self](watcher_tick) {
        self->delayed_send(self, self->state.options.every, watcher_tick{});
        look_around(self->state);
        ask(self);
      },
      [self](routes_changed) {
        look_around(self->state);
        count_handovers(self->state);
      },
  };
}

} // namespace tiketi::cluster
