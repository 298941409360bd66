#include "actors/cluster/membership_actor.hpp"

#include "actors/cluster/gateway.hpp"

#include <utility>

#include <caf/send.hpp>
#include <spdlog/spdlog.h>

namespace tiketi::cluster {

namespace {

using membership_self = caf::stateful_actor<membership_data>;

/// Whether it worked or not, nobody is left who could write.
void close(membership_self* self, const caf::actor& region, shard_event event) {
  ++self->state.closing;
  self->request(region, caf::infinite, std::move(event))
      .then([self](shard_let_go) { --self->state.closing; },
            [self](const caf::error&) { --self->state.closing; });
}

/// What the node owned before may be others' by now, and the lease that comes with joining again
/// would let its actors write once more.
bool must_wait(const membership_data& data) {
  return data.closing > 0 && data.node->member().stands() == standing::joining;
}

void publish(membership_self* self) {
  auto& data = self->state;
  const auto& member = data.node->member();
  // First what closes: a lease that is over must stop commands before anything else is told.
  data.state->set_serves_until(member.serves_until());
  if (const auto offset = member.clock_offset())
    data.state->set_clock_offset(*offset);
  if (data.node->take_changed()) {
    data.state->set_routes(std::make_shared<const routing>(data.node->routes()));
    for (const auto& watcher : data.watchers)
      self->send(watcher, routes_changed{});
  }
  for (auto& event : data.node->take_events()) {
    const auto region = data.regions.find(event.role);
    if (region != data.regions.end() && event.what == shard_event::kind::closed)
      close(self, region->second, std::move(event));
    else if (region != data.regions.end())
      self->send(region->second, std::move(event));
    else if (event.what == shard_event::kind::draining)
      // Nobody has anything to finish.
      self->send(self, shard_drained{event.role, event.shard, event.epoch});
  }
}

void tell_standing(standing before, const agent& node) {
  const auto& member = node.member();
  if (member.stands() == before)
    return;
  switch (member.stands()) {
  case standing::member:
    spdlog::info("cluster: this node is {} ({})", node.self().node, member.key().incarnation);
    break;
  case standing::joining:
    spdlog::warn("cluster: others have ended this node's lease; it joins again");
    break;
  case standing::refused:
    spdlog::error("cluster: this node cannot join: {}", member.refusal());
    break;
  case standing::left:
    spdlog::info("cluster: this node has left");
    break;
  }
}

void work(membership_self* self) {
  auto& data = self->state;
  bool more = false;
  for (std::size_t i = 0; i < data.options.calls_per_turn && !must_wait(data); ++i) {
    const auto request = data.node->next(data.state->now());
    // Drains that this turn began have to be known before the store is waited for.
    publish(self);
    more = request.has_value();
    if (!request)
      break;
    const auto before = data.node->member().stands();
    const auto answer =
        perform(*data.store, data.node->self(), data.node->member().key(), *request);
    if (std::holds_alternative<std::monostate>(answer))
      ++data.calls_failed;
    data.node->answered(*request, answer, data.state->now());
    publish(self);
    tell_standing(before, *data.node);
    more = more && !must_wait(data);
  }
  if (!data.leaving.empty()
      && (data.node->member().stands() == standing::left
          || data.state->now() >= data.leave_until)) {
    for (auto& promise : std::exchange(data.leaving, {}))
      promise.deliver(has_left{});
  }
  if (more && !data.at_work) {
    data.at_work = true;
    self->send(self, refresh_view{}, membership_tick{});
  }
}

/// What others have done since the last renewal.
void look(membership_self* self) {
  auto& data = self->state;
  const auto at = data.state->now();
  if (data.options.look.count() <= 0 || at - data.last_look < data.options.look
      || data.node->member().stands() != standing::member)
    return;
  data.last_look = at;
  if (const auto view = data.store->view())
    data.node->saw(*view, data.state->now());
  else
    ++data.calls_failed;
}

} // namespace

caf::behavior membership_actor(caf::stateful_actor<membership_data>* self, join_request who,
                               std::shared_ptr<cluster_store> store,
                               std::shared_ptr<node_state> state, membership_options options) {
  auto& data = self->state;
  data.node = std::make_unique<agent>(std::move(who), options.agent);
  data.store = std::move(store);
  data.state = std::move(state);
  data.options = options;
  self->set_default_handler(caf::drop);
  self->set_exit_handler([self](caf::exit_msg& exit) {
    auto& now = self->state;
    now.state->set_serves_until({});
    for (auto& promise : std::exchange(now.leaving, {}))
      promise.deliver(has_left{});
    now.regions.clear();
    now.watchers.clear();
    self->quit(exit.reason);
  });
  self->send(self, membership_tick{});
  return {
      [self](membership_tick) {
        self->delayed_send(self, self->state.options.tick, membership_tick{});
        work(self);
        look(self); // what comes of it is done in the next turn
      },
      // More calls are waiting than one turn takes.
      [self](refresh_view, membership_tick) {
        self->state.at_work = false;
        work(self);
      },
      [self](refresh_view) {
        auto& now = self->state;
        const auto at = now.state->now();
        if (at - now.last_refresh < seconds{1})
          return;
        now.last_refresh = at;
        now.node->refresh();
        work(self);
      },
      [self](watch_shards& message) {
        auto& now = self->state;
        const auto routes = now.node->routes();
        if (const auto* role = routes.find(message.role))
          for (shard_id shard = 0; shard < role->states.size(); ++shard)
            if (role->states[shard] == shard_state::serving)
              self->send(message.region, shard_event{shard_event::kind::opened, message.role, shard,
                                                     now.node->lease_epoch(message.role, shard)});
        now.regions[message.role] = std::move(message.region);
      },
      [self](watch_routes& message) {
        self->send(message.watcher, routes_changed{});
        self->state.watchers.push_back(std::move(message.watcher));
      },
      [self](const shard_drained& message) {
        self->state.node->drained(message.role, message.shard, message.epoch);
        work(self);
      },
      [self](leave_cluster) -> caf::result<has_left> {
        auto& now = self->state;
        now.node->leave();
        if (now.leaving.empty())
          now.leave_until = now.state->now() + now.options.agent.lease.lease;
        auto promise = self->make_response_promise();
        now.leaving.push_back(promise);
        work(self);
        return caf::delegated<has_left>{};
      },
      [self](ask_membership) {
        const auto& now = self->state;
        const auto& member = now.node->member();
        return membership_report{member.stands(), member.refusal(),  member.cluster(),
                                 member.key(),    now.node->empty(), now.calls_failed};
      },
  };
}

} // namespace tiketi::cluster
