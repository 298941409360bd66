#include "actors/sqs/sender.hpp"

#include "actors/bus/type_ids.hpp"
#include "actors/system/caf_error.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

namespace tiketi::sqs {

outgoing_message notice_message(const queue::admission_notice& notice, const entry_tokens& tokens,
                                seconds token_ttl, time_point now) {
  const auto event = to_string(notice.event);
  const auto user = to_string(notice.user);
  const auto until = std::min(now + milliseconds{token_ttl}, notice.expires_at);
  const nlohmann::json body{
      {"action", "admitted"},
      {"eventId", event},
      {"userId", user},
      {"entryToken", tokens.sign({notice.event, notice.user, now, until})},
      {"timestamp", to_millis(notice.admitted_at)},
  };
  return {body.dump(), event, user + ':' + event};
}

namespace {

using sender_impl = consumer_actor::extend<caf::reacts_to<sender_tick>>;

struct held_notice {
  queue::admission_notice what;
  std::string trace;
  caf::typed_response_promise<applied> promise; ///< of the latest delivery
};

struct sender_state {
  sender_state() = default;

  environment* env = nullptr;
  std::shared_ptr<sender_metrics> metrics;
  sender_options options;
  std::optional<entry_tokens> tokens;
  remote::client_actor calls;
  std::optional<send_queue> line;
  std::unordered_map<uuid, held_notice> notices;
  std::multiset<time_point> ages; ///< of what is held
  std::string last_reason;        ///< of a warning
  time_point warned_at;
};

using sender_self = sender_impl::stateful_pointer<sender_state>;

void pump(sender_self self);

void show(sender_self self) {
  auto& state = self->state;
  state.metrics->waiting.Set(static_cast<double>(state.notices.size()));
  const auto age = state.ages.empty()
                       ? milliseconds{0}
                       : std::max(state.env->now() - *state.ages.begin(), milliseconds{0});
  state.metrics->oldest_seconds.Set(std::chrono::duration<double>(age).count());
}

/// Takes a notice out of hand; its delivery is to be answered.
held_notice let_go(sender_self self, const uuid& id) {
  auto& state = self->state;
  auto node = state.notices.extract(id);
  state.ages.erase(state.ages.find(node.mapped().what.admitted_at));
  return std::move(node.mapped());
}

/// The same trouble once a minute, another one once a second: trouble comes in crowds.
void warn(sender_self self, const std::string& reason) {
  auto& state = self->state;
  const auto now = state.env->now();
  if (now - state.warned_at < (reason == state.last_reason ? seconds{60} : seconds{1}))
    return;
  spdlog::warn("sqs: notices wait: {}", reason);
  state.last_reason = reason;
  state.warned_at = now;
}

/// What one entry of an answered call means.
send_queue::outcome settle(sender_self self, const uuid& id, const entry_verdict& verdict) {
  auto& state = self->state;
  switch (verdict.fate) {
  case entry_fate::done: {
    auto notice = let_go(self, id);
    state.metrics->sent.Increment();
    const auto delay = std::max(state.env->now() - notice.what.admitted_at, milliseconds{0});
    state.metrics->delay.Observe(std::chrono::duration<double>(delay).count());
    notice.promise.deliver(applied{id, false});
    return send_queue::outcome::over;
  }
  case entry_fate::unacceptable: {
    auto notice = let_go(self, id);
    state.metrics->refused.Increment();
    // Delivered a few times more, and then set aside with these words.
    notice.promise.deliver(to_caf(failure{errc::invalid_request, "SQS: " + verdict.reason}));
    return send_queue::outcome::over;
  }
  case entry_fate::misconfigured:
    state.metrics->misconfigured.Increment();
    break;
  case entry_fate::again:
    break;
  }
  warn(self, verdict.reason);
  state.metrics->retries.Increment();
  return send_queue::outcome::again;
}

void on_answer(sender_self self, const send_queue::call& call, const remote::http_answer& answer) {
  auto& state = self->state;
  const auto verdict = judge_call(answer);
  const auto now = state.env->now();
  const auto random = state.env->random();
  const auto count = static_cast<double>(call.entries.size());
  std::vector<send_queue::outcome> outcomes;
  switch (verdict.fate) {
  case call_fate::answered: {
    const auto entries = read_batch(answer.body, call.entries.size());
    for (std::size_t i = 0; i < entries.size(); ++i)
      outcomes.push_back(settle(self, call.entries[i], entries[i]));
    state.line->answered(call.number, outcomes, now, random);
    break;
  }
  case call_fate::unacceptable:
    // One of them is to blame. Alone each shows whether it is the one.
    if (call.entries.size() == 1)
      outcomes.push_back(
          settle(self, call.entries.front(), {entry_fate::unacceptable, verdict.reason}));
    else
      outcomes.assign(call.entries.size(), send_queue::outcome::alone);
    state.line->answered(call.number, outcomes, now, random);
    break;
  case call_fate::again:
  case call_fate::not_made:
    if (verdict.fate == call_fate::again) {
      state.metrics->lost_calls.Increment();
      state.metrics->retries.Increment(count);
    }
    warn(self, verdict.reason);
    state.line->failed(call.number, false, now, random);
    break;
  case call_fate::misconfigured:
    state.metrics->misconfigured.Increment();
    state.metrics->retries.Increment(count);
    warn(self, verdict.reason);
    state.line->failed(call.number, true, now, random);
    break;
  }
}

void send(sender_self self, send_queue::call call) {
  auto& state = self->state;
  const auto now = state.env->now();
  std::vector<outgoing_message> messages;
  for (const auto& id : call.entries)
    messages.push_back(
        notice_message(state.notices.at(id).what, *state.tokens, state.options.token_ttl, now));
  remote::http_call out;
  out.target = send_target;
  out.timeout = state.options.call_timeout;
  out.repeatable = true; // SQS knows repeats by their deduplication ids
  out.trace = state.notices.at(call.entries.front()).trace;
  out.request = make_request(state.options.to, "SendMessageBatch",
                             send_batch_body(state.options.to, messages));
  // The remote role answers in time.
  self->request(state.calls, caf::infinite, std::move(out))
      .then(
          [self, call](const remote::http_answer& answer) {
            on_answer(self, call, answer);
            pump(self);
          },
          [self, call](const caf::error& err) {
            auto& s = self->state;
            warn(self, to_failure(err).text);
            s.line->failed(call.number, false, s.env->now(), s.env->random());
          });
}

void pump(sender_self self) {
  auto& state = self->state;
  while (auto call = state.line->next(state.env->now()))
    send(self, std::move(*call));
  show(self);
}

caf::result<applied> on_delivery(sender_self self, const domain_event& event) {
  auto& state = self->state;
  if (event.type != queue::admitted_type)
    return applied{event.id, false};
  const auto notice = queue::read_admission(event);
  if (!notice)
    return to_caf(failure{errc::invalid_request, "This is no admission"});
  if (const auto known = state.notices.find(event.id); known != state.notices.end()) {
    // The earlier delivery is overdue; whoever made it waits for this one now.
    auto promise = self->make_response_promise<applied>();
    known->second.promise.deliver(to_caf(errc::unavailable));
    known->second.promise = promise;
    return promise;
  }
  if (state.env->now() - notice->admitted_at > milliseconds{state.options.age_max}) {
    state.metrics->outdated.Increment();
    return applied{event.id, false};
  }
  if (state.line->add(event.id, event.sequence, event.key) != send_queue::added::fresh)
    return to_caf(errc::overloaded);
  auto promise = self->make_response_promise<applied>();
  state.notices.emplace(event.id, held_notice{*notice, event.trace, promise});
  state.ages.insert(notice->admitted_at);
  pump(self);
  return promise;
}

sender_impl::behavior_type sender(sender_self self, environment* env,
                                  std::shared_ptr<sender_metrics> metrics, sender_options options,
                                  entry_tokens tokens, remote::client_actor calls) {
  auto& state = self->state;
  state.env = env;
  state.metrics = std::move(metrics);
  state.options = std::move(options);
  state.tokens = std::move(tokens);
  state.calls = std::move(calls);
  state.line.emplace(state.options.rules);
  self->set_exit_handler([self](const caf::exit_msg& x) {
    for (auto& [id, notice] : std::exchange(self->state.notices, {}))
      notice.promise.deliver(to_caf(errc::unavailable));
    self->quit(x.reason);
  });
  self->delayed_send(self, state.options.tick, sender_tick{});
  return {
      [self](const deliver& m) { return on_delivery(self, m.event); },
      [self](const sender_tick&) {
        pump(self);
        self->delayed_send(self, self->state.options.tick, sender_tick{});
      },
  };
}

} // namespace

consumer_actor spawn_sender(caf::actor_system& sys, environment& env,
                            std::shared_ptr<sender_metrics> metrics, sender_options options,
                            entry_tokens tokens, remote::client_actor calls) {
  return sys.spawn(sender, &env, std::move(metrics), std::move(options), std::move(tokens),
                   std::move(calls));
}

} // namespace tiketi::sqs
