#include "actors/cluster/membership.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace tiketi::cluster {

std::optional<std::string> problem_of(const lease_rules& rules) {
  if (rules.renew.count() <= 0 || rules.retry.count() <= 0 || rules.margin.count() < 0)
    return "times of leases must be positive";
  if (rules.lease > std::chrono::hours{1})
    return fmt::format("a lease of {} ms is longer than an hour", rules.lease.count());
  if (rules.retry > rules.renew)
    return fmt::format("a failed renewal is repeated after {} ms, later than the next one is due "
                       "anyway ({} ms)",
                       rules.retry.count(), rules.renew.count());
  // Otherwise one lost renewal is enough to stop a node.
  if (2 * rules.renew + rules.margin > rules.lease)
    return fmt::format("a lease of {} ms leaves no room for two renewals, {} ms apart, and a "
                       "margin of {} ms",
                       rules.lease.count(), rules.renew.count(), rules.margin.count());
  return std::nullopt;
}

double tolerated_drift(const lease_rules& rules) {
  // (lease - margin) by a clock that is slow by d, against lease by one that is fast by d.
  const auto lease = static_cast<double>(rules.lease.count());
  const auto margin = static_cast<double>(rules.margin.count());
  return margin / (2 * lease - margin);
}

membership::membership(std::string node, lease_rules rules)
    : node_(std::move(node)), rules_(rules) {}

std::optional<store_call> membership::due(mono now) {
  if (under_way_ || standing_ == standing::left || standing_ == standing::refused)
    return std::nullopt;
  if (now < next_)
    return std::nullopt;
  store_call call;
  call.what = leaving_                         ? store_call::kind::leave
              : standing_ == standing::joining ? store_call::kind::join
                                               : store_call::kind::renew;
  call.number = ++calls_;
  call.sent = now;
  under_way_ = true;
  return call;
}

bool membership::is_answer(const store_call& call) {
  if (!under_way_ || call.number != calls_)
    return false;
  under_way_ = false;
  return true;
}

void membership::extend(mono sent) {
  if (!leaving_)
    until_ = std::max(until_, sent + rules_.lease - rules_.margin);
}

void membership::joined(const store_call& call, const join_answer& answer, mono now) {
  if (!is_answer(call))
    return;
  switch (answer.what) {
  case join_answer::outcome::joined:
    standing_ = standing::member;
    incarnation_ = answer.incarnation;
    cluster_ = answer.cluster;
    next_ = leaving_ ? mono{} : call.sent + rules_.renew;
    set_clock(answer.database_now, call.sent, now);
    extend(call.sent);
    break;
  case join_answer::outcome::name_taken:
    next_ = now + rules_.retry;
    break;
  case join_answer::outcome::incompatible:
    standing_ = standing::refused;
    refusal_ = answer.text;
    break;
  }
  saw(answer.view, now);
}

void membership::renewed(const store_call& call, const renew_answer& answer, mono now) {
  if (!is_answer(call))
    return;
  set_clock(answer.database_now, call.sent, now);
  if (answer.alive) {
    next_ = leaving_ ? mono{} : call.sent + rules_.renew;
    extend(call.sent);
  } else {
    // Others may own everything by now.
    standing_ = standing::joining;
    until_ = {};
    next_ = now;
  }
  saw(answer.view, now);
}

void membership::failed(const store_call& call, mono now) {
  if (is_answer(call))
    next_ = now + rules_.retry;
}

void membership::saw(const cluster_view& view, mono now) {
  if (view.epoch < view_.epoch)
    return;
  view_ = view;
  std::map<std::string, observed> seen;
  for (const auto& one : view.members) {
    if (standing_ == standing::member && one.key == key())
      continue;
    const auto known = others_.find(one.key.node);
    // A view that was read before the last one shows fewer renewals: it says nothing new.
    if (known != others_.end() && known->second.incarnation == one.key.incarnation
        && known->second.renewals >= one.renewals)
      seen.insert(*known);
    else
      seen[one.key.node] = {one.key.incarnation, one.renewals, one.lease, now};
  }
  others_ = std::move(seen);
}

void membership::leave() {
  leaving_ = true;
  until_ = {};
  next_ = {};
}

void membership::has_left(const store_call& call) {
  if (is_answer(call))
    standing_ = standing::left;
}

std::vector<seen_lease> membership::ended(mono now) const {
  std::vector<seen_lease> out;
  if (now < no_end_before_)
    return out;
  for (const auto& [node, lease] : others_)
    if (now - lease.since >= lease.lease)
      out.push_back({{node, lease.incarnation}, lease.renewals});
  return out;
}

std::optional<mono> membership::next_end() const {
  std::optional<mono> out;
  for (const auto& [node, lease] : others_)
    if (!out || lease.since + lease.lease < *out)
      out = std::max(lease.since + lease.lease, no_end_before_);
  return out;
}

bool membership::draining() const {
  const auto* self = view_.find(node_);
  return self != nullptr && self->key.incarnation == incarnation_ && self->draining;
}

void membership::set_clock(time_point database_now, mono sent, mono now) {
  clock_offset_ = std::chrono::nanoseconds{database_now.time_since_epoch()} - (sent + now) / 2;
}

std::optional<time_point> membership::cluster_time(mono now) const {
  if (!clock_offset_)
    return std::nullopt;
  return time_point{std::chrono::floor<milliseconds>(*clock_offset_ + now)};
}

} // namespace tiketi::cluster
