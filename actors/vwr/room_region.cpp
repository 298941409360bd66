#include "actors/vwr/room_region.hpp"

#include "actors/cluster/home.hpp"
#include "actors/region/region.hpp"
#include "actors/system/caf_error.hpp"
#include "actors/vwr/type_ids.hpp"

#include <functional>
#include <optional>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <spdlog/spdlog.h>

namespace tiketi::vwr {

namespace {

class region_state {
public:
  region_state() = default;

  using pointer = room_region::stateful_pointer<region_state>;

  void start(pointer self, std::shared_ptr<const room_context> context, room_region_options options,
             cluster::shard_access access) {
    self_ = self;
    context_ = std::move(context);
    options_ = options;
    table_.emplace([this](const event_id& event) { return spawn(event); }, options.buffer_max);
    shards_.emplace(
        self, std::move(access), *table_, [](const event_id& event) { return route_of(event); },
        // A row of version 0 is nobody's.
        cluster::behind_writes<room_saved>(self, context_->writer, save_room{}));
    knowledge_.emplace(options.buffer_max);
    self->set_down_handler([this](caf::down_msg& down) { ended(down); });
    self->set_exit_handler([this](caf::exit_msg& exit) {
      table_->for_each(
          [&](const event_id&, const room_actor& room) { self_->send_exit(room, exit.reason); });
      table_->clear();
      self_->quit(exit.reason);
    });
    if (shards_->alone())
      read_rows();
  }

  /// Which events have a room, and who waits in those of the shards that have come.
  void read_rows() {
    const auto asked = knowledge_->begin();
    self_->request(context_->reader, caf::infinite, list_rooms{})
        .then(
            [this, asked](const room_list& list) {
              for (const auto& room : list.rooms) {
                known_.insert(room.event);
                if (!room.row.active)
                  continue;
                active_.insert(room.event);
                if (room.row.serving < room.row.issued && shards_->here(route_of(room.event)))
                  table_->with(room.event, [](const room_actor&) {});
              }
              knowledge_->finished(asked, shards_->alone());
            },
            [this, asked](const caf::error& err) {
              knowledge_->failed(asked);
              spdlog::error("waiting rooms: they cannot be read: {}", to_failure(err).text);
              self_->delayed_send(self_, options_.retry_interval, region_retry{});
            });
  }

  void opened(cluster::shard_id shard) {
    // Many come at once.
    if (knowledge_->opened(shard))
      self_->delayed_send(self_, milliseconds{5}, region_retry{});
  }

  caf::result<cluster::shard_closed> close(const cluster::close_shard& order) {
    knowledge_->closed(order.shard);
    return shards_->close(order);
  }

  template <class Reply, class Message>
  caf::result<Reply> forward(Message& message) {
    if (shards_->alone() && knowledge_->knows({})) {
      if (const auto* room = table_->running(message.event))
        return self_->delegate(*room, std::move(message));
    }
    auto promise = self_->template make_response_promise<Reply>();
    find_home<Reply>(promise, message);
    return promise;
  }

  caf::result<active_rooms> list() {
    auto promise = self_->template make_response_promise<active_rooms>();
    if (!shards_->alone()) {
      // Rooms are opened and closed at their own nodes.
      self_->request(context_->reader, caf::infinite, list_rooms{})
          .then(
              [promise](const room_list& all) mutable {
                active_rooms out;
                for (const auto& room : all.rooms)
                  if (room.row.active)
                    out.events.push_back(room.event);
                promise.deliver(std::move(out));
              },
              [promise](caf::error& err) mutable { promise.deliver(std::move(err)); });
      return promise;
    }
    list_known(promise);
    return promise;
  }

  void changed(const room_changed& news) {
    known_.insert(news.event);
    if (news.active)
      active_.insert(news.event);
    else
      active_.erase(news.event);
  }

  void passivate(const event_id& event) {
    const auto* room = table_->find(event);
    if (room && table_->begin_passivation(event))
      self_->send(*room, stop_idle{});
  }

  void keep(const event_id& event) { table_->stayed(event); }

private:
  template <class Reply, class Message>
  void find_home(caf::typed_response_promise<Reply> promise, const Message& message) {
    const auto key = route_of(message.event);
    if (!shards_->here(key))
      shards_->forward(key, message, promise);
    else if (knowledge_->knows(shards_->shard(key)))
      route<Reply>(promise, message);
    else if (!knowledge_->wait([=, this] { find_home<Reply>(promise, message); }))
      promise.deliver(to_caf(errc::overloaded));
  }

  void list_known(caf::typed_response_promise<active_rooms> promise) {
    if (knowledge_->knows({}))
      promise.deliver(active_rooms{{active_.begin(), active_.end()}});
    else if (!knowledge_->wait([=, this] { list_known(promise); }))
      promise.deliver(to_caf(errc::overloaded));
  }

  room_actor spawn(const event_id& event) {
    auto room = spawn_room(self_->system(), event, context_, room_parent{room_region{self_}});
    self_->monitor(room);
    events_.insert_or_assign(room.address(), event);
    return room;
  }

  void ended(const caf::down_msg& down) {
    const auto found = events_.find(down.source);
    if (found == events_.end())
      return;
    const auto event = found->second;
    events_.erase(found);
    shards_->ended(event);
  }

  template <class Reply, class Message>
  void route(caf::typed_response_promise<Reply> promise, const Message& message) {
    if (!known_.contains(message.event)) {
      if constexpr (std::is_same_v<Message, take_number>) {
        promise.deliver(to_caf(failure{errc::not_found, "VWR is not active for this event"}));
        return;
      } else if constexpr (std::is_same_v<Message, check_number>) {
        promise.deliver(
            to_caf(failure{errc::not_found, "Position not found. Request a new position."}));
        return;
      } else if constexpr (!std::is_same_v<Message, activate_room>) {
        promise.deliver(to_caf(failure{errc::not_found, "VWR not found for this event"}));
        return;
      } else if (known_.size() >= options_.rooms_max || table_->size() >= options_.rooms_max) {
        promise.deliver(to_caf(failure{errc::limit_exceeded, "There are too many waiting rooms"}));
        return;
      }
    }
    const bool taken = table_->with(message.event, [=, this](const room_actor& room) {
      shards_->call(message.event, room, message, promise);
    });
    if (!taken)
      promise.deliver(to_caf(errc::overloaded));
  }

  pointer self_ = nullptr;
  std::shared_ptr<const room_context> context_;
  room_region_options options_;
  std::optional<entity_table<event_id, room_actor>> table_;
  std::optional<cluster::shard_keeper<room_region::pointer, event_id, room_actor>> shards_;
  std::optional<cluster::shard_knowledge> knowledge_; ///< of which events have a room
  std::unordered_map<caf::actor_addr, event_id> events_;
  std::unordered_set<event_id> known_;
  std::unordered_set<event_id> active_;
};

static_assert(!std::is_aggregate_v<region_state>);

room_region::behavior_type region_behavior(region_state::pointer self,
                                           std::shared_ptr<const room_context> context,
                                           room_region_options options,
                                           cluster::shard_access access) {
  self->state.start(self, std::move(context), options, std::move(access));
  return {
      [self](show_room& m) { return self->state.forward<room_counters>(m); },
      [self](take_number& m) { return self->state.forward<number_taken>(m); },
      [self](check_number& m) { return self->state.forward<number_state>(m); },
      [self](activate_room& m) { return self->state.forward<room_counters>(m); },
      [self](deactivate_room& m) { return self->state.forward<room_counters>(m); },
      [self](advance_room& m) { return self->state.forward<room_advanced>(m); },
      [self](const list_active&) { return self->state.list(); },
      [self](const passivate_room& m) { self->state.passivate(m.event); },
      [self](const keep_room& m) { self->state.keep(m.event); },
      [self](const room_changed& m) { self->state.changed(m); },
      [self](region_retry) { self->state.read_rows(); },
      [self](cluster::open_shard m) { self->state.opened(m.shard); },
      [self](const cluster::close_shard& m) { return self->state.close(m); },
  };
}

} // namespace

room_region spawn_room_region(caf::actor_system& sys, std::shared_ptr<const room_context> context,
                              room_region_options options, cluster::shard_access access) {
  return sys.spawn(region_behavior, std::move(context), options, std::move(access));
}

void offer(cluster::services& to, const room_region& region) {
  to.add<show_room, room_counters>(region);
  to.add<take_number, number_taken>(region);
  to.add<check_number, number_state>(region);
  to.add<activate_room, room_counters>(region);
  to.add<deactivate_room, room_counters>(region);
  to.add<advance_room, room_advanced>(region);
}

room_reader::behavior_type room_reading(room_reader::pointer,
                                        std::shared_ptr<room_queries> queries) {
  return {
      [queries](const load_room& query) -> caf::result<stored_room> {
        auto room = queries->load(query);
        if (!room)
          return to_caf(room.error());
        return std::move(*room);
      },
      [queries](list_rooms) -> caf::result<room_list> {
        auto all = queries->all();
        if (!all)
          return to_caf(all.error());
        return std::move(*all);
      },
  };
}

} // namespace tiketi::vwr
