#include "actors/catalog/news_watch.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <spdlog/spdlog.h>

namespace tiketi::catalog {

namespace {

struct source {
  news_source of;
  std::int64_t noted = -1; ///< the store knows that this node is so far
  time_point noted_at;
  bool away = false;
};

struct waiter {
  caf::typed_response_promise<known> promise;
  std::vector<std::int64_t> versions; ///< of each source; empty: not read yet
  time_point until;
};

struct watch_state {
  watch_state() = default;

  environment* env = nullptr;
  watch_options options;
  std::vector<source> sources;
  std::vector<waiter> waiting;
  std::uint64_t turn = 0; ///< of the tick that counts; an earlier one comes to nothing
};

using self_ptr = news_watch::stateful_pointer<watch_state>;

/// Says so once per outage.
template <class Result>
bool well(source& s, const Result& r) {
  const bool was_away = std::exchange(s.away, !r);
  if (s.away && !was_away)
    spdlog::warn("news of other nodes cannot be read: {}", r.error().text);
  return !s.away;
}

void hear(watch_state& state, source& s) {
  const auto fresh = s.of.store->since(s.of.since);
  if (!well(s, fresh))
    return;
  if (fresh->version > s.of.since) {
    s.of.tell(*fresh);
    s.of.since = fresh->version;
  }
  const auto now = state.env->now();
  if (s.noted == s.of.since && now - s.noted_at < state.options.heartbeat)
    return;
  if (well(s, s.of.store->take_in(state.options.node, s.of.since))) {
    s.noted = s.of.since;
    s.noted_at = now;
  }
}

/// Nothing: a database is away.
template <class F>
std::optional<std::vector<std::int64_t>> of_all(watch_state& state, F read) {
  std::vector<std::int64_t> out;
  for (auto& s : state.sources) {
    const auto version = read(*s.of.store);
    if (!well(s, version))
      return std::nullopt;
    out.push_back(*version);
  }
  return out;
}

void answer(watch_state& state) {
  if (state.waiting.empty())
    return;
  const auto now = state.env->now();
  const bool any_new = std::any_of(state.waiting.begin(), state.waiting.end(),
                                   [](const waiter& w) { return w.versions.empty(); });
  if (any_new)
    if (const auto present = of_all(state, [](news_store& s) { return s.version(); }))
      for (auto& w : state.waiting)
        if (w.versions.empty())
          w.versions = *present;
  const auto reached =
      of_all(state, [&](news_store& s) { return s.known_to_all(state.options.alive); });
  std::erase_if(state.waiting, [&](waiter& w) {
    bool all = reached && w.versions.size() == reached->size();
    for (std::size_t i = 0; all && i < reached->size(); ++i)
      all = (*reached)[i] >= w.versions[i];
    if (!all && now < w.until)
      return false;
    if (!all)
      spdlog::warn("not all nodes have heard of a change of the catalog in time");
    w.promise.deliver(known{all});
    return true;
  });
}

void arm(self_ptr self) {
  const auto& o = self->state.options;
  self->delayed_send(self, self->state.waiting.empty() ? o.poll : std::min(o.poll, o.hurry),
                     watch_tick{++self->state.turn});
}

void leave(self_ptr self, const caf::error& reason) {
  for (auto& w : self->state.waiting)
    w.promise.deliver(known{});
  self->state.waiting.clear();
  for (auto& s : self->state.sources)
    if (const auto done = s.of.store->leave(self->state.options.node); !done)
      spdlog::warn("news: other nodes wait for this one a moment: {}", done.error().text);
  self->quit(reason);
}

news_watch::behavior_type watch(self_ptr self, environment* env, watch_options options,
                                std::shared_ptr<std::vector<news_source>> sources) {
  auto& state = self->state;
  state.env = env;
  state.options = std::move(options);
  for (auto& s : *sources)
    state.sources.push_back({std::move(s), -1, {}, false});
  self->set_exit_handler([self](caf::exit_msg& x) { leave(self, x.reason); });
  for (auto& s : state.sources)
    hear(state, s);
  arm(self);
  return {
      [self](await_known) -> caf::result<known> {
        auto& s = self->state;
        if (s.waiting.size() >= s.options.awaiting_max)
          return known{};
        auto promise = self->make_response_promise<known>();
        s.waiting.push_back({promise, {}, s.env->now() + s.options.patience});
        // At once: the others may know it already.
        self->send(self, watch_tick{++s.turn});
        return promise;
      },
      [self](const watch_tick& tick) {
        auto& s = self->state;
        if (tick.turn != s.turn)
          return;
        for (auto& from : s.sources)
          hear(s, from);
        answer(s);
        arm(self);
      },
  };
}

} // namespace

news_watch start_news_watch(caf::actor_system& sys, environment& env, watch_options options,
                            std::vector<news_source> sources, bool detached) {
  auto all = std::make_shared<std::vector<news_source>>(std::move(sources));
  if (detached)
    return sys.spawn<caf::detached>(watch, &env, std::move(options), std::move(all));
  return sys.spawn(watch, &env, std::move(options), std::move(all));
}

} // namespace tiketi::catalog
