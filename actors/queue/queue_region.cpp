#include "actors/queue/queue_region.hpp"

#include "actors/cluster/home.hpp"
#include "actors/queue/line_replica.hpp"
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

template <class Message, class... Others>
constexpr bool is_one_of = (std::is_same_v<Message, Others> || ...);

/// Whether a message may start a queue. The others find nobody where there is none.
template <class Message>
constexpr bool starts_queue =
    !is_one_of<Message, poll_queue, leave_queue, check_admission, booking_done, follow_line>;

class region_state {
public:
  region_state() = default;

  using pointer = queue_region::stateful_pointer<region_state>;

  using shards = cluster::shard_keeper<queue_region::pointer, event_id, queue_actor>;

  void start(pointer self, std::shared_ptr<const queue_context> context,
             queue_region_options options, cluster::shard_access access,
             std::shared_ptr<cluster::replica_metrics> metrics) {
    self_ = self;
    context_ = std::move(context);
    options_ = options;
    copy_context_ =
        std::make_shared<cluster::copy_context>(cluster::copy_context{access, std::move(metrics)});
    copies_.emplace(self, copy_context_, [this](const event_id& event) {
      return spawn_line_replica(self_->system(), event, context_, copy_context_,
                                cluster::copies_parent{queue_region{self_}});
    });
    table_.emplace([this](const event_id& event) { return spawn(event); }, options.buffer_max);
    shards_.emplace(
        self, std::move(access), *table_, [](const event_id& event) { return route_of(event); },
        cluster::behind_writes<queue_written>(self, context_->writer, queue_write{}));
    knowledge_.emplace(options.buffer_max);
    self->set_down_handler([this](caf::down_msg& down) { ended(down); });
    self->set_exit_handler([this](caf::exit_msg& exit) {
      table_->for_each(
          [&](const event_id&, const queue_actor& queue) { self_->send_exit(queue, exit.reason); });
      table_->clear();
      self_->quit(exit.reason);
    });
    if (shards_->alone())
      read_busy();
    self->delayed_send(self, tick_every, region_tick{});
  }

  void tick() {
    observe_mailbox(context_->metrics->region_mailbox, self_);
    self_->delayed_send(self_, tick_every, region_tick{});
  }

  /// Who is in the queues of the shards that have come, or of all.
  void read_busy() {
    const auto asked = knowledge_->begin();
    self_->request(context_->reader, caf::infinite, list_busy{})
        .then(
            [this, asked](const busy_events& busy) {
              for (const auto& event : busy.events)
                if (shards_->here(route_of(event)))
                  table_->with(event, [](const queue_actor&) {});
              knowledge_->finished(asked, shards_->alone());
            },
            [this, asked](const caf::error& err) {
              knowledge_->failed(asked);
              spdlog::error("queue: the journal cannot be read: {}", to_failure(err).text);
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

  void passivate_copy(const event_id& event) { copies_->passivate(event); }
  void stay_copy(const event_id& event) { copies_->stay(event); }

  template <class Reply, class Message>
  caf::result<Reply> forward(Message& message) {
    if (shards_->alone() && knowledge_->knows({})) {
      if (const auto* queue = table_->running(message.event))
        return self_->delegate(*queue, std::move(message));
    }
    auto promise = self_->template make_response_promise<Reply>();
    find_home<Reply>(promise, message);
    return promise;
  }

  void notify(const booking_done& message) {
    const auto key = route_of(message.event);
    if (!shards_->here(key)) {
      shards_->notify(key, message);
      return;
    }
    if (!knowledge_->knows(shards_->shard(key))) {
      (void)knowledge_->wait([=, this] { notify(message); });
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
  template <class Reply, class Message>
  void find_home(caf::typed_response_promise<Reply> promise, const Message& message) {
    // No event has this id: a health probe's question, which is about this node and no other.
    if constexpr (std::is_same_v<Message, check_admission>)
      if (message.event.is_nil()) {
        promise.deliver(admission{});
        return;
      }
    const auto key = route_of(message.event);
    if (!shards_->here(key)) {
      if constexpr (std::is_same_v<Message, poll_queue>)
        if (copies_->read(message, promise))
          return;
      shards_->forward(key, message, promise);
    } else if (knowledge_->knows(shards_->shard(key)))
      route<Reply>(promise, message);
    else if (!knowledge_->wait([=, this] { find_home<Reply>(promise, message); }))
      promise.deliver(to_caf(errc::overloaded));
  }

  queue_actor spawn(const event_id& event) {
    auto queue = spawn_queue(self_->system(), event, context_, queue_parent{queue_region{self_}});
    self_->monitor(queue);
    events_.insert_or_assign(queue.address(), event);
    return queue;
  }

  void ended(const caf::down_msg& down) {
    if (copies_->ended(down.source))
      return;
    const auto found = events_.find(down.source);
    if (found == events_.end())
      return;
    const auto event = found->second;
    events_.erase(found);
    shards_->ended(event);
    if (down.reason && down.reason != caf::exit_reason::normal
        && down.reason != caf::exit_reason::user_shutdown && down.reason != caf::exit_reason::kill)
      spdlog::error("the queue of {} ended: it is started again", to_string(event));
  }

  template <class Reply, class Message>
  void route(caf::typed_response_promise<Reply> promise, const Message& message) {
    if (!table_->find(message.event)) {
      if constexpr (!starts_queue<Message>) {
        Reply nobody{};
        if constexpr (is_one_of<Reply, queue_place, line_update>)
          nobody.threshold = context_->options.room.threshold;
        promise.deliver(std::move(nobody));
        return;
      }
      if (table_->size() >= options_.queues_max) {
        promise.deliver(to_caf(errc::overloaded));
        return;
      }
    }
    const bool taken = table_->with(message.event, [=, this](const queue_actor& queue) {
      shards_->call(message.event, queue, message, promise);
    });
    if (!taken)
      promise.deliver(to_caf(errc::overloaded));
  }

  pointer self_ = nullptr;
  std::shared_ptr<const queue_context> context_;
  queue_region_options options_;
  std::optional<entity_table<event_id, queue_actor>> table_;
  std::optional<shards> shards_;
  std::shared_ptr<const cluster::copy_context> copy_context_;
  std::optional<cluster::copy_table<pointer, line_replica>> copies_;
  std::optional<cluster::shard_knowledge> knowledge_; ///< of who is in the queues
  std::unordered_map<caf::actor_addr, event_id> events_;
};

static_assert(!std::is_aggregate_v<region_state>);

queue_region::behavior_type region_behavior(region_state::pointer self,
                                            std::shared_ptr<const queue_context> context,
                                            queue_region_options options,
                                            cluster::shard_access access,
                                            std::shared_ptr<cluster::replica_metrics> metrics) {
  self->state.start(self, std::move(context), options, std::move(access), std::move(metrics));
  return {
      [self](check_admission& m) { return self->state.forward<admission>(m); },
      [self](const booking_done& m) { self->state.notify(m); },
      [self](enter_queue& m) { return self->state.forward<queue_place>(m); },
      [self](poll_queue& m) { return self->state.forward<queue_place>(m); },
      [self](leave_queue& m) { return self->state.forward<queue_left>(m); },
      [self](count_queue& m) { return self->state.forward<queue_counters>(m); },
      [self](follow_line& m) { return self->state.forward<line_update>(m); },
      [self](const cluster::passivate_copy& m) { self->state.passivate_copy(m.event); },
      [self](const cluster::stay_copy& m) { self->state.stay_copy(m.event); },
      [self](set_threshold& m) { return self->state.forward<queue_counters>(m); },
      [self](clear_queue& m) { return self->state.forward<queue_counters>(m); },
      [self](const passivate_queue& m) { self->state.passivate(m.event); },
      [self](const keep_queue& m) { self->state.keep(m.event); },
      [self](region_retry) { self->state.read_busy(); },
      [self](region_tick) { self->state.tick(); },
      [self](cluster::open_shard m) { self->state.opened(m.shard); },
      [self](const cluster::close_shard& m) { return self->state.close(m); },
  };
}

} // namespace

queue_region spawn_queue_region(caf::actor_system& sys,
                                std::shared_ptr<const queue_context> context,
                                queue_region_options options, cluster::shard_access access,
                                std::shared_ptr<cluster::replica_metrics> metrics) {
  return sys.spawn(region_behavior, std::move(context), options, std::move(access),
                   std::move(metrics));
}

void offer(cluster::services& to, const queue_region& region) {
  to.add<check_admission, admission>(region);
  to.add<enter_queue, queue_place>(region);
  to.add<poll_queue, queue_place>(region);
  to.add<follow_line, line_update>(region);
  to.add<leave_queue, queue_left>(region);
  to.add<count_queue, queue_counters>(region);
  to.add<set_threshold, queue_counters>(region);
  to.add<clear_queue, queue_counters>(region);
  to.add_notice<booking_done>(region);
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
