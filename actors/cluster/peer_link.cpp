#include "actors/cluster/peer_link.hpp"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include <caf/actor_cast.hpp>
#include <caf/io/middleman.hpp>
#include <caf/node_id.hpp>
#include <caf/openssl/manager.hpp>
#include <caf/send.hpp>
#include <spdlog/spdlog.h>

namespace tiketi::cluster {

namespace {

using link_actor = caf::stateful_actor<link_data>;

command_reply refused(const link_data& link, reply_code code) {
  return {code, link.context->state->routes()->view.epoch, {}};
}

/// Nobody will hear from these any more; what was sent may have been applied.
void fail_all(link_data& link) {
  const auto unsent = std::exchange(link.leaving, {});
  for (const auto& call : unsent.message.all)
    if (auto command = link.in_flight.extract(call.number); !command.empty())
      command.mapped().promise.deliver(refused(link, reply_code::unreachable));
  auto lost = std::exchange(link.in_flight, {});
  for (auto& [number, command] : lost)
    command.promise.deliver(refused(link, reply_code::lost));
}

/// Ends what there is of a connection; the next attempt follows after a while, later each time and
/// never at the same moment as others'.
void give_up(link_actor* self, const char* why) {
  auto& link = self->state;
  const auto& options = link.context->options;
  if (link.state == link_state::up)
    spdlog::warn("cluster: connection to node {} ended: {}", link.peer.node, why);
  else
    spdlog::debug("cluster: node {} not reached: {}", link.peer.node, why);
  if (link.remote)
    self->demonitor(link.remote);
  link.remote = nullptr;
  ++link.attempt;
  link.state = link_state::waiting;
  fail_all(link);
  const auto doubled =
      options.retry_min * (std::int64_t{1} << std::min<std::uint64_t>(link.failures, 10));
  ++link.failures;
  const auto longest = std::min<milliseconds>(doubled, options.retry_max);
  const auto part = static_cast<std::int64_t>(link.context->env->random()
                                              % static_cast<std::uint64_t>(longest.count() + 1));
  // Not below the least: CAF hands the dead handle out again until it has noticed itself.
  link.next_attempt = link.context->state->now() + std::max(options.retry_min, milliseconds{part});
}

void connect(link_actor* self);

void start_probe(link_actor* self) {
  auto& link = self->state;
  if (link.context->connector)
    return connect(self);
  const auto address = parse_address(link.address);
  if (!address)
    return give_up(self, "its address cannot be read");
  link.state = link_state::probing;
  link.state_until = link.context->state->now() + 4 * link.context->options.probe_timeout;
  // A thread of its own, for one attempt: names are looked up and sockets waited for.
  self->system().spawn<caf::detached + caf::hidden>(
      [context = link.context, address = *address, attempt = link.attempt,
       link = caf::actor{self}](caf::event_based_actor*) {
        caf::anon_send(link, probed{attempt, probe(address, context->options)});
      });
}

void say_hello(link_actor* self) {
  auto& link = self->state;
  const auto& context = *link.context;
  const auto routes = context.state->routes();
  link.state = link_state::greeting;
  link.state_until = context.state->now() + context.options.connect_timeout;
  self->monitor(link.remote);
  self->send(link.remote, hello{routes->cluster, routes->self.node, routes->self.incarnation,
                                link.peer.node, context.runs.version, context.runs.protocol});
}

void connect(link_actor* self) {
  auto& link = self->state;
  const auto& options = link.context->options;
  const auto address = parse_address(link.address);
  if (!address)
    return give_up(self, "its address cannot be read");
  link.state = link_state::connecting;
  link.state_until = link.context->state->now() + 2 * options.connect_timeout;
  auto connector = link.context->connector;
  if (!connector)
    connector =
        caf::actor_cast<caf::actor>(options.tls() ? self->system().openssl_manager().actor_handle()
                                                  : self->system().middleman().actor_handle());
  self->request(connector, options.connect_timeout, caf::connect_atom::value, address->host,
                address->port)
      .then(
          [self, attempt = link.attempt](const caf::node_id& node, caf::strong_actor_ptr& handle,
                                         const std::set<std::string>&) {
            auto& now = self->state;
            if (now.attempt != attempt || now.state != link_state::connecting)
              return;
            if (!handle)
              return give_up(self, "nothing is published there");
            if (node == self->system().node())
              return give_up(self, "that is this node");
            now.remote = caf::actor_cast<caf::actor>(handle);
            say_hello(self);
          },
          [self, attempt = link.attempt](caf::error& error) {
            if (self->state.attempt == attempt && self->state.state == link_state::connecting)
              give_up(self, self->system().render(error).c_str());
          });
}

void tick(link_actor* self) {
  auto& link = self->state;
  const auto now = link.context->state->now();
  if (link.state == link_state::waiting && now >= link.next_attempt) {
    start_probe(self);
  } else if (link.state != link_state::waiting && link.state != link_state::up
             && now >= link.state_until) {
    give_up(self, "no answer in time");
  }
  std::vector<std::uint64_t> late;
  for (const auto& [number, command] : link.in_flight)
    if (now >= command.deadline)
      late.push_back(number);
  for (const auto number : late) {
    auto command = link.in_flight.extract(number);
    command.mapped().promise.deliver(refused(link, reply_code::lost));
  }
}

void send_what_waits(link_actor* self) {
  auto& link = self->state;
  if (!link.leaving.message.all.empty())
    self->send(link.remote, std::exchange(link.leaving, {}).message);
}

caf::result<command_reply> forward(link_actor* self, forward_command& message) {
  auto& link = self->state;
  const auto& context = *link.context;
  auto& command = message.command;
  if (link.state != link_state::up)
    return refused(link, reply_code::unreachable);
  if (command.payload.size() > context.options.payload_max)
    return refused(link, reply_code::too_large);
  if (link.in_flight.size() >= context.options.window
      || self->mailbox().size() > context.options.waiting_max)
    return refused(link, reply_code::overloaded);
  const auto left = milliseconds{command.deadline - to_millis(context.state->cluster_now())};
  if (left.count() <= 0)
    return refused(link, reply_code::late);
  const auto number = ++link.last_number;
  auto promise = self->make_response_promise();
  const auto now = context.state->now();
  link.in_flight.emplace(number, link_data::waiting_command{promise, now + left, now});
  const auto size = command.payload.size();
  if (link.leaving.add(remote_call{number, std::move(command)}, size))
    send_what_waits(self);
  else if (!std::exchange(link.will_send, true))
    self->send(self, send_calls{}); // behind what is in the mailbox, which joins
  return caf::delegated<command_reply>{};
}

} // namespace

caf::behavior peer_link(caf::stateful_actor<link_data>* self, transport_context_ptr context,
                        peer_is peer) {
  auto& link = self->state;
  link.context = std::move(context);
  link.peer = std::move(peer.key);
  link.address = std::move(peer.address);
  self->set_down_handler([self](caf::down_msg& down) {
    auto& now = self->state;
    // Handles of earlier connections to the same node compare equal, so the state decides, too.
    if (now.remote && down.source == now.remote.address()
        && (now.state == link_state::up || now.state == link_state::greeting))
      give_up(self, "it is gone");
  });
  self->set_exit_handler([self](caf::exit_msg& exit) {
    fail_all(self->state);
    self->quit(exit.reason);
  });
  self->set_default_handler(caf::drop);
  self->delayed_send(self, link.context->options.tick, link_tick{});
  return {
      [self](forward_command& message) { return forward(self, message); },
      [self](send_calls) {
        self->state.will_send = false;
        send_what_waits(self);
      },
      [self](remote_answers& answers) {
        auto& now = self->state;
        for (auto& answer : answers.all) {
          auto command = now.in_flight.extract(answer.number);
          if (command.empty())
            continue; // its deadline has passed
          if (now.context->answered)
            now.context->answered(now.context->state->now() - command.mapped().sent);
          command.mapped().promise.deliver(std::move(answer.reply));
        }
      },
      [self](const welcome& answer) {
        auto& now = self->state;
        if (now.state != link_state::greeting)
          return;
        now.refusal = answer.refusal;
        if (!answer.refusal.empty()) {
          spdlog::warn("cluster: node {} does not talk to this one: {}", now.peer.node,
                       answer.refusal);
          return give_up(self, answer.refusal.c_str());
        }
        if (answer.node != now.peer.node || answer.incarnation != now.peer.incarnation)
          return give_up(self, "somebody else, or a process of another time, is there");
        now.state = link_state::up;
        now.failures = 0;
        ++now.connects;
        spdlog::info("cluster: connected to node {}", now.peer.node);
      },
      [self](const probed& result) {
        auto& now = self->state;
        if (now.state != link_state::probing || result.attempt != now.attempt)
          return;
        if (result.answers)
          connect(self);
        else
          give_up(self, "it does not answer");
      },
      [self](peer_is& peer_now) {
        auto& now = self->state;
        if (peer_now.key == now.peer && peer_now.address == now.address)
          return;
        now.peer = std::move(peer_now.key);
        now.address = std::move(peer_now.address);
        give_up(self, "it is another process now");
        now.failures = 0;
        now.next_attempt = now.context->state->now() + now.context->options.retry_min;
      },
      [self](link_tick) {
        self->delayed_send(self, self->state.context->options.tick, link_tick{});
        tick(self);
      },
      [self](ask_link) {
        const auto& now = self->state;
        return link_report{now.peer,     now.state,    now.in_flight.size(),
                           now.connects, now.failures, now.refusal};
      },
  };
}

} // namespace tiketi::cluster
