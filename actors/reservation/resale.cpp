#include "actors/transfer/resale.hpp"

#include "actors/reservation/reservation.hpp"

#include <algorithm>
#include <utility>

// The part of a reservation's life that is about selling it on.

namespace tiketi::ticket {

namespace {

const failure gone{errc::not_pending, "Transfer is no longer available"};

/// Is it offered, and under this name?
bool is_offered(const reservation_view& view, const transfer_id& as) {
  return !as.is_nil() && view.listing.id == as && view.status == reservation_status::confirmed;
}

} // namespace

bool reservation::is_spent(const payment_id& id) const {
  return std::find(view_.spent.begin(), view_.spent.end(), id) != view_.spent.end();
}

/// Whatever ends the reservation ends its offer in the same transaction.
void reservation::end_listing(change& next) const {
  if (view_.listing.id.is_nil())
    return;
  next.listing.effect = listing_effect::close;
  next.listing.terms = view_.listing;
  next.listing.seller = view_.user;
}

/// After an attempt in doubt: is the listing already what this change makes of it? Nobody else
/// changes it.
bool reservation::listing_is(const ticket_written& outcome) const {
  switch (current_.listing.effect) {
  case listing_effect::open:
    return outcome.found_listing == transfer_status::listed;
  case listing_effect::close:
    return outcome.found_listing == transfer_status::cancelled;
  case listing_effect::sell: // its message says so
  case listing_effect::keep:
    break;
  }
  return false;
}

bool reservation::done_before(const list_ticket& command) const {
  // Its id is new: only this command can have made the listing.
  return command.user == view_.user && is_offered(view_, command.transfer);
}

bool reservation::done_before(const unlist_ticket& command) const {
  return command.repeated && command.user == view_.user && view_.listing.id.is_nil();
}

result<change> reservation::decide(const list_ticket& command, time_point now) const {
  if (command.user != view_.user)
    return failure{errc::forbidden, "Not your reservation"};
  if (view_.status != reservation_status::confirmed)
    return failure{errc::not_pending, "Only confirmed reservations can be transferred"};
  if (!view_.listing.id.is_nil())
    return failure{errc::conflict, "Transfer already listed for this reservation"};
  auto terms = resale_terms(view_.total_amount, command.artist, command.tier);
  if (!terms)
    return terms.error();
  change next;
  next.why = change_reason::offer;
  next.from = view_.status;
  next.to = view_.status;
  next.payment = view_.payment;
  next.action = "listed";
  next.listing.effect = listing_effect::open;
  next.listing.terms = *terms;
  next.listing.terms.id = command.transfer;
  next.listing.terms.listed_at = now;
  next.listing.seller = view_.user;
  return next;
}

result<change> reservation::decide(const unlist_ticket& command, time_point) const {
  if (!is_offered(view_, command.transfer))
    return failure{errc::not_pending, "Only listed transfers can be cancelled"};
  if (command.user != view_.user)
    return failure{errc::forbidden, "Not your transfer listing"};
  change next;
  next.why = change_reason::withdraw;
  next.from = view_.status;
  next.to = view_.status;
  next.payment = view_.payment;
  next.reason = "Seller requested cancellation";
  next.action = "unlisted";
  end_listing(next);
  return next;
}

result<payable> reservation::decide(const check_listing& query, time_point now) const {
  if (!is_offered(view_, query.transfer))
    return gone;
  if (query.user == view_.user)
    return failure{errc::not_pending, "Cannot buy your own transfer"};
  if (!view_.listing.artist.is_nil() && query.tier == membership::tier::bronze)
    return failure{errc::forbidden, "Buyer must have active membership for this artist"};
  std::int32_t seats = 0;
  std::int32_t tickets = 0;
  for (const auto& item : view_.items)
    (item.seat.is_nil() ? tickets : seats) += item.quantity;
  if ((seats > 0 && seats > query.seat_room) || (tickets > 0 && tickets > query.ticket_room))
    return failure{errc::limit_exceeded,
                   "With this ticket you would have more than one person may have of this event"};
  return payable{view_.id, view_.event, view_.user, view_.listing.total_price,
                 now + std::chrono::minutes{5}};
}

change reservation::refusal(const buy_listed& command, std::string reason) const {
  auto next = refusal(apply_payment{command.message, view_.id, command.payment, command.user,
                                    command.amount, command.method},
                      std::move(reason));
  next.transfer = command.transfer;
  return next;
}

std::variant<payment_outcome, change> reservation::decide(const buy_listed& command) const {
  const bool ours = !view_.paid_by.is_nil() && view_.paid_by == command.payment;
  if (is_spent(command.payment) || (ours && view_.status == reservation_status::confirmed))
    return payment_outcome{payment_verdict::confirmed, {}, true};
  // Bought with this payment and ended since: whatever ended it asks for the refund.
  if (ours)
    return payment_outcome{payment_verdict::refund_due, "cancelled", true};
  if (!is_offered(view_, command.transfer))
    return refusal(command, "not_listed");
  if (command.user == view_.user)
    return refusal(command, "own_transfer");
  if (command.amount != view_.listing.total_price)
    return refusal(command, "amount_mismatch");
  change next;
  next.why = change_reason::transfer;
  next.from = reservation_status::confirmed;
  next.to = reservation_status::confirmed;
  next.payment = payment_state::completed;
  next.method = command.method;
  next.paid_by = command.payment;
  next.message = command.message;
  next.about = command.payment;
  next.amount = command.amount;
  next.action = "transferred";
  next.transfer = command.transfer;
  next.listing.effect = listing_effect::sell;
  next.listing.terms = view_.listing;
  next.listing.seller = view_.user;
  next.listing.buyer = command.user;
  next.listing.payment = command.payment;
  next.listing.seller_payment = view_.paid_by;
  return next;
}

} // namespace tiketi::ticket
