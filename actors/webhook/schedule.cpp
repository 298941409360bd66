#include "actors/webhook/schedule.hpp"

#include <algorithm>
#include <utility>

namespace tiketi::webhook {

delivery_schedule::delivery_schedule(schedule_options options) : options_(options) {
  options_.per_webhook_max = std::max<std::size_t>(options_.per_webhook_max, 1);
}

void delivery_schedule::open(webhook_id hook) {
  auto& e = hooks_[hook];
  if (std::exchange(e.is_open, true))
    return;
  e.dirty = true;
}

void delivery_schedule::close(webhook_id hook) {
  if (const auto found = hooks_.find(hook); found != hooks_.end())
    found->second.is_open = false;
}

void delivery_schedule::forget(webhook_id hook) {
  const auto found = hooks_.find(hook);
  if (found == hooks_.end())
    return;
  in_flight_ -= found->second.flying.size();
  hooks_.erase(found);
}

void delivery_schedule::poke(webhook_id hook) {
  if (const auto found = hooks_.find(hook); found != hooks_.end())
    found->second.dirty = true;
}

void delivery_schedule::hold(webhook_id hook, time_point until) {
  const auto found = hooks_.find(hook);
  if (found == hooks_.end())
    return;
  auto& held = found->second.held_until;
  held = held ? std::max(*held, until) : until;
}

std::size_t delivery_schedule::in_flight(webhook_id hook) const {
  const auto found = hooks_.find(hook);
  return found == hooks_.end() ? 0 : found->second.flying.size();
}

std::size_t delivery_schedule::shared_used() const {
  std::size_t used = 0;
  for (const auto& [id, e] : hooks_)
    if (const auto taken = e.flying.size() + e.granted; taken > 1)
      used += taken - 1;
  return used;
}

std::vector<delivery_schedule::read> delivery_schedule::reads(time_point now) {
  std::vector<read> out;
  if (hooks_.empty())
    return out;
  auto used = shared_used();
  const auto serve = [&](webhook_id id, entry& e) {
    if (e.held_until && *e.held_until <= now)
      e.held_until.reset();
    const auto due = e.dirty || (e.wake && *e.wake <= now);
    if (!e.is_open || e.reading || e.held_until || !due
        || e.flying.size() >= options_.per_webhook_max)
      return;
    const std::size_t own = e.flying.empty() ? 1 : 0;
    const auto shared = options_.shared_max - std::min(options_.shared_max, used);
    const auto grant = std::min(options_.per_webhook_max - e.flying.size(), own + shared);
    if (grant == 0)
      return;
    used += grant - own;
    e.granted = grant;
    // Heads in flight are due as far as the store knows, so there is room for them too.
    e.limit = grant + e.flying.size();
    e.reading = true;
    e.dirty = false;
    e.wake.reset();
    e.settled_meanwhile.clear();
    last_served_ = id;
    out.push_back({id, e.limit});
  };
  // In turn, beginning behind the one that was served last.
  const auto first = hooks_.upper_bound(last_served_);
  for (auto i = first; i != hooks_.end(); ++i)
    serve(i->first, i->second);
  for (auto i = hooks_.begin(); i != first; ++i)
    serve(i->first, i->second);
  return out;
}

std::vector<std::size_t> delivery_schedule::page(webhook_id hook, const std::vector<head>& due,
                                                 std::optional<time_point> next_due,
                                                 time_point now) {
  std::vector<std::size_t> out;
  const auto found = hooks_.find(hook);
  if (found == hooks_.end() || !found->second.reading)
    return out;
  auto& e = found->second;
  auto grant = std::exchange(e.granted, 0);
  e.reading = false;
  e.wake = next_due;
  // A full page says nothing about what stands behind it.
  if (due.size() >= e.limit)
    e.dirty = true;
  if (!e.is_open || (e.held_until && *e.held_until > now)) {
    e.dirty = true;
    return out;
  }
  for (std::size_t i = 0; i < due.size(); ++i) {
    const auto& key = due[i].key;
    if (e.flying.contains(key))
      continue;
    if (e.settled_meanwhile.contains(key) || grant == 0) {
      e.dirty = true;
      continue;
    }
    --grant;
    e.flying.insert(key);
    ++in_flight_;
    out.push_back(i);
  }
  e.settled_meanwhile.clear();
  return out;
}

void delivery_schedule::read_failed(webhook_id hook, time_point retry_at) {
  const auto found = hooks_.find(hook);
  if (found == hooks_.end())
    return;
  auto& e = found->second;
  e.reading = false;
  e.granted = 0;
  e.dirty = true;
  e.settled_meanwhile.clear();
  hold(hook, retry_at);
}

void delivery_schedule::settled(webhook_id hook, const std::string& key) {
  const auto found = hooks_.find(hook);
  if (found == hooks_.end() || found->second.flying.erase(key) == 0)
    return;
  --in_flight_;
  auto& e = found->second;
  e.dirty = true;
  if (e.reading)
    e.settled_meanwhile.insert(key);
}

} // namespace tiketi::webhook
