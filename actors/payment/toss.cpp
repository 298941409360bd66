#include "actors/payment/toss.hpp"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace tiketi::payment {
namespace {

using next = toss_verdict::next;
using nlohmann::json;

constexpr std::size_t text_max = 200; ///< characters the provider accepts as a reason, too
constexpr std::size_t status_max = 50;

std::string base64(std::string_view bytes) {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t window = 0;
    const auto n = std::min<std::size_t>(bytes.size() - i, 3);
    for (std::size_t j = 0; j < 3; ++j)
      window = (window << 8) | (j < n ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    for (std::size_t j = 0; j < 4; ++j)
      out += j <= n ? alphabet[(window >> (18 - 6 * j)) & 63] : '=';
  }
  return out;
}

/// One segment of a path: the key came from a browser.
std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
                       || c == '-' || c == '_' || c == '~';
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  return out;
}

/// At most `max` characters, never a part of one.
std::string shorten(std::string_view utf8, std::size_t max) {
  std::size_t characters = 0;
  std::size_t at = 0;
  for (; at < utf8.size(); ++at) {
    const bool starts = (static_cast<unsigned char>(utf8[at]) & 0xc0) != 0x80;
    if (starts && ++characters > max)
      break;
  }
  return std::string(utf8.substr(0, at));
}

remote::http_request request(const toss_options& options, std::string method, std::string path) {
  remote::http_request r;
  r.method = std::move(method);
  r.url = options.base_url + path;
  // The secret key is the user name of an empty password.
  r.headers = {{"Authorization", "Basic " + base64(options.secret_key + ":")},
               {"Accept", "application/json"}};
  return r;
}

void set_body(remote::http_request& r, const json& body, const std::string& idempotency_key) {
  r.headers.emplace_back("Content-Type", "application/json");
  r.headers.emplace_back("Idempotency-Key", idempotency_key);
  r.body = body.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string text_of(const json& body, const char* field) {
  const auto found = body.find(field);
  return found != body.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

/// What the provider says of a payment.
struct toss_payment {
  std::string key, order, status, currency;
  std::int64_t amount = -1;
  std::int64_t balance = -1; ///< not cancelled yet
  std::optional<time_point> approved_at;
};

std::optional<toss_payment> read_payment(const std::string& text) {
  const auto body = json::parse(text, nullptr, false);
  if (!body.is_object())
    return std::nullopt;
  toss_payment p;
  p.key = text_of(body, "paymentKey");
  p.order = text_of(body, "orderId");
  p.status = text_of(body, "status");
  p.currency = text_of(body, "currency");
  if (const auto n = body.find("totalAmount"); n != body.end() && n->is_number_integer())
    p.amount = n->get<std::int64_t>();
  if (const auto n = body.find("balanceAmount"); n != body.end() && n->is_number_integer())
    p.balance = n->get<std::int64_t>();
  p.approved_at = parse_iso(text_of(body, "approvedAt"));
  if (p.key.empty() || p.order.empty() || p.status.empty() || p.amount < 0)
    return std::nullopt;
  return p;
}

struct refusal {
  std::string code;
  std::string text;
};

refusal read_refusal(const remote::http_answer& a) {
  const auto body = json::parse(a.body, nullptr, false);
  refusal out;
  if (body.is_object()) {
    out.code = shorten(text_of(body, "code"), 100);
    out.text = shorten(text_of(body, "message"), text_max);
  }
  if (out.text.empty())
    out.text = "The payment provider refused the payment";
  return out;
}

provider_answer unknown(std::string text) {
  return {provider_outcome::unknown, {}, {}, std::move(text)};
}

provider_answer declined(std::string text) {
  return {provider_outcome::declined, {}, {}, std::move(text)};
}

provider_answer no_answer(const remote::http_answer& a) {
  return unknown(fmt::format("no answer of the payment provider ({})", to_string_view(a.error)));
}

/// Statuses that tell nothing about the payment: our key, too many calls, a call under way, or an
/// error of the server.
bool tells_nothing(int status) {
  return status == 401 || status == 408 || status == 409 || status == 425 || status == 429
         || status >= 500 || status < 200 || (status > 200 && status < 400);
}

bool is_over(std::string_view status) {
  return status == "CANCELED" || status == "ABORTED" || status == "EXPIRED";
}

bool holds_money(std::string_view status) {
  return status == "DONE" || status == "PARTIAL_CANCELED" || status == "WAITING_FOR_DEPOSIT";
}

/// Of a payment for our order.
toss_verdict read_ours(const payment_view& ours, const toss_payment& theirs, time_point now) {
  const bool fits = theirs.key == ours.payment_key && theirs.amount == ours.amount
                    && (theirs.currency.empty() || theirs.currency == "KRW");
  if (theirs.status == "DONE" && fits)
    return {next::answer,
            {provider_outcome::approved, theirs.approved_at.value_or(now), theirs.status, {}},
            {}};
  if (holds_money(theirs.status))
    return {next::give_back,
            declined(theirs.status != "DONE"
                         ? "This way of paying is not available here"
                         : "The payment does not fit the order; the money has been given back"),
            theirs.key};
  if (is_over(theirs.status))
    return {next::answer, declined("The payment was not completed"), {}};
  if (theirs.status == "READY" || theirs.status == "IN_PROGRESS")
    return {next::answer, {provider_outcome::not_found, {}, {}, "not captured yet"}, {}};
  return {next::answer, unknown("payment status " + shorten(theirs.status, status_max)), {}};
}

} // namespace

remote::http_request toss_confirm(const toss_options& options, const payment_view& p) {
  auto r = request(options, "POST", "/v1/payments/confirm");
  set_body(r, {{"paymentKey", p.payment_key}, {"orderId", p.order_id}, {"amount", p.amount}},
           to_string(p.id));
  return r;
}

remote::http_request toss_find_order(const toss_options& options, const payment_view& p) {
  return request(options, "GET", "/v1/payments/orders/" + escape(p.order_id));
}

remote::http_request toss_find_key(const toss_options& options, const std::string& payment_key) {
  return request(options, "GET", "/v1/payments/" + escape(payment_key));
}

remote::http_request toss_cancel(const toss_options& options, const std::string& payment_key,
                                 const std::string& reason, const std::string& idempotency_key) {
  auto r = request(options, "POST", "/v1/payments/" + escape(payment_key) + "/cancel");
  set_body(r, {{"cancelReason", reason.empty() ? "refund" : shorten(reason, text_max)}},
           idempotency_key);
  return r;
}

toss_verdict read_confirmed(const payment_view& p, const remote::http_answer& a, time_point now) {
  if (a.error != remote::http_failure::none)
    return {next::answer, no_answer(a), {}};
  if (a.status == 200) {
    const auto theirs = read_payment(a.body);
    if (!theirs)
      return {next::look_up, unknown("the payment provider's answer cannot be read"), {}};
    // Not ours to give back: it may be somebody's good payment.
    if (theirs->order != p.order_id)
      return {next::look_up, declined("This payment key belongs to another order"), {}};
    auto verdict = read_ours(p, *theirs, now);
    if (verdict.answer.outcome == provider_outcome::not_found)
      verdict.answer = unknown("the payment provider is still at work");
    return verdict;
  }
  if (tells_nothing(a.status))
    return {next::answer, unknown(fmt::format("the payment provider answered {}", a.status)), {}};
  const auto why = read_refusal(a);
  if (why.code == "INVALID_API_KEY")
    return {next::answer, unknown("the payment provider does not accept the secret key"), {}};
  // The money may be there: whatever the look-up finds, this is not "declined" by itself.
  if (why.code == "ALREADY_PROCESSED_PAYMENT" || why.code == "ALREADY_COMPLETED_PAYMENT")
    return {next::look_up, unknown("the payment provider contradicts itself"), {}};
  return {next::look_up, declined(why.text), {}};
}

toss_verdict read_found(const payment_view& p, const remote::http_answer& a, time_point now) {
  if (a.error != remote::http_failure::none)
    return {next::answer, no_answer(a), {}};
  if (a.status == 200) {
    const auto theirs = read_payment(a.body);
    if (!theirs || theirs->order != p.order_id)
      return {next::answer, unknown("the payment provider's answer cannot be read"), {}};
    return read_ours(p, *theirs, now);
  }
  if (a.status == 404 && read_refusal(a).code.starts_with("NOT_FOUND_PAYMENT"))
    return {next::answer, {provider_outcome::not_found, {}, {}, "no such payment"}, {}};
  return {next::answer, unknown(fmt::format("the payment provider answered {}", a.status)), {}};
}

provider_answer read_cancelled(const std::string& payment_key, const remote::http_answer& a,
                               time_point now) {
  if (a.error != remote::http_failure::none)
    return no_answer(a);
  if (a.status != 200)
    return unknown(tells_nothing(a.status)
                       ? fmt::format("the payment provider answered {}", a.status)
                       : fmt::format("{}: {}", read_refusal(a).code, read_refusal(a).text));
  const auto theirs = read_payment(a.body);
  if (!theirs || theirs->key != payment_key)
    return unknown("the payment provider's answer cannot be read");
  // Money that never came needs not go back.
  if (!is_over(theirs->status) && theirs->balance != 0)
    return unknown("payment status " + shorten(theirs->status, status_max));
  return {provider_outcome::approved, now, shorten(theirs->status, status_max), {}};
}

} // namespace tiketi::payment
