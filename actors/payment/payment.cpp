#include "actors/payment/payment.hpp"

#include "actors/base/environment.hpp"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace tiketi::payment {
namespace {

failure impossible(const payment_view& p, std::string_view step) {
  return {errc::conflict, fmt::format("Payment is {}: cannot {}", to_string(p.status), step)};
}

payment_view advance(payment_view p, payment_status to, time_point now) {
  p.status = to;
  p.updated_at = now;
  ++p.version;
  return p;
}

domain_event event_of(const payment_view& p, uuid id, std::string type, time_point now,
                      const nlohmann::json& payload) {
  domain_event e;
  e.id = id;
  e.topic = "payment-events";
  e.key = to_string(subject_of(p).id);
  e.type = std::move(type);
  e.occurred_at = now;
  e.payload = payload.dump();
  return e;
}

nlohmann::json common_fields(const payment_view& p, time_point now) {
  const auto id_or_null = [](const uuid& id) {
    return id.is_nil() ? nlohmann::json(nullptr) : nlohmann::json(to_string(id));
  };
  return {{"paymentId", to_string(p.id)},
          {"orderId", p.order_id},
          {"userId", to_string(p.user)},
          {"reservationId", id_or_null(p.reservation.value)},
          {"eventId", id_or_null(p.event.value)},
          {"referenceId", id_or_null(p.reference)},
          {"paymentType", to_string(p.kind)},
          {"amount", p.amount},
          {"paymentMethod", p.method},
          {"demo", p.demo},
          {"timestamp", to_iso(now)}};
}

} // namespace

fresh_ids make_fresh_ids(environment& env) {
  fresh_ids ids;
  ids.payment = payment_id{make_uuid(env)};
  ids.order_id =
      fmt::format("ORD_{}_{:08X}", to_millis(env.now()), static_cast<std::uint32_t>(env.random()));
  ids.confirm_message = make_uuid(env);
  ids.refund_message = make_uuid(env);
  return ids;
}

payment_view new_payment(const fresh_ids& ids, const payment_subject& subject, event_id event,
                         user_id user, std::int64_t amount, time_point now) {
  payment_view p;
  p.id = ids.payment;
  p.kind = subject.kind;
  if (subject.kind == subject_kind::reservation)
    p.reservation.value = subject.id;
  else
    p.reference = subject.id;
  p.event = event;
  p.user = user;
  p.order_id = ids.order_id;
  p.amount = amount;
  p.created_at = now;
  p.updated_at = now;
  p.confirm_message = ids.confirm_message;
  p.refund_message = ids.refund_message;
  p.version = 1;
  return p;
}

result<payment_view> start_capture(payment_view p, const capture_terms& terms, time_point now) {
  if (p.status != payment_status::pending)
    return impossible(p, "be captured");
  p.payment_key = terms.payment_key;
  p.method = terms.method;
  p.provider = terms.provider;
  p.demo = terms.demo;
  return advance(std::move(p), payment_status::capturing, now);
}

result<payment_view> approve(payment_view p, time_point approved_at, std::string provider_status,
                             time_point now) {
  if (p.status != payment_status::capturing)
    return impossible(p, "be approved");
  p.approved_at = approved_at;
  p.provider_status = std::move(provider_status);
  return advance(std::move(p), payment_status::captured, now);
}

result<payment_view> fail(payment_view p, std::string why, time_point now) {
  if (p.status != payment_status::pending && p.status != payment_status::capturing)
    return impossible(p, "fail");
  p.failure_text = std::move(why);
  return advance(std::move(p), payment_status::failed, now);
}

result<payment_view> resolve(payment_view p, time_point now) {
  if (p.status != payment_status::captured)
    return impossible(p, "be resolved");
  p.resolved = true;
  return advance(std::move(p), payment_status::captured, now);
}

result<payment_view> start_refund(payment_view p, std::string reason, time_point now) {
  if (p.status != payment_status::captured)
    return impossible(p, "be refunded");
  p.refund_reason = std::move(reason);
  return advance(std::move(p), payment_status::refunding, now);
}

result<payment_view> finish_refund(payment_view p, time_point now) {
  if (p.status != payment_status::refunding)
    return impossible(p, "end a refund");
  p.refund_amount = p.amount;
  p.refunded_at = now;
  p.provider_status = "CANCELED";
  return advance(std::move(p), payment_status::refunded, now);
}

domain_event confirmed_event(const payment_view& p, time_point now) {
  return event_of(p, p.confirm_message, "PAYMENT_CONFIRMED", now, common_fields(p, now));
}

domain_event failed_event(const payment_view& p, time_point now) {
  auto payload = common_fields(p, now);
  payload["reason"] = p.failure_text;
  return event_of(p, p.confirm_message, "PAYMENT_FAILED", now, payload);
}

domain_event refunded_event(const payment_view& p, time_point now) {
  auto payload = common_fields(p, now);
  payload["reason"] = p.refund_reason;
  return event_of(p, p.refund_message, "PAYMENT_REFUNDED", now, payload);
}

} // namespace tiketi::payment
