#include "actors/bus/relay.hpp"

#include "actors/bus/delivery_window.hpp"
#include "actors/bus/relay_metrics.hpp"
#include "actors/bus/type_ids.hpp"
#include "actors/store/mailbox_depth.hpp"
#include "actors/system/caf_error.hpp"

#include <algorithm>
#include <utility>

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

namespace tiketi {
namespace {

struct outbox_state {
  outbox_state() = default;

  std::shared_ptr<outbox_store> store;
};

outbox_actor::behavior_type outbox(outbox_actor::stateful_pointer<outbox_state> self,
                                   environment* env, std::shared_ptr<outbox_store> store) {
  self->state.store = std::move(store);
  return {
      [self](const read_outbox& x) -> caf::result<outbox_page> {
        auto events = self->state.store->read(x.after, x.limit);
        if (!events)
          return to_caf(events.error());
        return outbox_page{std::move(*events)};
      },
      [self](const load_cursors&) -> caf::result<cursor_table> {
        auto cursors = self->state.store->cursors();
        if (!cursors)
          return to_caf(cursors.error());
        return cursor_table{std::move(*cursors)};
      },
      [self](const save_cursors& x) -> caf::result<cursors_saved> {
        for (const auto& [consumer, sequence] : x.cursors)
          if (auto saved = self->state.store->save_cursor(consumer, sequence); !saved)
            return to_caf(saved.error());
        return cursors_saved{};
      },
      [self, env](const set_event_aside& x) -> caf::result<event_set_aside> {
        auto done = self->state.store->set_aside(x.consumer, x.event, x.reason, env->now());
        if (!done)
          return to_caf(done.error());
        return event_set_aside{};
      },
      [self](const purge_outbox& x) {
        if (auto done = self->state.store->purge(x.before); !done)
          spdlog::warn("outbox: purge failed: {}", done.error().text);
      },
  };
}

/// With the tick it sends itself.
using relay_impl = relay_actor::extend<caf::reacts_to<relay_tick>, caf::reacts_to<relay_lingered>>;

struct feed {
  subscription to;
  delivery_window window;
  bool reading = false;
  bool more = true; ///< the outbox may hold events after `window.read_to()`
  std::optional<relay_metrics> metrics{};
};

struct relay_state {
  relay_state() = default;

  environment* env = nullptr;
  outbox_actor outbox;
  std::vector<subscription> subscriptions;
  relay_options options;
  std::vector<feed> feeds; ///< empty until the cursors are loaded, and off duty
  std::uint64_t turn = 0;  ///< counts the times on duty: answers of an earlier one mean nothing
  bool on_duty = false;
  std::map<std::string, std::int64_t> saved;
  bool loading = false;
  bool saving = false;
  bool leaving = false;
  bool lingering = false;
  time_point polled_at;
  time_point saved_at;
  time_point purged_at;
  prometheus::Histogram* mailbox = nullptr;
};

using relay_self = relay_impl::stateful_pointer<relay_state>;

void pump(relay_self self, std::size_t index);

/// Null: that feed was of an earlier time on duty.
feed* feed_of(relay_state& state, std::uint64_t turn, std::size_t index) {
  return state.turn == turn && index < state.feeds.size() ? &state.feeds[index] : nullptr;
}

void load(relay_self self) {
  auto& state = self->state;
  if (!state.on_duty || state.loading || !state.feeds.empty() || state.subscriptions.empty())
    return;
  state.loading = true;
  self->request(state.outbox, caf::infinite, load_cursors{})
      .then(
          [self, turn = state.turn](cursor_table& table) {
            auto& s = self->state;
            s.loading = false;
            if (s.turn != turn)
              return; // the next tick asks again, if it is this node's turn
            s.saved = std::move(table.cursors);
            for (const auto& sub : s.subscriptions) {
              const auto found = s.saved.find(sub.consumer);
              const auto cursor = found == s.saved.end() ? 0 : found->second;
              // A consumer without a cursor is not protected from purges: it gets one at once.
              if (found == s.saved.end())
                s.saved[sub.consumer] = -1;
              s.feeds.push_back({sub, delivery_window{cursor, s.options.held_max,
                                                      s.options.in_flight_max, sub.orders_itself}});
            }
            s.saved_at = time_point{};
            if (s.options.registry != nullptr)
              for (auto& f : s.feeds)
                f.metrics.emplace(*s.options.registry, s.options.role, f.to.consumer);
            for (std::size_t i = 0; i < s.feeds.size(); ++i)
              pump(self, i);
          },
          [self](const caf::error& err) {
            self->state.loading = false;
            spdlog::warn("outbox: cannot read the cursors: {}", to_failure(err).text);
          });
}

void retry_later(relay_self self, std::size_t index, std::int64_t sequence, std::uint32_t attempt) {
  auto& state = self->state;
  const auto wait = back_off(attempt, state.options.back_off_min, state.options.back_off_max);
  auto& feed = state.feeds[index];
  if (feed.window.failed(sequence, attempt, state.env->now() + wait) && feed.metrics)
    feed.metrics->retried.Increment();
}

void set_aside(relay_self self, std::size_t index, const domain_event& event, std::uint32_t attempt,
               const failure& why) {
  auto& state = self->state;
  const auto& consumer = state.feeds[index].to.consumer;
  spdlog::error("event {} ({} {}) cannot be applied by {} after {} attempts: {}",
                to_string(event.id), event.type, event.key, consumer, attempt, why.text);
  self->request(state.outbox, caf::infinite, set_event_aside{consumer, event, why.text})
      .then(
          [self, index, turn = state.turn, sequence = event.sequence](const event_set_aside&) {
            auto* f = feed_of(self->state, turn, index);
            if (!f)
              return;
            if (f->window.applied(sequence) && f->metrics)
              f->metrics->set_aside.Increment();
            pump(self, index);
          },
          [self, index, turn = state.turn, attempt,
           sequence = event.sequence](const caf::error& err) {
            spdlog::error("event of sequence {} cannot be set aside: {}", sequence,
                          to_failure(err).text);
            if (feed_of(self->state, turn, index))
              retry_later(self, index, sequence, attempt);
          });
}

void send(relay_self self, std::size_t index, delivery_window::delivery d) {
  auto& feed = self->state.feeds[index];
  const auto attempt = d.attempt;
  auto shared = std::make_shared<const domain_event>(std::move(d.event));
  // No CAF timer per delivery: the tick looks for overdue ones.
  self->request(feed.to.actor, caf::infinite, deliver{*shared})
      .then(
          [self, index, turn = self->state.turn, shared](const applied&) {
            auto* f = feed_of(self->state, turn, index);
            if (!f)
              return;
            if (f->window.applied(shared->sequence) && f->metrics)
              f->metrics->applied.Increment();
            pump(self, index);
          },
          [self, index, turn = self->state.turn, shared, attempt](const caf::error& err) {
            if (!feed_of(self->state, turn, index))
              return;
            const auto why = to_failure(err);
            if (why.code == errc::invalid_request && attempt >= self->state.options.poison_after) {
              set_aside(self, index, *shared, attempt, why);
              return;
            }
            spdlog::debug("event {} ({}) not applied by {}: {}", to_string(shared->id),
                          shared->type, self->state.feeds[index].to.consumer, why.text);
            retry_later(self, index, shared->sequence, attempt);
            pump(self, index);
          });
}

bool wants(const subscription& to, const domain_event& event) {
  return (to.topic == "*" || event.topic == to.topic)
         && (to.types.empty()
             || std::find(to.types.begin(), to.types.end(), event.type) != to.types.end());
}

void read_more(relay_self self, std::size_t index) {
  auto& state = self->state;
  auto& feed = state.feeds[index];
  // Half a page of room at least, so that a full window does not cause reads of single rows.
  const auto limit = std::min(state.options.page, feed.window.room());
  if (feed.reading || !feed.more
      || limit * 2 < std::min(state.options.page, state.options.held_max))
    return;
  feed.reading = true;
  feed.more = false; // an outbox_grew from here on sets it again
  self->request(state.outbox, caf::infinite, read_outbox{feed.window.read_to(), limit})
      .then(
          [self, index, turn = state.turn, limit](outbox_page& page) {
            auto* f = feed_of(self->state, turn, index);
            if (!f)
              return;
            f->reading = false;
            if (page.events.size() >= limit)
              f->more = true;
            for (auto& event : page.events) {
              if (wants(f->to, event))
                f->window.add(std::move(event));
              else
                f->window.skip_to(event.sequence);
            }
            pump(self, index);
          },
          [self, index, turn = state.turn](const caf::error& err) {
            // The next poll tries again.
            if (auto* f = feed_of(self->state, turn, index))
              f->reading = false;
            spdlog::warn("outbox: cannot be read: {}", to_failure(err).text);
          });
}

bool may_feed(const relay_state& state) {
  return !state.options.on_duty || state.options.on_duty();
}

void pump(relay_self self, std::size_t index) {
  auto& state = self->state;
  if (state.leaving || !may_feed(state))
    return;
  for (auto& d : state.feeds[index].window.take(state.env->now(), state.options.patience))
    send(self, index, std::move(d));
  read_more(self, index);
}

void read_news(relay_self self) {
  auto& state = self->state;
  for (std::size_t i = 0; i < state.feeds.size(); ++i) {
    state.feeds[i].more = true;
    pump(self, i);
  }
}

std::map<std::string, std::int64_t> changed_cursors(const relay_state& state) {
  std::map<std::string, std::int64_t> out;
  for (const auto& feed : state.feeds)
    if (state.saved.at(feed.to.consumer) != feed.window.cursor())
      out[feed.to.consumer] = feed.window.cursor();
  return out;
}

void save(relay_self self) {
  auto& state = self->state;
  auto changed = changed_cursors(state);
  if (state.saving || changed.empty())
    return;
  state.saving = true;
  self->request(state.outbox, caf::infinite, save_cursors{changed})
      .then(
          [self, turn = state.turn, changed](const cursors_saved&) {
            self->state.saving = false;
            if (self->state.turn != turn)
              return;
            for (const auto& [consumer, sequence] : changed)
              self->state.saved[consumer] = sequence;
          },
          [self](const caf::error& err) {
            self->state.saving = false;
            spdlog::warn("outbox: cannot store the cursors: {}", to_failure(err).text);
          });
}

void show(const feed& f, time_point now) {
  if (!f.metrics)
    return;
  const auto oldest = f.window.oldest();
  const auto age = oldest ? std::chrono::duration<double>(now - *oldest).count() : 0;
  f.metrics->age.Set(std::max(age, 0.0));
  f.metrics->in_flight.Set(static_cast<double>(f.window.in_flight()));
}

/// Its turn is over: whoever is on duty now begins where the stored cursors are. What is being
/// applied may be applied; the consumers know what they have.
void retire(relay_self self) {
  auto& state = self->state;
  auto changed = changed_cursors(state);
  for (auto& feed : state.feeds)
    if (feed.metrics) {
      feed.metrics->age.Set(0);
      feed.metrics->in_flight.Set(0);
    }
  state.on_duty = false;
  ++state.turn;
  state.feeds.clear();
  state.saved.clear();
  if (changed.empty())
    return;
  self->request(state.outbox, caf::infinite, save_cursors{std::move(changed)})
      .then([](const cursors_saved&) {},
            [](const caf::error& err) {
              spdlog::warn("outbox: cannot store the cursors: {}", to_failure(err).text);
            });
}

void on_tick(relay_self self) {
  auto& state = self->state;
  const auto now = state.env->now();
  if (state.mailbox != nullptr)
    observe_mailbox(*state.mailbox, self);
  const bool mine = may_feed(state);
  if (state.on_duty && !mine)
    retire(self);
  state.on_duty = mine;
  load(self);
  const auto poll = now - state.polled_at >= state.options.poll;
  if (poll)
    state.polled_at = now;
  for (std::size_t i = 0; i < state.feeds.size(); ++i) {
    auto& feed = state.feeds[i];
    show(feed, now);
    for (const auto& [sequence, attempt] : feed.window.overdue(now))
      retry_later(self, i, sequence, attempt);
    if (poll)
      feed.more = true;
    pump(self, i);
  }
  if (now - state.saved_at >= state.options.save_every) {
    state.saved_at = now;
    save(self);
  }
  // Not before every consumer has a stored cursor: those cursors protect their rows.
  const auto protected_rows = !state.feeds.empty()
                              && std::all_of(state.saved.begin(), state.saved.end(),
                                             [](const auto& entry) { return entry.second >= 0; });
  if (protected_rows && now - state.purged_at >= state.options.purge_every) {
    state.purged_at = now;
    self->send(state.outbox, purge_outbox{now - state.options.keep});
  }
}

void leave(relay_self self, const caf::error& reason) {
  auto& state = self->state;
  if (state.leaving)
    return;
  state.leaving = true;
  auto changed = changed_cursors(state);
  auto quit = [self, reason] { self->quit(reason); };
  if (changed.empty()) {
    quit();
    return;
  }
  self->request(state.outbox, seconds{5}, save_cursors{std::move(changed)})
      .then([quit](const cursors_saved&) { quit(); }, [quit](const caf::error&) { quit(); });
}

relay_impl::behavior_type relay(relay_self self, environment* env, outbox_actor box,
                                std::vector<subscription> subscriptions, relay_options options) {
  auto& state = self->state;
  state.env = env;
  state.outbox = std::move(box);
  state.subscriptions = std::move(subscriptions);
  state.options = std::move(options);
  if (state.options.registry != nullptr)
    state.mailbox = &mailbox_depth(*state.options.registry, "relay");
  state.polled_at = env->now();
  state.purged_at = env->now();
  state.on_duty = may_feed(state);
  self->set_exit_handler([self](caf::exit_msg& x) { leave(self, x.reason); });
  load(self);
  self->delayed_send(self, state.options.tick, relay_tick{});
  return {
      [self](const outbox_grew&) {
        auto& s = self->state;
        if (s.options.linger == milliseconds{0}) {
          read_news(self);
        } else if (!s.lingering) {
          s.lingering = true;
          self->delayed_send(self, s.options.linger, relay_lingered{});
        }
      },
      [self](const relay_lingered&) {
        self->state.lingering = false;
        read_news(self);
      },
      [self](const relay_tick&) {
        if (self->state.leaving)
          return;
        on_tick(self);
        self->delayed_send(self, self->state.options.tick, relay_tick{});
      },
  };
}

} // namespace

outbox_actor spawn_outbox(caf::actor_system& sys, environment& env,
                          std::unique_ptr<outbox_store> store, bool detached) {
  std::shared_ptr<outbox_store> shared = std::move(store);
  if (detached)
    return sys.spawn<caf::detached>(outbox, &env, std::move(shared));
  return sys.spawn(outbox, &env, std::move(shared));
}

relay_actor spawn_relay(caf::actor_system& sys, environment& env, outbox_actor outbox,
                        std::vector<subscription> subscriptions, relay_options options) {
  auto handle = sys.spawn(relay, &env, outbox, std::move(subscriptions), std::move(options));
  // However the relay ends, also when it is killed before it ran.
  handle->attach_functor(
      [outbox] { caf::anon_send_exit(outbox, caf::exit_reason::user_shutdown); });
  return handle;
}

} // namespace tiketi
