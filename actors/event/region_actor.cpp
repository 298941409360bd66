#include "actors/event/region_actor.hpp"

#include "actors/cluster/home.hpp"
#include "actors/event/map_replica.hpp"
#include "actors/event/type_ids.hpp"
#include "actors/region/region.hpp"
#include "actors/store/mailbox_depth.hpp"
#include "actors/system/caf_error.hpp"
#include "actors/transfer/type_ids.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

namespace tiketi::ticket {

namespace {

constexpr seconds tick_every{1};

/// An event that this node has not heard of yet makes it look, but not more often.
constexpr milliseconds look_again_after{500};

template <class T>
using promise_of = caf::typed_response_promise<T>;

/// Who a message is for.
event_id event_of(const reserve_seats& m) {
  return m.event;
}
event_id event_of(const reserve_tickets& m) {
  return m.event;
}
event_id event_of(const reserve_best& m) {
  return m.event;
}
event_id event_of(const get_seat_changes& m) {
  return m.event;
}
event_id event_of(const get_seat_map& m) {
  return m.event;
}
event_id event_of(const follow_seat_map& m) {
  return m.event;
}

template <class Message>
concept names_event = requires(const Message& m) {
  event_of(m);
};

template <class Message>
std::uint64_t shard_key(const Message& m) {
  if constexpr (names_event<Message>)
    return route_of(event_of(m));
  else
    return route_of(m.reservation);
}

/// What a copy of the event's seat map can answer.
template <class Message>
constexpr bool about_map =
    std::is_same_v<Message, get_seat_map> || std::is_same_v<Message, get_seat_changes>;

/// A hold that is sent again after its answer was lost finds itself by its key.
template <class Message>
concept may_have_key = requires(Message& m) {
  m.idempotency_key;
};

} // namespace

class event_region {
public:
  event_region(region_control::pointer self, ticket_context_ptr context,
               cluster::shard_access access, std::shared_ptr<cluster::replica_metrics> metrics)
      : self_(self),
        context_(std::move(context)),
        copy_context_(std::make_shared<cluster::copy_context>(
            cluster::copy_context{access, std::move(metrics)})),
        copies_(self, copy_context_,
                [this](const event_id& id) {
                  return spawn_map_replica(self_->system(), context_->env, id, copy_context_,
                                           cluster::copies_parent{region_control{self_}});
                }),
        table_([this](const event_id& id) { return spawn(id); }, context_->options.buffer_max),
        shards_(
            self, std::move(access), table_, [](const event_id& id) { return route_of(id); },
            cluster::behind_writes<ticket_written>(self, context_->writer,
                                                   ticket_write{look_up{}})) {
    self_->set_down_handler([this](const caf::down_msg& m) { down(m); });
    load();
    self_->delayed_send(self_, tick_every, region_tick{});
  }

  ~event_region() {
    table_.for_each([](const event_id&, const event_actor& event) {
      caf::anon_send_exit(event, caf::exit_reason::user_shutdown);
    });
  }

  event_region(const event_region&) = delete;
  event_region& operator=(const event_region&) = delete;

  template <class Reply, class Message>
  promise_of<Reply> handle(Message& message) {
    auto promise = self_->make_response_promise<Reply>();
    if (const auto key = shard_key(message); !shards_.here(key)) {
      if constexpr (about_map<Message>)
        if (copies_.read(message, promise))
          return promise;
      if constexpr (may_have_key<Message>)
        if (message.idempotency_key.empty())
          message.idempotency_key = to_string(make_uuid(context_->env));
      shards_.forward(key, message, promise);
      return promise;
    }
    if (ready_)
      route(std::move(message), promise);
    else if (kept_.size() >= context_->options.buffer_max)
      promise.deliver(to_caf(errc::overloaded));
    else
      kept_.push_back([this, message = std::move(message), promise]() mutable {
        route(std::move(message), promise);
      });
    return promise;
  }

  void passivate(const event_id& id) {
    const auto* event = table_.find(id);
    if (event && table_.begin_passivation(id))
      self_->send(*event, stop_event{});
  }

  void stay(const event_id& id) { table_.stayed(id); }
  void passivate_copy(const event_id& id) { copies_.passivate(id); }
  void stay_copy(const event_id& id) { copies_.stay(id); }

  void changed(const event_id& id) {
    add(id);
    if (!shards_.here(route_of(id)))
      return; // its own node hears of it, too
    if (const auto* event = table_.find(id)) {
      self_->send(*event, refresh_event{});
      return;
    }
    // A cancelled event has work to do even if nobody asks for it.
    self_->request(context_->reader, caf::infinite, find_live{id, 1})
        .then(
            [this, id](const found_live& live) {
              if (!live.reservations.empty())
                restart(id);
            },
            [this, id](caf::error& err) {
              spdlog::warn("event {} was not looked at: {}", to_string(id), to_failure(err).text);
              self_->delayed_send(self_, context_->options.restart_after, event_changed{id});
            });
  }

  void tick() {
    observe_mailbox(context_->metrics.region_mailbox, self_);
    self_->delayed_send(self_, tick_every, region_tick{});
  }

  void opened(cluster::shard_id) {
    // Many come at once.
    if (!std::exchange(to_load_, true))
      self_->delayed_send(self_, milliseconds{5}, load_events{});
  }

  promise_of<cluster::shard_closed> close(const cluster::close_shard& order) {
    return shards_.close(order);
  }

  void restart(const event_id& id) {
    if (!shards_.here(route_of(id)))
      return;
    // The bound does not matter: what would be dropped here does nothing.
    (void)table_.with(id, [](const event_actor&) {});
  }

  void load() {
    to_load_ = false;
    loaded_at_ = context_->env.now();
    self_->request(context_->reader, caf::infinite, list_events{})
        .then(
            [this](const event_list& list) {
              for (const auto& id : list.all)
                add(id);
              ready_ = true;
              for (const auto& id : list.with_pending)
                restart(id);
              for (auto& message : std::exchange(kept_, {}))
                message();
            },
            [this](caf::error& err) {
              spdlog::warn("the list of events could not be read: {}", to_failure(err).text);
              self_->delayed_send(self_, context_->options.restart_after, load_events{});
            });
  }

private:
  event_actor spawn(const event_id& id) {
    auto event = self_->spawn(event_behavior, context_, event_parent{self_}, id);
    self_->monitor(event);
    id_of_[event.address()] = id;
    return event;
  }

  void down(const caf::down_msg& m) {
    if (copies_.ended(m.source))
      return;
    const auto found = id_of_.find(m.source);
    if (found == id_of_.end())
      return;
    const auto id = found->second;
    id_of_.erase(found);
    shards_.ended(id);
    if (m.reason && shards_.here(route_of(id))) {
      spdlog::error("event actor {} ended: it is started again", to_string(id));
      self_->delayed_send(self_, context_->options.restart_after, restart_event{id});
    }
  }

  void add(const event_id& id) {
    auto& ids = by_route_[route_of(id)];
    if (std::find(ids.begin(), ids.end(), id) == ids.end())
      ids.push_back(id);
  }

  bool known(const event_id& id) const {
    const auto found = by_route_.find(route_of(id));
    return found != by_route_.end()
           && std::find(found->second.begin(), found->second.end(), id) != found->second.end();
  }

  template <class Message, class Reply>
  void route(Message message, promise_of<Reply> promise) {
    if constexpr (names_event<Message>) {
      const auto id = event_of(message);
      if (known(id))
        pass_on(id, std::move(message), std::move(promise));
      else
        find_first(id, std::move(message), std::move(promise));
    } else {
      const auto found = by_route_.find(route_of(message.reservation));
      if (found == by_route_.end())
        absent(message, promise);
      else if (found->second.size() == 1)
        pass_on(found->second.front(), std::move(message), std::move(promise));
      else
        ask_store(std::move(message), std::move(promise));
    }
  }

  /// Another node may have been told of the event.
  template <class Message, class Reply>
  void find_first(const event_id& id, Message message, promise_of<Reply> promise) {
    if (shards_.alone() || context_->env.now() < loaded_at_ + look_again_after) {
      promise.deliver(to_caf({errc::not_found, "Event not found"}));
      return;
    }
    loaded_at_ = context_->env.now();
    self_->request(context_->reader, caf::infinite, list_events{})
        .then(
            [this, id, message, promise](const event_list& list) mutable {
              for (const auto& one : list.all)
                add(one);
              if (known(id))
                pass_on(id, std::move(message), std::move(promise));
              else
                promise.deliver(to_caf({errc::not_found, "Event not found"}));
            },
            [promise](caf::error& err) mutable { promise.deliver(std::move(err)); });
  }

  /// Two events share a route: only the store knows whose reservation it is.
  template <class Message, class Reply>
  void ask_store(Message message, promise_of<Reply> promise) {
    find_by_id query{message.reservation};
    self_->request(context_->reader, caf::infinite, query)
        .then(
            [this, message, promise](const found_reservation& found) mutable {
              if (!found.reservation)
                absent(message, promise);
              else
                pass_on(found.reservation->event, std::move(message), std::move(promise));
            },
            [promise](caf::error& err) mutable { promise.deliver(std::move(err)); });
  }

  template <class Message, class Reply>
  void pass_on(const event_id& id, Message message, promise_of<Reply> promise) {
    const bool taken = table_.with(id, [this, id, promise, message](const event_actor& event) {
      shards_.call(id, event, message, promise);
    });
    if (!taken)
      promise.deliver(to_caf(errc::overloaded));
  }

  template <class Message, class Reply>
  void absent(const Message&, promise_of<Reply>& promise) {
    promise.deliver(to_caf({errc::not_found, "Reservation not found"}));
  }

  void absent(const apply_payment&, promise_of<payment_outcome>& promise) { refund(promise); }
  void absent(const buy_listed&, promise_of<payment_outcome>& promise) { refund(promise); }

  void refund(promise_of<payment_outcome>& promise) {
    promise.deliver(payment_outcome{payment_verdict::refund_due, "unknown_reservation", false});
  }

  region_control::pointer self_;
  ticket_context_ptr context_;
  std::shared_ptr<const cluster::copy_context> copy_context_;
  cluster::copy_table<region_control::pointer, map_replica> copies_;
  entity_table<event_id, event_actor> table_;
  cluster::shard_keeper<region_control::pointer, event_id, event_actor> shards_;
  std::map<caf::actor_addr, event_id> id_of_;
  std::map<route_tag, std::vector<event_id>> by_route_;
  std::vector<std::function<void()>> kept_;
  bool ready_ = false;
  bool to_load_ = false;
  time_point loaded_at_;
};

region_state::region_state() = default;
region_state::~region_state() = default;

region_control::behavior_type region_behavior(region_control::stateful_pointer<region_state> self,
                                              ticket_context_ptr context,
                                              cluster::shard_access access,
                                              std::shared_ptr<cluster::replica_metrics> metrics) {
  self->state.region = std::make_unique<event_region>(self, std::move(context), std::move(access),
                                                      std::move(metrics));
  return {
      [self](reserve_seats& m) -> caf::result<reservation_view> {
        return self->state.region->handle<reservation_view>(m);
      },
      [self](reserve_tickets& m) -> caf::result<reservation_view> {
        return self->state.region->handle<reservation_view>(m);
      },
      [self](reserve_best& m) -> caf::result<reservation_view> {
        return self->state.region->handle<reservation_view>(m);
      },
      [self](cancel_reservation& m) -> caf::result<reservation_view> {
        return self->state.region->handle<reservation_view>(m);
      },
      [self](get_seat_changes& m) -> caf::result<seat_changes> {
        return self->state.region->handle<seat_changes>(m);
      },
      [self](follow_seat_map& m) -> caf::result<seat_map_update> {
        return self->state.region->handle<seat_map_update>(m);
      },
      [self](const cluster::passivate_copy& m) { self->state.region->passivate_copy(m.event); },
      [self](const cluster::stay_copy& m) { self->state.region->stay_copy(m.event); },
      [self](end_reservation& m) -> caf::result<reservation_view> {
        return self->state.region->handle<reservation_view>(m);
      },
      [self](get_seat_map& m) -> caf::result<seat_map_view> {
        return self->state.region->handle<seat_map_view>(m);
      },
      [self](check_payable& m) -> caf::result<payable> {
        return self->state.region->handle<payable>(m);
      },
      [self](apply_payment& m) -> caf::result<payment_outcome> {
        return self->state.region->handle<payment_outcome>(m);
      },
      [self](apply_refund& m) -> caf::result<refund_applied> {
        return self->state.region->handle<refund_applied>(m);
      },
      [self](list_ticket& m) -> caf::result<reservation_view> {
        return self->state.region->handle<reservation_view>(m);
      },
      [self](unlist_ticket& m) -> caf::result<reservation_view> {
        return self->state.region->handle<reservation_view>(m);
      },
      [self](check_listing& m) -> caf::result<payable> {
        return self->state.region->handle<payable>(m);
      },
      [self](buy_listed& m) -> caf::result<payment_outcome> {
        return self->state.region->handle<payment_outcome>(m);
      },
      [self](const passivate_event& m) { self->state.region->passivate(m.event); },
      [self](const stay_event& m) { self->state.region->stay(m.event); },
      [self](const event_changed& m) { self->state.region->changed(m.event); },
      [self](const restart_event& m) { self->state.region->restart(m.event); },
      [self](region_tick) { self->state.region->tick(); },
      [self](cluster::open_shard m) { self->state.region->opened(m.shard); },
      [self](const cluster::close_shard& m) -> caf::result<cluster::shard_closed> {
        return self->state.region->close(m);
      },
      [self](load_events) { self->state.region->load(); },
  };
}

void offer(cluster::services& to, const region_control& region) {
  to.add<reserve_seats, reservation_view>(region);
  to.add<reserve_tickets, reservation_view>(region);
  to.add<reserve_best, reservation_view>(region);
  to.add<cancel_reservation, reservation_view>(region);
  to.add<end_reservation, reservation_view>(region);
  to.add<get_seat_map, seat_map_view>(region);
  to.add<get_seat_changes, seat_changes>(region);
  to.add<follow_seat_map, seat_map_update>(region);
  to.add<check_payable, payable>(region);
  to.add<apply_payment, payment_outcome>(region);
  to.add<apply_refund, refund_applied>(region);
  to.add<list_ticket, reservation_view>(region);
  to.add<unlist_ticket, reservation_view>(region);
  to.add<check_listing, payable>(region);
  to.add<buy_listed, payment_outcome>(region);
}

} // namespace tiketi::ticket
