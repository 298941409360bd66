#pragma once

#include "actors/bus/relay.hpp"
#include "actors/event/handle.hpp"
#include "actors/payment/handle.hpp"
#include "actors/system/caf_error.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <caf/all.hpp>
#include <nlohmann/json.hpp>

namespace tiketi::payment {

/// The ticket role as far as payments see it. Its state outlives restarts of the payment role.
struct box_office {
  enum class stage { pending, confirmed, ended };

  user_id owner;
  std::int64_t amount = 50'000;
  stage now = stage::pending;
  payment_id paid_by;
  std::map<uuid, ticket::payment_outcome> verdicts;
  std::vector<uuid> refunds;
  bool silent = false;
  std::vector<std::string> traces; ///< of each command
  std::vector<caf::response_promise> open;
};

using tickets_impl = ticket::payments_view;

inline tickets_impl::behavior_type office_behavior(tickets_impl::pointer self, box_office* o) {
  return {
      [self, o](const ticket::check_payable& x) -> caf::result<ticket::payable> {
        if (o->silent) {
          auto promise = self->make_response_promise<ticket::payable>();
          o->open.push_back(promise);
          return promise;
        }
        if (x.user != o->owner)
          return to_caf(errc::forbidden);
        if (o->now != box_office::stage::pending)
          return to_caf(errc::not_pending);
        return ticket::payable{x.reservation, {}, x.user, o->amount, {}};
      },
      [self, o](const ticket::apply_payment& x) -> caf::result<ticket::payment_outcome> {
        o->traces.push_back(x.trace);
        if (o->silent) {
          auto promise = self->make_response_promise<ticket::payment_outcome>();
          o->open.push_back(promise);
          return promise;
        }
        if (const auto old = o->verdicts.find(x.message); old != o->verdicts.end()) {
          auto again = old->second;
          again.duplicate = true;
          return again;
        }
        ticket::payment_outcome out;
        if (o->now == box_office::stage::pending && x.amount == o->amount) {
          o->now = box_office::stage::confirmed;
          o->paid_by = x.payment;
          out.verdict = ticket::payment_verdict::confirmed;
        } else {
          out.reason = "expired";
        }
        o->verdicts[x.message] = out;
        return out;
      },
      [self, o](const ticket::apply_refund& x) -> caf::result<ticket::refund_applied> {
        o->traces.push_back(x.trace);
        if (o->silent) {
          auto promise = self->make_response_promise<ticket::refund_applied>();
          o->open.push_back(promise);
          return promise;
        }
        const auto known = std::find(o->refunds.begin(), o->refunds.end(), x.message);
        if (known != o->refunds.end())
          return ticket::refund_applied{true};
        o->refunds.push_back(x.message);
        if (o->now == box_office::stage::confirmed && o->paid_by == x.payment)
          o->now = box_office::stage::ended;
        return ticket::refund_applied{};
      },
      [self, o](const ticket::cancel_reservation& x) -> caf::result<ticket::reservation_view> {
        o->traces.push_back(x.trace);
        if (o->silent) {
          auto promise = self->make_response_promise<ticket::reservation_view>();
          o->open.push_back(promise);
          return promise;
        }
        if (x.user != o->owner)
          return to_caf(errc::not_found);
        if (o->now == box_office::stage::ended)
          return to_caf(errc::already_ended);
        o->now = box_office::stage::ended;
        return ticket::reservation_view{};
      },
  };
}

/// The ticket role's consumer of `payment-events`.
inline consumer_actor::behavior_type forward_to(consumer_actor::pointer self,
                                                ticket::payments_view to, box_office* o) {
  return {[self, to, o](const deliver& x) -> caf::result<applied> {
    if (o->silent)
      return to_caf(errc::unavailable);
    const auto body = nlohmann::json::parse(x.event.payload);
    const auto reservation = parse_id<reservation_id>(body["reservationId"].get<std::string>());
    const auto payment = parse_id<payment_id>(body["paymentId"].get<std::string>());
    const auto user = parse_id<user_id>(body["userId"].get<std::string>());
    auto promise = self->make_response_promise<applied>();
    auto failed = [promise](caf::error& err) mutable { promise.deliver(std::move(err)); };
    auto done = [promise, id = x.event.id](auto&) mutable { promise.deliver(applied{id}); };
    if (x.event.type == "PAYMENT_CONFIRMED")
      self->request(to, caf::infinite,
                    ticket::apply_payment{x.event.id, *reservation, *payment, *user,
                                          body["amount"].get<std::int64_t>(), "m", x.event.trace})
          .then([done](ticket::payment_outcome& r) mutable { done(r); }, failed);
    else
      self->request(to, caf::infinite,
                    ticket::apply_refund{x.event.id, *reservation, *payment, "r", x.event.trace})
          .then([done](ticket::refund_applied& r) mutable { done(r); }, failed);
    return promise;
  }};
}

} // namespace tiketi::payment
