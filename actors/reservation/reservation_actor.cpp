#include "actors/reservation/reservation_actor.hpp"

#include "actors/base/trace.hpp"
#include "actors/reservation/domain_events.hpp"
#include "actors/system/caf_error.hpp"
#include "actors/transfer/resale.hpp"

#include <deque>
#include <functional>
#include <string>
#include <utility>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <spdlog/spdlog.h>

namespace tiketi::ticket {

namespace {

template <class T>
using promise_of = caf::typed_response_promise<T>;

/// How often a command starts again because the store had another state.
constexpr int restarts_max = 2;

ticket_write look_up_of(const reservation_id& id) {
  return {look_up{id}};
}

} // namespace

class reservation_life {
public:
  using hold_step = reservation::hold_step;
  using change_step = reservation::change_step;
  /// How a change ended for whoever wanted it; the value says: applied before.
  using changed_fn = std::function<void(result<bool>)>;
  using paid_fn = std::function<void(result<payment_outcome>)>;

  reservation_life(reservation_actor::pointer self, ticket_context_ptr context,
                   reservation_parent parent, reservation_start with)
      : self_(self),
        context_(std::move(context)),
        parent_(std::move(parent)),
        key_(std::move(with.idempotency_key)),
        trace_(traceparent_or_empty(std::move(with.trace))),
        seats_(std::move(with.seats)),
        types_(std::move(with.types)),
        machine_(with.stored ? reservation::restore(std::move(with.view), context_->options.timing)
                             : reservation::start(std::move(with.view), context_->options.timing)),
        held_(with.stored) {
    context_->metrics.reservations.Increment();
    told_.reservation = id();
    told_.user = machine_.view().user;
    if (!with.stored)
      claim();
  }

  ~reservation_life() { context_->metrics.reservations.Decrement(); }

  reservation_life(const reservation_life&) = delete;
  reservation_life& operator=(const reservation_life&) = delete;

  // -- commands ----------------------------------------------------------------------------------

  template <class Reply, class Message>
  promise_of<Reply> handle(Message& message) {
    auto promise = self_->make_response_promise<Reply>();
    submit<Reply>(promise, std::move(message));
    tell();
    return promise;
  }

  void wake() {
    const auto payment = context_->links->payment();
    switch (machine_.on_wake(now(), static_cast<bool>(payment))) {
    case reservation::wake_step::nothing:
      // The wall clock may have gone back: ask for the same time again.
      if (!held_ && machine_.state() == reservation::phase::in_doubt)
        on_doubt();
      break;
    case reservation::wake_step::look_up:
      look_up_hold();
      break;
    case reservation::wake_step::repeat_change:
      write_change();
      break;
    case reservation::wake_step::ask_standing:
      ask_standing(payment);
      break;
    case reservation::wake_step::expire:
      expire();
      break;
    }
    tell(true);
  }

private:
  time_point now() const { return context_->env.now(); }
  const reservation_id& id() const { return machine_.view().id; }
  const std::vector<reservation_item>& items() const { return machine_.view().items; }

  template <class T>
  void answer(promise_of<T>& promise, result<T> what) {
    if (what)
      promise.deliver(std::move(*what));
    else
      promise.deliver(to_caf(what.error()));
    ++handled_;
  }

  /// Tells the event what it has to know, once per change; `due`: the wake-up it had is used up.
  void tell(bool due = false) {
    if (gone_ || !held_)
      return;
    reservation_moved next;
    next.reservation = id();
    next.status = machine_.view().status;
    next.user = machine_.view().user;
    next.wake_at = machine_.wake_at();
    next.resting = !busy_ && waiting_.empty() && machine_.state() == reservation::phase::live
                   && !machine_.pending();
    next.handled = handled_;
    const bool rest = next.resting && (!told_.resting || next.handled != told_.handled);
    if (!rest && !due && next.status == told_.status && next.user == told_.user
        && next.wake_at == told_.wake_at)
      return;
    told_ = next;
    self_->send(parent_, std::move(next));
  }

  // -- hold --------------------------------------------------------------------------------------

  void claim() {
    for (std::size_t i = 0; i < items().size(); ++i) {
      if (seats_[i]) {
        self_->request(seats_[i], caf::infinite, claim_seat{id()})
            .then(
                [this, i](const seat_answer& a) {
                  proceed(a.granted ? machine_.on_seat_granted(i, a.floor, a.version)
                                    : machine_.on_refused(i));
                },
                [this, i](caf::error&) { proceed(machine_.on_unreachable(i)); });
      } else {
        self_->request(types_[i], caf::infinite, take_stock{id(), items()[i].quantity})
            .then(
                [this, i](const stock_answer& a) {
                  proceed(a.granted ? machine_.on_stock_granted(i) : machine_.on_refused(i));
                },
                [this, i](caf::error&) { proceed(machine_.on_unreachable(i)); });
      }
    }
  }

  void proceed(hold_step step) {
    switch (step) {
    case hold_step::wait:
      break;
    case hold_step::ask_tokens:
      ask_tokens();
      break;
    case hold_step::commit:
      commit();
      break;
    case hold_step::held:
      on_held();
      break;
    case hold_step::doubt:
      on_doubt();
      break;
    case hold_step::fail:
      on_failed();
      break;
    }
  }

  void ask_tokens() {
    acquire_tokens ask;
    ask.event = machine_.view().event;
    ask.reservation = id();
    ask.user = machine_.view().user;
    const auto floors = machine_.floors();
    for (const auto& item : items())
      if (!item.seat.is_nil())
        ask.seats.push_back({item.seat, floors[ask.seats.size()]});
    self_->request(context_->guard, caf::infinite, std::move(ask))
        .then([this](const tokens& t) { proceed(machine_.on_tokens(t.values)); },
              [this](caf::error& err) { proceed(machine_.on_no_tokens(to_failure(err))); });
  }

  void commit() {
    create_reservation create;
    create.reservation = machine_.view();
    create.idempotency_key = key_;
    create.events.push_back(created_event(machine_.view(), now(), context_->env));
    create.events.back().trace = trace_;
    self_->request(context_->writer, caf::infinite, ticket_write{std::move(create)})
        .then([this](const ticket_written& w) { proceed(machine_.on_created(w, now())); },
              [this](caf::error& err) {
                const auto why = to_failure(err);
                // Only this answer says that the writer did not take it.
                proceed(why.code == errc::overloaded ? machine_.on_create_refused(why)
                                                     : machine_.on_create_lost(now()));
              });
  }

  void look_up_hold() {
    self_->request(context_->writer, caf::infinite, look_up_of(id()))
        .then([this](const ticket_written& w) { proceed(machine_.on_looked_up(w, now())); },
              [this](caf::error&) { proceed(machine_.on_look_up_lost(now())); });
  }

  void on_held() {
    held_ = true;
    for (std::size_t i = 0; i < items().size(); ++i) {
      if (seats_[i])
        self_->send(seats_[i], settle_seat{id(), items()[i].token});
      else if (types_[i])
        self_->send(types_[i], settle_stock{id()});
    }
    context_->metrics.created.Increment();
    hold_finished done;
    done.reservation = id();
    done.what = hold_finished::kind::held;
    done.view = machine_.view();
    done.wake_at = machine_.wake_at();
    told_.status = machine_.view().status;
    told_.wake_at = done.wake_at;
    self_->send(parent_, std::move(done));
    tell();
  }

  void on_doubt() {
    if (!doubted_)
      context_->metrics.doubts.Increment();
    doubted_ = true;
    hold_finished doubt;
    doubt.reservation = id();
    doubt.what = hold_finished::kind::in_doubt;
    doubt.wake_at = machine_.wake_at();
    self_->send(parent_, std::move(doubt));
  }

  void on_failed() {
    for (std::size_t i = 0; i < items().size(); ++i) {
      if (!machine_.granted(i))
        continue;
      if (seats_[i])
        self_->send(seats_[i], release_seat{id(), items()[i].token});
      else if (types_[i])
        self_->send(types_[i], put_back_stock{id()});
    }
    release_at_guard();
    hold_finished failed;
    failed.reservation = id();
    failed.what = hold_finished::kind::failed;
    failed.view = machine_.view();
    failed.failure = machine_.why_failed();
    self_->send(parent_, std::move(failed));
    gone_ = true;
    self_->quit();
  }

  void release_at_guard() {
    release_tokens given;
    for (const auto& item : items())
      if (!item.seat.is_nil() && item.token != 0)
        given.seats.push_back({item.seat, item.token});
    if (given.seats.empty())
      return;
    given.event = machine_.view().event;
    given.reservation = id();
    self_->send(context_->guard, std::move(given));
  }

  // -- commands of a live one --------------------------------------------------------------------

  template <class Reply, class Message>
  void submit(promise_of<Reply> promise, Message message) {
    if (!held_ || machine_.state() == reservation::phase::change_in_doubt) {
      answer(promise, result<Reply>{failure{errc::in_doubt}});
      return;
    }
    if (!busy_) {
      run(std::move(promise), std::move(message));
      return;
    }
    if (waiting_.size() >= context_->options.commands_waiting_max) {
      answer(promise, result<Reply>{failure{errc::overloaded}});
      return;
    }
    waiting_.push_back([this, promise, message]() mutable {
      submit<Reply>(std::move(promise), std::move(message));
    });
  }

  void run(promise_of<payable> promise, const check_payable& query) {
    answer(promise, machine_.decide(query, now()));
  }

  void run(promise_of<reservation_view> promise, const replay_reservation&) {
    auto view = machine_.view();
    view.replayed = true;
    answer(promise, result<reservation_view>{std::move(view)});
  }

  void run(promise_of<reservation_view> promise, const cancel_reservation& command) {
    carry_out(std::move(promise), command);
  }

  void run(promise_of<reservation_view> promise, const end_reservation& command) {
    carry_out(std::move(promise), command);
  }

  template <class Command>
  result<change> decide(const Command& command) const {
    return machine_.decide(command, now());
  }

  result<change> decide(const end_reservation& command) const { return machine_.decide(command); }

  template <class Command>
  void carry_out(promise_of<reservation_view> promise, const Command& command, int restarts = 0) {
    if (machine_.done_before(command)) {
      answer(promise, result<reservation_view>{machine_.view()});
      return;
    }
    auto decided = decide(command);
    if (!decided) {
      answer(promise, result<reservation_view>{decided.error()});
      return;
    }
    start(std::move(*decided), command.trace,
          [this, promise, command, restarts](result<bool> r) mutable {
            if (r)
              answer(promise, result<reservation_view>{machine_.view()});
            else if (r.error() == stale_ && restarts < restarts_max)
              carry_out(std::move(promise), command, restarts + 1);
            else
              answer(promise, result<reservation_view>{visible(r.error())});
          });
  }

  void run(promise_of<payable> promise, const check_listing& query) {
    answer(promise, machine_.decide(query, now()));
  }

  void run(promise_of<reservation_view> promise, const list_ticket& command) {
    carry_out(std::move(promise), command);
  }
  void run(promise_of<reservation_view> promise, const unlist_ticket& command) {
    carry_out(std::move(promise), command);
  }

  void run(promise_of<payment_outcome> promise, const apply_payment& command) {
    pay(command,
        [this, promise](result<payment_outcome> r) mutable { answer(promise, std::move(r)); });
  }

  void run(promise_of<payment_outcome> promise, const buy_listed& command) {
    pay(command,
        [this, promise](result<payment_outcome> r) mutable { answer(promise, std::move(r)); });
  }

  template <class Command>
  void pay(const Command& command, paid_fn done, int restarts = 0) {
    auto decided = machine_.decide(command);
    if (auto* known = std::get_if<payment_outcome>(&decided)) {
      done(std::move(*known));
      return;
    }
    if (command.message.is_nil()) {
      done(failure{errc::invalid_request, "A payment needs the id of its message"});
      return;
    }
    start(std::move(std::get<change>(decided)), command.trace,
          [this, command, done = std::move(done), restarts](result<bool> r) mutable {
            if (!r && r.error() == stale_ && restarts < restarts_max)
              pay(command, std::move(done), restarts + 1);
            else if (!r)
              done(visible(r.error()));
            else
              done(outcome(*r));
          });
  }

  /// What the change that has just ended says about the money.
  payment_outcome outcome(bool duplicate) const {
    const auto& what = machine_.current();
    if (what.why == change_reason::transfer)
      return {payment_verdict::confirmed, {}, duplicate};
    if (what.why == change_reason::confirm && !duplicate)
      return {payment_verdict::confirmed, {}, false};
    if (what.why == change_reason::confirm)
      return {payment_verdict::refund_due, "refused_before", true};
    return {payment_verdict::refund_due, what.reason, duplicate};
  }

  void run(promise_of<refund_applied> promise, const apply_refund& command, int restarts = 0) {
    auto decided = machine_.decide(command);
    if (auto* known = std::get_if<refund_applied>(&decided)) {
      answer(promise, result<refund_applied>{*known});
      return;
    }
    if (command.message.is_nil()) {
      answer(promise, result<refund_applied>{
                          failure{errc::invalid_request, "A refund needs the id of its message"}});
      return;
    }
    start(std::move(std::get<change>(decided)), command.trace,
          [this, promise, command, restarts](result<bool> r) mutable {
            if (!r && r.error() == stale_ && restarts < restarts_max)
              run(std::move(promise), command, restarts + 1);
            else if (!r)
              answer(promise, result<refund_applied>{visible(r.error())});
            else
              answer(promise, result<refund_applied>{refund_applied{*r}});
          });
  }

  failure visible(const failure& f) const { return f == stale_ ? failure{errc::unavailable} : f; }

  // -- changes -----------------------------------------------------------------------------------

  /// `trace`: of what led to it; the event of the change carries it.
  void start(change next, const std::string& trace, changed_fn done) {
    busy_ = true;
    trace_ = traceparent_or_empty(trace);
    done_ = std::move(done);
    if (machine_.begin(std::move(next)))
      verify();
    else
      prepare_write();
  }

  void verify() {
    asked_ = 0;
    all_ours_ = true;
    unreachable_ = false;
    for (std::size_t i = 0; i < items().size(); ++i) {
      if (items()[i].seat.is_nil())
        continue;
      if (!seats_[i]) {
        all_ours_ = false;
        continue;
      }
      ++asked_;
      self_->request(seats_[i], caf::infinite, verify_seat{id(), items()[i].token})
          .then([this](const seat_verdict& v) { on_verdict(v.ours, false); },
                [this](caf::error&) { on_verdict(true, true); });
    }
    if (asked_ == 0)
      on_verified();
  }

  void on_verdict(bool ours, bool unreachable) {
    all_ours_ = all_ours_ && ours;
    unreachable_ = unreachable_ || unreachable;
    if (--asked_ == 0)
      on_verified();
  }

  void on_verified() {
    if (unreachable_) {
      machine_.on_seats_unreachable();
      finish(failure{errc::unavailable});
      return;
    }
    if (all_ours_)
      machine_.on_seats_verified();
    else
      machine_.on_seat_lost();
    prepare_write();
  }

  // Made once per change, so that a repeat writes the same bytes under the same event id.
  void prepare_write() {
    write_ = machine_.write_of_current(now());
    if (!machine_.current().event_type.empty())
      write_.events.push_back(
          changed_event(machine_.view(), machine_.current(), now(), context_->env));
    if (auto event = transfer_event(machine_.view(), machine_.current(), now(), context_->env))
      write_.events.push_back(std::move(*event));
    for (auto& event : write_.events)
      event.trace = trace_;
    write_change();
  }

  void write_change() {
    self_->request(context_->writer, caf::infinite, ticket_write{write_})
        .then([this](const ticket_written& w) { on_change(machine_.on_changed(w, now())); },
              [this](caf::error& err) {
                on_change(to_failure(err).code == errc::overloaded
                              ? machine_.on_change_refused(now())
                              : machine_.on_change_lost(now()));
              });
  }

  void on_change(change_step step) {
    switch (step) {
    case change_step::done:
      carry_out();
      finish(false);
      break;
    case change_step::duplicate:
      finish(true);
      break;
    case change_step::rejected:
      spdlog::error("reservation {} lost its seats before payment {} was applied", to_string(id()),
                    to_string(machine_.current().about));
      prepare_write();
      return;
    case change_step::undone:
      finish(failure{errc::unavailable});
      break;
    case change_step::doubt:
      context_->metrics.doubts.Increment();
      on_change_doubt();
      break;
    case change_step::look_up:
      self_->request(context_->writer, caf::infinite, look_up_of(id()))
          .then([this](
                    const ticket_written& w) { on_change(machine_.on_change_looked_up(w, now())); },
                [this](caf::error&) { on_change(machine_.on_change_lost(now())); });
      return;
    case change_step::stale:
      reload();
      return;
    }
  }

  /// Whoever waits hears that nobody knows; the change goes on by itself.
  void on_change_doubt() {
    if (auto done = std::exchange(done_, nullptr))
      done(failure{errc::in_doubt});
    for (auto& next : std::exchange(waiting_, {}))
      next();
    tell();
  }

  void reload() {
    self_->request(context_->reader, caf::infinite, find_by_id{id()})
        .then(
            [this](found_reservation& found) {
              if (!found.reservation) {
                finish(failure{errc::unavailable});
                return;
              }
              spdlog::warn("reservation {} was changed behind its actor", to_string(id()));
              machine_.reload(std::move(*found.reservation));
              finish(stale_);
            },
            [this](caf::error&) { finish(failure{errc::unavailable}); });
  }

  /// The change is durable: tell everybody whom it concerns.
  void carry_out() {
    const auto& what = machine_.current();
    if (what.from != what.to || what.stock != stock_effect::keep) {
      for (std::size_t i = 0; i < items().size(); ++i) {
        if (what.stock == stock_effect::sell && seats_[i])
          self_->send(seats_[i], sell_seat{id(), items()[i].token});
        if (what.stock == stock_effect::free && seats_[i])
          self_->send(seats_[i], release_seat{id(), items()[i].token});
        if (what.stock == stock_effect::free && types_[i])
          self_->send(types_[i], restock{items()[i].quantity});
      }
      if (what.stock == stock_effect::free)
        release_at_guard();
    }
    auto& metrics = context_->metrics;
    switch (what.why) {
    case change_reason::confirm:
      metrics.confirmed.Increment();
      if (const auto queue = context_->links->queue())
        self_->send(queue, queue::booking_done{machine_.view().event, machine_.view().user});
      break;
    case change_reason::reject:
      metrics.refused.Increment();
      break;
    case change_reason::cancel:
      metrics.cancelled.Increment();
      break;
    case change_reason::refund:
      if (what.from != what.to)
        metrics.cancelled.Increment();
      break;
    case change_reason::expire:
      metrics.expired.Increment();
      break;
    case change_reason::offer:
    case change_reason::withdraw:
      break;
    case change_reason::transfer:
      metrics.transferred.Increment();
      break;
    }
  }

  void finish(result<bool> how) {
    busy_ = false;
    if (auto done = std::exchange(done_, nullptr))
      done(std::move(how));
    while (!busy_ && !waiting_.empty()) {
      auto next = std::move(waiting_.front());
      waiting_.pop_front();
      next();
    }
    tell();
  }

  // -- expiry and reconciliation -----------------------------------------------------------------

  void ask_standing(const payment::tickets_view& payment) {
    const auto question = machine_.question();
    self_->request(payment, caf::infinite, payment::get_standing{id()})
        .then(
            [this, question](const payment::payment_standing& s) {
              on_standing(machine_.on_standing(s, question, now()), s);
            },
            [this, question](caf::error&) {
              on_standing(machine_.on_no_standing(question, now()), {});
            });
  }

  void on_standing(reservation::standing_step step, const payment::payment_standing& s) {
    if (step == reservation::standing_step::expire)
      expire();
    if (step == reservation::standing_step::confirm && !busy_) {
      context_->metrics.reconciled.Increment();
      pay(apply_payment{s.message, id(), s.payment, s.user, s.amount, s.method},
          [](const result<payment_outcome>&) {});
    }
    tell();
  }

  void expire() {
    // A change that is under way decides; the machine asks again after it.
    if (!busy_)
      start(machine_.decide_expiry(), {}, [](const result<bool>&) {});
  }

  const failure stale_{errc::conflict, "stale"};

  reservation_actor::pointer self_;
  ticket_context_ptr context_;
  reservation_parent parent_;
  std::string key_;
  std::string trace_; ///< of the hold, then of the change under way; empty: none
  std::vector<seat_actor> seats_;
  std::vector<ticket_type_actor> types_;
  reservation machine_;
  bool held_ = false; ///< the event counts it as live
  reservation_moved told_;
  std::uint64_t handled_ = 0;
  std::deque<std::function<void()>> waiting_;
  changed_fn done_;
  change_reservation write_;
  std::size_t asked_ = 0;
  bool all_ours_ = true;
  bool unreachable_ = false;
  bool busy_ = false;
  bool doubted_ = false;
  bool gone_ = false;
};

reservation_state::reservation_state() = default;
reservation_state::~reservation_state() = default;

reservation_actor::behavior_type
reservation_behavior(reservation_actor::stateful_pointer<reservation_state> self,
                     ticket_context_ptr context, reservation_parent parent,
                     reservation_start start) {
  self->set_exception_handler(
      [parent = caf::actor_addr(parent.address())](std::exception_ptr& e) -> caf::error {
        try {
          std::rethrow_exception(e);
        } catch (const std::exception& x) {
          spdlog::error("reservation actor failed: {}", x.what());
        } catch (...) {
          spdlog::error("reservation actor failed");
        }
        if (const auto strong = caf::actor_cast<caf::strong_actor_ptr>(parent))
          caf::anon_send(caf::actor_cast<reservation_parent>(strong), child_failed{});
        return caf::exit_reason::unhandled_exception;
      });
  self->state.life = std::make_unique<reservation_life>(self, std::move(context), std::move(parent),
                                                        std::move(start));
  return {
      [self](cancel_reservation& m) -> caf::result<reservation_view> {
        return self->state.life->handle<reservation_view>(m);
      },
      [self](end_reservation& m) -> caf::result<reservation_view> {
        return self->state.life->handle<reservation_view>(m);
      },
      [self](check_payable& m) -> caf::result<payable> {
        return self->state.life->handle<payable>(m);
      },
      [self](apply_payment& m) -> caf::result<payment_outcome> {
        return self->state.life->handle<payment_outcome>(m);
      },
      [self](apply_refund& m) -> caf::result<refund_applied> {
        return self->state.life->handle<refund_applied>(m);
      },
      [self](list_ticket& m) -> caf::result<reservation_view> {
        return self->state.life->handle<reservation_view>(m);
      },
      [self](unlist_ticket& m) -> caf::result<reservation_view> {
        return self->state.life->handle<reservation_view>(m);
      },
      [self](check_listing& m) -> caf::result<payable> {
        return self->state.life->handle<payable>(m);
      },
      [self](buy_listed& m) -> caf::result<payment_outcome> {
        return self->state.life->handle<payment_outcome>(m);
      },
      [self](replay_reservation& m) -> caf::result<reservation_view> {
        return self->state.life->handle<reservation_view>(m);
      },
      [self](wake_reservation) { self->state.life->wake(); },
  };
}

} // namespace tiketi::ticket
