#include "actors/queue/line_replica.hpp"

#include "actors/cluster/sharding.hpp"
#include "actors/queue/line_copy.hpp"
#include "actors/queue/type_ids.hpp"
#include "actors/system/caf_error.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <prometheus/counter.h>
#include <spdlog/spdlog.h>

namespace tiketi::queue {

namespace {

/// Of one question.
constexpr std::uint64_t beginnings_max = 5;

/// What is to be told is told so soon, whether or not anybody asks.
constexpr milliseconds tell_within{1'000};

class replica_state {
public:
  replica_state() = default;

  using pointer = line_replica::stateful_pointer<replica_state>;
  using place_promise = caf::typed_response_promise<queue_place>;

  void start(pointer self, event_id event, std::shared_ptr<const queue_context> role,
             std::shared_ptr<const cluster::copy_context> context, cluster::copies_parent parent) {
    self_ = self;
    event_ = event;
    queues_ = std::move(role);
    context_ = std::move(context);
    parent_ = std::move(parent);
    line_copy_options options;
    options.tell_every = std::min(options.tell_every, queues_->options.room.seen_ttl / 10);
    copy_.emplace(event_, options);
    clock_.emplace(context_->access.replicas, [this](std::uint64_t number) {
      context_->metrics->questions.Increment();
      begun_ = copy_->beginnings();
      ask();
      if (begun_ > 0)
        self_->delayed_send(self_, clock_->rules().hurry, cluster::copy_hurry{number});
    });
    self_->delayed_send(self_, tell_within, cluster::copy_tick{});
  }

  caf::result<queue_place> poll(const poll_queue& query) {
    auto promise = self_->make_response_promise<queue_place>();
    answer(query, promise);
    return promise;
  }

  void hurry(std::uint64_t number) { clock_->hurry(number, now()); }

  void tick() {
    if (idle()) {
      self_->send(parent_, cluster::passivate_copy{event_});
      return;
    }
    if (copy_->has_news() && !clock_->asking())
      clock_->wait(now(), [](const failure*) {});
    self_->delayed_send(self_, tell_within, cluster::copy_tick{});
  }

  void stop() {
    if (idle())
      return self_->quit();
    self_->send(parent_, cluster::stay_copy{event_});
    self_->delayed_send(self_, tell_within, cluster::copy_tick{});
  }

private:
  time_point now() const { return queues_->env->now(); }

  bool idle() const {
    return clock_->waiting() == 0 && !clock_->asking() && !copy_->has_news()
           && now() - last_poll_ >= clock_->rules().idle_after;
  }

  void answer(const poll_queue& query, place_promise promise) {
    const auto came = now();
    last_poll_ = came;
    if (clock_->fresh(came))
      look(query, came, std::move(promise), false);
    else
      clock_->wait(came, [=, this](const failure* why) mutable {
        if (why != nullptr)
          promise.deliver(to_caf(*why));
        else
          look(query, came, promise, false);
      });
  }

  /// `asked`: the owner has just been asked for this user's place.
  void look(const poll_queue& query, time_point came, place_promise promise, bool asked) {
    if (!copy_->usable())
      return ask_owner(query, came, std::move(promise));
    switch (copy_->look(query.user, now())) {
    case line_copy::knowledge::here:
      context_->metrics->from_copy.Increment();
      cluster::observe_age(*clock_, *context_->metrics, now());
      promise.deliver(copy_->place_of(query.user));
      return;
    case line_copy::knowledge::elsewhere:
      return ask_owner(query, came, std::move(promise));
    case line_copy::knowledge::unknown:
      break;
    }
    if (asked)
      return ask_owner(query, came, std::move(promise));
    copy_->wanted(query.user);
    clock_->wait_for_next(came, now(), [=, this](const failure* why) mutable {
      if (why != nullptr)
        promise.deliver(to_caf(*why));
      else
        look(query, came, promise, true);
    });
  }

  void ask_owner(const poll_queue& query, time_point came, place_promise promise) {
    context_->metrics->from_owner.Increment();
    cluster::ask_owner<queue_place>(self_, *context_, event_, query,
                                    came + clock_->rules().patience - now())
        .then(
            [=, this](const queue_place& place) mutable {
              copy_->learn(query.user, place);
              promise.deliver(place);
            },
            [promise](caf::error& err) mutable { promise.deliver(std::move(err)); });
  }

  void ask() {
    cluster::ask_owner<line_update>(self_, *context_, event_, copy_->question(),
                                    clock_->until() - now())
        .then(
            [this](const line_update& update) {
              const auto beginnings = copy_->beginnings();
              const bool done = copy_->take(update, now());
              context_->metrics->whole.Increment(
                  static_cast<double>(copy_->beginnings() - beginnings));
              if (done) {
                clock_->answered(now());
              } else if (copy_->beginnings() < begun_ + beginnings_max) {
                ask();
              } else {
                copy_->lost();
                clock_->failed(errc::unavailable, now());
              }
            },
            [this](const caf::error& err) {
              const auto why = to_failure(err);
              spdlog::debug("queue of {}: its owner did not say what has changed: {}",
                            to_string(event_), why.text);
              copy_->lost();
              clock_->failed(why, now());
            });
  }

  pointer self_ = nullptr;
  event_id event_;
  std::shared_ptr<const queue_context> queues_;
  std::shared_ptr<const cluster::copy_context> context_;
  cluster::copies_parent parent_;
  std::optional<line_copy> copy_;
  std::optional<cluster::replica_clock> clock_;
  std::uint64_t begun_ = 0; ///< beginnings before the question under way
  time_point last_poll_;
};

static_assert(!std::is_aggregate_v<replica_state>);

line_replica::behavior_type replica_behavior(replica_state::pointer self, event_id event,
                                             std::shared_ptr<const queue_context> role,
                                             std::shared_ptr<const cluster::copy_context> context,
                                             cluster::copies_parent parent) {
  self->state.start(self, event, std::move(role), std::move(context), std::move(parent));
  return {
      [self](const poll_queue& query) { return self->state.poll(query); },
      [self](cluster::copy_hurry m) { self->state.hurry(m.number); },
      [self](cluster::copy_tick) { self->state.tick(); },
      [self](cluster::stop_copy) { self->state.stop(); },
  };
}

} // namespace

line_replica spawn_line_replica(caf::actor_system& sys, event_id event,
                                std::shared_ptr<const queue_context> role,
                                std::shared_ptr<const cluster::copy_context> context,
                                cluster::copies_parent parent) {
  return sys.spawn(replica_behavior, event, std::move(role), std::move(context), std::move(parent));
}

} // namespace tiketi::queue
