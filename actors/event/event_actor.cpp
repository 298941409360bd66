#include "actors/event/event_actor.hpp"

#include "actors/catalog/layout.hpp"
#include "actors/event/best_seats.hpp"
#include "actors/event/expiry_heap.hpp"
#include "actors/event/seat_map.hpp"
#include "actors/reservation/reservation_actor.hpp"
#include "actors/seat/seat_actor.hpp"
#include "actors/store/mailbox_depth.hpp"
#include "actors/system/caf_error.hpp"
#include "actors/system/log_failures.hpp"
#include "actors/ticket_type/ticket_type_actor.hpp"
#include "actors/transfer/resale.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <spdlog/spdlog.h>

namespace tiketi::ticket {

namespace {

/// Of a seat map on its way to another node: well below what an answer between nodes may have.
constexpr std::size_t map_part_max = std::size_t{4} << 20;

template <class T>
using promise_of = caf::typed_response_promise<T>;

using hold_promise = promise_of<reservation_view>;

template <class T>
void refuse(promise_of<T>& promise, const failure& why) {
  promise.deliver(to_caf(why));
}

const failure reservation_not_found{errc::not_found, "Reservation not found"};

} // namespace

class event_sale {
public:
  event_sale(event_actor::pointer self, ticket_context_ptr context, event_parent parent,
             event_id event)
      : self_(self), context_(std::move(context)), parent_(std::move(parent)), id_(event) {
    context_->metrics.events.Increment();
    touched_ = now();
    load();
    self_->delayed_send(self_, options().tick, event_tick{});
  }

  ~event_sale() {
    // Also on the way out after a failure: nobody else knows these actors.
    for (auto& [id, r] : records_)
      stop(r.actor);
    for (auto& s : seats_)
      if (s.actor)
        drop(s);
    for (auto& [id, t] : types_)
      stop(t.actor);
    context_->metrics.events.Decrement();
  }

  event_sale(const event_sale&) = delete;
  event_sale& operator=(const event_sale&) = delete;

  /// Every message of the outside goes through here: kept while the event is loading.
  template <class Reply, class Message>
  promise_of<Reply> handle(Message& message) {
    auto promise = self_->make_response_promise<Reply>();
    touched_ = now();
    if (ready_)
      on(std::move(message), promise);
    else if (kept_.size() >= options().buffer_max)
      refuse(promise, errc::overloaded);
    else
      kept_.push_back([this, message = std::move(message), promise](const failure* why) mutable {
        if (why)
          refuse(promise, *why);
        else
          on(std::move(message), promise);
      });
    return promise;
  }

  void tick() {
    self_->delayed_send(self_, options().tick, event_tick{});
    observe_mailbox(context_->metrics.event_mailbox, self_);
    if ((!ready_ || stale_) && !loading_)
      load();
    for (const auto& id : heap_.pop_due(now(), options().wakes_per_tick)) {
      const auto found = records_.find(id);
      if (found == records_.end())
        continue;
      start(found->second);
      self_->send(found->second.actor, wake_reservation{});
    }
    end_sale();
    if (idle() && now() >= touched_ + options().idle_after) {
      touched_ = now();
      self_->send(parent_, passivate_event{id_});
    }
  }

  void stop_if_idle() {
    if (idle())
      self_->quit();
    else
      self_->send(parent_, stay_event{id_});
  }

  void refresh() {
    if (!ready_ || loading_)
      stale_ = true;
    else
      load();
  }

  // -- what reservations report
  // --------------------------------------------------------------------

  void on(hold_finished& m) {
    const auto found = records_.find(m.reservation);
    if (found == records_.end())
      return;
    auto& r = found->second;
    switch (m.what) {
    case hold_finished::kind::held:
      --holding_;
      on_held(r, m);
      break;
    case hold_finished::kind::in_doubt:
      arm(r, m.wake_at);
      r.in_doubt = true;
      for (auto& promise : std::exchange(r.waiters, {}))
        refuse(promise, errc::in_doubt);
      break;
    case hold_finished::kind::failed:
      --holding_;
      on_failed(found, m);
      break;
    }
  }

  void on(const reservation_moved& m) {
    const auto found = records_.find(m.reservation);
    if (found == records_.end())
      return;
    auto& r = found->second;
    arm(r, m.wake_at);
    if (m.status != r.status)
      move(r, m.status);
    if (m.user != r.user)
      change_owner(r, m.user);
    // Commands still on the way to it are counted here and not there.
    if (m.resting && m.handled == r.forwarded)
      forget(found);
  }

private:
  struct seat_slot {
    seat_row row;
    seat_actor actor; ///< null: nobody refers to it
    std::uint32_t refs = 0;
    std::uint64_t change = 0; ///< number of the last thing that happened to it
  };

  struct type_slot {
    ticket_type_view row;
    ticket_type_actor actor;
  };

  /// What a request asks for, to be compared with a later use of its idempotency key.
  struct wanted {
    fingerprint exact;             ///< empty: seats that are not chosen yet
    std::optional<seat_wish> wish; ///< the event chooses, or has chosen
  };

  /// Of a hold whose seats the event chose.
  struct choice {
    reserve_best request;
    std::vector<seat_id> taken; ///< chosen before, and somebody else was faster
    std::size_t tries = 1;
  };

  /// A reservation that has an actor, or may need one.
  struct record {
    reservation_id id;
    reservation_actor actor;                  ///< null: not started
    std::unique_ptr<reservation_view> stored; ///< what to start it with
    user_id user;
    std::int32_t count = 0;         ///< seats or tickets, for the limit
    std::vector<std::size_t> seats; ///< slots it refers to
    reservation_status status = reservation_status::pending;
    bool held = false; ///< durable
    bool in_doubt = false;
    std::uint64_t forwarded = 0;
    std::string key;
    std::vector<hold_promise> waiters; ///< of the hold
    std::unique_ptr<choice> chosen;    ///< until it is held
  };

  using records = std::unordered_map<reservation_id, record>;
  using key_of_user = std::pair<user_id, std::string>;

  struct key_entry {
    wanted want;
    reservation_id id;                 ///< nil: the store is asked
    std::vector<hold_promise> waiters; ///< while the store is asked
  };

  const ticket_options& options() const { return context_->options; }
  time_point now() const { return context_->env.now(); }

  template <class Handle>
  void stop(Handle& actor) {
    if (actor)
      caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    actor = nullptr;
  }

  bool idle() const {
    return ready_ && !loading_ && records_.empty() && keys_.empty() && revivals_.empty()
           && kept_.empty() && asking_ == 0 && (!event_.cancelled || sale_ended_);
  }

  // -- loading -----------------------------------------------------------------------------------

  void load() {
    loading_ = true;
    stale_ = false;
    if (ready_) {
      read_store();
      return;
    }
    // Writes of an earlier actor of this event may still wait. Behind them, the store shows what
    // became of them: without this, a hold could come to be that nobody knows and nobody expires.
    self_->request(context_->writer, caf::infinite, ticket_write{look_up{}})
        .then([this](const ticket_written&) { read_store(); },
              [this](caf::error& err) { not_loaded(to_failure(err)); });
  }

  void read_store() {
    const auto asked = ++change_;
    self_->request(context_->reader, caf::infinite, load_event{id_})
        .then(
            [this, asked](loaded_event& loaded) {
              loading_ = false;
              if (ready_)
                merge(*loaded.snapshot, asked);
              else
                begin(*loaded.snapshot);
              if (stale_)
                load();
            },
            [this](caf::error& err) { not_loaded(to_failure(err)); });
  }

  /// The next tick tries again, unless there is no such event.
  void not_loaded(const failure& why) {
    loading_ = false;
    if (ready_) {
      spdlog::warn("event {} was not refreshed: {}", to_string(id_), why.text);
      stale_ = why.code != errc::not_found;
      return;
    }
    const bool unknown = why.code == errc::not_found;
    const failure answer =
        unknown ? failure{errc::not_found, "Event not found"} : failure{errc::unavailable};
    for (auto& message : std::exchange(kept_, {}))
      message(&answer);
    if (unknown)
      self_->quit();
  }

  void begin(event_snapshot& s) {
    event_ = std::move(s.event);
    map_ = seat_map(event_, s.seats, context_->env.random());
    seats_.reserve(s.seats.size());
    for (auto& row : s.seats)
      add_seat(std::move(row));
    for (auto& type : s.types)
      add_type(std::move(type));
    for (const auto& [user, count] : s.live_items)
      live_items_[user] = count;
    for (std::size_t i = 0; i < s.pending.size(); ++i)
      adopt(std::move(s.pending[i]), std::move(s.pending_keys[i]));
    ready_ = true;
    for (auto& message : std::exchange(kept_, {}))
      message(nullptr);
    end_sale();
  }

  void add_seat(seat_row row) {
    slot_of_.emplace(row.id, seats_.size());
    seats_.push_back({std::move(row), seat_actor{}, 0, change_});
  }

  void add_type(ticket_type_view row) {
    type_slot slot{std::move(row), ticket_type_actor{}};
    slot.actor =
        self_->spawn(ticket_type_behavior, ticket_type(slot.row.total, slot.row.available));
    const auto id = slot.row.id;
    types_.emplace(id, std::move(slot));
  }

  /// The store has news. Seats that something happened to since it was asked are left alone.
  void merge(event_snapshot& s, std::uint64_t asked) {
    event_ = std::move(s.event);
    std::vector<std::pair<record*, std::vector<seat_id>>> referring;
    for (auto& [id, r] : records_) {
      referring.emplace_back(&r, std::vector<seat_id>{});
      for (const auto slot : r.seats)
        referring.back().second.push_back(seats_[slot].row.id);
    }
    std::vector<seat_slot> slots;
    slots.reserve(s.seats.size());
    std::vector<bool> kept(seats_.size());
    for (auto& row : s.seats) {
      seat_slot next{std::move(row), seat_actor{}, 0, change_};
      if (const auto known = slot_of_.find(next.row.id); known != slot_of_.end()) {
        auto& old = seats_[known->second];
        kept[known->second] = old.refs > 0;
        if (old.refs > 0 || old.change > asked)
          next = std::move(old);
        else
          next.row.token = std::max(next.row.token, old.row.token);
      }
      slots.push_back(std::move(next));
    }
    // One that has left the sale while somebody was taking it: the store will refuse that hold, and
    // the refusal leads here again.
    for (std::size_t i = 0; i < seats_.size(); ++i)
      if (seats_[i].refs > 0 && !kept[i])
        slots.push_back(std::move(seats_[i]));
    seats_ = std::move(slots);
    slot_of_.clear();
    std::vector<seat_row> rows;
    rows.reserve(seats_.size());
    for (std::size_t i = 0; i < seats_.size(); ++i) {
      slot_of_.emplace(seats_[i].row.id, i);
      rows.push_back(seats_[i].row);
    }
    for (auto& [r, ids] : referring) {
      r->seats.clear();
      for (const auto& id : ids)
        if (const auto slot = slot_of_.find(id); slot != slot_of_.end())
          r->seats.push_back(slot->second);
    }
    map_ = seat_map(event_, rows, context_->env.random());
    finder_.reset();
    for (auto& type : s.types) {
      const auto known = types_.find(type.id);
      if (known == types_.end()) {
        add_type(std::move(type));
        continue;
      }
      if (known->second.row.total != type.total)
        self_->send(known->second.actor, resize_stock{type.total});
      known->second.row = std::move(type);
    }
    for (const auto& view : s.pending)
      if (!records_.contains(view.id) && !revivals_.contains(view.id))
        take_over(view.id);
    end_sale();
  }

  /// Written behind this actor, by an owner before it that was stopped in the middle and has woken
  /// since: from now on it expires like any other. It may also have ended since it was seen.
  void take_over(const reservation_id& id) {
    revive(id, [this, id](const failure* why) {
      const auto found = records_.find(id);
      if (why != nullptr || found == records_.end())
        return;
      if (found->second.status == reservation_status::pending)
        live_items_[found->second.user] += found->second.count;
      else if (!found->second.actor)
        forget(found);
    });
  }

  /// A stored reservation that is still pending: started when something is to be done.
  void adopt(reservation_view view, std::string key) {
    record r;
    r.id = view.id;
    r.user = view.user;
    r.status = view.status;
    r.held = true;
    for (const auto& item : view.items)
      r.count += item.quantity;
    if (!key.empty()) {
      r.key = std::move(key);
      keys_[{r.user, r.key}] = {{fingerprint_of(view), std::nullopt}, r.id, {}};
    }
    if (view.status == reservation_status::pending || view.status == reservation_status::confirmed)
      attach(r, view);
    if (view.status == reservation_status::pending)
      heap_.set(r.id,
                std::min(view.created_at + options().timing.reconcile_after, view.expires_at));
    r.stored = std::make_unique<reservation_view>(std::move(view));
    const auto id = r.id;
    records_.emplace(id, std::move(r));
  }

  // -- seats -------------------------------------------------------------------------------------

  void attach(record& r, const reservation_view& view) {
    for (const auto& item : view.items) {
      const auto found = slot_of_.find(item.seat);
      if (item.seat.is_nil() || found == slot_of_.end())
        continue;
      r.seats.push_back(found->second);
      ++seats_[found->second].refs;
      tell_finder(found->second);
    }
  }

  void detach(record& r) {
    for (const auto slot : r.seats)
      if (--seats_[slot].refs == 0) {
        drop(seats_[slot]);
        tell_finder(slot);
      }
    r.seats.clear();
  }

  void drop(seat_slot& s) {
    if (!s.actor)
      return;
    stop(s.actor);
    context_->metrics.seats.Decrement();
  }

  const seat_actor& actor_of(seat_slot& s) {
    if (!s.actor) {
      s.actor =
          self_->spawn(seat_behavior, seat(s.row.status, s.row.version, s.row.token, s.row.holder));
      context_->metrics.seats.Increment();
    }
    return s.actor;
  }

  void change(std::size_t slot, seat_status status) {
    seats_[slot].row.status = status;
    seats_[slot].change = ++change_;
    map_.set(slot, status);
    tell_finder(slot);
  }

  /// A seat that somebody is taking is not free, although the store does not know it yet.
  bool is_free(std::size_t slot) const {
    return seats_[slot].row.status == seat_status::available && seats_[slot].refs == 0;
  }

  void tell_finder(std::size_t slot) {
    if (finder_)
      finder_->set_free(slot, is_free(slot));
  }

  /// Made when it is first asked for: most events never need one.
  seat_finder& finder() {
    if (finder_)
      return *finder_;
    mark_accessible();
    std::vector<hall_seat> hall;
    hall.reserve(seats_.size());
    for (std::size_t i = 0; i < seats_.size(); ++i)
      hall.push_back(hall_seat_of(i));
    finder_.emplace(hall);
    for (std::size_t i = 0; i < seats_.size(); ++i)
      finder_->set_free(i, is_free(i));
    return *finder_;
  }

  void mark_accessible() {
    accessible_.assign(seats_.size(), false);
    const auto plan = catalog::parse_layout(event_.layout_config);
    if (!plan)
      return;
    const catalog::accessible_index index(*plan);
    for (std::size_t i = 0; i < seats_.size(); ++i) {
      const auto& row = seats_[i].row;
      accessible_[i] = index.contains(row.section, row.row, row.number);
    }
  }

  hall_seat hall_seat_of(std::size_t slot) const {
    const auto& row = seats_[slot].row;
    return {row.section, row.row, row.number, row.price, accessible_[slot]};
  }

  // -- reservations ------------------------------------------------------------------------------

  void start(record& r) {
    if (r.actor)
      return;
    reservation_start with;
    with.stored = true;
    with.view = std::move(*r.stored);
    r.stored.reset();
    connect(with, !r.seats.empty() || r.status == reservation_status::pending
                      || r.status == reservation_status::confirmed);
    r.actor =
        self_->spawn(reservation_behavior, context_, reservation_parent{self_}, std::move(with));
  }

  void connect(reservation_start& with, bool live) {
    for (const auto& item : with.view.items) {
      const auto seat = slot_of_.find(item.seat);
      const auto type = types_.find(item.ticket_type);
      with.seats.push_back(live && seat != slot_of_.end() ? actor_of(seats_[seat->second])
                                                          : seat_actor{});
      with.types.push_back(live && type != types_.end() ? type->second.actor : ticket_type_actor{});
    }
  }

  void arm(record& r, const std::optional<time_point>& at) {
    if (at)
      heap_.set(r.id, *at);
    else
      heap_.remove(r.id);
  }

  void forget(records::iterator at) {
    auto& r = at->second;
    stop(r.actor);
    detach(r);
    heap_.remove(r.id);
    if (!r.key.empty())
      keys_.erase({r.user, r.key});
    records_.erase(at);
    touched_ = now();
  }

  void give_back_limit(const record& r) {
    const auto found = live_items_.find(r.user);
    if (found != live_items_.end() && (found->second -= r.count) <= 0)
      live_items_.erase(found);
  }

  /// Sold on: the limit of each follows; the key was the seller's.
  void change_owner(record& r, const user_id& owner) {
    const bool live =
        r.status == reservation_status::pending || r.status == reservation_status::confirmed;
    if (live)
      give_back_limit(r);
    if (!r.key.empty())
      keys_.erase({r.user, std::exchange(r.key, {})});
    r.user = owner;
    if (live)
      live_items_[owner] += r.count;
  }

  void move(record& r, reservation_status status) {
    const bool sold = status == reservation_status::confirmed;
    const bool ended =
        status == reservation_status::cancelled || status == reservation_status::expired;
    r.status = status;
    for (const auto slot : r.seats) {
      auto& row = seats_[slot].row;
      if (row.holder != r.id)
        continue;
      if (sold)
        change(slot, seat_status::reserved);
      if (ended) {
        row.holder = {};
        change(slot, seat_status::available);
      }
    }
    if (ended)
      give_back_limit(r);
  }

  // -- holds -------------------------------------------------------------------------------------

  void on(reserve_seats m, hold_promise promise) { reserve(std::move(m), std::move(promise)); }
  void on(reserve_tickets m, hold_promise promise) { reserve(std::move(m), std::move(promise)); }
  void on(reserve_best m, hold_promise promise) { reserve(std::move(m), std::move(promise)); }

  template <class Request>
  static wanted wanted_of(const Request& m) {
    return {fingerprint_of(m), std::nullopt};
  }
  static wanted wanted_of(const reserve_best& m) { return {{}, m.wish}; }

  template <class Request>
  static std::unique_ptr<choice> choice_of(const Request&) {
    return nullptr;
  }
  static std::unique_ptr<choice> choice_of(const reserve_best& m) {
    return std::make_unique<choice>(choice{m, {}, 1});
  }

  /// Is `again` a repeat of the request that `known` was made from?
  bool is_repeat(const wanted& known, const wanted& again) {
    if (!again.wish)
      return known.exact == again.exact;
    if (known.wish)
      return *known.wish == *again.wish;
    // A store does not remember the wish, but whether this could have been the answer can be told.
    (void)finder();
    std::vector<hall_seat> seats;
    for (const auto& [id, count] : known.exact)
      if (const auto slot = slot_of_.find(seat_id{id}); slot != slot_of_.end())
        seats.push_back(hall_seat_of(slot->second));
    return seats.size() == known.exact.size() && fits(*again.wish, std::move(seats));
  }

  bool is_repeat(const reservation_view& stored, const wanted& again) {
    if (!again.wish)
      return fingerprint_of(stored) == again.exact;
    (void)finder();
    std::vector<hall_seat> seats;
    for (const auto& item : stored.items) {
      if (item.seat.is_nil())
        return false;
      const auto slot = slot_of_.find(item.seat);
      seats.push_back({item.section, item.row, item.number, item.unit_price,
                       slot != slot_of_.end() && accessible_[slot->second]});
    }
    return fits(*again.wish, std::move(seats));
  }

  template <class Request>
  void reserve(Request m, hold_promise promise) {
    context_->metrics.holds.Increment();
    if (options().pre_sale && pre_sale_tier(event_, now()))
      ask_tier(std::move(m), std::move(promise));
    else
      reserve_as(std::move(m), std::nullopt, std::move(promise));
  }

  /// Only while a pre-sale runs: who is this?
  template <class Request>
  void ask_tier(Request m, hold_promise promise) {
    if (!context_->members) {
      reserve_as(std::move(m), membership::tier::bronze, std::move(promise));
      return;
    }
    if (asking_ >= options().holds_max) {
      refuse(promise, errc::overloaded);
      return;
    }
    ++asking_;
    self_->request(context_->members, caf::infinite, membership::get_tier{m.user, event_.artist})
        .then(
            [this, m, promise](const membership::member_tier& t) {
              --asking_;
              reserve_as(m, t.value, promise);
            },
            [this, promise](caf::error&) mutable {
              --asking_;
              refuse(promise, errc::unavailable);
            });
  }

  template <class Request>
  void reserve_as(Request m, std::optional<membership::tier> tier, hold_promise promise) {
    if (auto ok = check_request(m, options().limits); !ok) {
      refuse(promise, ok.error());
      return;
    }
    auto want = wanted_of(m);
    if (!m.idempotency_key.empty()) {
      const auto known = keys_.find({m.user, m.idempotency_key});
      if (known != keys_.end()) {
        join(known->second, want, std::move(promise));
        return;
      }
    }
    if (holding_ >= options().holds_max || keys_.size() >= key_entries_max()) {
      refuse(promise, errc::overloaded);
      return;
    }
    reservation_view view;
    auto ok = tier ? check_pre_sale(event_, *tier, now()) : result<void>{};
    if (ok)
      ok = plan(m, view);
    if (!ok) {
      // It may be the repeat of a hold that succeeded and is not in memory any more.
      if (m.idempotency_key.empty())
        refuse(promise, ok.error());
      else
        look_for_key({m.user, m.idempotency_key}, std::move(want), ok.error(), {promise});
      return;
    }
    auto chosen = choice_of(m);
    hold(std::move(view), m.idempotency_key, std::move(want), {std::move(promise)},
         std::move(chosen), std::move(m.trace));
  }

  std::size_t key_entries_max() const { return options().holds_max + live_max; }

  /// The same key again, while the first use is remembered.
  void join(key_entry& entry, const wanted& want, hold_promise promise) {
    if (!is_repeat(entry.want, want)) {
      refuse(promise, errc::idempotency_mismatch);
      return;
    }
    auto* waiters = &entry.waiters;
    if (!entry.id.is_nil()) {
      auto& r = records_.at(entry.id);
      if (r.held) {
        context_->metrics.replays.Increment();
        forward(r, replay_reservation{}, promise);
        return;
      }
      if (r.in_doubt) {
        refuse(promise, errc::in_doubt);
        return;
      }
      waiters = &r.waiters;
    }
    if (waiters->size() >= options().duplicates_max)
      refuse(promise, errc::overloaded);
    else
      waiters->push_back(std::move(promise));
  }

  /// What the store remembers of this key; `otherwise`: it is new, and this is the answer.
  void look_for_key(key_of_user key, wanted want, failure otherwise,
                    std::vector<hold_promise> waiters) {
    find_by_key query{key.first, key.second};
    keys_[key] = {std::move(want), {}, std::move(waiters)};
    self_->request(context_->reader, caf::infinite, std::move(query))
        .then(
            [this, key, otherwise](found_reservation& found) {
              settle_key(key, otherwise, std::move(found.reservation));
            },
            [this, key](caf::error&) {
              // Whether it was made is not known: that its seats are taken may be because of it.
              settle_key(key, errc::unavailable, std::nullopt);
            });
  }

  void settle_key(const key_of_user& key, const failure& otherwise,
                  std::optional<reservation_view> found) {
    auto node = keys_.extract(key);
    if (node.empty())
      return;
    auto& entry = node.mapped();
    const bool same = found && found->event == id_ && is_repeat(*found, entry.want);
    for (auto& promise : entry.waiters) {
      if (same) {
        auto view = *found;
        view.replayed = true;
        context_->metrics.replays.Increment();
        promise.deliver(std::move(view));
      } else if (found) {
        refuse(promise, errc::idempotency_mismatch);
      } else {
        refuse(promise, otherwise);
      }
    }
  }

  result<void> check(std::int32_t more, std::int32_t limit, const user_id& user) const {
    if (auto open = check_sale(event_, now()); !open)
      return open.error();
    const auto live = live_items_.find(user);
    return check_limit(live == live_items_.end() ? 0 : live->second, more, limit);
  }

  result<void> plan(const reserve_seats& m, reservation_view& view) const {
    std::vector<std::size_t> slots;
    for (const auto& seat : m.seats) {
      const auto found = slot_of_.find(seat);
      if (found == slot_of_.end())
        return failure{errc::not_found, "Selected seat not found"};
      slots.push_back(found->second);
    }
    if (auto ok = check(static_cast<std::int32_t>(slots.size()),
                        options().limits.seats_per_user_and_event, m.user);
        !ok)
      return ok.error();
    std::string taken;
    for (const auto slot : slots) {
      const auto& row = seats_[slot].row;
      // Those that are known to be gone need not be asked.
      if (row.status != seat_status::available) {
        taken += (taken.empty() ? "" : ", ") + row.label;
        spdlog::debug("seat {} is taken: {} by {}", to_string(row.id), to_string(row.status),
                      to_string(row.holder));
      }
      add_item(row, view);
    }
    if (!taken.empty()) {
      context_->metrics.conflicts.Increment();
      return failure{errc::seat_unavailable, "Seat already reserved: " + taken};
    }
    view.user = m.user;
    view.number = reservation_number(true, now(), context_->env.random());
    return {};
  }

  static void add_item(const seat_row& row, reservation_view& view) {
    reservation_item item;
    item.seat = row.id;
    item.name = row.label;
    item.section = row.section;
    item.row = row.row;
    item.number = row.number;
    item.unit_price = row.price;
    view.total_amount += row.price;
    view.items.push_back(std::move(item));
  }

  result<void> plan(const reserve_best& m, reservation_view& view) {
    return choose(m, std::vector<seat_id>{}, view);
  }

  /// The best seats that are not `taken`.
  result<void> choose(const reserve_best& m, const std::vector<seat_id>& taken,
                      reservation_view& view) {
    if (seats_.empty())
      return failure{errc::not_found, "This event does not have seat selection"};
    auto& finder = this->finder();
    if (!m.wish.section.empty() && !finder.has_section(m.wish.section))
      return failure{errc::not_found, "Section not found"};
    if (auto ok = check(m.wish.count, options().limits.seats_per_user_and_event, m.user); !ok)
      return ok.error();
    const auto mark = [&](bool free) {
      for (const auto& id : taken)
        if (const auto slot = slot_of_.find(id); slot != slot_of_.end())
          finder.set_free(slot->second, free && is_free(slot->second));
    };
    mark(false);
    const auto slots = finder.find(m.wish);
    mark(true);
    if (slots.empty()) {
      context_->metrics.conflicts.Increment();
      return failure{errc::seat_unavailable,
                     m.wish.count == 1 ? std::string("No such seat is available")
                                       : fmt::format("No {} such seats side by side are available",
                                                     m.wish.count)};
    }
    for (const auto slot : slots)
      add_item(seats_[slot].row, view);
    view.user = m.user;
    view.number = reservation_number(true, now(), context_->env.random());
    return {};
  }

  result<void> plan(const reserve_tickets& m, reservation_view& view) const {
    std::int32_t count = 0;
    for (const auto& order : m.items) {
      const auto found = types_.find(order.type);
      if (found == types_.end())
        return failure{errc::not_found, "Ticket type not found: " + to_string(order.type)};
      const auto& row = found->second.row;
      reservation_item item;
      item.ticket_type = row.id;
      item.name = row.name;
      item.quantity = order.quantity;
      item.unit_price = row.price;
      view.total_amount += row.price * order.quantity;
      view.items.push_back(std::move(item));
      count += order.quantity;
    }
    if (auto ok = check(count, options().limits.tickets_per_user_and_event, m.user); !ok)
      return ok.error();
    view.user = m.user;
    view.number = reservation_number(false, now(), context_->env.random());
    return {};
  }

  void hold(reservation_view view, const std::string& key, wanted want,
            std::vector<hold_promise> waiters, std::unique_ptr<choice> chosen, std::string trace) {
    view.id = make_reservation_id(id_, context_->env);
    view.event = id_;
    view.created_at = now();
    view.expires_at = view.created_at + options().hold_ttl;
    view.event_title = event_.title;
    view.venue = event_.venue;
    view.address = event_.address;
    view.event_date = event_.event_date;
    record r;
    r.id = view.id;
    r.user = view.user;
    for (const auto& item : view.items)
      r.count += item.quantity;
    live_items_[r.user] += r.count;
    r.waiters = std::move(waiters);
    r.chosen = std::move(chosen);
    if (r.chosen)
      want.exact = fingerprint_of(view);
    if (!key.empty()) {
      r.key = key;
      keys_[{r.user, key}] = {std::move(want), r.id, {}};
    }
    attach(r, view);
    ++holding_;
    reservation_start with;
    with.view = std::move(view);
    with.idempotency_key = key;
    with.trace = std::move(trace);
    connect(with, true);
    auto& stored = records_.emplace(r.id, std::move(r)).first->second;
    stored.actor =
        self_->spawn(reservation_behavior, context_, reservation_parent{self_}, std::move(with));
  }

  void on_held(record& r, hold_finished& m) {
    r.held = true;
    r.in_doubt = false;
    r.chosen.reset();
    for (const auto& item : m.view.items) {
      const auto slot = slot_of_.find(item.seat);
      if (item.seat.is_nil() || slot == slot_of_.end())
        continue;
      auto& row = seats_[slot->second].row;
      row.version = item.seat_version;
      row.token = item.token;
      row.holder = r.id;
      change(slot->second, seat_status::locked);
    }
    arm(r, m.wake_at);
    auto waiters = std::exchange(r.waiters, {});
    for (std::size_t i = waiters.size(); i-- > 1;) {
      auto copy = m.view;
      copy.replayed = true;
      context_->metrics.replays.Increment();
      waiters[i].deliver(std::move(copy));
    }
    if (!waiters.empty())
      waiters.front().deliver(std::move(m.view));
  }

  void on_failed(records::iterator at, hold_finished& m) {
    auto& r = at->second;
    auto why = m.failure.error;
    spdlog::debug("hold {} failed: {}, said by the {}", to_string(r.id), to_string_view(why.code),
                  m.failure.stale               ? "store"
                  : m.failure.conflicts.empty() ? "guard or the writer"
                                                : "seats' actors");
    if (!m.failure.conflicts.empty()) {
      context_->metrics.conflicts.Increment();
      std::string names;
      for (const auto i : m.failure.conflicts)
        names += (names.empty() ? "" : ", ") + m.view.items[i].name;
      if (why.code == errc::seat_unavailable)
        why.text = "Seat already reserved: " + names;
      if (why.code == errc::sold_out)
        why.text = names + " quantity is not enough";
    }
    // Tokens that were issued for nothing still count.
    for (const auto& item : m.view.items)
      if (const auto slot = slot_of_.find(item.seat); slot != slot_of_.end()) {
        auto& row = seats_[slot->second].row;
        row.token = std::max(row.token, item.token);
      }
    give_back_limit(r);
    auto waiters = std::move(r.waiters);
    const key_of_user key{r.user, r.key};
    auto chosen = std::move(r.chosen);
    wanted want;
    if (!r.key.empty())
      want = std::move(keys_[key].want);
    r.actor = nullptr; // it has ended by itself
    forget(at);
    // Where nobody waits for it any more, it was in doubt, and the caller has been told so.
    if (chosen && !waiters.empty() && why.code == errc::seat_unavailable
        && m.failure.same_key.is_nil()) {
      if (choose_again(m, chosen, why, want, waiters)) {
        if (m.failure.stale)
          refresh();
        return;
      }
    }
    const bool definite = why.code == errc::seat_unavailable || why.code == errc::sold_out
                          || !m.failure.same_key.is_nil();
    if (!key.second.empty() && definite && !waiters.empty())
      look_for_key(key, std::move(want), why, std::move(waiters));
    else
      for (auto& promise : waiters)
        refuse(promise, why);
    if (m.failure.stale)
      refresh();
  }

  /// Somebody was faster. False: this was the last try, or nothing is left; `why` says which, and
  /// the rest is as it was.
  bool choose_again(const hold_finished& m, std::unique_ptr<choice>& chosen, failure& why,
                    wanted& want, std::vector<hold_promise>& waiters) {
    if (chosen->tries >= options().choices_max) {
      why.text = "Others were faster. Please try again.";
      return false;
    }
    ++chosen->tries;
    for (const auto i : m.failure.conflicts)
      chosen->taken.push_back(m.view.items[i].seat);
    reservation_view view;
    if (auto ok = choose(chosen->request, chosen->taken, view); !ok) {
      why = ok.error();
      return false;
    }
    const auto key = chosen->request.idempotency_key;
    auto trace = chosen->request.trace;
    hold(std::move(view), key, std::move(want), std::move(waiters), std::move(chosen),
         std::move(trace));
    return true;
  }

  // -- the end of a cancelled event
  // ----------------------------------------------------------------

  /// Ends what is live, some at a time. The store says what is left, so this goes on wherever an
  /// earlier actor of this event stopped; a reservation ends once, because the store moves it by
  /// compare-and-set.
  void end_sale() {
    if (!ready_ || !event_.cancelled || sale_ended_ || ending_ > 0)
      return;
    // Holds that began before the event was cancelled may still become live; none begins now.
    const bool settled = holding_ == 0;
    ending_ = 1;
    self_->request(context_->reader, caf::infinite, find_live{id_, options().ends_at_once})
        .then(
            [this, settled](const found_live& live) {
              ended_now_ = 0;
              ending_ = live.reservations.size();
              sale_ended_ = settled && live.reservations.empty();
              for (const auto& id : live.reservations)
                end_one(id);
            },
            [this](caf::error&) { ending_ = 0; }); // the next tick tries again
  }

  void end_one(const reservation_id& id) {
    self_->request(event_actor{self_}, caf::infinite, end_reservation{id, "Event cancelled"})
        .then(
            [this](const reservation_view&) {
              ++ended_now_;
              one_ended();
            },
            [this](caf::error&) { one_ended(); });
  }

  void one_ended() {
    // Where nothing moves, the store is away: no hurry then.
    if (--ending_ == 0 && ended_now_ > 0)
      end_sale();
  }

  // -- commands to reservations
  // --------------------------------------------------------------------

  void on(cancel_reservation m, promise_of<reservation_view> p) {
    if (event_.event_date != time_point{})
      m.refundable_until = event_.event_date - context_->options.refund_deadline;
    pass_on(m, std::move(p));
  }
  void on(end_reservation m, promise_of<reservation_view> p) { pass_on(m, std::move(p)); }
  void on(check_payable m, promise_of<payable> p) {
    if (event_.cancelled)
      refuse(p, {errc::sale_closed, "This event was cancelled"});
    else
      pass_on(m, std::move(p));
  }
  void on(apply_payment m, promise_of<payment_outcome> p) { pass_on(m, std::move(p)); }
  void on(apply_refund m, promise_of<refund_applied> p) { pass_on(m, std::move(p)); }
  void on(unlist_ticket m, promise_of<reservation_view> p) { pass_on(m, std::move(p)); }
  void on(buy_listed m, promise_of<payment_outcome> p) { pass_on(m, std::move(p)); }

  void on(list_ticket m, promise_of<reservation_view> p) {
    if (auto ok = check_resale(event_, now()); !ok)
      refuse(p, ok.error());
    else
      pass_on(m, std::move(p));
  }

  void on(check_listing m, promise_of<payable> p) {
    if (auto ok = check_resale(event_, now()); !ok) {
      refuse(p, ok.error());
      return;
    }
    const auto live = live_items_.find(m.user);
    const auto has = live == live_items_.end() ? 0 : live->second;
    m.seat_room = options().limits.seats_per_user_and_event - has;
    m.ticket_room = options().limits.tickets_per_user_and_event - has;
    pass_on(m, std::move(p));
  }

  void on(get_seat_map, promise_of<seat_map_view> promise) { promise.deliver(map_.publish()); }

  void on(const get_seat_changes& m, promise_of<seat_changes> promise) {
    promise.deliver(answer(map_, m));
  }

  void on(const follow_seat_map& m, promise_of<seat_map_update> promise) {
    promise.deliver(map_.update_for(m.since, m.have, map_part_max));
  }

  template <class Message, class Reply>
  void forward(record& r, Message m, promise_of<Reply>& promise) {
    start(r);
    ++r.forwarded;
    promise.delegate(r.actor, std::move(m));
  }

  template <class Message, class Reply>
  void pass_on(const Message& m, promise_of<Reply> promise) {
    const auto found = records_.find(m.reservation);
    if (found != records_.end()) {
      if (found->second.held)
        forward(found->second, m, promise);
      else
        refuse(promise, errc::in_doubt);
      return;
    }
    revive(m.reservation, [this, m, promise](const failure* why) mutable {
      if (!why)
        forward(records_.at(m.reservation), m, promise);
      else
        absent(m, promise, *why);
    });
  }

  template <class Message, class Reply>
  void absent(const Message&, promise_of<Reply>& promise, const failure& why) {
    refuse(promise, why);
  }

  void absent(const apply_payment&, promise_of<payment_outcome>& promise, const failure& why) {
    absent_paid(promise, why);
  }

  void absent(const buy_listed&, promise_of<payment_outcome>& promise, const failure& why) {
    absent_paid(promise, why);
  }

  void absent_paid(promise_of<payment_outcome>& promise, const failure& why) {
    if (why.code == errc::not_found)
      promise.deliver(payment_outcome{payment_verdict::refund_due, "unknown_reservation", false});
    else
      refuse(promise, why);
  }

  using revived_fn = std::function<void(const failure*)>;

  /// One that has ended or was confirmed long ago: its actor starts again from the store.
  void revive(const reservation_id& id, revived_fn then) {
    auto& waiting = revivals_[id];
    if (waiting.size() >= options().commands_waiting_max
        || revivals_.size() > options().buffer_max) {
      const failure busy{errc::overloaded};
      then(&busy);
      if (waiting.empty())
        revivals_.erase(id);
      return;
    }
    waiting.push_back(std::move(then));
    if (waiting.size() > 1)
      return;
    self_->request(context_->reader, caf::infinite, find_by_id{id})
        .then(
            [this, id](found_reservation& found) {
              if (!found.reservation || found.reservation->event != id_) {
                revived(id, &reservation_not_found);
                return;
              }
              adopt(std::move(*found.reservation), {});
              revived(id, nullptr);
            },
            [this, id](caf::error& err) {
              const auto code = to_failure(err).code;
              const failure why{code == errc::overloaded ? code : errc::unavailable};
              revived(id, &why);
            });
  }

  void revived(const reservation_id& id, const failure* why) {
    auto node = revivals_.extract(id);
    for (auto& then : node.mapped())
      then(why);
  }

  /// Keys of pending reservations that fit into memory besides those on their way.
  static constexpr std::size_t live_max = 1'000'000;

  event_actor::pointer self_;
  ticket_context_ptr context_;
  event_parent parent_;
  event_id id_;
  event_row event_;
  bool ready_ = false;
  bool loading_ = false;
  bool stale_ = false; ///< load again after this load
  time_point touched_;
  std::uint64_t change_ = 0;
  std::vector<std::function<void(const failure*)>> kept_;
  std::vector<seat_slot> seats_; ///< by section, row, number
  std::unordered_map<seat_id, std::size_t> slot_of_;
  std::map<ticket_type_id, type_slot> types_;
  records records_;
  std::map<key_of_user, key_entry> keys_;
  std::map<reservation_id, std::vector<revived_fn>> revivals_;
  std::unordered_map<user_id, std::int32_t> live_items_;
  std::size_t holding_ = 0; ///< holds on their way
  std::size_t asking_ = 0;  ///< holds that wait to hear of a membership
  std::size_t ending_ = 0;  ///< reservations of a cancelled event being ended, or asked for
  std::size_t ended_now_ = 0;
  bool sale_ended_ = false; ///< cancelled, and nothing is live any more
  expiry_heap heap_;
  seat_map map_;
  std::optional<seat_finder> finder_; ///< nothing: nobody asked for the best seats yet
  std::vector<bool> accessible_;      ///< beside `seats_`, while there is a finder
};

event_state::event_state() = default;
event_state::~event_state() = default;

event_actor::behavior_type event_behavior(event_actor::stateful_pointer<event_state> self,
                                          ticket_context_ptr context, event_parent parent,
                                          event_id event) {
  log_failures(self, "event actor " + to_string(event));
  self->state.sale =
      std::make_unique<event_sale>(self, std::move(context), std::move(parent), event);
  return {
      [self](reserve_seats& m) -> caf::result<reservation_view> {
        return self->state.sale->handle<reservation_view>(m);
      },
      [self](reserve_tickets& m) -> caf::result<reservation_view> {
        return self->state.sale->handle<reservation_view>(m);
      },
      [self](reserve_best& m) -> caf::result<reservation_view> {
        return self->state.sale->handle<reservation_view>(m);
      },
      [self](cancel_reservation& m) -> caf::result<reservation_view> {
        return self->state.sale->handle<reservation_view>(m);
      },
      [self](get_seat_map& m) -> caf::result<seat_map_view> {
        return self->state.sale->handle<seat_map_view>(m);
      },
      [self](get_seat_changes& m) -> caf::result<seat_changes> {
        return self->state.sale->handle<seat_changes>(m);
      },
      [self](follow_seat_map& m) -> caf::result<seat_map_update> {
        return self->state.sale->handle<seat_map_update>(m);
      },
      [self](end_reservation& m) -> caf::result<reservation_view> {
        return self->state.sale->handle<reservation_view>(m);
      },
      [self](check_payable& m) -> caf::result<payable> {
        return self->state.sale->handle<payable>(m);
      },
      [self](apply_payment& m) -> caf::result<payment_outcome> {
        return self->state.sale->handle<payment_outcome>(m);
      },
      [self](apply_refund& m) -> caf::result<refund_applied> {
        return self->state.sale->handle<refund_applied>(m);
      },
      [self](list_ticket& m) -> caf::result<reservation_view> {
        return self->state.sale->handle<reservation_view>(m);
      },
      [self](unlist_ticket& m) -> caf::result<reservation_view> {
        return self->state.sale->handle<reservation_view>(m);
      },
      [self](check_listing& m) -> caf::result<payable> {
        return self->state.sale->handle<payable>(m);
      },
      [self](buy_listed& m) -> caf::result<payment_outcome> {
        return self->state.sale->handle<payment_outcome>(m);
      },
      [self](hold_finished& m) { self->state.sale->on(m); },
      [self](const reservation_moved& m) { self->state.sale->on(m); },
      [self](child_failed) { self->quit(caf::exit_reason::unhandled_exception); },
      [self](refresh_event) { self->state.sale->refresh(); },
      [self](stop_event) { self->state.sale->stop_if_idle(); },
      [self](event_tick) { self->state.sale->tick(); },
  };
}

} // namespace tiketi::ticket
