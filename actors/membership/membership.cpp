#include "actors/membership/membership.hpp"

#include "actors/base/environment.hpp"

#include <array>
#include <utility>

#include <nlohmann/json.hpp>

namespace tiketi::membership {

namespace {

using ticket::payment_outcome;
using ticket::payment_verdict;

constexpr std::int64_t gold_from = 500;
constexpr std::int64_t diamond_from = 1500;
constexpr std::size_t action_max = 50;
constexpr std::size_t description_max = 500;

domain_event event_of(const membership_row& m, std::string type, time_point now, environment& env,
                      nlohmann::json payload) {
  payload["type"] = type;
  payload["sagaId"] = nullptr;
  payload["membershipId"] = to_string(m.id);
  payload["userId"] = to_string(m.user);
  payload["artistId"] = to_string(m.artist);
  payload["timestamp"] = to_iso(now);
  domain_event e;
  e.id = make_uuid(env);
  e.topic = membership_topic;
  e.key = to_string(m.id);
  e.type = std::move(type);
  e.occurred_at = now;
  e.payload = payload.dump();
  return e;
}

activation refuse(const membership_row& m, const apply_membership_payment& paid, std::string reason,
                  time_point now, environment& env) {
  activation out;
  out.change.message = paid.message;
  out.change.events.push_back(event_of(m, "PAYMENT_REJECTED", now, env,
                                       {{"paymentId", to_string(paid.payment)},
                                        {"paymentType", "membership"},
                                        {"referenceId", to_string(m.id)},
                                        {"amount", paid.amount},
                                        {"reason", reason}}));
  out.outcome = {payment_verdict::refund_due, std::move(reason), false};
  return out;
}

membership_row advance(membership_row m, time_point now) {
  m.updated_at = now;
  ++m.version;
  return m;
}

} // namespace

tier tier_of(std::int64_t points) noexcept {
  if (points >= diamond_from)
    return tier::diamond;
  return points >= gold_from ? tier::gold : tier::silver;
}

const tier_benefits& benefits_of(tier t) noexcept {
  static constexpr std::array<tier_benefits, 4> table{{
      {0, "일반예매", false, 0, 0},
      {3, "선예매 3", true, 10, gold_from},
      {2, "선예매 2", true, 5, diamond_from},
      {1, "선예매 1", true, 5, 0},
  }};
  return table[static_cast<std::size_t>(t)];
}

bool is_active(const membership_row& m, time_point now) noexcept {
  return m.status == membership_status::active && now < m.expires_at;
}

tier effective_tier(const membership_row& m, time_point now) noexcept {
  return is_active(m, now) ? tier_of(m.points) : tier::bronze;
}

time_point one_year_after(time_point t) noexcept {
  using namespace std::chrono;
  const auto day = floor<days>(t);
  auto date = year_month_day{day} + years{1};
  if (!date.ok())
    date = date.year() / date.month() / last;
  return sys_days{date} + (t - day);
}

result<change_membership> decide_subscription(const std::optional<membership_row>& known,
                                              const artist_card& artist, user_id user,
                                              membership_id fresh, time_point now) {
  change_membership out;
  if (!known) {
    out.next.id = fresh;
    out.next.user = user;
    out.next.artist = artist.id;
    out.next.price = artist.membership_price;
    out.next.joined_at = now;
    out.next.expires_at = now;
    out.next.created_at = now;
    out.next = advance(std::move(out.next), now);
    return out;
  }
  if (is_active(*known, now))
    return failure{errc::conflict, "Already an active member of this artist"};
  out.next = *known;
  out.next.version = 0;
  if (known->status == membership_status::pending && known->price == artist.membership_price)
    return out;
  out.next.version = known->version;
  out.next.status = membership_status::pending;
  out.next.price = artist.membership_price;
  out.next = advance(std::move(out.next), now);
  return out;
}

result<ticket::payable> decide_payable(const std::optional<membership_row>& known,
                                       const check_membership& query, time_point now) {
  if (!known)
    return failure{errc::not_found, "Membership not found"};
  if (known->user != query.user)
    return failure{errc::forbidden, "Not your membership"};
  if (known->status != membership_status::pending)
    return failure{errc::not_pending, "Membership is not pending payment"};
  ticket::payable out;
  out.user = known->user;
  out.amount = known->price;
  out.expires_at = one_year_after(now);
  return out;
}

std::variant<payment_outcome, activation>
decide_activation(const std::optional<membership_row>& known, const apply_membership_payment& paid,
                  environment& env) {
  if (!known)
    return payment_outcome{payment_verdict::refund_due, "unknown_membership", false};
  const auto& m = *known;
  if (!m.paid_by.is_nil() && m.paid_by == paid.payment)
    return payment_outcome{payment_verdict::confirmed, {}, true};
  const auto now = env.now();
  if (paid.user != m.user)
    return refuse(m, paid, "user_mismatch", now, env);
  if (m.status != membership_status::pending)
    return refuse(m, paid, is_active(m, now) ? "already_active" : "not_pending", now, env);
  if (paid.amount != m.price)
    return refuse(m, paid, "amount_mismatch", now, env);
  const bool first = m.points == 0;
  activation out;
  out.change.message = paid.message;
  auto& next = out.change.next;
  next = advance(m, now);
  next.status = membership_status::active;
  next.paid_by = paid.payment;
  next.points += join_points;
  next.expires_at = one_year_after(now);
  if (first)
    next.joined_at = now;
  auto& entry = out.change.points.emplace();
  entry.id = make_uuid(env);
  entry.action = first ? "MEMBERSHIP_JOIN" : "MEMBERSHIP_RENEW";
  entry.points = join_points;
  entry.description = first ? "Welcome bonus for membership join" : "Membership renewed";
  entry.reference = paid.payment.value;
  entry.at = now;
  out.change.events.push_back(event_of(next, "MEMBERSHIP_ACTIVATED", now, env,
                                       {{"paymentId", to_string(paid.payment)},
                                        {"paymentType", "membership"},
                                        {"referenceId", to_string(next.id)},
                                        {"amount", paid.amount},
                                        {"paymentMethod", paid.method},
                                        {"tier", to_string(tier_of(next.points))},
                                        {"expiresAt", to_iso(next.expires_at)}}));
  out.outcome = {payment_verdict::confirmed, {}, false};
  return out;
}

std::optional<change_membership> decide_expiry(const membership_row& m, environment& env) {
  const auto now = env.now();
  if (m.status != membership_status::active || is_active(m, now))
    return std::nullopt;
  change_membership out;
  out.next = advance(m, now);
  out.next.status = membership_status::expired;
  out.events.push_back(event_of(out.next, "MEMBERSHIP_EXPIRED", now, env, {}));
  return out;
}

result<void> check_award(const award& command) {
  if (command.action.empty() || command.action.size() > action_max)
    return failure{errc::invalid_request, "actionType must have 1 to 50 characters"};
  if (command.points < 1 || command.points > points_max)
    return failure{errc::invalid_request, "points must be between 1 and 1000000"};
  if (command.description.size() > description_max)
    return failure{errc::invalid_request, "description must have at most 500 bytes"};
  if (command.reference.is_nil())
    return failure{errc::invalid_request, "referenceId is required: points count once per action "
                                          "and reference"};
  return {};
}

} // namespace tiketi::membership
