#include "actors/payment/desk.hpp"

#include <algorithm>
#include <utility>

namespace tiketi::payment {
namespace {

constexpr std::size_t rows_max = 20;
constexpr std::size_t log_max = 20;

template <class... Fs>
struct overload : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
overload(Fs...) -> overload<Fs...>;

/// Of a job that asks whether it may be paid.
user_id user_of(const job_kind& what) {
  return std::visit(overload{[](const prepare_job& j) { return j.user; },
                             [](const process_job& j) { return j.user; },
                             [](const confirm_job& j) { return j.user; },
                             [](const auto&) { return user_id{}; }},
                    what);
}

std::string_view word(capture_outcome o) {
  constexpr std::string_view words[] = {"approved", "declined", "not_found", "unknown"};
  return words[static_cast<std::size_t>(o)];
}

payment_done done_with(const payment_view& p, bool repeated = false) {
  return {p, repeated};
}

std::string_view goal_of(subject_kind kind) {
  constexpr std::string_view texts[] = {"The reservation could not be confirmed",
                                        "The ticket could not be bought",
                                        "The membership could not be activated"};
  return texts[static_cast<std::size_t>(kind)];
}

failure given_back(const payment_view& p) {
  return {errc::conflict, std::string(goal_of(p.kind)) + " (" + p.refund_reason
                              + "). The payment has been refunded."};
}

} // namespace

desk::desk(const payment_subject& subject, desk_options options)
    : subject_(subject), options_(std::move(options)) {}

bool desk::idle() const noexcept {
  return phase_ == phase::idle && !job_ && waiting_.empty();
}

payment_view* desk::live() {
  const auto found = std::find_if(rows_.begin(), rows_.end(), is_open);
  return found == rows_.end() ? nullptr : &*found;
}

desk_actions desk::accept(std::uint64_t id, job_kind what, time_point now) {
  desk_actions out;
  const auto news = std::holds_alternative<news_job>(what);
  if (waiting_.size() >= options_.waiting_max) {
    out.push_back(answer_action{id, failure{errc::overloaded}});
    return out;
  }
  if (phase_ == phase::waiting && news) {
    // The sender repeats by itself; the outcome may take long.
    out.push_back(answer_action{id, failure{errc::in_doubt}});
    return out;
  }
  waiting_.push_back({id, std::move(what)});
  if (phase_ == phase::waiting) {
    // Somebody wants to know now: do not sit out the wait.
    auto more = wake(now);
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }
  next(out, now);
  return out;
}

void desk::next(desk_actions& out, time_point now) {
  while (phase_ == phase::idle && !waiting_.empty()) {
    if (!loaded_) {
      load(out);
      return;
    }
    job_ = std::move(waiting_.front());
    waiting_.pop_front();
    begin(out, now);
  }
}

void desk::load(desk_actions& out) {
  phase_ = phase::loading;
  out.push_back(load_payments_action{});
}

desk_actions desk::loaded(result<std::vector<payment_view>> rows, time_point now) {
  desk_actions out;
  if (phase_ != phase::loading)
    return out;
  phase_ = phase::idle;
  if (!rows) {
    for (auto& j : std::exchange(waiting_, {})) {
      owed_ = owed_ || std::holds_alternative<resume_job>(j.what);
      out.push_back(answer_action{j.id, rows.error()});
    }
    // There may be a payment that was left half way: nobody else goes on with it.
    if (owed_)
      wait_for(out, retry::load);
    return out;
  }
  owed_ = false;
  rows_ = std::move(*rows);
  loaded_ = true;
  resume(out);
  next(out, now);
  return out;
}

/// A crash, or another writer, may have left the live payment half way.
void desk::resume(desk_actions& out) {
  const auto* p = live();
  if (!p)
    return;
  attempts_ = 0;
  if (p->status == payment_status::capturing) {
    phase_ = phase::capturing;
    out.push_back(find_capture_action{*p});
  } else if (p->status == payment_status::refunding) {
    phase_ = phase::refunding;
    out.push_back(refund_action{*p});
  }
}

void desk::begin(desk_actions& out, time_point now) {
  auto* p = live();
  repeated_ = p && p->status == payment_status::captured;
  std::visit(
      overload{
          [&](const prepare_job& j) {
            if (p && p->user == j.user && p->status != payment_status::pending) {
              done(out, failure{errc::already_confirmed}, now);
              return;
            }
            phase_ = phase::checking;
            out.push_back(ask_payable_action{j.user});
          },
          [&](const process_job& j) {
            if (!options_.instant) {
              done(out,
                   failure{errc::invalid_request,
                           "This payment method is not available: use prepare and confirm"},
                   now);
              return;
            }
            if (p && p->user == j.user && p->status == payment_status::captured) {
              if (known_confirmed(*p)) {
                done(out, done_with(*p, true), now);
              } else {
                phase_ = phase::applying;
                out.push_back(tell_payment_action{*p});
              }
              return;
            }
            phase_ = phase::checking;
            out.push_back(ask_payable_action{j.user});
          },
          [&](const confirm_job& j) {
            begin_confirm(out, j);
            if (phase_ == phase::idle)
              next(out, now);
          },
          [&](const cancel_job& j) {
            const auto found = std::find_if(rows_.begin(), rows_.end(), [&](const auto& row) {
              return row.id == j.payment && row.user == j.user;
            });
            if (found == rows_.end())
              done(out, failure{errc::not_found, "Payment not found"}, now);
            else if (j.repeated && found->status == payment_status::refunded)
              done(out, done_with(*found), now);
            else if (found->status != payment_status::captured)
              done(out, failure{errc::invalid_request, "Only confirmed payments can be cancelled"},
                   now);
            else if (subject_.kind == subject_kind::membership)
              done(out,
                   failure{errc::invalid_request,
                           "The payment of a membership cannot be cancelled once it is active"},
                   now);
            else {
              // Not before the money: what somebody sold on, or offers, is not theirs to end.
              phase_ = phase::ending;
              out.push_back(end_subject_action{j.user, j.payment});
            }
          },
          [&](const news_job& j) { begin_news(out, j, now); },
          [&](const resume_job&) { done(out, payment_done{}, now); },
      },
      // A copy: finishing the job ends the original.
      job_kind{job_->what});
}

void desk::begin_confirm(desk_actions& out, const confirm_job& j) {
  const auto found = std::find_if(rows_.begin(), rows_.end(), [&](const auto& row) {
    return row.order_id == j.order_id && row.user == j.user;
  });
  if (found == rows_.end())
    return answer(out, failure{errc::not_found, "Payment not found"});
  const auto& p = *found;
  if (p.amount != j.amount)
    return answer(out, failure{errc::amount_mismatch});
  switch (p.status) {
  case payment_status::pending:
    phase_ = phase::checking;
    out.push_back(ask_payable_action{j.user});
    return;
  case payment_status::captured:
    if (p.payment_key != j.payment_key)
      return answer(out, failure{errc::already_confirmed});
    if (known_confirmed(p))
      return answer(out, done_with(p, true));
    phase_ = phase::applying;
    out.push_back(tell_payment_action{p});
    return;
  case payment_status::failed:
    return answer(out, failure{errc::not_pending, "Payment has failed: " + p.failure_text});
  case payment_status::refunding:
  case payment_status::refunded:
    return answer(out, given_back(p));
  case payment_status::capturing: // never at rest
    return answer(out, failure{errc::in_doubt});
  }
}

void desk::begin_news(desk_actions& out, const news_job& j, time_point now) {
  auto* p = live();
  const auto ours = p && (j.payment.is_nil() || j.payment == p->id);
  if (p && p->status == payment_status::captured) {
    switch (j.what) {
    case reservation_news::confirmed:
      if (!ours) {
        refund_because(out, "paid by another payment", j.event, now);
        return;
      }
      if (!p->resolved) {
        write(out, {resolve(*p, now).value(), {}, {}, j.event});
        return;
      }
      break;
    case reservation_news::rejected:
      if (ours) {
        refund_because(out, j.reason, j.event, now);
        return;
      }
      break;
    case reservation_news::ended:
      refund_because(out, j.reason, j.event, now);
      return;
    }
  } else if (p && p->status == payment_status::pending && j.what == reservation_news::ended) {
    write(out, {fail(*p, "The " + to_string(subject_.kind) + " ended: " + j.reason, now).value(),
                {},
                {},
                j.event});
    return;
  }
  done(out, payment_done{}, now);
}

desk_actions desk::subject_ended(result<void> answer_, time_point now) {
  desk_actions out;
  if (phase_ != phase::ending || !job_)
    return out;
  phase_ = phase::idle;
  const auto* j = std::get_if<cancel_job>(&job_->what);
  if (!answer_)
    done(out, answer_.error(), now);
  else if (const auto* p = live(); j && p && p->status == payment_status::captured)
    refund_because(out, j->reason, {}, now);
  else
    done(out, failure{errc::internal}, now);
  return out;
}

/// A listing or membership may have a pending payment that is in the way: of another buyer, who has
/// had time enough, or of an earlier price. True: it is being ended, and then the job goes on.
bool desk::make_way(desk_actions& out, const terms& t, const user_id& user, time_point now) {
  const auto* p = live();
  if (subject_.kind == subject_kind::reservation || !p || p->status != payment_status::pending)
    return false;
  const bool other = p->user != user;
  if (other ? now < p->updated_at + options_.reserved_for : p->amount == t.amount)
    return false;
  making_way_ = true;
  write(out, {fail(*p, other ? "Somebody else is buying it" : "The price has changed", now).value(),
              {},
              {},
              {}});
  return true;
}

desk_actions desk::payable(result<terms> answer_, time_point now) {
  desk_actions out;
  if (phase_ != phase::checking || !job_)
    return out;
  phase_ = phase::idle;
  if (!answer_) {
    // A membership that this user has just paid is not payable any more: the click came twice.
    const auto* j = std::get_if<process_job>(&job_->what);
    if (j && subject_.kind == subject_kind::membership && answer_.error().code == errc::not_pending
        && !rows_.empty() && rows_.front().status == payment_status::captured
        && rows_.front().user == j->user)
      done(out, done_with(rows_.front(), true), now);
    else
      done(out, answer_.error(), now);
    return out;
  }
  const auto& t = *answer_;
  if (make_way(out, t, user_of(job_->what), now))
    return out;
  auto* p = live();
  if (p && p->status == payment_status::pending && p->user != user_of(job_->what)) {
    done(out, failure{errc::conflict, "Somebody else is buying it right now"}, now);
    return out;
  }
  if (p && p->amount != t.amount) {
    done(out, failure{errc::amount_mismatch}, now);
    return out;
  }
  const auto fresh = [&](const fresh_ids& ids, user_id user) {
    auto row = new_payment(ids, subject_, t.event, user, t.amount, now);
    row.demo = options_.demo;
    return row;
  };
  std::visit(overload{
                 [&](const prepare_job& j) {
                   if (j.amount != 0 && j.amount != t.amount)
                     done(out, failure{errc::amount_mismatch}, now);
                   else if (p && p->user == j.user)
                     done(out, done_with(*p, true), now);
                   else if (p)
                     done(out, failure{errc::conflict}, now);
                   else
                     write(out, {fresh(j.ids, j.user), {}, {}, {}});
                 },
                 [&](const process_job& j) {
                   const capture_terms how{{}, j.method, options_.provider, options_.demo};
                   if (p && (p->user != j.user || p->status != payment_status::pending)) {
                     done(out, failure{errc::conflict}, now);
                     return;
                   }
                   auto row = p ? *p : fresh(j.ids, j.user);
                   auto next_row = start_capture(row, how, now).value();
                   if (!p)
                     next_row.version = 1; // created by the same write
                   write(out, {std::move(next_row), {}, {}, {}});
                 },
                 [&](const confirm_job& j) {
                   // Nothing else ran since `begin_confirm` found it pending.
                   const capture_terms how{j.payment_key, "toss", options_.provider, options_.demo};
                   write(out, {start_capture(*p, how, now).value(), {}, {}, {}});
                 },
                 [&](const auto&) { done(out, failure{errc::internal}, now); },
             },
             job_kind{job_->what});
  return out;
}

void desk::write(desk_actions& out, payment_change change) {
  change.log.insert(change.log.end(), log_.begin(), log_.end());
  log_.clear();
  pending_ = std::move(change);
  attempts_ = 0;
  phase_ = phase::writing;
  out.push_back(write_action{*pending_});
}

desk_actions desk::written(write_outcome outcome, time_point now) {
  desk_actions out;
  if (phase_ != phase::writing || !pending_)
    return out;
  switch (outcome) {
  case write_outcome::committed:
    committed(out, std::exchange(pending_, std::nullopt)->next, now);
    break;
  case write_outcome::duplicate:
    making_way_ = false;
    // What the event caused is durable already; the rows say what that was.
    pending_.reset();
    answer(out, payment_done{});
    reload(out);
    break;
  case write_outcome::key_taken:
    making_way_ = false;
    pending_.reset();
    phase_ = phase::idle;
    done(out, failure{errc::invalid_request, "This payment key belongs to another payment"}, now);
    break;
  case write_outcome::rejected:
    making_way_ = false;
    pending_.reset();
    answer(out, failure{errc::in_doubt});
    reload(out);
    break;
  case write_outcome::failed:
    not_committed(out, failure{errc::unavailable}, now);
    break;
  case write_outcome::unknown:
    phase_ = phase::looking_up;
    out.push_back(look_up_action{pending_->next.id});
    break;
  }
  return out;
}

desk_actions desk::looked_up(result<std::optional<payment_view>> row, time_point now) {
  desk_actions out;
  if (phase_ != phase::looking_up || !pending_)
    return out;
  if (!row) {
    wait_for(out, retry::look_up);
    return out;
  }
  if (*row && (*row)->version >= pending_->next.version) {
    pending_.reset();
    committed(out, std::move(**row), now);
  } else {
    not_committed(out, failure{errc::unavailable}, now);
  }
  return out;
}

/// What the provider did has to be written down, however often that fails; an intention that was
/// not written is none.
void desk::not_committed(desk_actions& out, const failure& why, time_point now) {
  const auto to = pending_->next.status;
  const auto fact = (to == payment_status::captured && !pending_->next.resolved)
                    || to == payment_status::refunded
                    || (to == payment_status::failed && !pending_->next.provider.empty());
  if (fact) {
    wait_for(out, retry::write);
    return;
  }
  pending_.reset();
  phase_ = phase::idle;
  making_way_ = false;
  done(out, why, now);
}

void desk::committed(desk_actions& out, payment_view row, time_point now) {
  adopt(row);
  attempts_ = 0;
  phase_ = phase::idle;
  const auto news = job_ && std::holds_alternative<news_job>(job_->what);
  switch (row.status) {
  case payment_status::pending:
    done(out, done_with(row), now);
    return;
  case payment_status::capturing:
    phase_ = phase::capturing;
    out.push_back(capture_action{std::move(row)});
    return;
  case payment_status::captured:
    if (row.resolved) {
      done(out, done_with(row), now);
      return;
    }
    phase_ = phase::applying;
    out.push_back(tell_payment_action{std::move(row)});
    return;
  case payment_status::failed:
    if (std::exchange(making_way_, false) && job_)
      begin(out, now); // asks again: time has passed
    else if (news)
      done(out, payment_done{}, now);
    else
      done(out, failure{errc::invalid_request, "Payment declined: " + row.failure_text}, now);
    return;
  case payment_status::refunding:
    // The news is taken in as soon as the refund cannot be forgotten any more.
    if (news)
      answer(out, payment_done{});
    phase_ = phase::refunding;
    out.push_back(refund_action{std::move(row)});
    return;
  case payment_status::refunded:
    phase_ = phase::telling;
    out.push_back(tell_refund_action{std::move(row)});
    return;
  }
}

void desk::reload(desk_actions& out) {
  loaded_ = false;
  owed_ = true;
  load(out);
}

void desk::refund_because(desk_actions& out, std::string reason, uuid cause, time_point now) {
  write(out, {start_refund(*live(), std::move(reason), now).value(), {}, {}, cause});
}

desk_actions desk::captured(capture_news news, time_point now) {
  desk_actions out;
  auto* p = live();
  if (phase_ != phase::capturing || !p)
    return out;
  if (log_.size() < log_max)
    log_.push_back({now, "capture", std::string(word(news.outcome)), news.text});
  switch (news.outcome) {
  case capture_outcome::approved: {
    auto row = approve(*p, news.at, std::move(news.status), now).value();
    auto event = confirmed_event(row, now);
    write(out, {std::move(row), {std::move(event)}, {}, {}});
    break;
  }
  case capture_outcome::declined: {
    auto row = fail(*p, std::move(news.text), now).value();
    auto event = failed_event(row, now);
    write(out, {std::move(row), {std::move(event)}, {}, {}});
    break;
  }
  case capture_outcome::not_found:
    out.push_back(capture_action{*p});
    break;
  case capture_outcome::unknown:
    wait_for(out, retry::find_capture);
    break;
  }
  return out;
}

desk_actions desk::refunded(capture_news news, time_point now) {
  desk_actions out;
  auto* p = live();
  if (phase_ != phase::refunding || !p)
    return out;
  if (log_.size() < log_max)
    log_.push_back({now, "refund", std::string(word(news.outcome)), news.text});
  if (news.outcome != capture_outcome::approved) {
    // Also when it was refused: the money is not ours, so it is tried until it is gone.
    wait_for(out, retry::refund);
    return out;
  }
  auto row = finish_refund(*p, now).value();
  auto event = refunded_event(row, now);
  write(out, {std::move(row), {std::move(event)}, {}, {}});
  return out;
}

desk_actions desk::judged(result<verdict_news> verdict, time_point now) {
  desk_actions out;
  auto* p = live();
  if (phase_ != phase::applying || !p)
    return out;
  phase_ = phase::idle;
  if (!verdict) {
    // The event in the outbox brings the reservation to its end.
    done(out,
         failure{errc::in_doubt, "Paid, but the " + to_string(subject_.kind)
                                     + " is not confirmed yet. Repeat to learn the outcome."},
         now);
  } else if (verdict->confirmed) {
    confirmed_ = p->id; // becomes durable with the ticket role's own event
    done(out, done_with(*p, repeated_), now);
  } else {
    refund_because(out, std::move(verdict->reason), {}, now);
  }
  return out;
}

desk_actions desk::refund_told(time_point now) {
  desk_actions out;
  if (phase_ != phase::telling)
    return out;
  phase_ = phase::idle;
  const auto& p = rows_.front();
  if (job_ && std::holds_alternative<cancel_job>(job_->what))
    done(out, done_with(p), now);
  else
    done(out, given_back(p), now);
  return out;
}

void desk::wait_for(desk_actions& out, retry what) {
  phase_ = phase::waiting;
  retry_ = what;
  ++attempts_;
  // Nobody waits for something that may take hours.
  answer(out, failure{errc::in_doubt});
  for (auto& j : std::exchange(waiting_, {}))
    out.push_back(answer_action{j.id, failure{errc::in_doubt}});
  out.push_back(wait_action{attempts_});
}

desk_actions desk::wake(time_point) {
  desk_actions out;
  if (phase_ != phase::waiting)
    return out;
  switch (retry_) {
  case retry::load:
    load(out);
    break;
  case retry::write:
    phase_ = phase::writing;
    out.push_back(write_action{*pending_});
    break;
  case retry::look_up:
    phase_ = phase::looking_up;
    out.push_back(look_up_action{pending_->next.id});
    break;
  case retry::find_capture:
    phase_ = phase::capturing;
    out.push_back(find_capture_action{*live()});
    break;
  case retry::refund:
    phase_ = phase::refunding;
    out.push_back(refund_action{*live()});
    break;
  }
  return out;
}

void desk::answer(desk_actions& out, result<payment_done> what) {
  if (job_)
    out.push_back(answer_action{job_->id, std::move(what)});
  job_.reset();
}

/// Answers and takes the next job.
void desk::done(desk_actions& out, result<payment_done> what, time_point now) {
  answer(out, std::move(what));
  next(out, now);
}

void desk::adopt(payment_view row) {
  const auto found =
      std::find_if(rows_.begin(), rows_.end(), [&](const auto& p) { return p.id == row.id; });
  if (found != rows_.end())
    rows_.erase(found);
  rows_.insert(rows_.begin(), std::move(row));
  if (rows_.size() > rows_max)
    rows_.pop_back();
}

std::optional<payment_standing> desk::standing() const {
  if (!loaded_)
    return std::nullopt;
  payment_standing s;
  const auto capture_ahead =
      (pending_ && pending_->next.status == payment_status::capturing)
      || (phase_ == phase::checking && job_ && !std::holds_alternative<prepare_job>(job_->what));
  const auto found =
      std::find_if(rows_.begin(), rows_.end(), [](const auto& p) { return is_live(p.status); });
  if (capture_ahead || (found != rows_.end() && found->status == payment_status::capturing)) {
    s.state = standing::capturing;
  } else if (found != rows_.end() && found->status == payment_status::captured) {
    s.state = standing::captured;
    s.message = found->confirm_message;
    s.payment = found->id;
    s.user = found->user;
    s.amount = found->amount;
    s.method = found->method;
  }
  return s;
}

} // namespace tiketi::payment
