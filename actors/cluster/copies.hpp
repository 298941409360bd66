#pragma once

#include "actors/base/ids.hpp"
#include "actors/cluster/replica.hpp"
#include "actors/cluster/replica_metrics.hpp"
#include "actors/cluster/sharding.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>

#include <caf/actor_addr.hpp>
#include <caf/actor_cast.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>

// The copies a region keeps of entities of other nodes: one actor per entity that is read here.

namespace tiketi::cluster {

/// Copy to region: nobody has read me for some time; and the answers. See `entity_table`.
struct passivate_copy {
  event_id event;
};
struct stay_copy {
  event_id event;
};
struct stop_copy {};

/// A copy to itself: question `number` takes long. And: is it time to go?
struct copy_hurry {
  std::uint64_t number = 0;
};
struct copy_tick {};

/// What a copy tells its region.
using copies_parent = caf::typed_actor<caf::reacts_to<passivate_copy>, caf::reacts_to<stay_copy>>;

/// Where a copy asks, and what it counts. Shared by all copies of one region.
struct copy_context {
  shard_access access;
  std::shared_ptr<replica_metrics> metrics;
};

/// A region's copies. Used inside its actor's state; not thread-safe.
template <class Self, class Handle>
class copy_table {
public:
  using spawn_fn = std::function<Handle(const event_id&)>;

  copy_table(Self self, std::shared_ptr<const copy_context> context, spawn_fn spawn)
      : self_(self),
        context_(std::move(context)),
        table_(
            [this, spawn](const event_id& event) {
              auto copy = spawn(event);
              self_->monitor(copy);
              events_.emplace(copy.address(), event);
              return copy;
            },
            context_->access.replicas.waiting_max) {}

  copy_table(const copy_table&) = delete;
  copy_table& operator=(const copy_table&) = delete;
  ~copy_table() {
    table_.for_each([](const event_id&, const Handle& copy) {
      caf::anon_send_exit(copy, caf::exit_reason::user_shutdown);
    });
  }

  /// Lets the event's copy answer. False: there is no room for one more, so its owner has to.
  template <class Reply, class Message>
  bool read(const Message& message, caf::typed_response_promise<Reply> promise) {
    if (table_.find(message.event) == nullptr
        && table_.size() >= context_->access.replicas.copies_max) {
      context_->metrics->from_owner.Increment();
      return false;
    }
    if (!table_.with(message.event, [promise, message](const Handle& copy) mutable {
          promise.delegate(copy, message);
        }))
      promise.deliver(to_caf(errc::overloaded));
    return true;
  }

  void passivate(const event_id& event) {
    const auto* copy = table_.find(event);
    if (copy != nullptr && table_.begin_passivation(event))
      self_->send(*copy, stop_copy{});
  }

  void stay(const event_id& event) { table_.stayed(event); }

  /// True: it was one of these.
  bool ended(const caf::actor_addr& who) {
    const auto found = events_.find(who);
    if (found == events_.end())
      return false;
    const auto event = found->second;
    events_.erase(found);
    table_.ended(event);
    return true;
  }

private:
  Self self_;
  std::shared_ptr<const copy_context> context_;
  entity_table<event_id, Handle> table_;
  std::unordered_map<caf::actor_addr, event_id> events_;
};

/// A copy's question to the owner of its event.
template <class Reply, class Self, class Message>
auto ask_owner(Self self, const copy_context& context, const event_id& event,
               const Message& message, milliseconds patience) {
  auto order = order_for<Reply>(self->system(), route_of(event), message);
  order.patience = patience;
  return self->request(caf::actor_cast<courier_of<Reply>>(context.access.courier), caf::infinite,
                       std::move(order));
}

inline void observe_age(const replica_clock& clock, replica_metrics& metrics, time_point now) {
  if (const auto age = clock.age(now))
    metrics.age.Observe(std::chrono::duration<double>(*age).count());
}

} // namespace tiketi::cluster

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::passivate_copy)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::stay_copy)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::stop_copy)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::copy_hurry)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::copy_tick)
