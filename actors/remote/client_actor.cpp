#include "actors/base/trace.hpp"
#include "actors/remote/role.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include <caf/all.hpp>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <spdlog/spdlog.h>

namespace tiketi::remote {
namespace {

using client_impl = client_actor::extend<caf::reacts_to<attempt_done>, caf::reacts_to<remote_tick>>;

constexpr std::array states{breaker_state::closed, breaker_state::open, breaker_state::half_open};

/// The families; one of each per registry.
struct metric_families {
  explicit metric_families(prometheus::Registry& r)
      : state(prometheus::BuildGauge()
                  .Name("resilience4j_circuitbreaker_state")
                  .Help("1 for the state a circuit breaker is in")
                  .Register(r)),
        calls(prometheus::BuildCounter()
                  .Name("remote_calls_total")
                  .Help("Calls to other systems, by what came of them")
                  .Register(r)),
        retries(prometheus::BuildCounter()
                    .Name("remote_retries_total")
                    .Help("Attempts after the first")
                    .Register(r)),
        in_flight(prometheus::BuildGauge()
                      .Name("remote_calls_in_flight")
                      .Help("Calls to other systems under way or waiting to be repeated")
                      .Register(r)),
        seconds_(prometheus::BuildHistogram()
                     .Name("remote_attempt_seconds")
                     .Help("Duration of an attempt")
                     .Register(r)) {}

  prometheus::Family<prometheus::Gauge>& state;
  prometheus::Family<prometheus::Counter>& calls;
  prometheus::Family<prometheus::Counter>& retries;
  prometheus::Family<prometheus::Gauge>& in_flight;
  prometheus::Family<prometheus::Histogram>& seconds_;
};

/// What is known about one machine, or one of many behind a target.
struct circuit {
  circuit(metric_families& f, std::string n, const breaker_options& options)
      : name(std::move(n)), decide(options), family(&f.state) {
    for (std::size_t i = 0; i < states.size(); ++i)
      gauges[i] = &f.state.Add({{"name", name}, {"state", std::string(to_string_view(states[i]))}});
    show(breaker_state::closed);
  }
  circuit(const circuit&) = delete;
  circuit& operator=(const circuit&) = delete;
  ~circuit() {
    for (auto* gauge : gauges)
      family->Remove(gauge);
  }

  void show(breaker_state now) {
    shown = now;
    for (std::size_t i = 0; i < states.size(); ++i)
      gauges[i]->Set(states[i] == now ? 1 : 0);
  }

  std::string name;
  breaker decide;
  prometheus::Family<prometheus::Gauge>* family;
  std::array<prometheus::Gauge*, states.size()> gauges{};
  breaker_state shown = breaker_state::closed;
  std::size_t calls = 0; ///< that will report to it
  time_point used_at;
};

struct target_metrics {
  target_metrics(metric_families& f, const std::string& name)
      : answered(&f.calls.Add({{"target", name}, {"result", "answered"}})),
        failed(&f.calls.Add({{"target", name}, {"result", "failed"}})),
        refused(&f.calls.Add({{"target", name}, {"result", "circuit_open"}})),
        overloaded(&f.calls.Add({{"target", name}, {"result", "overloaded"}})),
        retries(&f.retries.Add({{"target", name}})),
        in_flight(&f.in_flight.Add({{"target", name}})),
        seconds_(&f.seconds_.Add({{"target", name}},
                                 prometheus::Histogram::BucketBoundaries{
                                     0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10})) {}

  prometheus::Counter* answered;
  prometheus::Counter* failed;
  prometheus::Counter* refused;
  prometheus::Counter* overloaded;
  prometheus::Counter* retries;
  prometheus::Gauge* in_flight;
  prometheus::Histogram* seconds_;
};

struct target {
  target(std::string n, const breaker_options& options, metric_families& families)
      : name(std::move(n)), own(families, name, options), metrics(families, name) {}

  std::string name;
  circuit own;
  std::map<std::string, circuit, std::less<>> named; ///< nodes stay where they are
  target_metrics metrics;
  std::size_t calls = 0;
};

struct call {
  http_call what;
  caf::typed_response_promise<http_answer> promise;
  target* to = nullptr;
  circuit* through = nullptr;
  time_point deadline;
  time_point began;
  time_point started_at; ///< of the attempt under way
  breaker::permit permit;
  std::shared_ptr<transfer_result> last; ///< while it waits: the answer if there is no other
  std::string own_trace;                 ///< `traceparent` of the call itself
  std::uint32_t attempts = 0;
  bool may_have_arrived = false;
};

struct client_state {
  client_state() = default;

  environment* env = nullptr;
  remote_options options;
  std::shared_ptr<transport> via;
  std::optional<metric_families> families;
  std::map<std::string, target, std::less<>> targets; ///< nodes stay where they are
  std::unordered_map<std::uint64_t, call> calls;
  std::multimap<time_point, std::uint64_t> waits;
  std::uint64_t last_call = 0;
  bool ticking = false;
};

using client_self = client_impl::stateful_pointer<client_state>;

http_answer no_answer(http_failure why, std::string text) {
  http_answer out;
  out.error = why;
  out.text = std::move(text);
  return out;
}

http_answer answer_from(transfer_result& r) {
  http_answer out;
  out.error = r.error;
  out.status = r.status;
  out.headers = std::move(r.headers);
  out.body = std::move(r.body);
  out.text = std::move(r.text);
  return out;
}

void show_state(client_self self, circuit& c) {
  const auto state = c.decide.state(self->state.env->now());
  if (state == c.shown)
    return;
  spdlog::warn("calls to {}: the circuit is {}", c.name, to_string_view(state));
  c.show(state);
}

bool is_open(const target& t) {
  return t.own.shown == breaker_state::open
         || std::any_of(t.named.begin(), t.named.end(),
                        [](const auto& c) { return c.second.shown == breaker_state::open; });
}

/// The circuit of a call; null: there are too many.
circuit* find_circuit(client_self self, target& t, const std::string& name) {
  if (name.empty())
    return &t.own;
  auto& state = self->state;
  const auto now = state.env->now();
  if (const auto found = t.named.find(name); found != t.named.end()) {
    found->second.used_at = now;
    return &found->second;
  }
  std::erase_if(t.named, [&](const auto& c) {
    return c.second.calls == 0 && now - c.second.used_at >= state.options.circuit_idle;
  });
  if (t.named.size() >= state.options.circuits_max) {
    auto oldest = t.named.end();
    for (auto i = t.named.begin(); i != t.named.end(); ++i)
      if (i->second.calls == 0
          && (oldest == t.named.end() || i->second.used_at < oldest->second.used_at))
        oldest = i;
    if (oldest == t.named.end())
      return nullptr;
    t.named.erase(oldest);
  }
  auto& made =
      t.named.try_emplace(name, *state.families, t.name + "/" + name, state.options.breaker)
          .first->second;
  made.used_at = now;
  return &made;
}

/// One tick while something waits: a retry, or a circuit that is not closed.
void keep_ticking(client_self self) {
  auto& state = self->state;
  const auto needed = !state.waits.empty()
                      || std::any_of(state.targets.begin(), state.targets.end(),
                                     [](const auto& t) { return is_open(t.second); });
  if (!needed || state.ticking)
    return;
  state.ticking = true;
  self->delayed_send(self, state.options.tick, remote_tick{});
}

void record_span(const client_state& state, const call& c, const http_answer& answer) {
  if (state.options.spans == nullptr || !is_sampled(c.own_trace))
    return;
  trace::span s;
  s.trace = c.own_trace;
  s.parent = span_id_of(c.what.trace);
  s.kind = trace::span_kind::client;
  s.method = c.what.request.method;
  s.name = s.method + ' ' + c.to->name;
  s.peer = c.to->name;
  s.status = answer.status;
  if (answer.error != http_failure::none)
    s.error = to_string_view(answer.error);
  s.start = c.began;
  s.took = std::max(state.env->now() - c.began, milliseconds{0});
  state.options.spans->record(std::move(s));
}

void finish(client_self self, std::uint64_t id, http_answer answer) {
  auto& state = self->state;
  const auto found = state.calls.find(id);
  if (found == state.calls.end())
    return;
  auto c = std::move(found->second);
  state.calls.erase(found);
  --c.to->calls;
  --c.through->calls;
  c.to->metrics.in_flight->Decrement();
  answer.attempts = c.attempts;
  answer.may_have_arrived = c.may_have_arrived;
  record_span(state, c, answer);
  (answer.error == http_failure::none ? c.to->metrics.answered : c.to->metrics.failed)->Increment();
  c.promise.deliver(std::move(answer));
}

/// Sends the call once more. False: the circuit does not let it.
bool attempt(client_self self, std::uint64_t id) {
  auto& state = self->state;
  auto& c = state.calls.at(id);
  const auto now = state.env->now();
  c.permit = c.through->decide.acquire(now);
  show_state(self, *c.through);
  if (!c.permit.granted)
    return false;
  ++c.attempts;
  if (c.attempts > 1)
    c.to->metrics.retries->Increment();
  c.started_at = now;
  transfer t;
  t.request = c.what.request;
  t.timeout = std::min(state.options.attempt_timeout, c.deadline - now);
  t.connect_timeout = std::min(state.options.connect_timeout, t.timeout);
  t.response_bytes_max = state.options.response_bytes_max;
  t.repeatable = c.what.repeatable;
  state.via->start(std::move(t), [to = caf::actor_cast<client_impl>(self), id](transfer_result r) {
    caf::anon_send(to, attempt_done{id, std::make_shared<transfer_result>(std::move(r))});
  });
  return true;
}

caf::result<http_answer> on_call(client_self self, http_call& x) {
  auto& state = self->state;
  const auto found = state.targets.find(x.target);
  if (found == state.targets.end())
    return no_answer(http_failure::rejected, "no target is called " + x.target);
  auto& to = found->second;
  if (x.timeout <= milliseconds{0})
    return no_answer(http_failure::rejected, "no time for a call");
  if (to.calls >= state.options.in_flight_max) {
    to.metrics.overloaded->Increment();
    return no_answer(http_failure::overloaded, "too many calls to " + to.name);
  }
  auto* through = find_circuit(self, to, x.circuit);
  if (through == nullptr) {
    to.metrics.overloaded->Increment();
    return no_answer(http_failure::overloaded, "too many circuits of " + to.name);
  }
  const auto id = ++state.last_call;
  call c;
  c.promise = self->make_response_promise<http_answer>();
  auto promise = c.promise;
  c.to = &to;
  c.through = through;
  c.began = state.env->now();
  c.deadline = c.began + x.timeout;
  c.what = std::move(x);
  c.own_trace = child_traceparent(c.what.trace, *state.env);
  c.what.request.headers.emplace_back("traceparent", c.own_trace);
  state.calls.emplace(id, std::move(c));
  if (!attempt(self, id)) {
    state.calls.erase(id);
    to.metrics.refused->Increment();
    keep_ticking(self);
    promise.deliver(no_answer(http_failure::circuit_open,
                              through->name + " failed too often and is left alone"));
    return promise;
  }
  ++to.calls;
  ++through->calls;
  to.metrics.in_flight->Increment();
  return promise;
}

void on_done(client_self self, const attempt_done& x) {
  auto& state = self->state;
  const auto found = state.calls.find(x.call);
  if (found == state.calls.end())
    return;
  auto& c = found->second;
  auto& r = *x.result;
  const auto now = state.env->now();
  const auto took = std::max(now - c.started_at, milliseconds{0});
  const auto verdict = judge(r);
  c.may_have_arrived = c.may_have_arrived || may_have_arrived(r.error);
  c.through->decide.record(c.permit, verdict.outcome, took, now);
  c.to->metrics.seconds_->Observe(std::chrono::duration<double>(took).count());
  show_state(self, *c.through);
  if (r.error != http_failure::none)
    spdlog::info("calls to {}: attempt {} ended with {}: {}", c.through->name, c.attempts,
                 to_string_view(r.error), r.text);
  if (verdict.again && c.what.repeatable)
    if (const auto wait = retry_wait(state.options.retry, c.attempts, verdict.at_least, now,
                                     c.deadline, state.env->random())) {
      state.waits.emplace(now + *wait, x.call);
      c.last = x.result;
      keep_ticking(self);
      return;
    }
  finish(self, x.call, answer_from(r));
  keep_ticking(self);
}

void on_tick(client_self self) {
  auto& state = self->state;
  state.ticking = false;
  const auto now = state.env->now();
  while (!state.waits.empty() && state.waits.begin()->first <= now) {
    const auto id = state.waits.begin()->second;
    state.waits.erase(state.waits.begin());
    const auto found = state.calls.find(id);
    if (found == state.calls.end())
      continue;
    // The deadline may have passed while the scheduler was busy; the circuit may have opened.
    auto& c = found->second;
    if (now >= c.deadline || !attempt(self, id))
      finish(self, id, answer_from(*c.last));
  }
  for (auto& [name, t] : state.targets) {
    show_state(self, t.own);
    for (auto& [circuit_name, c] : t.named)
      show_state(self, c);
  }
  keep_ticking(self);
}

client_impl::behavior_type client(client_self self, environment* env,
                                  prometheus::Registry* registry, remote_options options,
                                  std::shared_ptr<transport> via,
                                  std::vector<std::string> targets) {
  auto& state = self->state;
  state.env = env;
  state.options = options;
  state.via = std::move(via);
  state.families.emplace(*registry);
  for (auto& name : targets)
    state.targets.try_emplace(name, name, options.breaker, *state.families);
  self->set_exit_handler([self](const caf::exit_msg& x) {
    for (auto& [id, c] : self->state.calls) {
      auto answer = no_answer(http_failure::rejected, "the program ends");
      answer.attempts = c.attempts;
      answer.may_have_arrived = true; // the attempt under way
      c.promise.deliver(std::move(answer));
    }
    self->state.calls.clear();
    self->quit(x.reason);
  });
  return {
      [self](http_call& x) { return on_call(self, x); },
      [self](const attempt_done& x) { on_done(self, x); },
      [self](remote_tick) { on_tick(self); },
  };
}

} // namespace

client_actor start_remote(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                          remote_options options, std::shared_ptr<transport> via,
                          std::vector<std::string> targets) {
  return sys.spawn(client, &env, &registry, options, std::move(via), std::move(targets));
}

void stop_remote(const client_actor& client) {
  caf::anon_send_exit(client, caf::exit_reason::user_shutdown);
}

} // namespace tiketi::remote
