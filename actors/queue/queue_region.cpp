#include "actors/queue/queue_region.hpp"

#include "actors/queue/type_ids.hpp"
#include "actors/region/region.hpp"
#include "actors/store/mailbox_depth.hpp"
#include "actors/system/caf_error.hpp"

#include <optional>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <spdlog/spdlog.h>

namespace tiketi::queue {

namespace {

constexpr seconds tick_every{1};

/// Whether a message may start a queue. The others find nobody where there is none.
template <class Message>
constexpr bool starts_queue =
    !std::is_same_v<
        Message,
        poll_queue> && !std::is_same_v<Message, leave_queue> && !std::is_same_v<Message, check_admission> && !std::is_same_v<Message, booking_done>;

class region_state {
public:
  region_state() = default;

  using pointer = queue_region::stateful_pointer<region_state>;

  void start(pointer self, std::shared_ptr<const queue_context> context,
             queue_region_options options) {
    self_ = self;
    context_ = std::move(context);
    options_ = options;
    table_.emplace([this](const event_id& event) { return spawn(event); }, options.buffer_max);
    self->set_down_handler([this](caf::down_msg& down) { ended(down); });
    self->set_exit_handler([this](caf::exit_msg& exit) {
      table_->for_each(
          [&](const event_id&, const queue_actor& queue) { self_->send_exit(queue, exit.reason); });
      table_->clear();
      self_->quit(exit.reason);
    });
    read_busy();
    self->delayed_send(self, tick_every, region_tick{});
  }

  void tick() {
    observe_mailbox(context_->metrics->region_mailbox, self_);
    self_->delayed_send(self_, tick_every, region_tick{});
  }

  void read_busy() {
    self_->request(context_->reader, caf::infinite, list_busy{})
        .then(
            [this](const busy_events& busy) {
              for (const auto& event : busy.events)
                table_->with(event, [](const queue_actor&) {});
              started_ = true;
              for (auto& use : std::exchange(waiting_, {}))
                use();
            },
            [this](const caf::error& err) {
              spdlog::error("queue: the journal cannot be read: {}", to_failure(err).text);
              self_->delayed_send(self_, options_.retry_interval, region_retry{});
            });
  }

  template <class Reply, class Message>
  caf::result<Reply> forward(Message& message) {
    if (started_) {
      if (const auto* queue = table_->running(message.event))
        return self_->delegate(*queue, std::move(message));
    }
    auto promise = self_->template make_response_promise<Reply>();
    if (!started_) {
      if (waiting_.size() >= options_.buffer_max)
        promise.deliver(to_caf(errc::overloaded));
      else
        waiting_.push_back([=, this]() mutable { route<Reply>(promise, message); });
    } else {
      route<Reply>(promise, message);
    }
    return promise;
  }

  void notify(const booking_done& message) {
    if (!started_) {
      if (waiting_.size() < options_.buffer_max)
        waiting_.push_back([=, this] { notify(message); });
      return;
    }
    if (table_->find(message.event))
      table_->with(message.event,
                   [=, this](const queue_actor& queue) { self_->send(queue, message); });
  }

  void passivate(const event_id& event) {
    const auto* queue = table_->find(event);
    if (queue && table_->begin_passivation(event))
      self_->send(*queue, stop_idle{});
  }

  void keep(const event_id& event) { table_->stayed(event); }

private:
  queue_actor spawn(const event_id& event) {
    auto queue = spawn_queue(self_->system(), event, context_, queue_parent{queue_region{self_}});
    self_->monitor(queue);
    events_.insert_or_assign(queue.address(), event);
    return queue;
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
    if (!table_->find(message.event)) {
      if constexpr (!starts_queue<Message>) {
        Reply nobody{};
        if constexpr (std::is_same_v<Reply, queue_place>)
          nobody.threshold = context_->options.room.threshold;
        promise.deliver(std::move(nobody));
        return;
      }
      if (table_->size() >= options_.queues_max) {
        promise.deliver(to_caf(errc::overloaded));
        return;
      }
    }
    const bool taken = table_->with(
        message.event, [=](const queue_actor& queue) mutable { promise.delegate(queue, message); });
    if (!taken)
      promise.deliver(to_caf(errc::overloaded));
  }

  pointer self_ = nullptr;
  std::shared_ptr<const queue_context> context_;
  queue_region_options options_;
  std::optional<entity_table<event_id, queue_actor>> table_;
  std::unordered_map<caf::actor_addr, event_id> events_;
  bool started_ = false;
  std::vector<std::function<void()>> waiting_;
};

static_assert(!std::is_aggregate_v<region_state>);

queue_region::behavior_type region_behavior(region_state::pointer self,
                                            std::shared_ptr<const queue_context> context,
                                            queue_region_options options) {
  self->state.start(self, std::move(context), options);
  return {
      [self](check_admission& m) { return self->state.forward<admission>(m); },
      [self](const booking_done& m) { self->state.notify(m); },
      [self](enter_queue& m) { return self->state.forward<queue_place>(m); },
      [self](poll_queue& m) { return self->state.forward<queue_place>(m); },
      [self](leave_queue& m) { return self->state.forward<queue_left>(m); },
      [self](count_queue& m) { return self->state.forward<queue_counters>(m); },
      [self](set_threshold& m) { return self->state.forward<queue_counters>(m); },
      [self](clear_queue& m) { return self->state.forward<queue_counters>(m); },
      [self](const passivate_queue& m) { self->state.passivate(m.event); },
      [self](const keep_queue& m) { self->state.keep(m.event); },
      [self](region_retry) { self->state.read_busy(); },
      [self](region_tick) { self->state.tick(); },
  };
}

} // namespace

queue_region spawn_queue_region(caf::actor_system& sys,
                                std::shared_ptr<const queue_context> context,
                                queue_region_options options) {
  return sys.spawn(region_behavior, std::move(context), options);
}

queue_reader::behavior_type queue_reading(queue_reader::pointer,
                                          std::shared_ptr<queue_queries> queries) {
  return {
      [queries](const load_page& query) -> caf::result<queue_page> {
        auto page = queries->load(query);
        if (!page)
          return to_caf(page.error());
        return std::move(*page);
      },
      [queries](list_busy) -> caf::result<busy_events> {
        auto events = queries->busy();
        if (!events)
          return to_caf(events.error());
        return std::move(*events);
      },
  };
}

} // namespace tiketi::queue
