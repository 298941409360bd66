#include "actors/event/map_replica.hpp"

#include "actors/base/environment.hpp"
#include "actors/event/map_copy.hpp"
#include "actors/event/type_ids.hpp"
#include "actors/system/caf_error.hpp"

#include <utility>

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <prometheus/counter.h>
#include <spdlog/spdlog.h>

namespace tiketi::ticket {

namespace {

/// Of one question.
constexpr std::uint64_t beginnings_max = 5;

struct replica_state;
using pointer = map_replica::stateful_pointer<replica_state>;

struct replica_state {
  replica_state() = default;

  void start(pointer actor, environment& environment, event_id of,
             std::shared_ptr<const cluster::copy_context> shared, cluster::copies_parent region) {
    self = actor;
    env = &environment;
    event = of;
    context = std::move(shared);
    parent = std::move(region);
    copy.emplace(event);
    const auto& rules = context->access.replicas;
    clock.emplace(rules, [this](std::uint64_t number) {
      context->metrics->questions.Increment();
      begun = copy->beginnings();
      ask();
      if (!copy->empty())
        self->delayed_send(self, context->access.replicas.hurry, cluster::copy_hurry{number});
    });
    self->delayed_send(self, rules.idle_after, cluster::copy_tick{});
  }

  void ask() {
    cluster::ask_owner<seat_map_update>(self, *context, event, copy->question(),
                                        clock->until() - env->now())
        .then(
            [this](const seat_map_update& update) {
              const auto beginnings = copy->beginnings();
              const bool done = copy->take(update);
              context->metrics->whole.Increment(
                  static_cast<double>(copy->beginnings() - beginnings));
              if (done)
                clock->answered(env->now());
              else if (copy->beginnings() < begun + beginnings_max)
                ask();
              else // changes faster than it can be copied
                clock->failed(errc::unavailable, env->now());
            },
            [this](const caf::error& err) {
              const auto why = to_failure(err);
              spdlog::debug("seat map of {}: its owner did not say what has changed: {}",
                            to_string(event), why.text);
              if (why.code == errc::not_found)
                copy.emplace(event); // it was there, and is no more
              clock->failed(why, env->now());
            });
  }

  template <class Reply, class Answer>
  caf::result<Reply> read(Answer answer) {
    const auto now = env->now();
    if (clock->fresh(now)) {
      context->metrics->from_copy.Increment();
      cluster::observe_age(*clock, *context->metrics, now);
      return answer();
    }
    auto promise = self->make_response_promise<Reply>();
    clock->wait(now, [this, promise, answer](const failure* why) mutable {
      if (why != nullptr) {
        promise.deliver(to_caf(*why));
      } else if (copy->empty()) {
        promise.deliver(to_caf(errc::unavailable));
      } else {
        context->metrics->from_copy.Increment();
        cluster::observe_age(*clock, *context->metrics, env->now());
        promise.deliver(answer());
      }
    });
    return promise;
  }

  bool idle() const {
    return clock->waiting() == 0 && env->now() - clock->last_read() >= clock->rules().idle_after;
  }

  void tick() {
    if (idle())
      self->send(parent, cluster::passivate_copy{event});
    else
      self->delayed_send(self, clock->rules().idle_after, cluster::copy_tick{});
  }

  void stop() {
    if (idle())
      return self->quit();
    self->send(parent, cluster::stay_copy{event});
    self->delayed_send(self, clock->rules().idle_after, cluster::copy_tick{});
  }

  pointer self = nullptr;
  environment* env = nullptr;
  event_id event;
  std::shared_ptr<const cluster::copy_context> context;
  cluster::copies_parent parent;
  std::optional<map_copy> copy;
  std::optional<cluster::replica_clock> clock;
  std::uint64_t begun = 0; ///< beginnings before the question under way
};

map_replica::behavior_type replica_behavior(pointer self, environment* env, event_id event,
                                            std::shared_ptr<const cluster::copy_context> context,
                                            cluster::copies_parent parent) {
  self->state.start(self, *env, event, std::move(context), std::move(parent));
  return {
      [self](get_seat_map) {
        auto& state = self->state;
        return state.read<seat_map_view>([&state] { return state.copy->publish(); });
      },
      [self](const get_seat_changes& query) {
        auto& state = self->state;
        return state.read<seat_changes>([&state, query] { return state.copy->changes(query); });
      },
      [self](cluster::copy_hurry m) { self->state.clock->hurry(m.number, self->state.env->now()); },
      [self](cluster::copy_tick) { self->state.tick(); },
      [self](cluster::stop_copy) { self->state.stop(); },
  };
}

} // namespace

map_replica spawn_map_replica(caf::actor_system& sys, environment& env, event_id event,
                              std::shared_ptr<const cluster::copy_context> context,
                              cluster::copies_parent parent) {
  return sys.spawn(replica_behavior, &env, event, std::move(context), std::move(parent));
}

} // namespace tiketi::ticket
