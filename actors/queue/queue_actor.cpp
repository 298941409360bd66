#include "actors/queue/queue_actor.hpp"

#include "actors/bus/type_ids.hpp"
#include "actors/catalog/type_ids.hpp"
#include "actors/queue/domain_events.hpp"
#include "actors/queue/type_ids.hpp"
#include "actors/redis/post.hpp"
#include "actors/store/mailbox_depth.hpp"
#include "actors/system/caf_error.hpp"
#include "actors/system/log_failures.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace tiketi::queue {

namespace {

enum class phase : std::uint8_t {
  loading, ///< reading the journal; requests wait
  running,
  clearing, ///< a clear_line is on its way; requests wait
};

/// For notices: nobody to tell.
struct no_promise {
  void deliver(const caf::error&) {}
};

class queue_state {
public:
  queue_state() = default;

  void start(queue_actor::stateful_pointer<queue_state> self, event_id event,
             std::shared_ptr<const queue_context> context, queue_parent parent);

  using place_promise = caf::typed_response_promise<queue_place>;

  void enter(const user_id& user, place_promise promise);
  void poll(const user_id& user, place_promise promise);
  void leave(const user_id& user, caf::typed_response_promise<queue_left> promise);
  void check(const user_id& user, caf::typed_response_promise<admission> promise);
  void release(const user_id& user);
  void count(caf::typed_response_promise<queue_counters> promise);
  void tell(const follow_line& query, caf::typed_response_promise<line_update> promise);
  void limit(std::uint32_t threshold, caf::typed_response_promise<queue_counters> promise);
  void clear(caf::typed_response_promise<queue_counters> promise);
  void tick(std::uint64_t generation);
  void observe() { observe_mailbox(context_->metrics->queue_mailbox, self_); }
  void stop();
  void mirrored(const redis::outcome& what);

  /// After each message: hands over what was gathered, keeps the timer right.
  void settle();

private:
  /// Called with null to go on, or with why not.
  using waiter = std::function<void(const failure*)>;
  using commit_callback = std::function<void(commit_status)>;

  struct pending_op {
    journal_op op;
    commit_callback done;
  };

  enum class timer : std::uint8_t { none, busy, idle };

  time_point now() const { return context_->env->now(); }
  const queue_actor_options& options() const { return context_->options; }

  bool waits(const user_id* user) const {
    return phase_ != phase::running || (user && room_->busy(*user));
  }
  template <class Promise, class Again>
  void postpone(const user_id* user, Promise promise, Again again);
  void go_on(std::vector<waiter> waiting, const failure* why);

  void submit(journal_op op, commit_callback done);
  void flush();
  void finish(commit_status status);
  void count_metrics(const journal_op& op);
  void recover();
  void load(std::uint64_t after);
  void loaded(queue_page& page, std::uint64_t after);

  void with_brief(waiter use);
  void brief_known(const failure* why);
  void enter_known(const user_id& user, place_promise promise, const std::optional<failure>& why);
  std::optional<failure> closed(bool has_place) const;
  bool open() const;
  bool over() const;

  void here(const user_id& user, place_promise promise, bool detailed);
  queue_place describe(const user_id& user, std::size_t current_users, bool detailed);
  queue_counters counters();
  void dissolve();
  void admit();
  bool idle() const;
  void arm(timer kind);
  void update_gauges();
  void tell_mirror();
  void list_event(const char* command) const;

  queue_actor::stateful_pointer<queue_state> self_ = nullptr;
  event_id event_;
  std::shared_ptr<const queue_context> context_;
  queue_parent parent_;
  std::optional<waiting_room> room_;
  phase phase_ = phase::loading;
  bool load_failed_ = false;

  std::vector<pending_op> gathered_;
  std::vector<pending_op> writing_;
  bool commit_under_way_ = false;

  std::vector<waiter> deferred_;                            ///< until the phase is `running`
  std::unordered_map<user_id, std::vector<waiter>> behind_; ///< until the user is not busy
  std::size_t postponed_count_ = 0;
  std::vector<journal_op> trash_; ///< found while loading

  std::optional<catalog::event_brief> brief_;
  bool unknown_event_ = false;
  std::optional<time_point> brief_at_;
  bool asking_ = false;
  std::vector<waiter> brief_waiters_;

  std::size_t allowance_ = 0; ///< admissions left in this run
  timer timer_ = timer::none;
  std::uint64_t generation_ = 0;
  bool used_ = false; ///< a request came since the last idle tick
  bool offered_to_stop_ = false;
  std::size_t gauge_waiting_ = 0;
  std::size_t gauge_active_ = 0;

  std::optional<queue_mirror> mirror_; ///< nothing: nobody else looks
  std::uint64_t mirror_copies_ = 0;
  bool mirror_behind_ = false;

public:
  ~queue_state();
};

static_assert(!std::is_aggregate_v<queue_state>);

queue_state::~queue_state() {
  if (context_) {
    context_->metrics->waiting.Decrement(static_cast<double>(gauge_waiting_));
    context_->metrics->active.Decrement(static_cast<double>(gauge_active_));
    if (mirror_behind_)
      context_->metrics->mirror_behind.Decrement();
  }
}

void queue_state::start(queue_actor::stateful_pointer<queue_state> self, event_id event,
                        std::shared_ptr<const queue_context> context, queue_parent parent) {
  self_ = self;
  event_ = event;
  context_ = std::move(context);
  parent_ = std::move(parent);
  room_.emplace(options().room, context_->env->random());
  if (context_->mirror)
    mirror_.emplace(event_, context_->env->random(), options().mirror);
  load(0);
}

// -- waiting for others ------------------------------------------------------------------------

/// For a request that `waits`: `again` runs when its time has come. Over the bound it is refused.
template <class Promise, class Again>
void queue_state::postpone(const user_id* user, Promise promise, Again again) {
  if (postponed_count_ >= options().postponed_max) {
    promise.deliver(to_caf(errc::overloaded));
    return;
  }
  ++postponed_count_;
  auto& where = phase_ == phase::running && user ? behind_[*user] : deferred_;
  where.push_back([promise, again](const failure* why) mutable {
    if (why)
      promise.deliver(to_caf(*why));
    else
      again();
  });
}

void queue_state::go_on(std::vector<waiter> waiting, const failure* why) {
  postponed_count_ -= waiting.size();
  for (auto& use : waiting)
    use(why);
}

// -- the journal -------------------------------------------------------------------------------

void queue_state::submit(journal_op op, commit_callback done) {
  room_->begin(op);
  gathered_.push_back({std::move(op), std::move(done)});
}

void queue_state::flush() {
  if (commit_under_way_ || gathered_.empty() || phase_ == phase::loading)
    return;
  if (gathered_.size() <= options().command_max) {
    writing_ = std::exchange(gathered_, {});
  } else {
    const auto end = gathered_.begin() + static_cast<std::ptrdiff_t>(options().command_max);
    writing_.assign(std::make_move_iterator(gathered_.begin()), std::make_move_iterator(end));
    gathered_.erase(gathered_.begin(), end);
  }
  commit_under_way_ = true;
  queue_write command{event_, {}};
  command.ops.reserve(writing_.size());
  for (const auto& pending : writing_) {
    command.ops.push_back(pending.op);
    if (const auto* admitted = std::get_if<admit_user>(&pending.op); admitted && context_->relay)
      command.events.push_back(admission_event(event_, *admitted, now(), *context_->env));
  }
  // The writer answers everything it takes, so a timeout would only add doubt.
  self_->request(context_->writer, caf::infinite, std::move(command))
      .then(
          [this](const queue_written& written) {
            finish(written.status);
            settle();
          },
          [this](const caf::error& err) {
            // Only a refused command is certain not to be written.
            const bool refused = to_failure(err).code == errc::overloaded;
            finish(refused ? commit_status::failed : commit_status::unknown);
            settle();
          });
}

void queue_state::count_metrics(const journal_op& op) {
  auto& metrics = *context_->metrics;
  if (std::holds_alternative<join_line>(op)) {
    metrics.joined.Increment();
  } else if (std::holds_alternative<admit_user>(op)) {
    metrics.admitted.Increment();
  } else if (const auto* drop = std::get_if<drop_waiting>(&op)) {
    (drop->leaving ? metrics.left : metrics.stale).Increment();
  } else if (std::holds_alternative<drop_active>(op)) {
    metrics.left.Increment();
  }
}

void queue_state::finish(commit_status status) {
  commit_under_way_ = false;
  auto batch = std::exchange(writing_, {});
  if (status == commit_status::failed) {
    // What was decided on top of it must not come true without it: a later admission would
    // overtake an earlier one.
    std::move(gathered_.begin(), gathered_.end(), std::back_inserter(batch));
    gathered_.clear();
  }
  const auto at = now();
  bool agrees = true;
  const bool tells = context_->relay && status == commit_status::committed
                     && std::any_of(batch.begin(), batch.end(), [](const pending_op& p) {
                          return std::holds_alternative<admit_user>(p.op);
                        });
  if (tells)
    self_->send(context_->relay, outbox_grew{});
  for (auto& pending : batch) {
    if (status == commit_status::committed) {
      agrees = room_->apply(pending.op, at) && agrees;
      count_metrics(pending.op);
      if (mirror_)
        mirror_->changed(pending.op);
    } else {
      room_->abandon(pending.op);
    }
    if (pending.done)
      pending.done(status);
  }
  if (status == commit_status::unknown || !agrees) {
    recover();
    return;
  }
  for (const auto& pending : batch) {
    const auto user = locked_user(pending.op);
    if (!user || behind_.empty() || room_->busy(*user))
      continue;
    if (auto found = behind_.extract(*user))
      go_on(std::move(found.mapped()), nullptr);
  }
  // A run that ended at a user under change goes on as soon as that is settled.
  admit();
}

void queue_state::recover() {
  context_->metrics->recoveries.Increment();
  auto never_sent = std::exchange(gathered_, {});
  for (auto& pending : never_sent)
    if (pending.done)
      pending.done(commit_status::failed);
  phase_ = phase::loading;
  for (auto& [user, waiting] : behind_)
    std::move(waiting.begin(), waiting.end(), std::back_inserter(deferred_));
  behind_.clear();
  if (mirror_)
    mirror_->restart();
  room_->reset();
  trash_.clear();
  load(0);
}

void queue_state::load(std::uint64_t after) {
  load_failed_ = false;
  self_->request(context_->reader, caf::infinite, load_page{event_, after, options().page_max})
      .then(
          [this, after](queue_page& page) {
            loaded(page, after);
            settle();
          },
          [this](const caf::error& err) {
            // Tried again by the tick; those who wait may as well hear it now.
            const auto why = to_failure(err);
            room_->reset();
            trash_.clear();
            load_failed_ = true;
            go_on(std::exchange(deferred_, {}), &why);
            settle();
          });
}

void queue_state::loaded(queue_page& page, std::uint64_t) {
  auto found = room_->restore(page, now());
  trash_.insert(trash_.end(), std::make_move_iterator(found.begin()),
                std::make_move_iterator(found.end()));
  if (page.waiting.size() >= options().page_max) {
    load(page.waiting.back().sequence);
    return;
  }
  room_->restored();
  phase_ = phase::running;
  for (auto& op : std::exchange(trash_, {}))
    submit(std::move(op), {});
  go_on(std::exchange(deferred_, {}), nullptr);
}

// -- the catalog -------------------------------------------------------------------------------

/// Calls `use` once it is known what this event is (`brief_`, or `unknown_event_`), or with why
/// that cannot be said.
void queue_state::with_brief(waiter use) {
  if (brief_at_ && now() - *brief_at_ < options().brief_ttl) {
    use(nullptr);
    return;
  }
  if (postponed_count_ >= options().postponed_max) {
    const failure full{errc::overloaded};
    use(&full);
    return;
  }
  ++postponed_count_;
  brief_waiters_.push_back(std::move(use));
  if (asking_)
    return;
  asking_ = true;
  self_->request(context_->catalog, options().brief_timeout, catalog::get_brief{event_})
      .then(
          [this](catalog::event_brief& brief) {
            brief_ = std::move(brief);
            unknown_event_ = false;
            brief_at_ = now();
            brief_known(nullptr);
          },
          [this](const caf::error& err) {
            const auto why = to_failure(err);
            if (why.code == errc::not_found) {
              brief_.reset();
              unknown_event_ = true;
              brief_at_ = now();
              brief_known(nullptr);
            } else if (brief_) {
              // What was known last is better than nothing; asked again in a second.
              brief_at_ = now() - options().brief_ttl + seconds{1};
              brief_known(nullptr);
            } else {
              const failure unavailable{errc::unavailable};
              brief_known(&unavailable);
            }
          });
}

void queue_state::brief_known(const failure* why) {
  asking_ = false;
  go_on(std::exchange(brief_waiters_, {}), why);
  admit(); // a run may have waited for the sale's window
  settle();
}

bool queue_state::over() const {
  return brief_
         && (brief_->cancelled || (brief_->sale_end != time_point{} && now() >= brief_->sale_end));
}

bool queue_state::open() const {
  return brief_ && !over() && (brief_->sale_start == time_point{} || now() >= brief_->sale_start);
}

/// Why nobody may queue now; one who has a place already may keep it before the sale.
std::optional<failure> queue_state::closed(bool has_place) const {
  if (unknown_event_)
    return failure{errc::not_found, "Event not found"};
  if (!brief_)
    return std::nullopt;
  if (brief_->cancelled)
    return failure{errc::conflict, "This event has been cancelled"};
  if (over())
    return failure{errc::sale_closed, "The sale of this event has ended"};
  if (!has_place && brief_->sale_start != time_point{}
      && now() + options().opens_before_sale < brief_->sale_start)
    return failure{errc::sale_closed,
                   "The queue of this event opens at "
                       + to_iso(brief_->sale_start - options().opens_before_sale)};
  return std::nullopt;
}

// -- users -------------------------------------------------------------------------------------

queue_place queue_state::describe(const user_id& user, std::size_t current_users, bool detailed) {
  queue_place out;
  const auto at = now();
  const auto where = room_->place_of(user);
  out.place = static_cast<std::uint8_t>(where);
  out.threshold = room_->threshold();
  out.current_users = current_users;
  out.queue_size = room_->line_size();
  if (where == place::waiting) {
    const auto position = room_->position(user);
    out.position = position;
    out.estimated_wait = room_->estimated_wait(position, at);
    out.next_poll = next_poll(position);
  } else if (where == place::active) {
    out.expires_at = room_->slot_of(user)->expires_at;
  }
  if (detailed) {
    out.title = brief_ ? brief_->title : "Unknown";
    out.artist = brief_ ? brief_->artist : "";
  }
  return out;
}

/// A user who has a place was heard of: keeps it alive, then answers.
void queue_state::here(const user_id& user, place_promise promise, bool detailed) {
  if (room_->leaving(user)) {
    submit(unmark_leaving{user}, [=, this](commit_status status) mutable {
      if (status != commit_status::committed)
        promise.deliver(to_caf(errc::unavailable));
      else if (room_->place_of(user) == place::none) // the slot ran out in that very moment
        promise.deliver(describe(user, room_->active_size(), detailed));
      else
        here(user, promise, detailed);
    });
    return;
  }
  if (room_->place_of(user) == place::waiting) {
    room_->touch(user, now());
  } else {
    if (auto op = room_->decide_renewal(user, now())) {
      submit(std::move(*op), [=, this](commit_status status) mutable {
        if (status == commit_status::unknown)
          promise.deliver(to_caf(errc::unavailable));
        else // where it was not written, the slot is as it was
          promise.deliver(describe(user, room_->active_size(), detailed));
      });
      return;
    }
  }
  promise.deliver(describe(user, room_->active_size(), detailed));
}

void queue_state::enter(const user_id& user, place_promise promise) {
  used_ = true;
  with_brief([=, this](const failure* why) {
    enter_known(user, promise, why ? std::optional<failure>{*why} : std::nullopt);
  });
}

void queue_state::enter_known(const user_id& user, place_promise promise,
                              const std::optional<failure>& why) {
  if (waits(&user)) {
    postpone(&user, promise, [=, this] { enter_known(user, promise, why); });
    return;
  }
  const auto at = now();
  room_->expire(at);
  const bool has_place = room_->place_of(user) != place::none;
  if (auto no = closed(has_place)) {
    promise.deliver(to_caf(*no));
    return;
  }
  if (has_place) {
    here(user, promise, true);
    return;
  }
  if (why) {
    promise.deliver(to_caf(*why));
    return;
  }
  if (gathered_.size() >= options().gathered_max) {
    promise.deliver(to_caf(errc::overloaded));
    return;
  }
  auto op = room_->decide_enter(user, at, open());
  if (!op) {
    promise.deliver(to_caf(op.error()));
    return;
  }
  const auto before = room_->active_size();
  submit(std::move(*op), [=, this](commit_status status) mutable {
    if (status == commit_status::committed)
      promise.deliver(describe(user, before, true));
    else
      promise.deliver(to_caf(
          failure{errc::unavailable, "Queue service temporarily unavailable. Please retry."}));
  });
}

void queue_state::poll(const user_id& user, place_promise promise) {
  used_ = true;
  if (waits(&user)) {
    postpone(&user, promise, [=, this] { poll(user, promise); });
    return;
  }
  room_->expire(now());
  if (room_->place_of(user) == place::none)
    promise.deliver(describe(user, room_->active_size(), false));
  else
    here(user, std::move(promise), false);
}

void queue_state::leave(const user_id& user, caf::typed_response_promise<queue_left> promise) {
  used_ = true;
  if (waits(&user)) {
    postpone(&user, promise, [=, this] { leave(user, promise); });
    return;
  }
  room_->expire(now());
  auto op = room_->decide_leave(user, now());
  if (!op) {
    promise.deliver(queue_left{room_->place_of(user) != place::none});
    return;
  }
  if (gathered_.size() >= options().gathered_max) {
    promise.deliver(to_caf(errc::overloaded));
    return;
  }
  submit(std::move(*op), [promise](commit_status status) mutable {
    if (status == commit_status::committed)
      promise.deliver(queue_left{true});
    else
      promise.deliver(to_caf(errc::unavailable));
  });
}

void queue_state::check(const user_id& user, caf::typed_response_promise<admission> promise) {
  used_ = true;
  if (waits(&user)) {
    postpone(&user, promise, [=, this] { check(user, promise); });
    return;
  }
  room_->expire(now());
  promise.deliver(admission{room_->place_of(user) == place::active});
}

void queue_state::release(const user_id& user) {
  used_ = true;
  if (waits(&user)) {
    postpone(&user, no_promise{}, [=, this] { release(user); });
    return;
  }
  room_->expire(now());
  if (auto op = room_->decide_release(user))
    submit(std::move(*op), {});
}

// -- operators ---------------------------------------------------------------------------------

queue_counters queue_state::counters() {
  room_->expire(now());
  return {room_->line_size(), room_->active_size(), room_->threshold()};
}

void queue_state::count(caf::typed_response_promise<queue_counters> promise) {
  used_ = true;
  if (waits(nullptr)) {
    postpone(nullptr, promise, [=, this] { count(promise); });
    return;
  }
  promise.deliver(counters());
}

void queue_state::tell(const follow_line& query, caf::typed_response_promise<line_update> promise) {
  used_ = true;
  if (waits(nullptr)) {
    postpone(nullptr, promise, [=, this] { tell(query, promise); });
    return;
  }
  room_->expire(now());
  promise.deliver(room_->tell(query, now()));
}

void queue_state::limit(std::uint32_t threshold,
                        caf::typed_response_promise<queue_counters> promise) {
  used_ = true;
  if (threshold < 1 || threshold > threshold_max) {
    promise.deliver(
        to_caf(failure{errc::invalid_request, "threshold must be between 1 and 1000000"}));
    return;
  }
  with_brief([=, this](const failure* why) mutable {
    if (why) {
      promise.deliver(to_caf(*why));
      return;
    }
    if (unknown_event_) {
      promise.deliver(to_caf(failure{errc::not_found, "Event not found"}));
      return;
    }
    if (waits(nullptr)) {
      postpone(nullptr, promise, [=, this] { limit(threshold, promise); });
      return;
    }
    submit(set_limit{threshold}, [promise, this](commit_status status) mutable {
      if (status == commit_status::committed)
        promise.deliver(counters());
      else
        promise.deliver(to_caf(errc::unavailable));
    });
  });
}

void queue_state::clear(caf::typed_response_promise<queue_counters> promise) {
  used_ = true;
  if (waits(nullptr)) {
    postpone(nullptr, promise, [=, this] { clear(promise); });
    return;
  }
  submit(clear_line{}, [promise, this](commit_status status) mutable {
    if (phase_ == phase::clearing)
      phase_ = phase::running;
    if (status == commit_status::committed)
      promise.deliver(counters());
    else
      promise.deliver(to_caf(errc::unavailable));
  });
  // Whatever is decided from here on waits, so nothing overtakes the clear.
  phase_ = phase::clearing;
}

/// The sale is over: nobody waits for anything any more.
void queue_state::dissolve() {
  submit(clear_line{}, [this](commit_status) {
    if (phase_ == phase::clearing)
      phase_ = phase::running;
  });
  phase_ = phase::clearing;
}

// -- time --------------------------------------------------------------------------------------

void queue_state::admit() {
  if (phase_ != phase::running || allowance_ == 0 || !open())
    return;
  const auto at = now();
  room_->expire(at);
  for (auto& op : room_->decide_admissions(at, allowance_)) {
    --allowance_;
    submit(std::move(op), {});
  }
}

void queue_state::tick(std::uint64_t generation) {
  if (generation != generation_)
    return;
  const bool was_idle = timer_ == timer::idle;
  timer_ = timer::none;
  if (phase_ == phase::loading && load_failed_) {
    load(0);
    return;
  }
  if (phase_ != phase::running)
    return;
  if (was_idle && idle()) {
    if (std::exchange(used_, false))
      return;
    offered_to_stop_ = true;
    self_->send(parent_, passivate_queue{event_});
    return;
  }
  const auto at = now();
  room_->expire(at);
  if (room_->line_size() > 0)
    with_brief([](const failure*) {}); // admission follows the sale's window
  if (over() && (room_->line_size() > 0 || room_->active_size() > 0)) {
    dissolve();
    return;
  }
  for (auto& op : room_->decide_departures(at))
    submit(std::move(op), {});
  for (auto& op : room_->decide_stale(at))
    submit(std::move(op), {});
  if (auto op = room_->decide_purge(at))
    submit(std::move(*op), {});
  allowance_ = options().room.admission_batch_max;
  admit();
}

bool queue_state::idle() const {
  return phase_ == phase::running && room_->empty() && gathered_.empty() && !commit_under_way_
         && postponed_count_ == 0 && !asking_;
}

void queue_state::stop() {
  offered_to_stop_ = false;
  if (idle()) {
    if (mirror_)
      list_event("SREM");
    self_->quit();
  } else {
    self_->send(parent_, keep_queue{event_});
  }
}

void queue_state::arm(timer kind) {
  timer_ = kind;
  const auto delay = kind == timer::idle ? options().idle_after : options().admission_interval;
  self_->delayed_send(self_, delay, queue_tick{++generation_});
}

void queue_state::update_gauges() {
  const auto waiting = room_->line_size();
  const auto active = room_->active_size();
  if (waiting != gauge_waiting_)
    context_->metrics->waiting.Increment(
        static_cast<double>(waiting) - static_cast<double>(std::exchange(gauge_waiting_, waiting)));
  if (active != gauge_active_)
    context_->metrics->active.Increment(
        static_cast<double>(active) - static_cast<double>(std::exchange(gauge_active_, active)));
}

// -- the copy in Redis -------------------------------------------------------------------------

/// Nothing of the queue depends on what comes of it, and nobody waits.
void queue_state::tell_mirror() {
  if (!mirror_)
    return;
  if (phase_ != phase::loading) {
    if (auto call = mirror_->next(*room_, now()))
      context_->mirror->start(std::move(*call),
                              redis::post_to(queue_actor{self_}, [](redis::outcome what) {
                                return mirror_answer{std::move(what)};
                              }));
    if (mirror_copies_ != mirror_->copies()) {
      mirror_copies_ = mirror_->copies();
      context_->metrics->mirror_copies.Increment();
      list_event("SADD");
    }
  }
  // A call on its way is no delay worth telling of.
  if (mirror_behind_ != mirror_->behind()) {
    mirror_behind_ = !mirror_behind_;
    auto& gauge = context_->metrics->mirror_behind;
    mirror_behind_ ? gauge.Increment() : gauge.Decrement();
  }
}

void queue_state::mirrored(const redis::outcome& what) {
  if (mirror_)
    mirror_->answered(what, now());
}

/// The set of all events with a queue lies outside of any event's keys.
void queue_state::list_event(const char* command) const {
  redis::call c;
  c.words = {command, "queue:active-events", to_string(event_)};
  c.deadline = options().mirror.deadline;
  context_->mirror->start(std::move(c), [](const redis::outcome&) {});
}

void queue_state::settle() {
  if (phase_ == phase::running && !deferred_.empty())
    go_on(std::exchange(deferred_, {}), nullptr);
  flush();
  update_gauges();
  tell_mirror();
  if (offered_to_stop_)
    return;
  const auto wanted = idle() ? timer::idle : timer::busy;
  if (timer_ == timer::none || (timer_ == timer::idle && wanted == timer::busy))
    arm(wanted);
}

queue_actor::behavior_type queue_behavior(queue_actor::stateful_pointer<queue_state> self,
                                          event_id event,
                                          std::shared_ptr<const queue_context> context,
                                          queue_parent parent) {
  log_failures(self, "queue " + to_string(event));
  self->state.start(self, event, std::move(context), std::move(parent));
  return {
      [self](const check_admission& m) -> caf::result<admission> {
        auto promise = self->make_response_promise<admission>();
        self->state.check(m.user, promise);
        self->state.settle();
        return promise;
      },
      [self](const booking_done& m) {
        self->state.release(m.user);
        self->state.settle();
      },
      [self](const enter_queue& m) -> caf::result<queue_place> {
        auto promise = self->make_response_promise<queue_place>();
        self->state.enter(m.user, promise);
        self->state.settle();
        return promise;
      },
      [self](const poll_queue& m) -> caf::result<queue_place> {
        auto promise = self->make_response_promise<queue_place>();
        self->state.poll(m.user, promise);
        self->state.settle();
        return promise;
      },
      [self](const leave_queue& m) -> caf::result<queue_left> {
        auto promise = self->make_response_promise<queue_left>();
        self->state.leave(m.user, promise);
        self->state.settle();
        return promise;
      },
      [self](const count_queue&) -> caf::result<queue_counters> {
        auto promise = self->make_response_promise<queue_counters>();
        self->state.count(promise);
        self->state.settle();
        return promise;
      },
      [self](const follow_line& m) -> caf::result<line_update> {
        auto promise = self->make_response_promise<line_update>();
        self->state.tell(m, promise);
        self->state.settle();
        return promise;
      },
      [self](const set_threshold& m) -> caf::result<queue_counters> {
        auto promise = self->make_response_promise<queue_counters>();
        self->state.limit(m.threshold, promise);
        self->state.settle();
        return promise;
      },
      [self](const clear_queue&) -> caf::result<queue_counters> {
        auto promise = self->make_response_promise<queue_counters>();
        self->state.clear(promise);
        self->state.settle();
        return promise;
      },
      [self](const queue_tick& m) {
        self->state.observe();
        self->state.tick(m.generation);
        self->state.settle();
      },
      [self](const mirror_answer& m) {
        self->state.mirrored(m.what);
        self->state.settle();
      },
      [self](const stop_idle&) {
        self->state.stop();
        self->state.settle();
      },
  };
}

} // namespace

queue_actor spawn_queue(caf::actor_system& sys, event_id event,
                        std::shared_ptr<const queue_context> context, queue_parent parent) {
  return sys.spawn(queue_behavior, event, std::move(context), std::move(parent));
}

} // namespace tiketi::queue
