#include "actors/vwr/room_region.hpp"

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

  void start(pointer self, std::shared_ptr<const room_context> context,
             room_region_options options) {
    self_ = self;
    context_ = std::move(context);
    options_ = options;
    table_.emplace([this](const event_id& event) { return spawn(event); }, options.buffer_max);
    self->set_down_handler([this](caf::down_msg& down) { ended(down); });
    self->set_exit_handler([this](caf::exit_msg& exit) {
      table_->for_each(
          [&](const event_id&, const room_actor& room) { self_->send_exit(room, exit.reason); });
      table_->clear();
      self_->quit(exit.reason);
    });
    read_rows();
  }

  void read_rows() {
    self_->request(context_->reader, caf::infinite, list_rooms{})
        .then(
            [this](const room_list& list) {
              for (const auto& room : list.rooms) {
                known_.insert(room.event);
                if (!room.row.active)
                  continue;
                active_.insert(room.event);
                if (room.row.serving < room.row.issued)
                  table_->with(room.event, [](const room_actor&) {});
              }
              started_ = true;
              for (auto& use : std::exchange(waiting_, {}))
                use();
            },
            [this](const caf::error& err) {
              spdlog::error("waiting rooms: they cannot be read: {}", to_failure(err).text);
              self_->delayed_send(self_, options_.retry_interval, region_retry{});
            });
  }

  template <class Reply, class Message>
  caf::result<Reply> forward(Message& message) {
    if (started_) {
      if (const auto* room = table_->running(message.event))
        return self_->delegate(*room, std::move(message));
    }
    auto promise = self_->template make_response_promise<Reply>();
    at_start(promise, [=, this]() mutable { route<Reply>(promise, message); });
    return promise;
  }

  caf::result<active_rooms> list() {
    auto promise = self_->template make_response_promise<active_rooms>();
    at_start(promise, [promise, this]() mutable {
      promise.deliver(active_rooms{{active_.begin(), active_.end()}});
    });
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
  template <class Promise, class Use>
  void at_start(Promise promise, Use use) {
    if (started_)
      use();
    else if (waiting_.size() >= options_.buffer_max)
      promise.deliver(to_caf(errc::overloaded));
    else
      waiting_.push_back(std::move(use));
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
    table_->ended(event);
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
    const bool taken = table_->with(
        message.event, [=](const room_actor& room) mutable { promise.delegate(room, message); });
    if (!taken)
      promise.deliver(to_caf(errc::overloaded));
  }

  pointer self_ = nullptr;
  std::shared_ptr<const room_context> context_;
  room_region_options options_;
  std::optional<entity_table<event_id, room_actor>> table_;
  std::unordered_map<caf::actor_addr, event_id> events_;
  std::unordered_set<event_id> known_;
  std::unordered_set<event_id> active_;
  bool started_ = false;
  std::vector<std::function<void()>> waiting_;
};

static_assert(!std::is_aggregate_v<region_state>);

room_region::behavior_type region_behavior(region_state::pointer self,
                                           std::shared_ptr<const room_context> context,
                                           room_region_options options) {
  self->state.start(self, std::move(context), options);
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
  };
}

} // namespace

room_region spawn_room_region(caf::actor_system& sys, std::shared_ptr<const room_context> context,
                              room_region_options options) {
  return sys.spawn(region_behavior, std::move(context), options);
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
