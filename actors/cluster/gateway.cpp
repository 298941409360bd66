#include "actors/cluster/gateway.hpp"

#include "actors/cluster/membership_actor.hpp"
#include "actors/system/caf_error.hpp"

#include <algorithm>
#include <utility>

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>
#include <spdlog/spdlog.h>

namespace tiketi::cluster {

namespace {

using gateway_actor = caf::stateful_actor<gateway_data>;
using asker = gateway_data::asker;

std::uint64_t epoch_of(const gateway_data& data) {
  return data.context->state->routes()->view.epoch;
}

/// Handles of an earlier connection and of this one compare equal, but lead to different places.
bool same_connection(const caf::actor& a, const caf::actor& b) {
  return caf::actor_cast<caf::strong_actor_ptr>(a).get()
         == caf::actor_cast<caf::strong_actor_ptr>(b).get();
}

void send_what_waits(gateway_actor* self) {
  for (auto& to : std::exchange(self->state.leaving, {}))
    self->send(to.link, std::move(to.answers.message));
}

void answer(gateway_actor* self, asker& who, const command_reply& reply) {
  if (!who.link) {
    who.promise.deliver(reply);
    return;
  }
  auto& data = self->state;
  auto out = reply;
  if (out.payload.size() > data.context->options.answer_max)
    out = {reply_code::forgotten, reply.epoch, {}};
  auto to = std::find_if(data.leaving.begin(), data.leaving.end(),
                         [&](const auto& one) { return same_connection(one.link, who.link); });
  if (to == data.leaving.end())
    to = data.leaving.insert(to, {who.link, {}});
  const auto size = out.payload.size();
  if (to->answers.add(remote_answer{who.number, std::move(out)}, size)) {
    self->send(to->link, std::move(to->answers.message));
    data.leaving.erase(to);
  } else if (!std::exchange(data.will_send, true)) {
    self->send(self, send_answers{}); // behind what is in the mailbox, which joins
  }
}

void refuse(gateway_actor* self, asker& who, reply_code code, std::string payload = {}) {
  ++self->state.counts.refused[code];
  answer(self, who, {code, epoch_of(self->state), std::move(payload)});
}

void conclude(gateway_actor* self, const uuid& command, const command_reply& reply) {
  auto& data = self->state;
  if (may_try_again(reply.code))
    data.recent.not_applied(command);
  else
    data.recent.finished(command, reply);
  auto waiting = data.askers.extract(command);
  if (!waiting.empty())
    for (auto& who : waiting.mapped())
      answer(self, who, reply);
}

/// A command for this node, from wherever.
void arrive(gateway_actor* self, envelope& command, asker who) {
  auto& data = self->state;
  const auto& context = *data.context;
  if (self->mailbox().size() > context.options.waiting_max)
    return refuse(self, who, reply_code::overloaded);
  const auto routes = context.state->routes();
  const auto now = context.state->cluster_now();
  auto verdict = check(command, *routes, context.state->may_serve(), now);
  if (verdict.view_is_old && data.membership)
    self->send(data.membership, refresh_view{});
  if (verdict.code != reply_code::done)
    return refuse(self, who, verdict.code, std::move(verdict.holder));
  const auto region = data.regions.find(command.role);
  if (region == data.regions.end())
    return refuse(self, who, reply_code::no_region);
  const auto id = command.command;
  if ((command.kind & query_bit) != 0) {
    auto whom = std::make_shared<asker>(std::move(who));
    self->request(region->second, caf::infinite, routed_command{std::move(command), false})
        .then([self, whom](const command_reply& reply) { answer(self, *whom, reply); },
              [self, whom](const caf::error&) {
                answer(self, *whom, {reply_code::unreachable, epoch_of(self->state), {}});
              });
    return;
  }
  // What may have been done before was not done here, or this gateway would remember it.
  bool repeated = command.attempt > 1;
  switch (data.recent.begin(id, from_millis(command.deadline), now)) {
  case recent_commands::verdict::begin:
    break;
  case recent_commands::verdict::running:
    ++data.counts.repeated;
    data.askers[id].push_back(std::move(who));
    return;
  case recent_commands::verdict::finished: {
    const auto before = data.recent.answer(id);
    if (before.code != reply_code::lost) {
      ++data.counts.repeated;
      answer(self, who, before);
      return;
    }
    // The region failed over it; only the store knows.
    data.recent.again(id);
    repeated = true;
    break;
  }
  case recent_commands::verdict::full:
    return refuse(self, who, reply_code::overloaded);
  case recent_commands::verdict::too_far:
    return refuse(self, who, reply_code::bad_deadline);
  }
  ++data.counts.applied;
  data.askers[id].push_back(std::move(who));
  self->request(region->second, caf::infinite, routed_command{std::move(command), repeated})
      .then([self, id](const command_reply& reply) { conclude(self, id, reply); },
            [self, id](const caf::error& error) {
              spdlog::error("cluster: a region failed: {}", self->system().render(error));
              conclude(self, id, {reply_code::lost, epoch_of(self->state), {}});
            });
}

caf::result<command_reply> send_on(gateway_actor* self, envelope& command, const std::string& to) {
  auto& data = self->state;
  const auto routes = data.context->state->routes();
  const auto refused = [&](reply_code code) {
    ++data.counts.refused[code];
    return command_reply{code, routes->view.epoch, {}};
  };
  const auto* role = routes->find(command.role);
  // A node that has no part in a role still knows who has.
  std::string owner;
  if (role != nullptr) {
    owner = role->map.owner_of_key(command.key);
  } else {
    const auto shards = routes->roles.empty() ? shards_default : routes->roles.front().map.shards();
    owner = shard_map{routes->view.epoch, candidates_of(routes->view, command.role), shards}
                .owner_of_key(command.key);
  }
  command.epoch = routes->view.epoch;
  // Until the new owner has a shard the old one serves it.
  if (role != nullptr && role->map.shards() != 0
      && role->states[shard_of(command.key, role->map.shards())] == shard_state::serving)
    owner = routes->self.node;
  else if (!to.empty())
    owner = to;
  if (owner.empty())
    return refused(reply_code::unreachable);
  if (owner == routes->self.node) {
    asker who;
    who.promise = self->make_response_promise();
    arrive(self, command, std::move(who));
    return caf::delegated<command_reply>{};
  }
  const auto link = data.links.find(owner);
  if (link == data.links.end())
    return refused(reply_code::unreachable);
  ++data.counts.sent;
  auto promise = self->make_response_promise();
  promise.delegate(link->second, forward_command{std::move(command)});
  return caf::delegated<command_reply>{};
}

welcome greet(gateway_actor* self, const hello& caller) {
  auto& data = self->state;
  const auto& context = *data.context;
  const auto routes = context.state->routes();
  welcome out{routes->self.node, routes->self.incarnation, {}};
  const auto* known = routes->view.find(caller.node);
  if (caller.cluster != routes->cluster)
    out.refusal = "this is another cluster";
  else if (caller.expected != routes->self.node)
    out.refusal = "this is node " + routes->self.node + ", not " + caller.expected;
  else if (caller.node == routes->self.node)
    out.refusal = "this node has the same name";
  else if (known != nullptr && caller.incarnation < known->key.incarnation)
    out.refusal = "a later process of that name is a member";
  else if (auto why = incompatible(context.runs, caller.node, {caller.version, caller.protocol}))
    out.refusal = std::move(*why);
  return out;
}

void update_links(gateway_actor* self) {
  auto& data = self->state;
  const auto routes = data.context->state->routes();
  for (auto it = data.links.begin(); it != data.links.end();) {
    if (routes->view.find(it->first) != nullptr) {
      ++it;
      continue;
    }
    self->send_exit(it->second, caf::exit_reason::user_shutdown);
    it = data.links.erase(it);
  }
  for (const auto& one : routes->view.members) {
    if (one.key.node == routes->self.node)
      continue;
    const auto known = data.links.find(one.key.node);
    if (known == data.links.end())
      data.links.emplace(one.key.node,
                         self->spawn(peer_link, data.context, peer_is{one.key, one.address}));
    else
      self->send(known->second, peer_is{one.key, one.address});
  }
}

} // namespace

caf::behavior gateway(caf::stateful_actor<gateway_data>* self, transport_context_ptr context,
                      recent_limits limits) {
  self->state.context = std::move(context);
  self->state.recent = recent_commands{limits};
  self->set_down_handler([self](caf::down_msg& down) {
    const auto known = self->state.greeted.find(down.source);
    if (known != self->state.greeted.end() && --known->second == 0)
      self->state.greeted.erase(known);
  });
  self->set_exit_handler([self](caf::exit_msg& exit) {
    auto& data = self->state;
    for (auto& [node, link] : data.links)
      self->send_exit(link, exit.reason);
    data.links.clear();
    data.regions.clear();
    data.membership = nullptr;
    for (auto& [id, waiting] : std::exchange(data.askers, {}))
      for (auto& who : waiting)
        answer(self, who, {reply_code::lost, epoch_of(data), {}});
    send_what_waits(self);
    self->quit(exit.reason);
  });
  // Anybody who is let in by the transport can send anything.
  self->set_default_handler(caf::drop);
  update_links(self);
  return {
      [self](send_command& message) { return send_on(self, message.command, message.to); },
      [self](remote_calls& calls) {
        const auto link = caf::actor_cast<caf::actor>(self->current_sender());
        if (!link)
          return;
        const bool known = self->state.greeted.contains(link.address());
        for (auto& call : calls.all) {
          asker who;
          who.link = link;
          who.number = call.number;
          if (!known)
            refuse(self, who, reply_code::unreachable);
          else if (call.command.payload.size() > self->state.context->options.payload_max)
            refuse(self, who, reply_code::too_large);
          else
            arrive(self, call.command, std::move(who));
        }
      },
      [self](send_answers) {
        self->state.will_send = false;
        send_what_waits(self);
      },
      [self](const hello& caller) {
        const auto link = caf::actor_cast<caf::actor>(self->current_sender());
        if (!link)
          return;
        auto out = greet(self, caller);
        if (out.refusal.empty()) {
          ++self->state.greeted[link.address()];
          self->monitor(link);
        } else {
          spdlog::warn("cluster: node {} is not let in: {}", caller.node, out.refusal);
        }
        self->send(link, std::move(out));
      },
      [self](routes_changed) { update_links(self); },
      [self](attach_region& message) {
        self->state.regions[message.role] = std::move(message.region);
      },
      [self](attach_membership& message) {
        self->state.membership = std::move(message.membership);
      },
      [self](ask_gateway) {
        auto out = self->state.counts;
        out.links = self->state.links.size();
        out.greeted = self->state.greeted.size();
        out.remembered = self->state.recent.size();
        return out;
      },
      [self](ask_link, const std::string& node) -> caf::result<link_report> {
        const auto link = self->state.links.find(node);
        if (link == self->state.links.end())
          return to_caf(failure{errc::not_found});
        auto promise = self->make_response_promise();
        promise.delegate(link->second, ask_link{});
        return caf::delegated<link_report>{};
      },
  };
}

} // namespace tiketi::cluster
