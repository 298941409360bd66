#pragma once

#include "actors/base/ids.hpp"

#include <cstdint>
#include <string>

#include <caf/meta/type_name.hpp>
#include <caf/typed_actor.hpp>

namespace tiketi::payment {

/// Query of the ticket role before it lets a reservation expire, and when one is pending for too
/// long. Answered by `payment_standing`. From the moment the answer is `none` the payment role
/// starts no capture for this reservation that it could not refund.
struct get_standing {
  reservation_id reservation;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_standing& x) {
  return f(caf::meta::type_name("get_standing"), x.reservation);
}

enum class standing : std::uint8_t {
  none,      ///< nothing captured, nothing under way
  capturing, ///< a capture is under way: ask again
  captured,  ///< the rest of the answer says with what
};

struct payment_standing {
  standing state = standing::none;
  uuid message; ///< id of the PAYMENT_CONFIRMED event
  payment_id payment;
  user_id user;
  std::int64_t amount = 0;
  std::string method;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, payment_standing& x) {
  return f(caf::meta::type_name("payment_standing"), x.state, x.message, x.payment, x.user,
           x.amount, x.method);
}

/// What is paid for.
enum class subject_kind : std::uint8_t { reservation, transfer, membership };

/// The words of the wire format and of the database.
inline std::string to_string(subject_kind k) {
  constexpr const char* words[] = {"reservation", "transfer", "membership"};
  return words[static_cast<std::size_t>(k)];
}

/// One thing that can be paid for: a reservation, a listing for resale, a membership.
struct payment_subject {
  payment_subject() = default;
  payment_subject(const reservation_id& r) : id(r.value) {} // implicit: the usual one
  payment_subject(subject_kind k, const uuid& x) : kind(k), id(x) {}

  subject_kind kind = subject_kind::reservation;
  uuid id;

  friend auto operator<=>(const payment_subject&, const payment_subject&) = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, payment_subject& x) {
  return f(caf::meta::type_name("payment_subject"), x.kind, x.id);
}

inline std::string to_string(const payment_subject& x) {
  return to_string(x.kind) + " " + to_string(x.id);
}

/// How far a payment is. On the wire `captured` is called `confirmed`.
enum class payment_status : std::uint8_t {
  pending,   ///< has an order id; no money was asked for
  capturing, ///< the provider may have taken the money; found out again after a crash
  captured,  ///< the money is ours
  failed,    ///< ended without money: declined, or its reservation ended first
  refunding, ///< the money has to go back; repeated until the provider agrees
  refunded,  ///< the money went back
};

/// The words of the database.
inline std::string to_string(payment_status s) {
  constexpr const char* words[] = {"pending", "capturing", "captured",
                                   "failed",  "refunding", "refunded"};
  return words[static_cast<std::size_t>(s)];
}

/// One payment, as it is stored. Times at the epoch and empty texts: not yet, none.
struct payment_view {
  payment_id id;
  reservation_id reservation; ///< nil: for something else
  subject_kind kind = subject_kind::reservation;
  uuid reference; ///< the listing or membership; nil: for a reservation
  event_id event;
  user_id user;
  std::string order_id;
  std::string payment_key; ///< the provider's
  std::int64_t amount = 0; ///< won
  std::string method;      ///< toss, naver_pay, kakao_pay, bank_transfer, card
  payment_status status = payment_status::pending;
  bool resolved = false; ///< captured: the reservation is known to be confirmed by it
  std::string provider;  ///< who was asked for the money
  bool demo = false;     ///< no money moves
  std::string provider_status;
  std::string failure_text; ///< why it failed
  std::string refund_reason;
  std::int64_t refund_amount = 0;
  time_point approved_at;
  time_point refunded_at;
  time_point created_at;
  time_point updated_at;
  uuid confirm_message;      ///< id of its PAYMENT_CONFIRMED event
  uuid refund_message;       ///< id of its PAYMENT_REFUNDED event
  std::uint32_t version = 0; ///< 1 when created, one more with each change
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, payment_view& x) {
  return f(caf::meta::type_name("payment_view"), x.id, x.reservation, x.kind, x.reference, x.event,
           x.user, x.order_id, x.payment_key, x.amount, x.method, x.status, x.resolved, x.provider,
           x.demo, x.provider_status, x.failure_text, x.refund_reason, x.refund_amount,
           x.approved_at, x.refunded_at, x.created_at, x.updated_at, x.confirm_message,
           x.refund_message, x.version);
}

inline payment_subject subject_of(const payment_view& p) {
  return p.kind == subject_kind::reservation ? payment_subject{p.reservation}
                                             : payment_subject{p.kind, p.reference};
}

struct payment_done {
  payment_view payment;
  bool repeated = false; ///< it was done before
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, payment_done& x) {
  return f(caf::meta::type_name("payment_done"), x.payment, x.repeated);
}

/// Command: get an order id for something; a pending one is used again. Answered by
/// `payment_done`. Fails as `check_payable`, with amount_mismatch, already_confirmed, unavailable.
struct prepare_payment {
  payment_subject subject;
  user_id user;
  std::int64_t amount = 0; ///< what the client believes it is; 0: it did not say
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, prepare_payment& x) {
  return f(caf::meta::type_name("prepare_payment"), x.subject, x.user, x.amount);
}

/// Command: capture what the client authorised at the provider. Answered by `payment_done` when
/// the reservation is confirmed. Fails with not_found (also somebody else's), amount_mismatch,
/// already_confirmed, not_pending, invalid_request (declined), conflict (captured, but given
/// back), in_doubt (repeat: the same capture, never a second one).
struct confirm_payment {
  std::string order_id;
  std::string payment_key;
  std::int64_t amount = 0;
  user_id user;
  std::string trace = {}; ///< `traceparent` of the request; may be empty
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, confirm_payment& x) {
  return f(caf::meta::type_name("confirm_payment"), x.order_id, x.payment_key, x.amount, x.user,
           x.trace);
}

/// Command: pay at once with a method that needs no visit to the provider. Answers and failures as
/// `confirm_payment`, and those of `check_payable`.
struct process_payment {
  payment_subject subject;
  user_id user;
  std::string method;
  std::string trace = {};
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, process_payment& x) {
  return f(caf::meta::type_name("process_payment"), x.subject, x.user, x.method, x.trace);
}

/// Command: the owner wants the money of a captured payment back. Answered by `payment_done` when
/// it went back. What was paid for ends first: only its owner may end it, so whoever sold the
/// ticket on cannot take the money back. Fails with not_found (also somebody else's),
/// invalid_request (not captured; a membership), conflict (offered for resale, or sold on),
/// in_doubt (it will go back).
struct cancel_payment {
  std::string key_or_id; ///< the provider's key, or the payment's id
  user_id user;
  std::string reason;
  std::string trace = {};
  bool repeated = false; ///< `cluster::services`: what it did before is its answer
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, cancel_payment& x) {
  return f(caf::meta::type_name("cancel_payment"), x.key_or_id, x.user, x.reason, x.trace,
           x.repeated);
}

/// The payment role as the ticket role sees it.
using tickets_view = caf::typed_actor<caf::replies_to<get_standing>::with<payment_standing>>;

} // namespace tiketi::payment

template <>
struct std::hash<tiketi::payment::payment_subject> {
  std::size_t operator()(const tiketi::payment::payment_subject& x) const noexcept {
    return std::hash<tiketi::uuid>{}(x.id) + static_cast<std::size_t>(x.kind);
  }
};
