#include "actors/reservation/reservation.hpp"

#include "actors/base/time.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace tiketi::ticket {

namespace {

constexpr time_point never{};

/// What a durable change of the listing makes of the reservation.
void apply_listing(reservation_view& view, const listing_change& listing) {
  switch (listing.effect) {
  case listing_effect::keep:
    break;
  case listing_effect::open:
    view.listing = listing.terms;
    break;
  case listing_effect::close:
    view.listing = {};
    break;
  case listing_effect::sell:
    view.listing = {};
    view.user = listing.buyer;
    view.bought_through = listing.terms.id;
    view.spent.push_back(listing.seller_payment);
    break;
  }
}

std::string ended_reason(reservation_status status) {
  switch (status) {
  case reservation_status::expired:
    return "expired";
  case reservation_status::cancelled:
    return "cancelled";
  case reservation_status::confirmed:
    return "already_paid";
  case reservation_status::pending:
    break;
  }
  return "not_pending";
}

} // namespace

reservation reservation::start(reservation_view view, reservation_timing timing) {
  reservation r;
  r.timing_ = timing;
  r.view_ = std::move(view);
  r.phase_ = phase::reserving;
  r.marks_.assign(r.view_.items.size(), mark::asked);
  r.floors_.assign(r.view_.items.size(), 0);
  return r;
}

reservation reservation::restore(reservation_view view, reservation_timing timing) {
  reservation r;
  r.timing_ = timing;
  r.phase_ = phase::live;
  r.marks_.assign(view.items.size(), mark::granted);
  r.floors_.assign(view.items.size(), 0);
  r.reload(std::move(view));
  return r;
}

void reservation::reload(reservation_view view) {
  view_ = std::move(view);
  phase_ = phase::live;
  attempts_ = 0;
  ask_ends_ = never;
  next_look_ = std::min(view_.created_at + timing_.reconcile_after, view_.expires_at);
}

// -- hold ----------------------------------------------------------------------------------------

reservation::hold_step reservation::on_seat_granted(std::size_t item, std::uint64_t floor,
                                                    std::uint32_t version) {
  if (phase_ != phase::reserving || marks_[item] != mark::asked)
    return hold_step::wait;
  marks_[item] = mark::granted;
  floors_[item] = floor;
  view_.items[item].seat_version = version;
  ++answers_;
  return all_answered();
}

reservation::hold_step reservation::on_stock_granted(std::size_t item) {
  return on_seat_granted(item, 0, 0);
}

reservation::hold_step reservation::on_refused(std::size_t item) {
  if (phase_ != phase::reserving || marks_[item] != mark::asked)
    return hold_step::wait;
  marks_[item] = mark::refused;
  ++answers_;
  return all_answered();
}

reservation::hold_step reservation::on_unreachable(std::size_t item) {
  if (phase_ != phase::reserving || marks_[item] != mark::asked)
    return hold_step::wait;
  marks_[item] = mark::unreachable;
  ++answers_;
  return all_answered();
}

// Only when every actor has answered, so that nothing is granted after the give-back.
reservation::hold_step reservation::all_answered() {
  if (answers_ < marks_.size())
    return hold_step::wait;
  bool seats = false;
  bool unreachable = false;
  for (std::size_t i = 0; i < marks_.size(); ++i) {
    if (marks_[i] == mark::refused)
      failure_.conflicts.push_back(i);
    unreachable = unreachable || marks_[i] == mark::unreachable;
    seats = seats || !view_.items[i].seat.is_nil();
  }
  if (!failure_.conflicts.empty())
    return fail(seats ? errc::seat_unavailable : errc::sold_out);
  if (unreachable)
    return fail(errc::unavailable);
  phase_ = seats ? phase::granting : phase::committing;
  return seats ? hold_step::ask_tokens : hold_step::commit;
}

std::vector<std::uint64_t> reservation::floors() const {
  std::vector<std::uint64_t> out;
  for (std::size_t i = 0; i < view_.items.size(); ++i)
    if (!view_.items[i].seat.is_nil())
      out.push_back(floors_[i]);
  return out;
}

reservation::hold_step reservation::on_tokens(const std::vector<std::uint64_t>& values) {
  if (phase_ != phase::granting)
    return hold_step::wait;
  std::size_t next = 0;
  for (std::size_t i = 0; i < view_.items.size(); ++i) {
    if (view_.items[i].seat.is_nil())
      continue;
    // A guard that goes back or answers for other seats must not get as far as the store.
    if (next == values.size() || values[next] <= floors_[i])
      return fail(errc::unavailable);
    view_.items[i].token = values[next++];
  }
  if (next != values.size())
    return fail(errc::unavailable);
  phase_ = phase::committing;
  return hold_step::commit;
}

reservation::hold_step reservation::on_no_tokens(failure why) {
  return phase_ == phase::granting ? fail(std::move(why)) : hold_step::wait;
}

reservation::hold_step reservation::on_created(const ticket_written& outcome, time_point now) {
  if (phase_ != phase::committing)
    return hold_step::wait;
  switch (outcome.status) {
  case commit_status::committed:
    reload(std::move(view_));
    return hold_step::held;
  case commit_status::unknown:
    return doubt(now);
  case commit_status::failed:
    return fail(errc::unavailable);
  case commit_status::rejected:
    break;
  }
  failure_.same_key = outcome.same_key;
  for (std::size_t i = 0; i < view_.items.size(); ++i) {
    const auto& item = view_.items[i];
    const bool seat = std::find(outcome.conflicts.begin(), outcome.conflicts.end(), item.seat)
                      != outcome.conflicts.end();
    const bool type = std::find(outcome.sold_out.begin(), outcome.sold_out.end(), item.ticket_type)
                      != outcome.sold_out.end();
    if ((seat && !item.seat.is_nil()) || (type && !item.ticket_type.is_nil()))
      failure_.conflicts.push_back(i);
  }
  failure_.stale = !failure_.conflicts.empty();
  if (!outcome.same_key.is_nil())
    return fail(errc::idempotency_mismatch);
  const bool seats = !view_.items.empty() && !view_.items.front().seat.is_nil();
  return fail(seats ? errc::seat_unavailable : errc::sold_out);
}

reservation::hold_step reservation::on_create_refused(failure why) {
  return phase_ == phase::committing ? fail(std::move(why)) : hold_step::wait;
}

reservation::hold_step reservation::on_create_lost(time_point now) {
  return phase_ == phase::committing ? doubt(now) : hold_step::wait;
}

reservation::hold_step reservation::on_looked_up(const ticket_written& outcome, time_point now) {
  if (phase_ != phase::in_doubt)
    return hold_step::wait;
  if (outcome.status == commit_status::failed || outcome.status == commit_status::unknown)
    return doubt(now);
  if (!outcome.found)
    return fail(errc::unavailable);
  view_.status = *outcome.found;
  reload(std::move(view_));
  return hold_step::held;
}

reservation::hold_step reservation::on_look_up_lost(time_point now) {
  return phase_ == phase::in_doubt ? doubt(now) : hold_step::wait;
}

reservation::hold_step reservation::doubt(time_point now) {
  phase_ = phase::in_doubt;
  looking_ = false;
  next_look_ = now + back_off();
  return hold_step::doubt;
}

reservation::hold_step reservation::fail(failure why) {
  failure_.error = std::move(why);
  phase_ = phase::failed;
  return hold_step::fail;
}

milliseconds reservation::back_off() {
  const auto wait = timing_.retry_min * (std::int64_t{1} << std::min(attempts_, 16U));
  ++attempts_;
  return std::min<milliseconds>(wait, timing_.retry_max);
}

// -- life ----------------------------------------------------------------------------------------

result<payable> reservation::decide(const check_payable& query, time_point now) const {
  if (query.user != view_.user)
    return errc::forbidden;
  if (view_.status == reservation_status::expired)
    return errc::expired;
  if (!pending())
    return errc::not_pending;
  if (now >= view_.expires_at)
    return errc::expired;
  return payable{view_.id, view_.event, view_.user, view_.total_amount, view_.expires_at};
}

bool reservation::done_before(const cancel_reservation& command) const {
  return command.repeated && command.user == view_.user
         && view_.status == reservation_status::cancelled;
}

bool reservation::done_before(const end_reservation& command) const {
  return command.repeated && view_.status == reservation_status::cancelled;
}

result<change> reservation::decide(const cancel_reservation& command, time_point now) const {
  if (command.user != view_.user)
    return failure{errc::not_found, "Reservation not found"};
  // Sold on and bought back, it belongs to another payment than before.
  if (!command.payment.is_nil() && !view_.paid_by.is_nil() && command.payment != view_.paid_by)
    return failure{errc::conflict, "This payment is not the ticket's any more"};
  if (!view_.listing.id.is_nil())
    return failure{errc::conflict, "The ticket is offered for resale: take the offer back first"};
  if (view_.status == reservation_status::confirmed && command.refundable_until != time_point{}
      && now >= command.refundable_until)
    return failure{errc::conflict, "It is too late to cancel: tickets are taken back until "
                                       + to_iso(command.refundable_until)};
  return cancellation("User requested cancellation");
}

result<change> reservation::decide(const end_reservation& command) const {
  return cancellation(command.reason);
}

result<change> reservation::cancellation(std::string reason) const {
  if (view_.status == reservation_status::cancelled)
    return failure{errc::already_ended, "Already cancelled reservation"};
  if (view_.status == reservation_status::expired)
    return failure{errc::already_ended, "Reservation has already expired"};
  change next;
  next.why = change_reason::cancel;
  next.from = view_.status;
  next.to = reservation_status::cancelled;
  next.payment = view_.status == reservation_status::confirmed ? payment_state::refund_requested
                                                               : view_.payment;
  next.stock = stock_effect::free;
  next.about = view_.paid_by;
  next.reason = std::move(reason);
  next.action = "cancelled";
  next.event_type = "RESERVATION_CANCELLED";
  return next;
}

change reservation::refusal(const apply_payment& command, std::string reason) const {
  change next;
  next.why = change_reason::reject;
  next.from = view_.status;
  next.to = view_.status;
  next.payment = view_.payment;
  next.message = command.message;
  next.about = command.payment;
  next.amount = command.amount;
  next.reason = std::move(reason);
  next.action = "payment_rejected";
  next.event_type = "PAYMENT_REJECTED";
  return next;
}

std::variant<payment_outcome, change> reservation::decide(const apply_payment& command) const {
  const bool ours = !view_.paid_by.is_nil() && view_.paid_by == command.payment;
  if (ours && view_.status == reservation_status::confirmed)
    return payment_outcome{payment_verdict::confirmed, {}, true};
  // It did confirm the reservation, and whoever paid has sold the ticket on.
  if (is_spent(command.payment))
    return payment_outcome{payment_verdict::confirmed, {}, true};
  // It was confirmed by this very payment and ended since: whatever ended it asks for the refund.
  if (ours)
    return payment_outcome{payment_verdict::refund_due, ended_reason(view_.status), true};
  if (!pending())
    return refusal(command, ended_reason(view_.status));
  if (command.user != view_.user)
    return refusal(command, "user_mismatch");
  if (command.amount != view_.total_amount)
    return refusal(command, "amount_mismatch");
  change next;
  next.why = change_reason::confirm;
  next.from = reservation_status::pending;
  next.to = reservation_status::confirmed;
  next.payment = payment_state::completed;
  next.stock = stock_effect::sell;
  next.method = command.method;
  next.paid_by = command.payment;
  next.message = command.message;
  next.about = command.payment;
  next.amount = command.amount;
  next.action = "confirmed";
  next.event_type = "RESERVATION_CONFIRMED";
  return next;
}

std::variant<refund_applied, change> reservation::decide(const apply_refund& command) const {
  change next;
  next.why = change_reason::refund;
  next.from = view_.status;
  next.to = view_.status;
  next.payment = view_.payment;
  next.message = command.message;
  next.about = command.payment;
  next.reason = command.reason;
  next.action = "refunded";
  const bool ours = !view_.paid_by.is_nil() && view_.paid_by == command.payment;
  switch (view_.status) {
  case reservation_status::confirmed:
    // The refund of another payment (a second capture) is noted and ends nothing.
    if (!ours)
      return next;
    break;
  case reservation_status::pending:
    if (refused(command.payment))
      return next;
    // Its confirmation may still be on the way. Once the money is back it must find the
    // reservation ended, or somebody would have seats for nothing.
    break;
  case reservation_status::cancelled:
    if (ours && view_.payment == payment_state::refunded)
      return refund_applied{true};
    if (ours)
      next.payment = payment_state::refunded;
    return next;
  case reservation_status::expired:
    return next;
  }
  next.to = reservation_status::cancelled;
  next.payment = payment_state::refunded;
  next.stock = stock_effect::free;
  if (view_.paid_by.is_nil())
    next.paid_by = command.payment;
  next.event_type = "RESERVATION_CANCELLED";
  return next;
}

change reservation::decide_expiry() const {
  change next;
  next.why = change_reason::expire;
  next.from = reservation_status::pending;
  next.to = reservation_status::expired;
  next.payment = view_.payment;
  next.stock = stock_effect::free;
  next.reason = "Payment time is over";
  next.action = "expired";
  next.event_type = "RESERVATION_EXPIRED";
  return next;
}

bool reservation::begin(change next) {
  current_ = std::move(next);
  attempts_ = 0;
  // Whatever ends the reservation ends its offer too, and concerns the payment that it belongs to.
  if (current_.from == reservation_status::confirmed && current_.to != current_.from)
    end_listing(current_);
  if (current_.transfer.is_nil() && !current_.about.is_nil() && current_.about == view_.paid_by)
    current_.transfer = view_.bought_through;
  const bool seats = std::any_of(view_.items.begin(), view_.items.end(),
                                 [](const auto& item) { return !item.seat.is_nil(); });
  const bool verify = current_.why == change_reason::confirm && seats;
  phase_ = verify ? phase::verifying : phase::changing;
  return verify;
}

void reservation::on_seats_verified() {
  if (phase_ == phase::verifying)
    phase_ = phase::changing;
}

void reservation::on_seat_lost() {
  if (phase_ == phase::verifying)
    lost_seats();
}

void reservation::on_seats_unreachable() {
  if (phase_ == phase::verifying)
    phase_ = phase::live;
}

reservation::change_step reservation::lost_seats() {
  const apply_payment cause{current_.message, view_.id,        current_.about,
                            view_.user,       current_.amount, current_.method};
  current_ = refusal(cause, "seats_lost");
  attempts_ = 0;
  phase_ = phase::changing;
  return change_step::rejected;
}

change_reservation reservation::write_of_current(time_point now) const {
  change_reservation out;
  out.reservation = view_.id;
  out.from = current_.from;
  out.to = current_.to;
  out.payment = current_.payment;
  out.payment_method = current_.method;
  out.paid_by = current_.paid_by;
  out.stock = current_.stock;
  out.items = view_.items;
  out.message = current_.message;
  out.listing = current_.listing;
  out.listing.at = now;
  out.history.at = now;
  out.history.action = current_.action;
  out.history.detail = current_.reason;
  if (!current_.about.is_nil()) {
    if (!out.history.detail.empty())
      out.history.detail += ", ";
    out.history.detail += "payment " + to_string(current_.about);
  }
  if (current_.listing.effect != listing_effect::keep) {
    if (!out.history.detail.empty())
      out.history.detail += ", ";
    out.history.detail += "transfer " + to_string(current_.listing.terms.id);
  }
  return out;
}

reservation::change_step reservation::repeat_later(time_point now) {
  phase_ = phase::change_in_doubt;
  next_look_ = now + back_off();
  return change_step::doubt;
}

reservation::change_step reservation::done(time_point now) {
  const auto write = write_of_current(now);
  auto view = std::move(view_);
  view.status = current_.to;
  view.payment = current_.payment;
  if (!current_.method.empty())
    view.payment_method = current_.method;
  if (!current_.paid_by.is_nil())
    view.paid_by = current_.paid_by;
  view.history.push_back(write.history);
  apply_listing(view, current_.listing);
  if (current_.why == change_reason::reject)
    refused_.push_back(current_.about);
  const auto look = next_look_;
  reload(std::move(view));
  // A note about another payment must not move the next question.
  if (pending() && phase_ == phase::live && current_.from == current_.to)
    next_look_ = std::max(look, next_look_);
  return change_step::done;
}

reservation::change_step reservation::on_changed(const ticket_written& outcome, time_point now) {
  if (phase_ != phase::changing && phase_ != phase::change_in_doubt)
    return change_step::undone;
  const bool repeated = attempts_ > 0;
  switch (outcome.status) {
  case commit_status::unknown:
    return repeat_later(now);
  case commit_status::failed:
    // This attempt wrote nothing, but an earlier one may have.
    return on_change_refused(now);
  case commit_status::committed:
    if (!outcome.duplicate)
      return done(now);
    // The message was applied before: by the attempt in doubt, or long ago with another result.
    if (current_.why == change_reason::confirm)
      return change_step::look_up;
    if (repeated)
      return done(now);
    if (current_.why == change_reason::transfer) {
      phase_ = phase::live;
      return change_step::stale;
    }
    if (current_.why == change_reason::reject)
      refused_.push_back(current_.about);
    phase_ = phase::live;
    return change_step::duplicate;
  case commit_status::rejected:
    break;
  }
  // Nobody else moves it, so after an attempt in doubt the new status is our own doing.
  if (repeated && current_.from != current_.to && outcome.found == current_.to)
    return done(now);
  if (repeated && current_.from == current_.to && listing_is(outcome))
    return done(now);
  if (current_.why == change_reason::confirm && outcome.found == current_.from)
    return lost_seats();
  phase_ = phase::live;
  return change_step::stale;
}

reservation::change_step reservation::on_change_refused(time_point now) {
  if (attempts_ > 0)
    return repeat_later(now);
  phase_ = phase::live;
  return change_step::undone;
}

bool reservation::refused(const payment_id& id) const {
  return std::find(refused_.begin(), refused_.end(), id) != refused_.end();
}

reservation::change_step reservation::on_change_lost(time_point now) {
  return repeat_later(now);
}

reservation::change_step reservation::on_change_looked_up(const ticket_written& outcome,
                                                          time_point now) {
  if (outcome.status == commit_status::failed || outcome.status == commit_status::unknown)
    return repeat_later(now);
  if (outcome.found == current_.to)
    return done(now);
  phase_ = phase::live;
  if (outcome.found != current_.from)
    return change_step::stale;
  refused_.push_back(current_.about);
  return change_step::duplicate;
}

// -- time ----------------------------------------------------------------------------------------

std::optional<time_point> reservation::wake_at() const {
  switch (phase_) {
  case phase::in_doubt:
  case phase::change_in_doubt:
    return next_look_;
  case phase::live:
    if (!pending())
      return std::nullopt;
    return ask_ends_ != never ? ask_ends_ : next_look_;
  default:
    return std::nullopt;
  }
}

reservation::wake_step reservation::on_wake(time_point now, bool payment_known) {
  if (phase_ == phase::in_doubt) {
    if (looking_ || now < next_look_)
      return wake_step::nothing;
    looking_ = true;
    return wake_step::look_up;
  }
  if (phase_ == phase::change_in_doubt) {
    if (now < next_look_)
      return wake_step::nothing;
    phase_ = phase::changing;
    return wake_step::repeat_change;
  }
  if (phase_ != phase::live || !pending())
    return wake_step::nothing;
  if (ask_ends_ != never) {
    if (now < ask_ends_)
      return wake_step::nothing;
    ask_ends_ = never;
    if (unknown_standing(now) == standing_step::expire)
      return wake_step::expire;
    return wake_step::nothing;
  }
  if (now < next_look_)
    return wake_step::nothing;
  if (!payment_known) {
    if (now >= view_.expires_at) {
      next_look_ = now + timing_.standing_retry;
      return wake_step::expire;
    }
    next_look_ = view_.expires_at;
    return wake_step::nothing;
  }
  ++question_;
  ask_ends_ = now + timing_.standing_timeout;
  return wake_step::ask_standing;
}

reservation::standing_step reservation::on_standing(const payment::payment_standing& answer,
                                                    std::uint32_t question, time_point now) {
  if (question != question_ || ask_ends_ == never)
    return standing_step::nothing;
  ask_ends_ = never;
  // Anything under way decides by itself; the next wake-up looks at what came of it.
  if (phase_ != phase::live || !pending()) {
    next_look_ = std::max(next_look_, now + timing_.standing_retry);
    return standing_step::nothing;
  }
  const bool due = now >= view_.expires_at;
  // Where the step fails, this is when the next one is tried.
  next_look_ = now + timing_.standing_retry;
  switch (answer.state) {
  case payment::standing::captured:
    if (!refused(answer.payment))
      return standing_step::confirm;
    // Its refund is under way: nothing to wait for.
    if (due)
      return standing_step::expire;
    break;
  case payment::standing::capturing:
    if (now >= view_.expires_at + timing_.capturing_max)
      return standing_step::expire;
    break;
  case payment::standing::none:
    if (due)
      return standing_step::expire;
    break;
  }
  if (!due)
    next_look_ = std::min(now + timing_.reconcile_after, view_.expires_at);
  return standing_step::nothing;
}

reservation::standing_step reservation::on_no_standing(std::uint32_t question, time_point now) {
  if (question != question_ || ask_ends_ == never)
    return standing_step::nothing;
  ask_ends_ = never;
  if (phase_ != phase::live || !pending()) {
    next_look_ = std::max(next_look_, now + timing_.standing_retry);
    return standing_step::nothing;
  }
  return unknown_standing(now);
}

reservation::standing_step reservation::unknown_standing(time_point now) {
  next_look_ = now + timing_.standing_retry;
  return now >= view_.expires_at + timing_.unreachable_max ? standing_step::expire
                                                           : standing_step::nothing;
}

} // namespace tiketi::ticket
