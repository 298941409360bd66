#include "net/routes/payments.hpp"

#include "net/http/json_body.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

namespace tiketi::net {

namespace {

using deps_ptr = std::shared_ptr<const payment_routes>;
using nlohmann::json;

constexpr std::array<std::string_view, 5> methods{"toss", "naver_pay", "kakao_pay", "bank_transfer",
                                                  "card"};
constexpr std::int64_t amount_max = 1'000'000'000'000; // won
constexpr std::int64_t page_max = 100;

json text_or_null(const std::string& text) {
  return text.empty() ? json(nullptr) : json(text);
}

json id_or_null(const uuid& id) {
  return id.is_nil() ? json(nullptr) : json(to_string(id));
}

json time_or_null(time_point t) {
  return to_millis(t) == 0 ? json(nullptr) : json(to_iso(t));
}

std::string wire_status(payment::payment_status s) {
  switch (s) {
  case payment::payment_status::capturing:
    return "processing";
  case payment::payment_status::captured:
    return "confirmed";
  default:
    return payment::to_string(s);
  }
}

/// What a list and a single payment have in common.
json payment_json(const payment::payment_view& p) {
  json out{{"id", to_string(p.id)},
           {"order_id", p.order_id},
           {"payment_key", text_or_null(p.payment_key)},
           {"amount", p.amount},
           {"method", text_or_null(p.method)},
           {"status", wire_status(p.status)},
           {"toss_approved_at", time_or_null(p.approved_at)},
           {"created_at", to_iso(p.created_at)},
           {"reservation_id", id_or_null(p.reservation.value)},
           {"payment_type", payment::to_string(p.kind)},
           {"reference_id", id_or_null(p.reference)},
           {"failure_reason", text_or_null(p.failure_text)},
           {"refund_amount", p.refund_amount},
           {"refund_reason", text_or_null(p.refund_reason)},
           {"refunded_at", time_or_null(p.refunded_at)}};
  if (p.demo)
    out["demo"] = true;
  return out;
}

response answer(json body, bool demo) {
  if (demo)
    body["demo"] = true;
  return json_response(body);
}

/// What is to be paid for. The contract's words differ between preparing and paying at once.
payment::payment_subject read_subject(json_body& in, bool names_type) {
  using payment::subject_kind;
  const auto type = in.text("paymentType", {0, 50, false});
  auto kind = subject_kind::reservation;
  if (type == "transfer" || type == "membership") {
    kind = type == "transfer" ? subject_kind::transfer : subject_kind::membership;
  } else if (!type.empty() && type != "reservation") {
    in.complain("paymentType", "paymentType must be reservation, transfer or membership");
    return {};
  }
  const std::string field = kind == subject_kind::reservation ? "reservationId" : "referenceId";
  const auto had = in.has(field);
  const auto id = in.optional_id(field);
  if (!had)
    in.complain(field, kind == subject_kind::reservation || !names_type
                           ? field + " required"
                           : field + " required for " + type);
  return {kind, id.value_or(uuid{})};
}

void prepare(const deps_ptr& deps, front& f, const exchange_ptr& x) {
  json_body in{x->req().body};
  const auto subject = read_subject(in, true);
  const auto amount = in.optional_number("amount", {1, amount_max});
  if (!in.ok())
    return x->reply(in.error());
  f.ask<payment::payment_done>(
      x, deps->region, payment::prepare_payment{subject, x->req().who->user, amount.value_or(0)},
      [deps](const payment::payment_done& done) {
        return answer({{"orderId", done.payment.order_id},
                       {"amount", done.payment.amount},
                       {"clientKey", deps->client_key}},
                      done.payment.demo);
      });
}

void confirm(const deps_ptr& deps, front& f, const exchange_ptr& x) {
  json_body in{x->req().body};
  payment::confirm_payment command;
  command.payment_key = in.text("paymentKey", {1, 200, true});
  command.order_id = in.text("orderId", {1, 64, true});
  command.amount = in.number("amount", {1, amount_max});
  if (!in.ok())
    return x->reply(in.error());
  command.user = x->req().who->user;
  command.trace = x->req().trace;
  f.ask<payment::payment_done>(x, deps->region, std::move(command),
                               [](const payment::payment_done& done) {
                                 const auto& p = done.payment;
                                 return answer({{"success", true},
                                                {"payment",
                                                 {{"orderId", p.order_id},
                                                  {"paymentKey", p.payment_key},
                                                  {"amount", p.amount},
                                                  {"method", p.method},
                                                  {"approvedAt", to_iso(p.approved_at)}}}},
                                               p.demo);
                               });
}

void process(const deps_ptr& deps, front& f, const exchange_ptr& x) {
  json_body in{x->req().body};
  const auto subject = read_subject(in, false);
  auto method = in.text("paymentMethod", {1, 50, true});
  if (in.ok() && std::find(methods.begin(), methods.end(), method) == methods.end())
    in.complain("paymentMethod",
                "paymentMethod must be toss, naver_pay, kakao_pay, bank_transfer or card");
  if (!in.ok())
    return x->reply(in.error());
  f.ask<payment::payment_done>(
      x, deps->region,
      payment::process_payment{subject, x->req().who->user, std::move(method), x->req().trace},
      [](const payment::payment_done& done) {
        const auto& p = done.payment;
        return answer(
            {{"success", true},
             {"message", done.repeated ? "Payment already completed" : "Payment completed"},
             {"payment",
              {{"id", to_string(p.id)},
               {"orderId", p.order_id},
               {"amount", p.amount},
               {"method", p.method}}}},
            p.demo);
      });
}

void cancel(const deps_ptr& deps, front& f, const exchange_ptr& x) {
  json_body in{x->req().body};
  auto reason = in.text("cancelReason", {0, 200, false});
  if (!in.ok())
    return x->reply(in.error());
  const auto& key = x->req().captures.front();
  if (key.size() > 200)
    return x->reply(error_response({errc::not_found, "Payment not found"}));
  if (reason.empty())
    reason = "user-request";
  f.ask<payment::payment_done>(
      x, deps->region,
      payment::cancel_payment{key, x->req().who->user, std::move(reason), x->req().trace},
      [](const payment::payment_done& done) {
        return answer({{"success", true},
                       {"message", "Payment cancelled successfully"},
                       {"refundAmount", done.payment.refund_amount}},
                      done.payment.demo);
      });
}

void by_order(const deps_ptr& deps, front& f, const exchange_ptr& x) {
  const auto& order = x->req().captures.front();
  if (order.size() > 64)
    return x->reply(error_response({errc::not_found, "Payment not found"}));
  f.ask<payment::payment_list>(x, deps->reader, payment::find_order{order},
                               [user = x->req().who->user](const payment::payment_list& list) {
                                 // Somebody else's order is not told apart from none.
                                 if (list.payments.empty() || list.payments.front().user != user)
                                   return error_response({errc::not_found, "Payment not found"});
                                 const auto& p = list.payments.front();
                                 auto body = payment_json(p);
                                 body["toss_status"] = text_or_null(p.provider_status);
                                 body["updated_at"] = to_iso(p.updated_at);
                                 body["user_id"] = to_string(p.user);
                                 return answer({{"payment", std::move(body)}}, p.demo);
                               });
}

void mine(const deps_ptr& deps, front& f, const exchange_ptr& x) {
  constexpr auto any = std::numeric_limits<std::int64_t>::max();
  const auto limit = query_number(x, "limit", 10, -any, any);
  if (!limit)
    return;
  const auto offset = query_number(x, "offset", 0, -any, any);
  if (!offset)
    return;
  const auto rows = std::clamp<std::int64_t>(*limit, 1, page_max);
  const auto skip = std::clamp<std::int64_t>(*offset, 0, amount_max);
  f.ask<payment::payment_list>(
      x, deps->reader, payment::list_payments{x->req().who->user, rows, skip},
      [rows, skip](const payment::payment_list& list) {
        auto payments = json::array();
        bool demo = false;
        for (const auto& p : list.payments) {
          payments.push_back(payment_json(p));
          demo = demo || p.demo;
        }
        return answer({{"payments", std::move(payments)},
                       {"pagination", {{"total", list.total}, {"limit", rows}, {"offset", skip}}}},
                      demo);
      });
}

void by_reservation(const deps_ptr& deps, front& f, const exchange_ptr& x) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  f.ask<payment::payment_list>(
      x, deps->reader, payment::load_payments{reservation_id{*id}},
      [id = *id](const payment::payment_list& list) {
        if (list.payments.empty())
          return json_response({{"found", false}, {"reservationId", to_string(id)}});
        const auto& p = list.payments.front();
        return answer({{"found", true},
                       {"reservationId", to_string(id)},
                       {"status", wire_status(p.status)},
                       {"method", p.method},
                       {"amount", p.amount}},
                      p.demo);
      });
}

} // namespace

void add_payment_routes(router& routes, payment_routes deps) {
  const auto shared = std::make_shared<const payment_routes>(std::move(deps));
  const auto add = [&](verb method, std::string path, body_rule body, auto handle) {
    route r{
        method,       std::move(path),
        access::user, rate_category::general,
        body,         [shared, handle](front& f, const exchange_ptr& x) { handle(shared, f, x); }};
    // A reservation has one live payment, whose steps only go forward.
    if (method == verb::post)
      r.repeats = repeatable::safely;
    routes.add(std::move(r));
  };
  add(verb::post, "/api/payments/prepare", body_rule::json, prepare);
  add(verb::post, "/api/payments/confirm", body_rule::json, confirm);
  add(verb::post, "/api/payments/process", body_rule::json, process);
  add(verb::post, "/api/payments/{key}/cancel", body_rule::optional, cancel);
  add(verb::get, "/api/payments/order/{order}", body_rule::none, by_order);
  add(verb::get, "/api/payments/user/me", body_rule::none, mine);
  routes.add({verb::get, "/internal/payments/by-reservation/{id}", access::internal,
              rate_category::exempt, body_rule::none,
              [shared](front& f, const exchange_ptr& x) { by_reservation(shared, f, x); }});
}

} // namespace tiketi::net
