#include "actors/worker/worker_actor.hpp"

#include "actors/bus/delivery_window.hpp"
#include "actors/system/caf_error.hpp"
#include "actors/worker/job.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <spdlog/spdlog.h>

namespace tiketi::worker {

namespace {

using worker_impl = worker_actor::extend<caf::reacts_to<worker_tick>>;

/// Answers of ten messages of 256 KiB each, with room for escapes.
constexpr std::size_t answer_bytes_max = 16u << 20;
/// Beyond the time that SQS may take by itself.
constexpr milliseconds receive_margin{5000};

/// Messages that were received together.
struct batch {
  std::vector<sqs::received_message> messages;
  std::vector<std::deque<std::pair<std::size_t, job>>> lanes; ///< per group, in order
  std::vector<std::string> done;                              ///< receipts
  std::size_t open = 0;                                       ///< messages without an outcome
  time_point deadline;                                        ///< then others may get them
};

struct poller {
  enum class phase : std::uint8_t { resting, receiving, running, deleting };

  phase is = phase::resting;
  std::uint32_t failures = 0; ///< calls in a row
  time_point rests_until;
  bool single = false; ///< the last answer was too large
  batch work;
};

struct worker_state {
  worker_state() = default;

  environment* env = nullptr;
  std::shared_ptr<worker_metrics> metrics;
  worker_options options;
  std::optional<entry_tokens> tokens;
  sale_view sale;
  remote::client_actor calls;
  std::vector<poller> pollers;
  std::size_t running = 0;
  bool leaving = false;
  std::optional<caf::typed_response_promise<finished>> waiting;
  std::string last_reason; ///< of a warning
  time_point warned_at;
};

using worker_self = worker_impl::stateful_pointer<worker_state>;

void receive(worker_self self, std::size_t index);
void run_lane(worker_self self, std::size_t index, std::size_t lane);

bool is_at_work(const poller& p) {
  return p.is == poller::phase::running || p.is == poller::phase::deleting;
}

void finish_if_done(worker_self self) {
  auto& state = self->state;
  if (state.waiting && std::none_of(state.pollers.begin(), state.pollers.end(), is_at_work)) {
    state.waiting->deliver(finished{});
    state.waiting.reset();
  }
}

void rest(worker_self self, std::size_t index) {
  self->state.pollers[index].is = poller::phase::resting;
  if (self->state.leaving)
    finish_if_done(self);
  else
    receive(self, index);
}

void call_failed(worker_self self, std::size_t index, const std::string& reason) {
  auto& state = self->state;
  auto& p = state.pollers[index];
  state.metrics->call_failures.Increment();
  const auto now = state.env->now();
  if (now - state.warned_at >= (reason == state.last_reason ? seconds{60} : seconds{1})) {
    spdlog::warn("worker: {}", reason);
    state.last_reason = reason;
    state.warned_at = now;
  }
  ++p.failures;
  p.rests_until = now + back_off(p.failures, state.options.wait_first, state.options.wait_max);
}

void observe_end(worker_self self, const sqs::received_message& m) {
  auto& state = self->state;
  if (m.sent_at == time_point{})
    return;
  const auto delay = std::max(state.env->now() - m.sent_at, milliseconds{0});
  state.metrics->delay.Observe(std::chrono::duration<double>(delay).count());
}

/// Deletes what succeeded; whatever is left comes again.
void close_batch(worker_self self, std::size_t index) {
  auto& state = self->state;
  auto& p = state.pollers[index];
  auto done = std::move(p.work.done);
  p.work = {};
  if (done.empty())
    return rest(self, index);
  p.is = poller::phase::deleting;
  remote::http_call out;
  out.target = call_target;
  out.timeout = state.options.delete_timeout;
  out.repeatable = true;
  out.request = sqs::make_request(state.options.from, "DeleteMessageBatch",
                                  sqs::delete_batch_body(state.options.from, done));
  self->request(state.calls, caf::infinite, std::move(out))
      .then(
          [self, index, count = done.size()](const remote::http_answer& answer) {
            const auto verdict = sqs::judge_call(answer);
            if (verdict.fate == sqs::call_fate::answered) {
              for (const auto& entry : sqs::read_batch(answer.body, count))
                if (entry.fate != sqs::entry_fate::done)
                  spdlog::warn("worker: a message could not be deleted and comes again: {}",
                               entry.reason);
            } else {
              call_failed(self, index, "messages could not be deleted: " + verdict.reason);
            }
            rest(self, index);
          },
          [self, index](const caf::error& err) {
            call_failed(self, index, to_failure(err).text);
            rest(self, index);
          });
}

void settle(worker_self self, std::size_t index, std::size_t message, bool done) {
  auto& work = self->state.pollers[index].work;
  if (done) {
    work.done.push_back(work.messages[message].receipt);
    observe_end(self, work.messages[message]);
  }
  --work.open;
}

void report_failure(const sqs::received_message& m, const failure& why) {
  spdlog::warn("worker: message {} failed (delivery {}): {}: {}", m.id, m.receives,
               to_string_view(why.code), why.text);
}

void run_lane(worker_self self, std::size_t index, std::size_t lane) {
  auto& state = self->state;
  auto& work = state.pollers[index].work;
  auto& jobs = work.lanes[lane];
  // Nothing is begun that might still run when others have the message.
  while (!jobs.empty()
         && (state.leaving || state.env->now() + state.options.run_timeout > work.deadline)) {
    state.metrics->left.Increment();
    settle(self, index, jobs.front().first, false);
    jobs.pop_front();
  }
  if (jobs.empty()) {
    if (work.open == 0)
      close_batch(self, index);
    return;
  }
  auto [message, what] = std::move(jobs.front());
  jobs.pop_front();
  ++state.running;
  state.metrics->running.Set(static_cast<double>(state.running));
  const auto ended = [self, index, lane, message = message](bool done) {
    auto& s = self->state;
    s.metrics->running.Set(static_cast<double>(--s.running));
    settle(self, index, message, done);
    run_lane(self, index, lane);
  };
  const auto ok = [self, ended](const ticket::reservation_view& made) {
    (made.replayed ? self->state.metrics->replayed : self->state.metrics->reserved).Increment();
    ended(true);
  };
  const auto failed = [self, index, message = message, ended](const caf::error& err) {
    self->state.metrics->failed.Increment();
    report_failure(self->state.pollers[index].work.messages[message], to_failure(err));
    ended(false);
  };
  const auto timeout = state.options.run_timeout;
  if (auto* seats = std::get_if<ticket::reserve_seats>(&what))
    self->request(state.sale, timeout, std::move(*seats)).then(ok, failed);
  else
    self->request(state.sale, timeout, std::move(std::get<ticket::reserve_tickets>(what)))
        .then(ok, failed);
}

/// Reads the messages of a batch: what needs no run has its outcome at once.
void open_batch(worker_self self, std::size_t index, std::vector<sqs::received_message> messages,
                time_point deadline) {
  auto& state = self->state;
  auto& p = state.pollers[index];
  p.is = poller::phase::running;
  p.work = {};
  p.work.messages = std::move(messages);
  p.work.open = p.work.messages.size();
  p.work.deadline = deadline;
  std::map<std::string, std::size_t> lane_of;
  for (std::size_t i = 0; i < p.work.messages.size(); ++i) {
    const auto& m = p.work.messages[i];
    auto what = read_job(m, *state.tokens, state.env->now(), state.options.message_age_max);
    if (!what) {
      state.metrics->rejected.Increment();
      report_failure(m, what.error());
      settle(self, index, i, false);
    } else if (std::holds_alternative<noted>(*what)) {
      state.metrics->noted.Increment();
      spdlog::info("worker: message {} tells of an admission", m.id);
      settle(self, index, i, true);
    } else if (const auto* unknown = std::get_if<unknown_action>(&*what)) {
      state.metrics->unknown.Increment();
      spdlog::warn("worker: message {} has the unknown action '{}' and is dropped", m.id,
                   unknown->name);
      settle(self, index, i, true);
    } else {
      const auto group = m.group.empty() ? "message " + m.id : "group " + m.group;
      const auto [at, fresh] = lane_of.try_emplace(group, p.work.lanes.size());
      if (fresh)
        p.work.lanes.emplace_back();
      p.work.lanes[at->second].emplace_back(i, std::move(*what));
    }
  }
  if (p.work.open == 0)
    return close_batch(self, index);
  // The last lane to end closes the batch, and begins another in its place.
  for (std::size_t lane = 0, count = p.work.lanes.size(); lane < count; ++lane)
    run_lane(self, index, lane);
}

void on_messages(worker_self self, std::size_t index, time_point asked_at,
                 const remote::http_answer& answer) {
  auto& state = self->state;
  auto& p = state.pollers[index];
  p.is = poller::phase::resting;
  const auto verdict = sqs::judge_call(answer);
  if (verdict.fate != sqs::call_fate::answered) {
    if (answer.error == remote::http_failure::too_large)
      p.single = true;
    call_failed(self, index, "no messages could be received: " + verdict.reason);
    return;
  }
  p.failures = 0;
  p.single = false;
  auto messages = sqs::read_messages(answer.body);
  if (state.leaving) {
    state.metrics->left.Increment(static_cast<double>(messages.size()));
    return;
  }
  if (messages.empty()) {
    // A queue that answers at once is asked again with the next tick.
    if (state.options.wait > seconds{0} && state.env->now() - asked_at >= state.options.tick)
      receive(self, index);
    return;
  }
  // They may have been hidden since the question was asked.
  open_batch(self, index, std::move(messages), asked_at + milliseconds{state.options.visibility});
}

void receive(worker_self self, std::size_t index) {
  auto& state = self->state;
  auto& p = state.pollers[index];
  const auto now = state.env->now();
  if (state.leaving || p.is != poller::phase::resting || now < p.rests_until)
    return;
  p.is = poller::phase::receiving;
  remote::http_call out;
  out.target = call_target;
  out.timeout = milliseconds{state.options.wait} + receive_margin;
  out.repeatable = true; // what a lost answer held comes again by itself
  out.request = sqs::make_request(
      state.options.from, "ReceiveMessage",
      sqs::receive_body(state.options.from, {p.single ? 1 : sqs::batch_max, state.options.wait,
                                             state.options.visibility}));
  self->request(state.calls, caf::infinite, std::move(out))
      .then([self, index,
             now](const remote::http_answer& answer) { on_messages(self, index, now, answer); },
            [self, index](const caf::error& err) {
              self->state.pollers[index].is = poller::phase::resting;
              call_failed(self, index, to_failure(err).text);
            });
}

worker_impl::behavior_type behave(worker_self self, environment* env,
                                  std::shared_ptr<worker_metrics> metrics, worker_options options,
                                  entry_tokens tokens, sale_view sale, remote::client_actor calls) {
  auto& state = self->state;
  state.env = env;
  state.metrics = std::move(metrics);
  state.options = std::move(options);
  state.tokens = std::move(tokens);
  state.sale = std::move(sale);
  state.calls = std::move(calls);
  state.pollers.resize(std::max<std::size_t>(state.options.pollers, 1));
  self->delayed_send(self, state.options.tick, worker_tick{});
  return {
      [self](const finish&) -> caf::result<finished> {
        auto& s = self->state;
        s.leaving = true;
        if (s.waiting)
          s.waiting->deliver(to_caf(errc::conflict)); // somebody else waits now
        auto promise = self->make_response_promise<finished>();
        s.waiting = promise;
        finish_if_done(self);
        return promise;
      },
      [self](const worker_tick&) {
        for (std::size_t i = 0; i < self->state.pollers.size(); ++i)
          receive(self, i);
        self->delayed_send(self, self->state.options.tick, worker_tick{});
      },
  };
}

} // namespace

worker_actor spawn_worker(caf::actor_system& sys, environment& env,
                          std::shared_ptr<worker_metrics> metrics, worker_options options,
                          entry_tokens tokens, sale_view sale, remote::client_actor calls) {
  return sys.spawn(behave, &env, std::move(metrics), std::move(options), std::move(tokens),
                   std::move(sale), std::move(calls));
}

worker_role start_worker(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                         worker_options options, remote::remote_options calls, entry_tokens tokens,
                         sale_view sale, std::shared_ptr<remote::transport> via) {
  // Waiting for messages is no trouble.
  calls.attempt_timeout = milliseconds{options.wait} + receive_margin;
  calls.breaker.slow_after = calls.attempt_timeout;
  calls.response_bytes_max = answer_bytes_max;
  calls.in_flight_max = options.pollers;
  worker_role role;
  role.calls =
      remote::start_remote(sys, env, registry, calls, std::move(via), {std::string{call_target}});
  role.worker = spawn_worker(sys, env, std::make_shared<worker_metrics>(registry),
                             std::move(options), std::move(tokens), std::move(sale), role.calls);
  return role;
}

void stop(caf::actor_system& sys, const worker_role& role, milliseconds patience) {
  {
    caf::scoped_actor self{sys};
    self->request(role.worker, patience, finish{})
        .receive([](const finished&) {},
                 [](const caf::error&) {
                   spdlog::warn("worker: messages were cut off; they come again from the queue");
                 });
  }
  caf::anon_send_exit(role.worker, caf::exit_reason::user_shutdown);
  remote::stop_remote(role.calls);
}

} // namespace tiketi::worker
