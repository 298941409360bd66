#pragma once

#include "actors/base/result.hpp"
#include "actors/bus/messages.hpp"
#include "actors/payment/messages.hpp"

#include <string>
#include <vector>

// One payment: which states follow which. Every function returns the next image of the payment
// (one version on), or `conflict` when the step is not possible from its state.
//
//     pending -> capturing -> captured -> refunding -> refunded
//        |           |
//        +-> failed <+

namespace tiketi::payment {

/// One line of the audit trail: a call to the provider and what came of it.
struct audit_entry {
  time_point at;
  std::string action;  ///< capture, look_up, refund
  std::string outcome; ///< approved, declined, not_found, unknown
  std::string detail;
};

/// What one transaction writes.
struct payment_change {
  payment_view next;                ///< version 1: a new row; otherwise from version - 1
  std::vector<domain_event> events; ///< to the outbox
  std::vector<audit_entry> log;
  uuid processed; ///< nil, or the event that caused it: at most once per consumer "payment"
};

/// Ids a new payment needs.
struct fresh_ids {
  payment_id payment;
  std::string order_id;
  uuid confirm_message;
  uuid refund_message;
};

/// `ORD_<milliseconds>_<8 upper-case hexadecimal digits>`
fresh_ids make_fresh_ids(environment& env);

/// pending, capturing, captured or refunding: of these a reservation has one at most.
constexpr bool is_live(payment_status s) noexcept {
  return s != payment_status::failed && s != payment_status::refunded;
}

/// As `is_live`, and nothing more can be paid before it ends. A membership that was paid can be
/// paid again when it is over.
constexpr bool is_open(const payment_view& p) noexcept {
  return is_live(p.status)
         && !(p.kind == subject_kind::membership && p.status == payment_status::captured
              && p.resolved);
}

payment_view new_payment(const fresh_ids& ids, const payment_subject& subject, event_id event,
                         user_id user, std::int64_t amount, time_point now);

/// Who is asked for the money, and how.
struct capture_terms {
  std::string payment_key; ///< empty: none
  std::string method;
  std::string provider;
  bool demo = false;
};

result<payment_view> start_capture(payment_view p, const capture_terms& terms, time_point now);
result<payment_view> approve(payment_view p, time_point approved_at, std::string provider_status,
                             time_point now);
/// Of a pending payment: its reservation ended. Of a capturing one: declined.
result<payment_view> fail(payment_view p, std::string why, time_point now);
result<payment_view> resolve(payment_view p, time_point now);
result<payment_view> start_refund(payment_view p, std::string reason, time_point now);
result<payment_view> finish_refund(payment_view p, time_point now);

/// PAYMENT_CONFIRMED of a captured payment, always with the same id.
domain_event confirmed_event(const payment_view& p, time_point now);
/// PAYMENT_FAILED of a payment that the provider declined. A payment is confirmed or fails, never
/// both, so it has the id that its confirmation would have had.
domain_event failed_event(const payment_view& p, time_point now);
/// PAYMENT_REFUNDED of a refunded payment, always with the same id.
domain_event refunded_event(const payment_view& p, time_point now);

} // namespace tiketi::payment
