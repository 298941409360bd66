#include "actors/cluster/courier.hpp"

#include "actors/base/uuid.hpp"
#include "actors/cluster/codec.hpp"
#include "actors/cluster/routing.hpp"
#include "actors/cluster/sharing_metrics.hpp"
#include "actors/system/caf_error.hpp"

#include <algorithm>
#include <utility>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>

namespace tiketi::cluster {

namespace {

using courier_actor = caf::stateful_actor<courier_data>;
using parcel = courier_data::parcel;

/// Told who holds a shard, a courier goes there at once; two nodes that name each other do not keep
/// it running.
constexpr std::size_t redirects_max = 2;

void send_on(courier_actor* self, std::uint64_t number);

void finish(courier_actor* self, std::uint64_t number, caf::error why) {
  auto& data = self->state;
  auto found = data.parcels.extract(number);
  if (found.empty())
    return;
  data.metrics->waiting.Set(static_cast<double>(data.parcels.size()));
  found.mapped().promise.deliver(std::move(why));
}

void give_up(courier_actor* self, std::uint64_t number, const parcel& p) {
  self->state.metrics->given_up.Increment();
  finish(self, number, to_caf(p.in_doubt ? errc::in_doubt : errc::unavailable));
}

/// Between two attempts callers spread out, so that a new owner does not get all of them at once.
void put_off(courier_actor* self, std::uint64_t number, parcel& p) {
  auto& data = self->state;
  const auto& options = data.options;
  p.wait = p.wait.count() == 0 ? options.back_off_min : std::min(p.wait * 2, options.back_off_max);
  const auto spread = milliseconds{
      static_cast<std::int64_t>(data.env->random() % static_cast<std::uint64_t>(p.wait.count()))};
  data.due.emplace(data.env->now() + p.wait / 2 + spread / 2, number);
  if (!std::exchange(data.ticking, true))
    self->delayed_send(self, options.tick, courier_tick{});
}

void repeat(courier_actor* self, std::uint64_t number, parcel& p) {
  auto& data = self->state;
  if (to_millis(data.state->cluster_now()) >= p.command.deadline)
    return give_up(self, number, p);
  data.metrics->repeated.Increment();
  put_off(self, number, p);
}

void answered(courier_actor* self, std::uint64_t number, const command_reply& reply) {
  auto& data = self->state;
  const auto found = data.parcels.find(number);
  if (found == data.parcels.end())
    return;
  auto& p = found->second;
  switch (reply.code) {
  case reply_code::done: {
    auto message = p.open(self->system(), reply.payload);
    if (!message)
      return finish(self, number, to_caf(errc::internal));
    auto taken = data.parcels.extract(found);
    data.metrics->waiting.Set(static_cast<double>(data.parcels.size()));
    taken.mapped().promise.deliver(std::move(*message));
    return;
  }
  case reply_code::failed:
    return finish(self, number, to_caf(decode_failure(reply.payload)));
  case reply_code::forgotten:
  case reply_code::lost:
    p.in_doubt = true;
    p.to.clear();
    // Only the owner can say what became of it, under the same id.
    return reply.code == reply_code::lost ? repeat(self, number, p) : give_up(self, number, p);
  case reply_code::moving:
    if (!reply.payload.empty() && reply.payload != p.to && p.redirects < redirects_max) {
      ++p.redirects;
      p.to = reply.payload;
      return send_on(self, number);
    }
    break;
  default:
    break;
  }
  p.to.clear();
  p.redirects = 0;
  if (may_try_again(reply.code))
    return repeat(self, number, p);
  give_up(self, number, p);
}

void send_on(courier_actor* self, std::uint64_t number) {
  auto& data = self->state;
  const auto found = data.parcels.find(number);
  if (found == data.parcels.end())
    return;
  // What was certainly not done is no repetition for the next owner.
  auto& command = found->second.command;
  if (found->second.in_doubt)
    ++command.attempt;
  self->request(data.gateway, caf::infinite, send_command{command, found->second.to})
      .then([self, number](const command_reply& reply) { answered(self, number, reply); },
            [self, number](const caf::error&) {
              // The gateway is gone, and with it this node.
              answered(self, number, {reply_code::lost, 0, {}});
            });
}

} // namespace

caf::behavior courier(caf::stateful_actor<courier_data>* self, environment* env,
                      std::shared_ptr<const node_state> state, caf::actor gateway,
                      courier_options options, std::shared_ptr<sharing_metrics> metrics) {
  auto& data = self->state;
  data.env = env;
  data.state = std::move(state);
  data.gateway = std::move(gateway);
  data.options = options;
  data.metrics = std::move(metrics);
  return {
      [self](outgoing& order) -> caf::result<caf::message> {
        auto& d = self->state;
        if (d.parcels.size() >= d.options.waiting_max)
          return to_caf(errc::overloaded);
        const auto routes = d.state->routes();
        if (routes->view.epoch == 0 || order.patience.count() <= 0)
          return to_caf(errc::unavailable); // not in the cluster yet, or too late already
        const auto number = ++d.last;
        parcel p;
        p.command.role = std::string{sale_role};
        p.command.key = order.key;
        p.command.command = make_uuid(*d.env);
        p.command.deadline =
            to_millis(d.state->cluster_now() + std::min(d.options.patience, order.patience));
        p.command.kind = order.kind;
        p.command.payload = std::move(order.payload);
        p.open = std::move(order.open);
        p.promise = self->make_response_promise();
        auto promise = p.promise;
        d.parcels.emplace(number, std::move(p));
        d.metrics->forwarded.Increment();
        d.metrics->waiting.Set(static_cast<double>(d.parcels.size()));
        send_on(self, number);
        return caf::delegated<caf::message>{};
      },
      [self](courier_tick) {
        auto& d = self->state;
        const auto now = d.env->now();
        while (!d.due.empty() && d.due.begin()->first <= now) {
          const auto number = d.due.begin()->second;
          d.due.erase(d.due.begin());
          send_on(self, number);
        }
        d.ticking = !d.due.empty();
        if (d.ticking)
          self->delayed_send(self, d.options.tick, courier_tick{});
      },
  };
}

} // namespace tiketi::cluster
