#include "actors/cluster/home.hpp"

#include "actors/cluster/sharing_metrics.hpp"

#include <caf/send.hpp>
#include <prometheus/counter.h>
#include <spdlog/spdlog.h>

namespace tiketi::cluster {

namespace {

using home_actor = caf::stateful_actor<home_data>;

void closed_one(home_actor* self, shard_id shard, std::uint64_t epoch) {
  auto& data = self->state;
  const auto found = data.draining.find(shard);
  if (found == data.draining.end() || found->second.epoch != epoch)
    return;
  if (--found->second.open > 0)
    return;
  self->send(found->second.membership, shard_drained{std::string{sale_role}, shard, epoch});
  data.draining.erase(found);
}

void drain(home_actor* self, shard_id shard, std::uint64_t epoch, caf::actor membership,
           milliseconds drain_max) {
  auto& data = self->state;
  if (data.hosts.empty()) {
    self->send(membership, shard_drained{std::string{sale_role}, shard, epoch});
    return;
  }
  data.draining[shard] = {epoch, data.hosts.size(), std::move(membership)};
  for (const auto& host : data.hosts)
    self->request(host, caf::infinite, close_shard{shard, true})
        .then([self, shard, epoch](const shard_closed&) { closed_one(self, shard, epoch); },
              [self, shard, epoch](const caf::error&) { closed_one(self, shard, epoch); });
  self->delayed_send(self, drain_max, shard_overdue{shard, epoch});
}

/// `then`: all of them have.
void close_now(home_actor* self, shard_id shard, const std::function<void()>& then) {
  if (self->state.hosts.empty())
    return then();
  const auto open = std::make_shared<std::size_t>(self->state.hosts.size());
  const auto closed = [open, then] {
    if (--*open == 0)
      then();
  };
  for (const auto& host : self->state.hosts)
    self->request(host, caf::infinite, close_shard{shard, false})
        .then([closed](const shard_closed&) { closed(); },
              [closed](const caf::error&) { closed(); });
}

void happened(home_actor* self, const shard_event& event, milliseconds drain_max) {
  auto& data = self->state;
  switch (event.what) {
  case shard_event::kind::opened:
  case shard_event::kind::resumed:
    for (const auto& host : data.hosts)
      caf::anon_send(host, open_shard{event.shard});
    return;
  case shard_event::kind::draining:
    return drain(self, event.shard, event.epoch,
                 caf::actor_cast<caf::actor>(self->current_sender()), drain_max);
  case shard_event::kind::closed:
    data.draining.erase(event.shard);
    close_now(self, event.shard, [promise = self->make_response_promise()]() mutable {
      promise.deliver(shard_let_go{});
    });
    return;
  }
}

} // namespace

caf::behavior home(caf::stateful_actor<home_data>* self, caf::actor membership,
                   milliseconds drain_max, std::shared_ptr<sharing_metrics> metrics) {
  self->state.metrics = std::move(metrics);
  return {
      [self, membership](attach_regions& order) {
        auto& data = self->state;
        data.hosts = std::move(order.hosts);
        data.offered = std::move(order.offered);
        data.attached = true;
        self->send(membership, watch_shards{std::string{sale_role}, self});
      },
      [self, drain_max](const shard_event& event) { happened(self, event, drain_max); },
      [self](shard_overdue late) {
        const auto found = self->state.draining.find(late.shard);
        if (found == self->state.draining.end() || found->second.epoch != late.epoch)
          return;
        spdlog::warn("cluster: shard {} takes long to let go: what it has under way is ended",
                     late.shard);
        close_now(self, late.shard, [] {});
      },
      [self](const routed_command& routed) -> caf::result<command_reply> {
        auto& data = self->state;
        const auto& command = routed.command;
        // A node that is just starting is no owner yet for whoever asks.
        if (!data.attached)
          return command_reply{reply_code::moving, command.epoch, {}};
        const auto* serve = data.offered.find(command.kind);
        if (serve == nullptr)
          return command_reply{reply_code::no_region, command.epoch, {}};
        data.metrics->served.Increment();
        auto promise = self->make_response_promise<command_reply>();
        (*serve)(self, routed, [promise, epoch = command.epoch](command_reply reply) mutable {
          reply.epoch = epoch;
          promise.deliver(std::move(reply));
        });
        return promise;
      },
  };
}

} // namespace tiketi::cluster
