#pragma once

#include "actors/event/messages.hpp"
#include "actors/membership/messages.hpp"
#include "actors/transfer/ids.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/meta/type_name.hpp>

// Resale of tickets. A listing belongs to its reservation, so every command that decides something
// ends at the reservation's actor; the desk only finds out which one that is.

namespace tiketi::ticket {

enum class transfer_status : std::uint8_t { listed, completed, cancelled };

inline std::string to_string(transfer_status s) {
  constexpr const char* words[] = {"listed", "completed", "cancelled"};
  return words[static_cast<std::size_t>(s)];
}

/// One listing with what belongs to it. Empty texts: none.
struct transfer_view {
  transfer_terms terms;
  reservation_id reservation;
  user_id seller;
  user_id buyer; ///< nil: not sold
  transfer_status status = transfer_status::listed;
  time_point completed_at; ///< epoch: not yet
  time_point updated_at;
  std::string event_title;
  std::string venue;
  time_point event_date;
  std::string poster_url;
  std::string artist_name;
  std::string artist_image_url;
  std::string seats; ///< labels, joined with ", "; empty: tickets without seats
};

// -- to the desk, from the front -----------------------------------------------------------------

/// Command: offer a ticket. Answered by `transfer_view`. Fails with not_found, forbidden,
/// not_pending (not confirmed), conflict (offered already), sale_closed (the event is over).
struct create_listing {
  reservation_id reservation;
  user_id user;
  std::string trace = {}; ///< `traceparent` of the request; may be empty
};

/// Command: take the offer back. Answered by `listing_cancelled`. Fails with not_found, forbidden,
/// not_pending (sold or taken back already).
struct cancel_listing {
  transfer_id transfer;
  user_id user;
  std::string trace = {};
};

struct listing_cancelled {
  transfer_id transfer;
};

/// Query: what is offered, newest first. Answered by `transfer_page`.
struct list_transfers {
  artist_id artist; ///< nil: of all
  std::int32_t page = 1;
  std::int32_t limit = 20;
};

struct transfer_page {
  std::vector<transfer_view> transfers;
  std::int64_t total = 0;
};

/// Query: everything this user ever offered, newest first, 500 at most. Answered by
/// `transfer_page`.
struct list_own_transfers {
  user_id user;
};

/// Query. Answered by `transfer_view`. Fails with not_found.
struct get_transfer {
  transfer_id transfer;
};

// -- to the desk, from the payment role ----------------------------------------------------------

/// Query: may this user buy? Answered by `payable`. Fails with not_found, not_pending (not offered
/// any more, or their own), forbidden (no member), limit_exceeded.
struct check_transfer {
  transfer_id transfer;
  user_id user;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, check_transfer& x) {
  return f(caf::meta::type_name("check_transfer"), x.transfer, x.user);
}

/// Command: money for this listing has been captured. As `apply_payment`.
struct apply_transfer_payment {
  uuid message; ///< id of the PAYMENT_CONFIRMED event
  transfer_id transfer;
  payment_id payment;
  user_id user;
  std::int64_t amount = 0;
  std::string method;
  std::string trace = {}; ///< `traceparent` of what led to it; may be empty
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, apply_transfer_payment& x) {
  return f(caf::meta::type_name("apply_transfer_payment"), x.message, x.transfer, x.payment, x.user,
           x.amount, x.method, x.trace);
}

/// Command: money of this listing has been given back. As `apply_refund`.
struct apply_transfer_refund {
  uuid message; ///< id of the PAYMENT_REFUNDED event
  transfer_id transfer;
  payment_id payment;
  std::string reason;
  std::string trace = {};
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, apply_transfer_refund& x) {
  return f(caf::meta::type_name("apply_transfer_refund"), x.message, x.transfer, x.payment,
           x.reason, x.trace);
}

/// Command: whoever bought the ticket through this listing gives it up. As `cancel_reservation`.
struct give_up_bought {
  transfer_id transfer;
  user_id user;
  payment_id payment; ///< what it was bought with
  std::string trace = {};
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, give_up_bought& x) {
  return f(caf::meta::type_name("give_up_bought"), x.transfer, x.user, x.payment, x.trace);
}

// -- from the desk to the reservation ------------------------------------------------------------

/// Answered by `reservation_view` with its listing.
struct list_ticket {
  reservation_id reservation;
  user_id user;
  transfer_id transfer; ///< new
  artist_id artist;     ///< of the event
  membership::tier tier = membership::tier::bronze;
  std::string trace = {};
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, list_ticket& x) {
  return f(caf::meta::type_name("list_ticket"), x.reservation, x.user, x.transfer, x.artist, x.tier,
           x.trace);
}

/// Answered by `reservation_view`.
struct unlist_ticket {
  reservation_id reservation;
  transfer_id transfer;
  user_id user;
  std::string trace = {};
  bool repeated = false; ///< as in `cancel_reservation`
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, unlist_ticket& x) {
  return f(caf::meta::type_name("unlist_ticket"), x.reservation, x.transfer, x.user, x.trace,
           x.repeated);
}

/// Answered by `payable`.
struct check_listing {
  reservation_id reservation;
  transfer_id transfer;
  user_id user;
  membership::tier tier = membership::tier::bronze;
  std::int32_t seat_room = 0;   ///< seats the buyer may still have of the event; set by the event
  std::int32_t ticket_room = 0; ///< the same for tickets
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, check_listing& x) {
  return f(caf::meta::type_name("check_listing"), x.reservation, x.transfer, x.user, x.tier,
           x.seat_room, x.ticket_room);
}

/// Answered by `payment_outcome`.
struct buy_listed {
  uuid message;
  reservation_id reservation;
  transfer_id transfer;
  payment_id payment;
  user_id user;
  std::int64_t amount = 0;
  std::string method;
  std::string trace = {};
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, buy_listed& x) {
  return f(caf::meta::type_name("buy_listed"), x.message, x.reservation, x.transfer, x.payment,
           x.user, x.amount, x.method, x.trace);
}

} // namespace tiketi::ticket

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::transfer_view)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::create_listing)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::cancel_listing)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::listing_cancelled)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::list_transfers)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::transfer_page)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::list_own_transfers)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::get_transfer)
