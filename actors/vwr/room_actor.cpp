#include "actors/vwr/room_actor.hpp"

#include "actors/catalog/type_ids.hpp"
#include "actors/system/caf_error.hpp"
#include "actors/vwr/type_ids.hpp"

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace tiketi::vwr {

namespace {

class room_state {
public:
  room_state() = default;
  ~room_state() {
    if (context_)
      context_->metrics->waiting.Decrement(static_cast<double>(gauge_));
  }

  using pointer = room_actor::stateful_pointer<room_state>;
  template <class Reply>
  using promise_of = caf::typed_response_promise<Reply>;

  void start(pointer self, event_id event, std::shared_ptr<const room_context> context,
             room_parent parent) {
    self_ = self;
    event_ = event;
    context_ = std::move(context);
    parent_ = std::move(parent);
    load();
  }

  void show(promise_of<room_counters> promise) {
    if (postponed(promise, [=, this] { show(promise); }))
      return;
    if (!room_.exists())
      promise.deliver(to_caf(failure{errc::not_found, "VWR not found for this event"}));
    else
      promise.deliver(counters());
  }

  void take(promise_of<number_taken> promise) {
    if (postponed(promise, [=, this] { take(promise); }) || full(promise))
      return;
    const auto number = room_.take();
    if (!number) {
      promise.deliver(to_caf(number.error()));
      return;
    }
    when_durable(promise, [this, generation = room_.decided().generation, n = *number] {
      return number_taken{generation, n, room_.durable().serving};
    });
  }

  void check(const check_number& query, promise_of<number_state> promise) {
    if (postponed(promise, [=, this] { check(query, promise); }))
      return;
    const auto found = room_.find(query.generation, query.number);
    const auto& row = room_.durable();
    if (!found)
      promise.deliver(to_caf(found.error()));
    else
      promise.deliver(
          number_state{found->switched_off, found->served, found->ahead, row.issued, row.serving});
  }

  void activate(bool reset, promise_of<room_counters> promise) {
    if (postponed(promise, [=, this] { activate(reset, promise); }) || full(promise))
      return;
    ++asking_;
    self_->request(context_->catalog, context_->options.brief_timeout, catalog::get_brief{event_})
        .then(
            [=, this](const catalog::event_brief& brief) mutable {
              --asking_;
              activate_known(brief, reset, promise);
              settle();
            },
            [promise, this](const caf::error& err) mutable {
              --asking_;
              const auto why = to_failure(err);
              promise.deliver(to_caf(why.code == errc::not_found
                                         ? failure{errc::not_found, "Event not found"}
                                         : failure{errc::unavailable}));
            });
  }

  void deactivate(promise_of<room_counters> promise) {
    if (postponed(promise, [=, this] { deactivate(promise); }) || full(promise))
      return;
    if (const auto done = room_.deactivate(); !done)
      promise.deliver(to_caf(done.error()));
    else
      when_durable(promise, [this] { return counters(); });
  }

  void advance(std::uint64_t batch, promise_of<room_advanced> promise) {
    if (postponed(promise, [=, this] { advance(batch, promise); }) || full(promise))
      return;
    if (!room_.exists()) {
      promise.deliver(to_caf(failure{errc::not_found, "VWR not found for this event"}));
      return;
    }
    const auto advanced = room_.advance(batch);
    when_durable(promise, [advanced, serving = room_.decided().serving] {
      return room_advanced{serving, advanced};
    });
  }

  void tick(std::uint64_t generation) {
    if (generation != generation_)
      return;
    const bool was_idle = timer_ == timer::idle;
    timer_ = timer::none;
    if (loading_) {
      if (load_failed_)
        load();
      return;
    }
    if (was_idle && is_idle()) {
      if (std::exchange(used_, false))
        return;
      offered_to_stop_ = true;
      self_->send(parent_, passivate_room{event_});
      return;
    }
    room_.advance_by_clock(context_->options.advance_batch);
  }

  void stop() {
    offered_to_stop_ = false;
    if (is_idle())
      self_->quit();
    else
      self_->send(parent_, keep_room{event_});
  }

  /// After each message: writes what was decided, keeps the timer right.
  void settle() {
    if (!loading_ && !room_.is_writing()) {
      if (room_.has_changes())
        write();
      else if (!waiting_.empty()) // nothing changed: what they want is durable already
        tell(std::exchange(waiting_, {}), nullptr);
    }
    update_gauge();
    if (offered_to_stop_)
      return;
    const auto wanted = is_idle() ? timer::idle : timer::busy;
    if (timer_ == timer::none || (timer_ == timer::idle && wanted == timer::busy)) {
      timer_ = wanted;
      self_->delayed_send(self_,
                          wanted == timer::idle ? context_->options.idle_after
                                                : context_->options.advance_interval,
                          room_tick{++generation_});
    }
  }

private:
  /// Called with null when it is durable, or with why it is not.
  using waiter = std::function<void(const failure*)>;

  enum class timer : std::uint8_t { none, busy, idle };

  room_counters counters() const {
    const auto& row = room_.durable();
    return {row.active, row.issued, row.serving};
  }

  static failure unavailable() {
    return {errc::unavailable, "Waiting room temporarily unavailable. Please retry."};
  }

  /// While the row is being read: `again` runs when it was.
  template <class Promise, class Again>
  bool postponed(Promise promise, Again again) {
    used_ = true;
    if (!loading_)
      return false;
    if (deferred_.size() >= context_->options.waiting_max)
      promise.deliver(to_caf(errc::overloaded));
    else
      deferred_.push_back([=](const failure* why) mutable {
        if (why)
          promise.deliver(to_caf(*why));
        else
          again();
      });
    return true;
  }

  template <class Promise>
  bool full(Promise promise) {
    if (waiting_.size() < context_->options.waiting_max)
      return false;
    promise.deliver(to_caf(errc::overloaded));
    return true;
  }

  template <class Reply, class Make>
  void when_durable(promise_of<Reply> promise, Make make) {
    waiting_.push_back([promise, make](const failure* why) mutable {
      if (why)
        promise.deliver(to_caf(*why));
      else
        promise.deliver(make());
    });
  }

  void tell(std::vector<waiter> who, const failure* why) {
    for (auto& one : who)
      one(why);
  }

  void activate_known(const catalog::event_brief& brief, bool reset,
                      promise_of<room_counters> promise) {
    if (postponed(promise, [=, this] { activate_known(brief, reset, promise); }) || full(promise))
      return;
    if (brief.cancelled) {
      promise.deliver(to_caf(failure{errc::conflict, "This event has been cancelled"}));
      return;
    }
    if (brief.sale_end != time_point{} && context_->env->now() >= brief.sale_end) {
      promise.deliver(to_caf(failure{errc::conflict, "The sale of this event is over"}));
      return;
    }
    if (const auto done = room_.activate(reset); !done)
      promise.deliver(to_caf(done.error()));
    else
      when_durable(promise, [this] { return counters(); });
  }

  void load() {
    loading_ = true;
    load_failed_ = false;
    self_->request(context_->reader, caf::infinite, load_room{event_})
        .then(
            [this](const stored_room& stored) {
              room_.restore(stored.found ? std::optional<room_row>{stored.row} : std::nullopt);
              loading_ = false;
              tell(std::exchange(deferred_, {}), nullptr);
              settle();
            },
            [this](const caf::error&) {
              // Tried again by the tick; those who wait may as well hear it now.
              const auto why = unavailable();
              load_failed_ = true;
              tell(std::exchange(deferred_, {}), &why);
              settle();
            });
  }

  void write() {
    writing_ = std::exchange(waiting_, {});
    before_ = room_.durable();
    // The writer answers everything it takes, so a timeout would only add doubt.
    self_
        ->request(context_->writer, caf::infinite,
                  save_room{event_, room_.begin(context_->env->now())})
        .then([this](const room_saved& saved) { finish(saved.status); },
              [this](const caf::error&) { finish(commit_status::unknown); });
  }

  void finish(commit_status status) {
    auto told = std::exchange(writing_, {});
    if (status == commit_status::committed) {
      room_.end();
      const auto& now = room_.durable();
      const bool same = now.generation == before_.generation;
      context_->metrics->issued.Increment(
          static_cast<double>(same ? now.issued - before_.issued : now.issued));
      context_->metrics->served.Increment(
          static_cast<double>(same ? now.serving - before_.serving : now.serving));
      if (before_.version == 0 || now.active != before_.active)
        self_->send(parent_, room_changed{event_, now.active});
      tell(std::move(told), nullptr);
      settle();
      return;
    }
    // What was decided on top of it must not come true without it.
    context_->metrics->recoveries.Increment();
    std::move(waiting_.begin(), waiting_.end(), std::back_inserter(told));
    waiting_.clear();
    const auto why = unavailable();
    load();
    tell(std::move(told), &why);
    settle();
  }

  bool is_idle() const {
    const auto& row = room_.decided();
    return !loading_ && asking_ == 0 && !room_.is_writing() && !room_.has_changes()
           && waiting_.empty() && deferred_.empty() && (!row.active || row.serving == row.issued);
  }

  void update_gauge() {
    const auto now = room_.durable().active ? room_.waiting() : 0;
    if (now != gauge_)
      context_->metrics->waiting.Increment(static_cast<double>(now)
                                           - static_cast<double>(std::exchange(gauge_, now)));
  }

  pointer self_ = nullptr;
  event_id event_;
  std::shared_ptr<const room_context> context_;
  room_parent parent_;
  numbered_room room_;
  room_row before_;
  std::vector<waiter> waiting_;  ///< for the next write
  std::vector<waiter> writing_;  ///< for the one under way
  std::vector<waiter> deferred_; ///< until the row is read
  std::size_t asking_ = 0;       ///< questions to the catalog
  bool loading_ = true;
  bool load_failed_ = false;
  timer timer_ = timer::none;
  std::uint64_t generation_ = 0;
  bool used_ = false; ///< a request came since the last idle tick
  bool offered_to_stop_ = false;
  std::uint64_t gauge_ = 0;
};

static_assert(!std::is_aggregate_v<room_state>);

room_actor::behavior_type room_behavior(room_state::pointer self, event_id event,
                                        std::shared_ptr<const room_context> context,
                                        room_parent parent) {
  self->state.start(self, event, std::move(context), std::move(parent));
  return {
      [self](const show_room&) -> caf::result<room_counters> {
        auto promise = self->make_response_promise<room_counters>();
        self->state.show(promise);
        self->state.settle();
        return promise;
      },
      [self](const take_number&) -> caf::result<number_taken> {
        auto promise = self->make_response_promise<number_taken>();
        self->state.take(promise);
        self->state.settle();
        return promise;
      },
      [self](const check_number& m) -> caf::result<number_state> {
        auto promise = self->make_response_promise<number_state>();
        self->state.check(m, promise);
        self->state.settle();
        return promise;
      },
      [self](const activate_room& m) -> caf::result<room_counters> {
        auto promise = self->make_response_promise<room_counters>();
        self->state.activate(m.reset, promise);
        self->state.settle();
        return promise;
      },
      [self](const deactivate_room&) -> caf::result<room_counters> {
        auto promise = self->make_response_promise<room_counters>();
        self->state.deactivate(promise);
        self->state.settle();
        return promise;
      },
      [self](const advance_room& m) -> caf::result<room_advanced> {
        // The counters say how far an earlier owner came, but not because of whom.
        if (m.repeated)
          return to_caf(errc::in_doubt);
        auto promise = self->make_response_promise<room_advanced>();
        self->state.advance(m.batch, promise);
        self->state.settle();
        return promise;
      },
      [self](const room_tick& m) {
        self->state.tick(m.generation);
        self->state.settle();
      },
      [self](const stop_idle&) {
        self->state.stop();
        self->state.settle();
      },
  };
}

} // namespace

room_actor spawn_room(caf::actor_system& sys, event_id event,
                      std::shared_ptr<const room_context> context, room_parent parent) {
  return sys.spawn(room_behavior, event, std::move(context), std::move(parent));
}

} // namespace tiketi::vwr
