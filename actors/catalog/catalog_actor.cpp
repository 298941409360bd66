#include "actors/catalog/catalog_actor.hpp"

#include "actors/catalog/answers.hpp"

#include <utility>

#include <caf/send.hpp>
#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>

namespace tiketi::catalog {

namespace {

prometheus::Family<prometheus::Counter>& counters(prometheus::Registry& registry, const char* name,
                                                  const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

} // namespace

catalog_metrics::catalog_metrics(prometheus::Registry& registry)
    : from_memory(counters(registry, "tiketi_catalog_answers_total", "Answers by where from")
                      .Add({{"source", "memory"}})),
      joined(counters(registry, "tiketi_catalog_answers_total", "Answers by where from")
                 .Add({{"source", "joined"}})),
      reads(counters(registry, "tiketi_catalog_answers_total", "Answers by where from")
                .Add({{"source", "store"}})),
      read_failures(
          counters(registry, "tiketi_catalog_read_failures_total", "Reads that failed").Add({})),
      overloaded(counters(registry, "tiketi_catalog_overloaded_total",
                          "Requests refused because too many reads were under way")
                     .Add({})),
      without_availability(counters(registry, "tiketi_catalog_availability_missing_total",
                                    "Event pages without the ticket role's numbers")
                               .Add({})),
      written(counters(registry, "tiketi_catalog_writes_total", "Writes by result")
                  .Add({{"result", "committed"}})),
      rejected(counters(registry, "tiketi_catalog_writes_total", "Writes by result")
                   .Add({{"result", "rejected"}})),
      kept(prometheus::BuildGauge()
               .Name("tiketi_catalog_kept_answers")
               .Help("Answers in memory")
               .Register(registry)
               .Add({})) {}

namespace {

using self_pointer = catalog_actor::stateful_pointer<catalog_state>;
using kept_answer = catalog_state::kept_answer;
using waiters = catalog_state::waiters;
using waiters_ptr = std::shared_ptr<waiters>;

template <class Promise>
void deliver(Promise& promise, const kept_answer& value) {
  using reply =
      std::conditional_t<std::is_same_v<Promise, caf::typed_response_promise<event_brief>>,
                         event_brief, answer>;
  if (const auto* good = std::get_if<reply>(&value))
    promise.deliver(*good);
  else if (const auto* bad = std::get_if<failure>(&value))
    promise.deliver(to_caf(*bad));
  else
    promise.deliver(to_caf(errc::internal)); // two kinds of answers never share a key
}

/// A read has come to its end: answers everybody who waited. Kept until `until`, unless a write
/// came between.
void finish(self_pointer self, const std::string& key, const waiters_ptr& those, kept_answer value,
            time_point until) {
  auto& state = self->state;
  --state.reads;
  state.waiting -= those->answers.size() + those->briefs.size();
  for (auto& promise : those->answers)
    deliver(promise, value);
  for (auto& promise : those->briefs)
    deliver(promise, value);
  const auto found = state.under_way.find(key);
  if (found == state.under_way.end() || found->second != those)
    return;
  state.under_way.erase(found);
  state.kept.put(key, std::move(value), state.env->now(), until);
  state.metrics->kept.Set(static_cast<double>(state.kept.size()));
}

void fail(self_pointer self, const std::string& key, const waiters_ptr& those,
          const caf::error& err) {
  auto& state = self->state;
  auto why = to_failure(err);
  // "There is none" is an answer like any other; a failure is not: the next one tries again.
  const auto now = state.env->now();
  const bool lasts = why.code == errc::not_found;
  if (!lasts)
    state.metrics->read_failures.Increment();
  finish(self, key, those, std::move(why), lasts ? now + state.options.answer_ttl : now);
}

time_point until_change(time_point asked_at, std::chrono::milliseconds ttl,
                        const std::optional<time_point>& change) {
  const auto end = asked_at + ttl;
  return change && *change < end ? *change : end;
}

const reader_actor& pick_reader(catalog_state& state) {
  return state.readers[state.next_reader++ % state.readers.size()];
}

/// Answers from memory, or joins a read of the same thing, or begins one with
/// `start(key, waiters)`.
template <class Reply, class Start>
caf::result<Reply> serve(self_pointer self, std::string key,
                         std::vector<caf::typed_response_promise<Reply>> waiters::*list,
                         Start start) {
  auto& state = self->state;
  auto promise = self->template make_response_promise<Reply>();
  if (const auto* kept = state.kept.find(key, state.env->now())) {
    state.metrics->from_memory.Increment();
    deliver(promise, *kept);
    return promise;
  }
  const auto found = state.under_way.find(key);
  const bool joins = found != state.under_way.end();
  if (state.waiting >= state.options.waiting_max
      || (!joins && state.reads >= state.options.reads_max)) {
    state.metrics->overloaded.Increment();
    promise.deliver(to_caf(errc::overloaded));
    return promise;
  }
  ++state.waiting;
  if (joins) {
    state.metrics->joined.Increment();
    ((*found->second).*list).push_back(promise);
    return promise;
  }
  state.metrics->reads.Increment();
  ++state.reads;
  auto those = std::make_shared<waiters>();
  ((*those).*list).push_back(promise);
  state.under_way.emplace(key, those);
  start(std::move(key), those);
  return promise;
}

/// Queries that the reader serialises itself.
template <class Query>
caf::result<answer> serve_body(self_pointer self, std::string key, const Query& query) {
  return serve<answer>(
      self, std::move(key), &waiters::answers,
      [self, &query](std::string k, const waiters_ptr& those) {
        auto& state = self->state;
        const auto now = state.env->now();
        // The reader is local and always answers; its death is reported too.
        self->request(pick_reader(state), caf::infinite, query)
            .then(
                [self, k, those, now](read_answer& read) {
                  finish(self, k, those, answer{std::move(read.body)},
                         until_change(now, self->state.options.answer_ttl, read.next_change));
                },
                [self, k, those](caf::error& err) { fail(self, k, those, err); });
      });
}

void answer_event(self_pointer self, const std::string& key, const waiters_ptr& those,
                  const event_detail& detail, time_point asked_at,
                  const std::vector<ticket::ticket_type_view>& types) {
  auto& state = self->state;
  const auto now = state.env->now();
  finish(self, key, those, answer{std::make_shared<std::string>(event_body(detail, types, now))},
         until_change(asked_at, state.options.answer_ttl, next_change(detail.event.times(), now)));
}

caf::result<answer> serve_event(self_pointer self, const get_event& query) {
  return serve<answer>(
      self, "event " + to_string(query.event), &waiters::answers,
      [self, query](std::string key, const waiters_ptr& those) {
        auto& state = self->state;
        const auto now = state.env->now();
        self->request(pick_reader(state), caf::infinite, query)
            .then(
                [self, key, those, now](read_event& read) {
                  auto& s = self->state;
                  if (!s.stock) {
                    s.metrics->without_availability.Increment();
                    answer_event(self, key, those, read.detail, now, {});
                    return;
                  }
                  const auto id = read.detail.event.id;
                  auto detail = std::make_shared<event_detail>(std::move(read.detail));
                  self->request(s.stock, s.options.availability_timeout,
                                ticket::get_ticket_types{id})
                      .then(
                          [self, key, those, now, detail](ticket::ticket_type_list& list) {
                            answer_event(self, key, those, *detail, now, list.types);
                          },
                          [self, key, those, now, detail](caf::error&) {
                            self->state.metrics->without_availability.Increment();
                            answer_event(self, key, those, *detail, now, {});
                          });
                },
                [self, key, those](caf::error& err) { fail(self, key, those, err); });
      });
}

caf::result<event_brief> serve_brief(self_pointer self, const get_brief& query) {
  return serve<event_brief>(
      self, "brief " + to_string(query.event), &waiters::briefs,
      [self, query](std::string key, const waiters_ptr& those) {
        auto& state = self->state;
        const auto now = state.env->now();
        self->request(pick_reader(state), caf::infinite, get_event{query.event})
            .then(
                [self, key, those, now](read_event& read) {
                  const auto& e = read.detail.event;
                  event_brief brief;
                  brief.event = e.id;
                  brief.title = e.title;
                  brief.artist = e.artist_name.value_or("");
                  brief.cancelled = e.cancelled;
                  brief.sale_start = e.sale_start.value_or(time_point{});
                  brief.sale_end = end_of_sale(e.times());
                  finish(self, key, those, std::move(brief), now + self->state.options.answer_ttl);
                },
                [self, key, those](caf::error& err) { fail(self, key, those, err); });
      });
}

/// Nothing from before a write may be given to anybody who asks after it was answered.
void forget_answers(catalog_state& state) {
  state.kept.clear();
  state.under_way.clear();
  state.metrics->kept.Set(0);
}

} // namespace

catalog_actor::behavior_type catalog(catalog_actor::stateful_pointer<catalog_state> self,
                                     environment* env, std::shared_ptr<catalog_metrics> metrics,
                                     catalog_options options, catalog_writer writer,
                                     std::vector<reader_actor> readers, ticket::reader_actor stock,
                                     relay_actor relay) {
  auto& state = self->state;
  state.env = env;
  state.metrics = std::move(metrics);
  state.options = options;
  state.writer = std::move(writer);
  state.readers = std::move(readers);
  state.stock = std::move(stock);
  state.relay = std::move(relay);
  state.kept = answer_cache<kept_answer>{options.answers_max};
  return {
      [self](const get_events& query) -> caf::result<answer> {
        const auto& f = query.filter;
        if (query.nothing)
          return answer{std::make_shared<std::string>(events_body({}, f, self->state.env->now()))};
        return serve_body(self,
                          fmt::format("events {} {} {} {}",
                                      f.status ? to_string_view(*f.status) : "all", f.page, f.limit,
                                      f.text),
                          query);
      },
      [self](const get_event& query) { return serve_event(self, query); },
      [self](const get_artists& query) {
        return serve_body(self, fmt::format("artists {} {}", query.page, query.limit), query);
      },
      [self](const get_artist& query) {
        return serve_body(self, "artist " + to_string(query.artist), query);
      },
      [self](const get_brief& query) { return serve_brief(self, query); },
      [self](const catalog_write& write) -> caf::result<catalog_written> {
        auto promise = self->make_response_promise<catalog_written>();
        self->request(self->state.writer, caf::infinite, write)
            .then(
                [self, promise](catalog_written& written) mutable {
                  auto& s = self->state;
                  switch (written.status) {
                  case commit_status::committed:
                    s.metrics->written.Increment();
                    if (written.changed)
                      forget_answers(s);
                    if (written.events > 0 && s.relay)
                      caf::anon_send(s.relay, outbox_grew{});
                    promise.deliver(std::move(written));
                    return;
                  case commit_status::rejected:
                    s.metrics->rejected.Increment();
                    promise.deliver(to_caf(written.why));
                    return;
                  case commit_status::unknown:
                    forget_answers(s);
                    if (s.relay)
                      caf::anon_send(s.relay, outbox_grew{});
                    promise.deliver(to_caf(errc::in_doubt));
                    return;
                  case commit_status::failed:
                    promise.deliver(to_caf(errc::unavailable));
                    return;
                  }
                  promise.deliver(to_caf(errc::internal));
                },
                [promise](caf::error& err) mutable { promise.deliver(std::move(err)); });
        return promise;
      },
      [self](const catalog_changed&) { forget_answers(self->state); },
  };
}

namespace {

/// Serialises here, on the reader's own thread, and finds out how long the body can be right.
template <class F>
caf::result<read_answer> answer_with(catalog_queries& store, time_point now, F body) {
  const auto change = store.next_status_change(now);
  if (!change)
    return to_caf(change.error());
  return read_answer{std::make_shared<std::string>(body()), *change};
}

} // namespace

reader_actor::behavior_type reader(reader_actor::stateful_pointer<reader_state> self,
                                   environment* env, std::shared_ptr<catalog_queries> store) {
  self->state.store = std::move(store);
  return {
      [self, env](const get_events& query) -> caf::result<read_answer> {
        auto& db = *self->state.store;
        const auto now = env->now();
        const auto page = db.events(query.filter, now);
        if (!page)
          return to_caf(page.error());
        return answer_with(db, now, [&] { return events_body(*page, query.filter, now); });
      },
      [self](const get_event& query) -> caf::result<read_event> {
        auto found = self->state.store->event(query.event);
        if (!found)
          return to_caf(found.error());
        if (!*found)
          return to_caf(failure{errc::not_found, "Event not found"});
        return read_event{std::move(**found)};
      },
      [self](const get_artists& query) -> caf::result<read_answer> {
        const auto page = self->state.store->artists(query.page, query.limit);
        if (!page)
          return to_caf(page.error());
        return read_answer{
            std::make_shared<std::string>(artists_body(*page, query.page, query.limit)), {}};
      },
      [self, env](const get_artist& query) -> caf::result<read_answer> {
        auto& db = *self->state.store;
        const auto now = env->now();
        const auto found = db.artist(query.artist);
        if (!found)
          return to_caf(found.error());
        if (!*found)
          return to_caf(failure{errc::not_found, "Artist not found"});
        return answer_with(db, now, [&] { return artist_body(**found, now); });
      },
  };
}

} // namespace tiketi::catalog
