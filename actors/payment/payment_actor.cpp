#include "actors/payment/payment_actor.hpp"

#include "actors/base/trace.hpp"
#include "actors/bus/delivery_window.hpp"
#include "actors/payment/desk.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

#include <caf/all.hpp>
#include <nlohmann/json.hpp>
#include <prometheus/counter.h>
#include <spdlog/spdlog.h>

namespace tiketi::payment {
namespace {

constexpr std::size_t standings_max = 64;

using reply_fn = std::function<void(result<payment_done>)>;

struct open_job {
  reply_fn reply;
  std::string trace; ///< of what led to it; empty: none
};

struct payment_state {
  payment_state() = default;

  payment_context_ptr context;
  payment_parent parent;
  payment_subject subject;
  std::optional<desk> work;
  std::uint64_t last_job = 0;
  std::unordered_map<std::uint64_t, open_job> jobs;
  std::vector<caf::typed_response_promise<payment_standing>> standings;
  payment_view writing; ///< what the last write was to make of the payment
  std::uint64_t traced_job = 0;
  std::string trace; ///< of the job in work, also while its work goes on after the answer
};

using payment_self = payment_actor::stateful_pointer<payment_state>;

void perform(payment_self self, desk_actions actions);

time_point now(payment_self self) {
  return self->state.context->env->now();
}

void count(payment_self self) {
  const auto& state = self->state;
  const auto& metrics = state.context->metrics;
  const auto& p = state.writing;
  if (p.status == payment_status::captured && !p.resolved)
    metrics.processed->Increment();
  else if (p.status == payment_status::failed && !p.provider.empty())
    metrics.failed->Increment();
  else if (p.status == payment_status::refunded)
    metrics.refunded->Increment();
}

write_outcome outcome_of(const payment_written& w) {
  switch (w.status) {
  case commit_status::committed:
    return w.duplicate ? write_outcome::duplicate : write_outcome::committed;
  case commit_status::rejected:
    return w.key_taken ? write_outcome::key_taken : write_outcome::rejected;
  case commit_status::failed:
    return write_outcome::failed;
  case commit_status::unknown:
    return write_outcome::unknown;
  }
  return write_outcome::unknown;
}

void announce(payment_self self) {
  if (self->state.context->relay)
    self->send(self->state.context->relay, outbox_grew{});
}

void act(payment_self self, const load_payments_action&) {
  auto& state = self->state;
  self->request(state.context->reader, caf::infinite, load_payments{state.subject})
      .then(
          [self](payment_list& list) {
            perform(self, self->state.work->loaded(std::move(list.payments), now(self)));
          },
          [self](const caf::error& err) {
            perform(self, self->state.work->loaded(to_failure(err), now(self)));
          });
}

/// Each kind of subject is known to another part of the ticket role.
template <class Ask>
void by_kind(payment_self self, Ask ask) {
  const auto& context = *self->state.context;
  const auto& id = self->state.subject.id;
  switch (self->state.subject.kind) {
  case subject_kind::reservation:
    ask(context.tickets, reservation_id{id});
    break;
  case subject_kind::transfer:
    ask(context.transfers, transfer_id{id});
    break;
  case subject_kind::membership:
    ask(context.memberships, membership_id{id});
    break;
  }
}

ticket::check_payable payable_query(reservation_id id, user_id user) {
  return {id, user};
}
ticket::check_transfer payable_query(transfer_id id, user_id user) {
  return {id, user};
}
membership::check_membership payable_query(membership_id id, user_id user) {
  return {id, user};
}

void act(payment_self self, const ask_payable_action& a) {
  by_kind(self, [&](const auto& to, auto id) {
    self->request(to, self->state.context->options.ticket_timeout, payable_query(id, a.user))
        .then(
            [self](const ticket::payable& p) {
              perform(self, self->state.work->payable(desk::terms{p.amount, p.event}, now(self)));
            },
            [self](const caf::error& err) {
              perform(self, self->state.work->payable(to_failure(err), now(self)));
            });
  });
}

template <class Handle, class Message>
void ask_end(payment_self self, const Handle& to, Message message) {
  self->request(to, self->state.context->options.ticket_timeout, std::move(message))
      .then(
          [self](const ticket::reservation_view&) {
            perform(self, self->state.work->subject_ended({}, now(self)));
          },
          [self](const caf::error& err) {
            auto why = to_failure(err);
            result<void> answer;
            if (why.code == errc::not_found)
              answer = failure{errc::conflict, "The ticket belongs to somebody else by now"};
            else if (why.code != errc::already_ended)
              answer = std::move(why);
            perform(self, self->state.work->subject_ended(std::move(answer), now(self)));
          });
}

void act(payment_self self, const end_subject_action& a) {
  const auto& context = *self->state.context;
  const auto& id = self->state.subject.id;
  switch (self->state.subject.kind) {
  case subject_kind::reservation:
    ask_end(
        self, context.tickets,
        ticket::cancel_reservation{reservation_id{id}, a.user, a.payment, {}, self->state.trace});
    break;
  case subject_kind::transfer:
    ask_end(self, context.transfers,
            ticket::give_up_bought{transfer_id{id}, a.user, a.payment, self->state.trace});
    break;
  case subject_kind::membership: // the desk does not ask
    perform(self, self->state.work->subject_ended(failure{errc::internal}, now(self)));
    break;
  }
}

void act(payment_self self, write_action& a) {
  auto& state = self->state;
  state.writing = a.change.next;
  for (auto& event : a.change.events)
    event.trace = state.trace;
  const auto has_events = !a.change.events.empty();
  self->request(state.context->writer, caf::infinite,
                payment_write{write_payment{std::move(a.change), now(self)}})
      .then(
          [self, has_events](const payment_written& w) {
            const auto outcome = outcome_of(w);
            if (has_events && outcome != write_outcome::failed)
              announce(self);
            if (outcome == write_outcome::committed)
              count(self);
            perform(self, self->state.work->written(outcome, now(self)));
          },
          [self](const caf::error& err) {
            // Refused at the door is certain; a writer that is gone may have committed before.
            const auto certain = to_failure(err).code == errc::overloaded;
            perform(self, self->state.work->written(
                              certain ? write_outcome::failed : write_outcome::unknown, now(self)));
          });
}

void act(payment_self self, const look_up_action& a) {
  self->request(self->state.context->writer, caf::infinite,
                payment_write{look_up_payment{a.payment}})
      .then(
          [self](const payment_written& w) {
            result<std::optional<payment_view>> row = failure{errc::unavailable};
            if (w.status == commit_status::committed) {
              row = w.found;
              if (w.found && w.found->version >= self->state.writing.version) {
                count(self);
                announce(self);
              }
            }
            perform(self, self->state.work->looked_up(std::move(row), now(self)));
          },
          [self](const caf::error& err) {
            perform(self, self->state.work->looked_up(to_failure(err), now(self)));
          });
}

capture_news news_of(provider_answer& a) {
  capture_news news{capture_outcome::unknown, a.at, std::move(a.status), std::move(a.text)};
  switch (a.outcome) {
  case provider_outcome::approved:
    news.outcome = capture_outcome::approved;
    break;
  case provider_outcome::declined:
    news.outcome = capture_outcome::declined;
    break;
  case provider_outcome::not_found:
    news.outcome = capture_outcome::not_found;
    break;
  case provider_outcome::unknown:
    break;
  }
  return news;
}

using provider_step = desk_actions (desk::*)(capture_news, time_point);

template <class Message>
void ask_provider(payment_self self, Message message, provider_step step) {
  const auto& context = *self->state.context;
  self->request(context.money.handle, context.options.provider_timeout, std::move(message))
      .then(
          [self, step](provider_answer& a) {
            perform(self, ((*self->state.work).*step)(news_of(a), now(self)));
          },
          [self, step](const caf::error& err) {
            capture_news news;
            news.text = to_failure(err).text;
            perform(self, ((*self->state.work).*step)(std::move(news), now(self)));
          });
}

void act(payment_self self, capture_action& a) {
  ask_provider(self, capture_money{std::move(a.payment), self->state.trace}, &desk::captured);
}

void act(payment_self self, find_capture_action& a) {
  ask_provider(self, look_up_capture{std::move(a.payment), self->state.trace}, &desk::captured);
}

void act(payment_self self, refund_action& a) {
  ask_provider(self, refund_money{std::move(a.payment), self->state.trace}, &desk::refunded);
}

ticket::apply_payment paid_command(reservation_id id, const payment_view& p,
                                   const std::string& trace) {
  return {p.confirm_message, id, p.id, p.user, p.amount, p.method, trace};
}
ticket::apply_transfer_payment paid_command(transfer_id id, const payment_view& p,
                                            const std::string& trace) {
  return {p.confirm_message, id, p.id, p.user, p.amount, p.method, trace};
}
membership::apply_membership_payment paid_command(membership_id id, const payment_view& p,
                                                  const std::string& trace) {
  return {p.confirm_message, id, p.id, p.user, p.amount, p.method, trace};
}

void act(payment_self self, const tell_payment_action& a) {
  by_kind(self, [&](const auto& to, auto id) {
    self->request(to, self->state.context->options.ticket_timeout,
                  paid_command(id, a.payment, self->state.trace))
        .then(
            [self](ticket::payment_outcome& o) {
              verdict_news verdict{o.verdict == ticket::payment_verdict::confirmed,
                                   std::move(o.reason)};
              perform(self, self->state.work->judged(std::move(verdict), now(self)));
            },
            [self](const caf::error& err) {
              perform(self, self->state.work->judged(to_failure(err), now(self)));
            });
  });
}

template <class Handle, class Message>
void tell_refund(payment_self self, const Handle& to, Message message) {
  self->request(to, self->state.context->options.ticket_timeout, std::move(message))
      .then(
          [self](const ticket::refund_applied&) {
            perform(self, self->state.work->refund_told(now(self)));
          },
          [self](const caf::error& err) {
            // The event in the outbox tells it again.
            spdlog::debug("refund of {} not applied directly: {}", to_string(self->state.subject),
                          to_failure(err).text);
            perform(self, self->state.work->refund_told(now(self)));
          });
}

void act(payment_self self, const tell_refund_action& a) {
  const auto& p = a.payment;
  const auto& context = *self->state.context;
  switch (p.kind) {
  case subject_kind::reservation:
    tell_refund(self, context.tickets,
                ticket::apply_refund{p.refund_message, p.reservation, p.id, p.refund_reason,
                                     self->state.trace});
    break;
  case subject_kind::transfer:
    tell_refund(self, context.transfers,
                ticket::apply_transfer_refund{p.refund_message, transfer_id{p.reference}, p.id,
                                              p.refund_reason, self->state.trace});
    break;
  case subject_kind::membership: // one that was paid goes on; one that was not has nothing to end
    perform(self, self->state.work->refund_told(now(self)));
    break;
  }
}

void act(payment_self self, answer_action& a) {
  auto& jobs = self->state.jobs;
  const auto found = jobs.find(a.job);
  if (found == jobs.end())
    return;
  const auto reply = std::move(found->second.reply);
  jobs.erase(found);
  reply(std::move(a.what));
}

void act(payment_self self, const wait_action& a) {
  auto& state = self->state;
  const auto& options = state.context->options;
  const auto wait = back_off(a.attempt, options.back_off_min, options.back_off_max);
  // Whoever asks makes it try earlier, so a long outage has very many attempts.
  spdlog::log(std::has_single_bit(a.attempt) ? spdlog::level::warn : spdlog::level::debug,
              "payment of {} is in doubt, attempt {}; trying again in {} ms at the latest",
              to_string(state.subject), a.attempt, wait.count());
  self->send(state.parent, wake_later{state.subject, now(self) + wait});
}

/// Whatever is to be done now belongs to the job in work.
void follow_trace(payment_self self) {
  auto& state = self->state;
  const auto job = state.work->job_in_work();
  if (!job || *job == state.traced_job)
    return;
  state.traced_job = *job;
  const auto found = state.jobs.find(*job);
  state.trace = found == state.jobs.end() ? std::string{} : found->second.trace;
}

void perform(payment_self self, desk_actions actions) {
  follow_trace(self);
  for (auto& action : actions)
    std::visit([self](auto& a) { act(self, a); }, action);
  auto& state = self->state;
  if (state.standings.empty())
    return;
  if (const auto standing = state.work->standing()) {
    for (auto& promise : std::exchange(state.standings, {}))
      promise.deliver(*standing);
  } else if (!state.work->is_loading()) {
    for (auto& promise : std::exchange(state.standings, {}))
      promise.deliver(to_caf(errc::unavailable));
  }
}

void start_job(payment_self self, job_kind what, std::string trace, reply_fn reply) {
  auto& state = self->state;
  const auto id = ++state.last_job;
  state.jobs.emplace(id, open_job{std::move(reply), traceparent_or_empty(std::move(trace))});
  perform(self, state.work->accept(id, std::move(what), now(self)));
}

caf::result<payment_done> run_job(payment_self self, job_kind what, std::string trace) {
  auto promise = self->make_response_promise<payment_done>();
  start_job(self, std::move(what), std::move(trace), [promise](result<payment_done> r) mutable {
    if (r)
      promise.deliver(std::move(*r));
    else
      promise.deliver(to_caf(r.error()));
  });
  return promise;
}

/// invalid_request: the payload is not what the ticket role writes.
result<news_job> read_news(const domain_event& event) {
  news_job job;
  job.event = event.id;
  if (event.type == "RESERVATION_CONFIRMED" || event.type == "TRANSFER_COMPLETED"
      || event.type == "MEMBERSHIP_ACTIVATED")
    job.what = reservation_news::confirmed;
  else if (event.type == "PAYMENT_REJECTED")
    job.what = reservation_news::rejected;
  const auto payload = nlohmann::json::parse(event.payload, nullptr, false);
  if (!payload.is_object())
    return failure{errc::invalid_request, event.type + ": the payload is no JSON object"};
  if (const auto id = payload.find("paymentId"); id != payload.end() && !id->is_null()) {
    const auto parsed =
        id->is_string() ? parse_id<payment_id>(id->get_ref<const std::string&>()) : std::nullopt;
    if (!parsed)
      return failure{errc::invalid_request, event.type + ": paymentId is no uuid"};
    job.payment = *parsed;
  }
  if (const auto reason = payload.find("reason"); reason != payload.end() && reason->is_string())
    job.reason = reason->get<std::string>();
  if (job.reason.empty())
    job.reason = event.type == "RESERVATION_EXPIRED" ? "expired" : "cancelled";
  return job;
}

payment_actor::behavior_type payment_behavior(payment_self self, payment_context_ptr context,
                                              payment_parent parent,
                                              const payment_subject& subject) {
  auto& state = self->state;
  state.context = std::move(context);
  state.parent = std::move(parent);
  state.subject = subject;
  const auto& options = state.context->options;
  const auto& money = state.context->money;
  state.work.emplace(subject,
                     desk_options{money.name, money.demo, money.instant, options.waiting_max});
  return {
      [self](const get_standing&) -> caf::result<payment_standing> {
        auto& s = self->state;
        if (const auto standing = s.work->standing())
          return *standing;
        if (s.standings.size() >= standings_max)
          return to_caf(errc::overloaded);
        auto promise = self->make_response_promise<payment_standing>();
        s.standings.push_back(promise);
        if (!s.work->is_loading())
          perform(self, s.work->accept(0, resume_job{}, now(self)));
        return promise;
      },
      [self](const prepare_payment& x) {
        return run_job(
            self, prepare_job{x.user, x.amount, make_fresh_ids(*self->state.context->env)}, {});
      },
      [self](const confirm_payment& x) {
        return run_job(self, confirm_job{x.user, x.order_id, x.payment_key, x.amount}, x.trace);
      },
      [self](const process_payment& x) {
        return run_job(self,
                       process_job{x.user, x.method, make_fresh_ids(*self->state.context->env)},
                       x.trace);
      },
      [self](const cancel_found& x) {
        return run_job(self, cancel_job{x.user, x.payment, x.reason, x.repeated}, x.trace);
      },
      [self](const deliver& x) -> caf::result<applied> {
        auto news = read_news(x.event);
        if (!news)
          return to_caf(news.error());
        auto promise = self->make_response_promise<applied>();
        start_job(self, std::move(*news), x.event.trace,
                  [promise, id = x.event.id](const result<payment_done>& r) mutable {
                    if (r)
                      promise.deliver(applied{id});
                    else
                      promise.deliver(to_caf(r.error()));
                  });
        return promise;
      },
      [self](const wake_payment&) {
        auto& work = *self->state.work;
        if (!work.is_loaded() && work.idle())
          perform(self, work.accept(0, resume_job{}, now(self)));
        else
          perform(self, work.wake(now(self)));
      },
      [self](const stop_idle&) {
        auto& s = self->state;
        if (s.work->idle() && s.standings.empty())
          self->quit();
        else
          self->send(s.parent, payment_stays{s.subject});
      },
  };
}

} // namespace

payment_actor spawn_payment_actor(caf::actor_system& sys, payment_context_ptr context,
                                  payment_parent parent, const payment_subject& subject) {
  return sys.spawn<caf::lazy_init>(payment_behavior, std::move(context), std::move(parent),
                                   subject);
}

} // namespace tiketi::payment
