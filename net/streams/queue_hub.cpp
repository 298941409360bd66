#include "net/streams/queue_hub.hpp"

#include "actors/queue/type_ids.hpp"
#include "actors/queue/waiting_room.hpp"
#include "actors/system/caf_error.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <fmt/format.h>
#include <prometheus/counter.h>

namespace tiketi::net {

namespace {

using listening_promise = caf::typed_response_promise<listening>;
using queue::queue_place;

/// FNV-1a: changes with the text, and says nothing about it to who does not know it.
std::string digest(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return fmt::format("{:016x}", hash);
}

/// What a user would call a change: how many others are active is none by itself, unless one waits.
std::string digest_of(const queue_place& p) {
  switch (static_cast<queue::place>(p.place)) {
  case queue::place::waiting:
    return digest(fmt::format("{} {} {} {} {}", p.position, p.queue_size, p.estimated_wait,
                              p.next_poll, p.current_users));
  case queue::place::active:
    return digest("active");
  default:
    return digest("none");
  }
}

struct listener {
  event_id event;
  user_id user;
  std::shared_ptr<stream_sink> sink;
  std::string last_id; ///< what the client has
  time_point ends_at;
  time_point due;
  time_point asked_at;
  std::optional<time_point> renew_at; ///< of the token that the client has
  std::optional<listening_promise> promise;
  std::uint64_t question = 0; ///< not 0: under way, or in the line of those that are due
};

class hub_state {
public:
  hub_state() = default;

  void start(queue_hub_actor::stateful_pointer<hub_state> self, environment* env,
             queue::queues queues, queue_painter paint, std::shared_ptr<stream_metrics> metrics,
             queue_hub_options options) {
    self_ = self;
    env_ = env;
    queues_ = std::move(queues);
    paint_ = std::move(paint);
    metrics_ = std::move(metrics);
    options_ = options;
    self_->delayed_send(self_, options_.interval, hub_tick{});
    self_->delayed_send(self_, options_.heartbeat, hub_heartbeat{});
  }

  void watch(watch_queue m, listening_promise promise) {
    listener l;
    l.event = m.event;
    l.user = m.user;
    l.last_id = std::move(m.last_id);
    l.sink = std::move(m.sink);
    l.promise = std::move(promise);
    const auto early =
        env_->random()
        % static_cast<std::uint64_t>(std::max<std::int64_t>(options_.duration_max.count() / 10, 1));
    l.ends_at =
        env_->now() + options_.duration_max - milliseconds{static_cast<std::int64_t>(early)};
    const auto id = ++listeners_made_;
    enlist(id, listeners_.emplace(id, std::move(l)).first->second);
    ask_more();
  }

  void tick() {
    self_->delayed_send(self_, options_.interval, hub_tick{});
    const auto now = env_->now();
    for (auto at = listeners_.begin(); at != listeners_.end();) {
      auto& [id, l] = *at;
      if (!l.sink->is_open()) {
        at = drop(at, errc::timeout);
        continue;
      }
      // The queue is gone, and the answer with it.
      if (l.question != 0 && l.asked_at != time_point{} && now >= l.asked_at + options_.patience)
        answered(l);
      if (l.question == 0 && now >= l.due)
        enlist(id, l);
      ++at;
    }
    ask_more();
  }

  void heartbeat() {
    self_->delayed_send(self_, options_.heartbeat, hub_heartbeat{});
    const auto now = env_->now();
    for (auto at = listeners_.begin(); at != listeners_.end();) {
      auto& l = at->second;
      if (!l.promise && now >= l.ends_at) {
        l.sink->finish();
        at = drop(at, errc::timeout);
      } else if (!l.promise && !give(l, sse_heartbeat())) {
        at = drop(at, errc::timeout);
      } else {
        ++at;
      }
    }
  }

private:
  using listeners = std::unordered_map<std::uint64_t, listener>;

  void enlist(std::uint64_t id, listener& l) {
    l.question = ++questions_;
    l.asked_at = {};
    line_.push_back({id, l.question});
  }

  /// Its question is settled, whether it was answered or not.
  void answered(listener& l) {
    if (l.question != 0 && l.asked_at != time_point{})
      --asking_;
    l.question = 0;
    l.asked_at = {};
  }

  listeners::iterator drop(listeners::iterator at, errc why) {
    auto& l = at->second;
    answered(l);
    if (l.promise)
      l.promise->deliver(to_caf(why));
    return listeners_.erase(at);
  }

  void ask_more() {
    while (asking_ < options_.asking_max && !line_.empty()) {
      const auto [id, question] = line_.front();
      line_.pop_front();
      const auto found = listeners_.find(id);
      if (found == listeners_.end() || found->second.question != question)
        continue;
      auto& l = found->second;
      l.asked_at = env_->now();
      ++asking_;
      self_->request(queues_, caf::infinite, queue::poll_queue{l.event, l.user})
          .then(
              [this, id = id, question = question](const queue_place& p) {
                if (const auto at = find(id, question); at != listeners_.end()) {
                  answered(at->second);
                  told(at, p);
                }
                ask_more();
              },
              [this, id = id, question = question](const caf::error& err) {
                if (const auto at = find(id, question); at != listeners_.end()) {
                  answered(at->second);
                  failed(at, to_failure(err));
                }
                ask_more();
              });
    }
  }

  listeners::iterator find(std::uint64_t id, std::uint64_t question) {
    const auto at = listeners_.find(id);
    return at != listeners_.end() && at->second.question == question ? at : listeners_.end();
  }

  void told(listeners::iterator at, const queue_place& p) {
    auto& l = at->second;
    const auto now = env_->now();
    l.due = now + std::min<milliseconds>(seconds{p.next_poll}, options_.look_max);
    const bool active = static_cast<queue::place>(p.place) == queue::place::active;
    auto id = digest_of(p);
    const bool renew = active && (!l.renew_at || now >= *l.renew_at);
    if (!active)
      l.renew_at.reset();
    shared_text bytes;
    if (id != l.last_id || renew) {
      auto picture = paint_(l.event, l.user, p, now);
      if (active)
        l.renew_at = now + picture.renew_in;
      bytes = std::make_shared<const std::string>(sse_event("status", id, picture.body));
      metrics_->events.Increment();
    }
    l.last_id = std::move(id);
    if (l.promise) {
      if (!bytes)
        metrics_->resumed.Increment();
      const auto wait = static_cast<std::int64_t>(1'000 + env_->random() % 4'000);
      std::vector<shared_text> first{std::make_shared<const std::string>(sse_retry(wait))};
      if (bytes)
        first.push_back(std::move(bytes));
      l.sink->restart(std::move(first));
      l.promise->deliver(listening{});
      l.promise.reset();
    } else if (bytes && !give(l, bytes)) {
      drop(at, errc::timeout);
    }
  }

  void failed(listeners::iterator at, const failure& why) {
    auto& l = at->second;
    // One who listens already waits for better times.
    if (!l.promise) {
      l.due = env_->now() + options_.interval;
      return;
    }
    l.promise->deliver(to_caf(why));
    l.promise.reset();
    listeners_.erase(at);
  }

  bool give(const listener& l, const shared_text& bytes) {
    const auto result = l.sink->push(bytes);
    if (result == push_result::too_slow)
      metrics_->dropped.Increment();
    return result == push_result::taken;
  }

  queue_hub_actor::pointer self_ = nullptr;
  environment* env_ = nullptr;
  queue::queues queues_;
  queue_painter paint_;
  std::shared_ptr<stream_metrics> metrics_;
  queue_hub_options options_;
  listeners listeners_;
  std::deque<std::pair<std::uint64_t, std::uint64_t>> line_; ///< listener and question
  std::size_t asking_ = 0;
  std::uint64_t listeners_made_ = 0;
  std::uint64_t questions_ = 0;
};

static_assert(!std::is_aggregate_v<hub_state>);

queue_hub_actor::behavior_type
queue_hub(queue_hub_actor::stateful_pointer<hub_state> self, environment* env, queue::queues queues,
          queue_painter paint, std::shared_ptr<stream_metrics> metrics, queue_hub_options options) {
  self->state.start(self, env, std::move(queues), std::move(paint), std::move(metrics), options);
  return {
      [self](watch_queue& m) -> caf::result<listening> {
        auto promise = self->make_response_promise<listening>();
        self->state.watch(std::move(m), promise);
        return promise;
      },
      [self](hub_tick) { self->state.tick(); },
      [self](hub_heartbeat) { self->state.heartbeat(); },
  };
}

} // namespace

queue_hub_actor spawn_queue_hub(caf::actor_system& sys, environment& env, queue::queues queues,
                                queue_painter paint, std::shared_ptr<stream_metrics> metrics,
                                queue_hub_options options) {
  return sys.spawn(queue_hub, &env, std::move(queues), std::move(paint), std::move(metrics),
                   options);
}

} // namespace tiketi::net
