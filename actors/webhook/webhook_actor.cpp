#include "actors/webhook/webhook_actor.hpp"

#include "actors/store/mailbox_depth.hpp"
#include "actors/system/caf_error.hpp"
#include "actors/webhook/payload.hpp"
#include "actors/webhook/rules.hpp"
#include "actors/webhook/signature.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <spdlog/spdlog.h>

namespace tiketi::webhook {

namespace {

using impl_actor = webhook_actor::extend<caf::reacts_to<webhook_tick>>;

struct webhook_state_data {
  webhook_state_data() = default;

  environment* env = nullptr;
  std::shared_ptr<webhook_metrics> metrics;
  webhook_options options;
  webhook_neighbours neighbours;
  delivery_schedule schedule{schedule_options{}};
  std::map<webhook_id, webhook_row> hooks; ///< all there are, as they are stored
  bool loaded = false;
  bool readable = true; ///< the last reading went well
  bool loading = false;
  bool stale = true; ///< the store may know more than `hooks`
  /// Who must see the store as it is now or later: asked when the next reading of it has ended.
  std::vector<std::function<void()>> after_load;
  std::set<webhook_id> touched; ///< newer than what is being loaded
  /// Outcomes that the store did not take yet, with their lane.
  std::vector<std::pair<settle, std::string>> unsaved;
  std::size_t tests = 0;
  bool purging = false;
  time_point purged_at;
};

/// Others write to the store, too.
bool is_shared(const webhook_state_data& state) {
  return static_cast<bool>(state.options.on_duty);
}

bool may_send(const webhook_state_data& state) {
  return !state.options.on_duty || state.options.on_duty();
}

using self_ptr = impl_actor::stateful_pointer<webhook_state_data>;

void pump(self_ptr self);

failure not_found() {
  return {errc::not_found, "Webhook not found"};
}

/// Why a write has not succeeded; nothing when it has.
std::optional<failure> refusal(const webhook_written& written) {
  switch (written.status) {
  case commit_status::committed:
    return std::nullopt;
  case commit_status::rejected:
    return written.refused.value_or(failure{errc::conflict});
  case commit_status::unknown:
    return failure{errc::unavailable, "Whether this was done is not known yet. Please try again."};
  case commit_status::failed:
    break;
  }
  return failure{errc::unavailable};
}

void take_row(self_ptr self, const webhook_row& row) {
  auto& state = self->state;
  const auto& v = row.view;
  const auto known = state.hooks.find(v.id);
  const bool other = known == state.hooks.end() || known->second.view.state != v.state;
  if (other && v.state != webhook_state::active)
    spdlog::warn("webhook {} is {}: {}", to_string(v.id), to_string(v.state), v.state_reason);
  state.hooks[v.id] = row;
  if (sends(v.state))
    state.schedule.open(v.id);
  else
    state.schedule.close(v.id);
}

void drop_row(self_ptr self, webhook_id id) {
  self->state.hooks.erase(id);
  self->state.schedule.forget(id);
}

/// What a write has changed.
void take(self_ptr self, const webhook_written& written) {
  auto& state = self->state;
  if (written.status == commit_status::unknown)
    state.stale = true;
  for (const auto& row : written.hooks) {
    state.touched.insert(row.view.id);
    take_row(self, row);
  }
  for (const auto id : written.queued)
    state.schedule.poke(id);
}

webhook_write make_write(self_ptr self, decltype(webhook_write::command) command) {
  return {std::move(command), self->state.env->now(), self->state.options.limits};
}

/// Asks the writer and delivers what `pick(written)` makes of its answer.
template <class Promise, class Pick>
void write(self_ptr self, Promise promise, decltype(webhook_write::command) command, Pick pick) {
  self->request(self->state.neighbours.writer, caf::infinite, make_write(self, std::move(command)))
      .then(
          [self, promise, pick](const webhook_written& written) mutable {
            take(self, written);
            if (const auto why = refusal(written)) {
              promise.deliver(to_caf(*why));
            } else {
              promise.deliver(pick(written));
            }
            pump(self);
          },
          [promise](caf::error& err) mutable { promise.deliver(std::move(err)); });
}

void load(self_ptr self) {
  auto& state = self->state;
  if (state.loading || !state.stale)
    return;
  state.loading = true;
  state.stale = false;
  state.touched.clear();
  auto waiting =
      std::make_shared<std::vector<std::function<void()>>>(std::exchange(state.after_load, {}));
  self->request(state.neighbours.own_reader, caf::infinite, load_webhooks{})
      .then(
          [self, waiting](const webhook_rows& answer) {
            auto& s = self->state;
            s.loading = false;
            s.loaded = true;
            s.readable = true;
            std::set<webhook_id> there;
            for (const auto& row : answer.rows) {
              there.insert(row.view.id);
              // A write that was answered meanwhile knows better.
              if (!s.touched.contains(row.view.id)) {
                take_row(self, row);
                if (!is_shared(s) || row.view.pending > 0)
                  s.schedule.poke(row.view.id);
              }
            }
            std::vector<webhook_id> gone;
            for (const auto& entry : s.hooks)
              if (!there.contains(entry.first) && !s.touched.contains(entry.first))
                gone.push_back(entry.first);
            for (const auto id : gone)
              drop_row(self, id);
            for (const auto& go_on : *waiting)
              go_on();
            load(self); // for those who came meanwhile
            pump(self);
          },
          [self, waiting](const caf::error& err) {
            self->state.loading = false;
            self->state.stale = true; // the tick tries again
            self->state.readable = !is_shared(self->state);
            spdlog::warn("webhooks: cannot be read: {}", to_failure(err).text);
            for (const auto& go_on : *waiting)
              go_on();
          });
}

/// Calls `then` at once, or on several nodes when `hooks` is what the store holds now or later.
/// While it cannot be read, `readable` is false then.
void with_hooks(self_ptr self, std::function<void()> then) {
  auto& state = self->state;
  if (!is_shared(state)) {
    then();
    return;
  }
  state.after_load.push_back(std::move(then));
  state.stale = true;
  load(self);
}

// -- deliveries --------------------------------------------------------------------------------

remote::http_call make_call(self_ptr self, const webhook_row& hook, std::string body) {
  auto& state = self->state;
  const auto now = state.env->now();
  remote::http_call call;
  call.target = remote_target;
  call.circuit = to_string(hook.view.id);
  call.timeout = state.options.attempt_timeout;
  // The receiver knows repeats by the event's id.
  call.repeatable = true;
  auto& r = call.request;
  r.method = "POST";
  r.url = hook.view.url;
  const bool both = !hook.old_secret.empty() && hook.view.old_secret_until > now;
  r.headers = {{"Content-Type", "application/json"},
               {"User-Agent", "tiketi-webhook/1"},
               {"Tiketi-Signature",
                signature_of(hook.secret, both ? hook.old_secret : std::string{}, now, body)}};
  r.body = std::move(body);
  return call;
}

void count(const webhook_metrics& metrics, settlement what) {
  switch (what) {
  case settlement::delivered:
    metrics.delivered.Increment();
    break;
  case settlement::retry:
    metrics.retried.Increment();
    break;
  case settlement::dead:
    metrics.dead.Increment();
    break;
  case settlement::gone:
    metrics.gone.Increment();
    break;
  case settlement::unsent:
    metrics.unsent.Increment();
    break;
  }
}

/// The lane goes on once this is durable; until then it is repeated.
void save(self_ptr self, settle outcome, std::string key) {
  auto again = [self, outcome, key] { self->state.unsaved.emplace_back(outcome, key); };
  self->request(self->state.neighbours.writer, caf::infinite, make_write(self, outcome))
      .then(
          [self, again, hook = outcome.hook, key](const webhook_written& written) {
            take(self, written);
            if (written.status != commit_status::committed) {
              again();
              return;
            }
            self->state.schedule.settled(hook, key);
            pump(self);
          },
          [again](const caf::error& err) {
            spdlog::warn("webhooks: an outcome cannot be stored: {}", to_failure(err).text);
            again();
          });
}

/// A delivery that is being sent.
struct sent {
  webhook_id hook;
  std::string key;
  std::int64_t sequence = 0;
  std::int32_t attempt = 0;
  uuid event;
  std::string type;
  time_point queued_at;
};

void on_answer(self_ptr self, const sent& d, const remote::http_answer& answer) {
  auto& state = self->state;
  if (!state.hooks.contains(d.hook))
    return; // deleted meanwhile, with the delivery
  const auto now = state.env->now();
  const auto outcome = judge_attempt(answer, static_cast<std::uint32_t>(d.attempt), d.queued_at,
                                     now, state.options.retry, state.env->random());
  count(*state.metrics, outcome.what);
  if (outcome.what == settlement::unsent) {
    state.schedule.hold(d.hook, outcome.retry_at);
    state.schedule.settled(d.hook, d.key);
    pump(self);
    return;
  }
  if (outcome.what == settlement::dead)
    spdlog::warn("webhook {}: {} {} is dead after {} attempts: {}", to_string(d.hook), d.type,
                 to_string(d.event), d.attempt, outcome.error);
  else
    spdlog::debug("webhook {}: {} {} attempt {}: {}", to_string(d.hook), d.type, to_string(d.event),
                  d.attempt, outcome.error.empty() ? "delivered" : outcome.error);
  save(self, {d.hook, d.sequence, d.attempt, outcome}, d.key);
}

void send(self_ptr self, const webhook_row& hook, due_delivery& from) {
  sent d{hook.view.id, from.lane.key, from.lane.sequence, from.attempts + 1,
         from.event,   from.type,     from.queued_at};
  auto call = make_call(self, hook, std::move(from.body));
  auto& headers = call.request.headers;
  headers.emplace_back("Tiketi-Event-Id", to_string(d.event));
  headers.emplace_back("Tiketi-Event-Type", d.type);
  headers.emplace_back("Tiketi-Delivery-Attempt", std::to_string(d.attempt));
  call.trace = std::move(from.trace);
  // The client always answers within the call's time; its death is reported too.
  self->request(self->state.neighbours.calls, caf::infinite, std::move(call))
      .then([self, d](const remote::http_answer& answer) { on_answer(self, d, answer); },
            [self, d](const caf::error& err) {
              spdlog::error("webhooks: no calls can be made: {}", to_failure(err).text);
              remote::http_answer none;
              none.error = remote::http_failure::overloaded;
              on_answer(self, d, none);
            });
}

void on_page(self_ptr self, webhook_id id, due_page& page) {
  auto& state = self->state;
  std::vector<delivery_schedule::head> heads;
  for (const auto& d : page.heads)
    heads.push_back(d.lane);
  const auto start = state.schedule.page(id, heads, page.next, state.env->now());
  const auto hook = state.hooks.find(id);
  const bool sends = may_send(state);
  for (const auto i : start)
    if (hook != state.hooks.end() && sends)
      send(self, hook->second, page.heads[i]);
    else
      state.schedule.settled(id, heads[i].key);
}

void pump(self_ptr self) {
  auto& state = self->state;
  if (!may_send(state))
    return;
  const auto now = state.env->now();
  for (const auto& r : state.schedule.reads(now))
    self->request(state.neighbours.own_reader, caf::infinite, load_due{r.hook, now, r.limit})
        .then(
            [self, id = r.hook](due_page& page) {
              on_page(self, id, page);
              pump(self);
            },
            [self, id = r.hook](const caf::error& err) {
              spdlog::warn("webhooks: deliveries cannot be read: {}", to_failure(err).text);
              self->state.schedule.read_failed(id, self->state.env->now() + seconds{1});
            });
}

// -- events ------------------------------------------------------------------------------------

bool is_wanted(const webhook_state_data& state, const std::string& type) {
  return std::any_of(state.hooks.begin(), state.hooks.end(), [&](const auto& h) {
    const auto& types = h.second.view.types;
    return std::binary_search(types.begin(), types.end(), type);
  });
}

using event_promise = caf::typed_response_promise<applied>;

void queue_event(self_ptr self, const domain_event& event, event_promise promise) {
  auto& state = self->state;
  auto message = message_of(event);
  if (!message) {
    promise.deliver(to_caf(message.error()));
    return;
  }
  fan_out command{event.id,
                  event.key,
                  event.type,
                  message->about,
                  event.occurred_at,
                  event.trace,
                  std::move(message->body)};
  self->request(state.neighbours.writer, caf::infinite, make_write(self, std::move(command)))
      .then(
          [self, promise, id = event.id](const webhook_written& written) mutable {
            take(self, written);
            if (const auto why = refusal(written)) {
              promise.deliver(to_caf(*why));
              return;
            }
            self->state.metrics->queued.Increment(static_cast<double>(written.rows));
            promise.deliver(applied{id, written.duplicate});
            pump(self);
          },
          [promise](caf::error& err) mutable { promise.deliver(std::move(err)); });
}

caf::result<applied> on_event(self_ptr self, const domain_event& event) {
  auto& state = self->state;
  if (!state.loaded)
    return to_caf(errc::unavailable); // the relay comes again
  if (!is_known_type(event.type))
    return applied{event.id, false};
  const bool wanted = is_wanted(state, event.type);
  // A node that is alone knows all webhooks, and every event comes by here.
  if (!wanted && !is_shared(state))
    return applied{event.id, false};
  auto promise = self->make_response_promise<applied>();
  if (wanted) {
    queue_event(self, event, promise);
    return promise;
  }
  // Another node may have made a webhook that wants it.
  with_hooks(self, [self, event, promise]() mutable {
    auto& s = self->state;
    if (!s.readable)
      promise.deliver(to_caf(errc::unavailable));
    else if (is_wanted(s, event.type))
      queue_event(self, event, promise);
    else
      promise.deliver(applied{event.id, false});
  });
  return promise;
}

// -- administration ----------------------------------------------------------------------------

caf::result<webhook_secret> on_create(self_ptr self, create_webhook& cmd) {
  auto promise = self->make_response_promise<webhook_secret>();
  auto& state = self->state;
  const auto now = state.env->now();
  webhook_row row;
  row.view.id.value = make_uuid(*state.env);
  row.view.url = std::move(cmd.url);
  row.view.description = std::move(cmd.description);
  row.view.types = std::move(cmd.types);
  row.view.event = cmd.event;
  row.view.state = cmd.active ? webhook_state::active : webhook_state::paused;
  row.view.state_reason = cmd.active ? "" : "made without being active";
  row.view.state_since = now;
  row.view.created_by = cmd.by;
  row.view.created_at = now;
  row.view.updated_at = now;
  row.secret = make_secret(*state.env);
  write(self, promise, insert_webhook{std::move(row)}, [](const webhook_written& written) {
    const auto& made = written.hooks.front();
    spdlog::info("webhook {} made by {}", to_string(made.view.id), to_string(made.view.created_by));
    return webhook_secret{made.view, made.secret};
  });
  return promise;
}

caf::result<webhook_view> on_change(self_ptr self, change_webhook& cmd) {
  auto promise = self->make_response_promise<webhook_view>();
  spdlog::info("webhook {} is changed by {}", to_string(cmd.id), to_string(cmd.by));
  write(self, promise, edit_webhook{std::move(cmd)},
        [](const webhook_written& written) { return written.hooks.front().view; });
  return promise;
}

caf::result<webhook_deleted> on_delete(self_ptr self, const delete_webhook& cmd) {
  auto promise = self->make_response_promise<webhook_deleted>();
  write(self, promise, remove_webhook{cmd.id}, [self, cmd](const webhook_written&) {
    spdlog::info("webhook {} deleted by {}", to_string(cmd.id), to_string(cmd.by));
    self->state.touched.insert(cmd.id);
    drop_row(self, cmd.id);
    return webhook_deleted{};
  });
  return promise;
}

caf::result<webhook_secret> on_rotate(self_ptr self, const rotate_secret& cmd) {
  auto promise = self->make_response_promise<webhook_secret>();
  auto& state = self->state;
  replace_secret command{cmd.id, make_secret(*state.env),
                         state.env->now() + state.options.secret_overlap};
  write(self, promise, std::move(command), [cmd](const webhook_written& written) {
    spdlog::info("webhook {} got a new secret from {}", to_string(cmd.id), to_string(cmd.by));
    const auto& row = written.hooks.front();
    return webhook_secret{row.view, row.secret};
  });
  return promise;
}

/// Calls `then(row)` with the webhook, or says that there is none.
template <class Promise, class Then>
void with_hook(self_ptr self, Promise promise, webhook_id id, Then then) {
  with_hooks(self, [self, promise, id, then]() mutable {
    auto& state = self->state;
    const auto found = state.hooks.find(id);
    if (!state.readable)
      promise.deliver(to_caf(errc::unavailable));
    else if (found == state.hooks.end())
      promise.deliver(to_caf(state.loaded ? not_found() : failure{errc::unavailable}));
    else
      then(found->second);
  });
}

void run_test(self_ptr self, const webhook_row& hook, const test_webhook& cmd,
              caf::typed_response_promise<test_result> promise) {
  auto& state = self->state;
  if (state.tests >= state.options.tests_max) {
    promise.deliver(to_caf(errc::overloaded));
    return;
  }
  const auto id = make_uuid(*state.env);
  const auto started = state.env->now();
  auto call = make_call(self, hook, ping_body(id, to_string(cmd.id), started));
  call.timeout = std::min(call.timeout, state.options.test_timeout);
  // Neither held up by failures of deliveries nor counted among them.
  call.circuit += "/test";
  auto& headers = call.request.headers;
  headers.emplace_back("Tiketi-Event-Id", to_string(id));
  headers.emplace_back("Tiketi-Event-Type", "PING");
  headers.emplace_back("Tiketi-Delivery-Attempt", "1");
  ++state.tests;
  self->request(state.neighbours.calls, caf::infinite, std::move(call))
      .then(
          [self, promise, started](const remote::http_answer& answer) mutable {
            --self->state.tests;
            test_result out;
            out.error = error_of(answer);
            out.status = answer.error == remote::http_failure::none ? answer.status : 0;
            out.delivered = out.error.empty();
            out.took_ms = (self->state.env->now() - started).count();
            promise.deliver(std::move(out));
          },
          [self, promise](caf::error& err) mutable {
            --self->state.tests;
            promise.deliver(std::move(err));
          });
}

caf::result<test_result> on_test(self_ptr self, const test_webhook& cmd) {
  auto promise = self->make_response_promise<test_result>();
  with_hook(self, promise, cmd.id, [self, cmd, promise](const webhook_row& hook) mutable {
    run_test(self, hook, cmd, std::move(promise));
  });
  return promise;
}

caf::result<webhook_list> on_list(self_ptr self) {
  auto promise = self->make_response_promise<webhook_list>();
  with_hooks(self, [self, promise]() mutable {
    auto& state = self->state;
    if (!state.loaded || !state.readable) {
      promise.deliver(to_caf(errc::unavailable));
      return;
    }
    webhook_list out;
    for (const auto& entry : state.hooks)
      out.webhooks.push_back(entry.second.view);
    std::sort(out.webhooks.begin(), out.webhooks.end(), [](const auto& a, const auto& b) {
      return std::pair{a.created_at, a.id} < std::pair{b.created_at, b.id};
    });
    promise.deliver(std::move(out));
  });
  return promise;
}

caf::result<webhook_view> on_get(self_ptr self, const get_webhook& query) {
  auto promise = self->make_response_promise<webhook_view>();
  with_hook(self, promise, query.id,
            [promise](const webhook_row& hook) mutable { promise.deliver(hook.view); });
  return promise;
}

caf::result<delivery_page> on_deliveries(self_ptr self, const list_deliveries& query) {
  auto promise = self->make_response_promise<delivery_page>();
  with_hook(self, promise, query.id, [self, query, promise](const webhook_row&) {
    self->request(self->state.neighbours.front_reader, caf::infinite, query)
        .then([promise](delivery_page& page) mutable { promise.deliver(std::move(page)); },
              [promise](caf::error& err) mutable { promise.deliver(std::move(err)); });
  });
  return promise;
}

caf::result<replayed> on_replay(self_ptr self, replay_dead_letters& cmd) {
  auto promise = self->make_response_promise<replayed>();
  replay command;
  command.hook = cmd.id;
  command.all = cmd.all;
  command.deliveries = std::move(cmd.deliveries);
  command.rows_max = static_cast<std::int64_t>(replay_ids_max);
  write(self, promise, std::move(command),
        [self, id = cmd.id, by = cmd.by](const webhook_written& written) {
          self->state.metrics->replayed.Increment(static_cast<double>(written.rows));
          spdlog::info("webhook {}: {} dead letters replayed by {}", to_string(id), written.rows,
                       to_string(by));
          return replayed{written.rows, written.hooks.front().view.dead};
        });
  return promise;
}

// -- time --------------------------------------------------------------------------------------

void sweep(self_ptr self) {
  auto& state = self->state;
  const auto now = state.env->now();
  if (!may_send(state) || state.purging || now - state.purged_at < state.options.purge_every)
    return;
  state.purging = true;
  state.purged_at = now;
  const auto& o = state.options;
  purge command{now - o.keep_delivered, now - o.keep_dead, now - o.keep_processed, 1000};
  self->request(state.neighbours.writer, caf::infinite, make_write(self, command))
      .then(
          [self](const webhook_written& written) {
            auto& s = self->state;
            s.purging = false;
            take(self, written);
            // The rest with the next tick: other commands come in between.
            if (written.more)
              s.purged_at = time_point{};
          },
          [self](const caf::error& err) {
            self->state.purging = false;
            spdlog::warn("webhooks: nothing could be purged: {}", to_failure(err).text);
          });
}

/// Of what all nodes share the one on duty tells.
void show(const webhook_state_data& state) {
  const bool on_duty = may_send(state);
  std::int64_t pending = 0;
  std::int64_t dead = 0;
  std::array<int, 4> by_state{};
  for (const auto& entry : state.hooks) {
    if (!on_duty)
      break;
    pending += entry.second.view.pending;
    dead += entry.second.view.dead;
    ++by_state[static_cast<std::size_t>(entry.second.view.state)];
  }
  state.metrics->pending.Set(static_cast<double>(pending));
  state.metrics->dead_letters.Set(static_cast<double>(dead));
  state.metrics->in_flight.Set(static_cast<double>(state.schedule.in_flight()));
  for (std::size_t i = 0; i < by_state.size(); ++i)
    state.metrics->webhooks[i]->Set(by_state[i]);
}

impl_actor::behavior_type behave(self_ptr self, environment* env,
                                 std::shared_ptr<webhook_metrics> metrics,
                                 const webhook_options& options, webhook_neighbours neighbours) {
  auto& state = self->state;
  state.env = env;
  state.metrics = std::move(metrics);
  state.options = options;
  state.neighbours = std::move(neighbours);
  state.schedule = delivery_schedule{options.schedule};
  state.purged_at = env->now();
  load(self);
  self->delayed_send(self, options.tick, webhook_tick{});
  return {
      [self](const deliver& x) { return on_event(self, x.event); },
      [self](create_webhook& x) { return on_create(self, x); },
      [self](change_webhook& x) { return on_change(self, x); },
      [self](const list_webhooks&) { return on_list(self); },
      [self](const get_webhook& x) { return on_get(self, x); },
      [self](const delete_webhook& x) { return on_delete(self, x); },
      [self](const rotate_secret& x) { return on_rotate(self, x); },
      [self](const test_webhook& x) { return on_test(self, x); },
      [self](const list_deliveries& x) { return on_deliveries(self, x); },
      [self](replay_dead_letters& x) { return on_replay(self, x); },
      [self](const webhook_tick&) {
        auto& s = self->state;
        observe_mailbox(s.metrics->mailbox, self);
        s.stale = s.stale || is_shared(s);
        load(self);
        for (auto& [outcome, key] : std::exchange(s.unsaved, {}))
          save(self, outcome, key);
        sweep(self);
        show(s);
        pump(self);
        self->delayed_send(self, s.options.tick, webhook_tick{});
      },
  };
}

} // namespace

webhook_actor spawn_webhook(caf::actor_system& sys, environment& env,
                            std::shared_ptr<webhook_metrics> metrics, webhook_options options,
                            webhook_neighbours neighbours) {
  auto handle = sys.spawn(behave, &env, std::move(metrics), options, neighbours);
  // However it ends, also when it is killed. The writer finishes what it has first.
  handle->attach_functor([neighbours] {
    const auto quit = caf::exit_reason::user_shutdown;
    caf::anon_send_exit(neighbours.own_reader, quit);
    caf::anon_send_exit(neighbours.front_reader, quit);
    caf::anon_send_exit(neighbours.writer, quit);
    caf::anon_send_exit(neighbours.calls, quit);
  });
  return handle;
}

} // namespace tiketi::webhook
