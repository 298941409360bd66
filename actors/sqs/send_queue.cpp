#include "actors/sqs/send_queue.hpp"

#include "actors/bus/delivery_window.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace tiketi::sqs {

send_queue::added send_queue::add(const uuid& id, std::int64_t sequence, std::string key) {
  if (places_.contains(id))
    return added::known;
  if (places_.size() >= rules_.held_max)
    return added::full;
  groups_[key].line.emplace(std::pair{sequence, id}, message{id, 0, false});
  places_.emplace(id, place{std::move(key), sequence});
  return added::fresh;
}

std::optional<send_queue::call> send_queue::next(time_point now) {
  if (now < rests_until_ || calls_.size() >= rules_.calls_max)
    return std::nullopt;
  // While nothing gets through one call at a time finds out whether it does again.
  if (failures_ > 0 && !calls_.empty())
    return std::nullopt;
  std::vector<std::pair<std::int64_t, group*>> ready; // the one that waits longest first
  for (auto& [name, g] : groups_)
    if (!g.in_flight && g.retry_at <= now)
      ready.emplace_back(g.line.begin()->first.first, &g);
  std::sort(ready.begin(), ready.end());
  call out;
  for (auto& [first, g] : ready) {
    std::size_t taken = 0;
    bool alone = false;
    for (const auto& [where, m] : g->line) {
      if (taken >= rules_.per_group || out.entries.size() >= rules_.per_call || alone
          || (m.alone && !out.entries.empty()))
        break;
      out.entries.push_back(m.id);
      ++taken;
      alone = m.alone;
    }
    g->in_flight = taken > 0;
    if (alone || out.entries.size() >= rules_.per_call)
      break;
  }
  if (out.entries.empty())
    return std::nullopt;
  out.number = ++last_call_;
  calls_.emplace(out.number, out.entries);
  return out;
}

milliseconds send_queue::wait(std::uint32_t failures, std::uint64_t random) const {
  const auto whole =
      back_off(std::max<std::uint32_t>(failures, 1), rules_.wait_first, rules_.wait_max);
  const auto half = whole / 2;
  return half
         + milliseconds{static_cast<std::int64_t>(
             random % (static_cast<std::uint64_t>((whole - half).count()) + 1))};
}

/// The call is over; its groups may be in another one.
std::vector<uuid> send_queue::release(std::uint64_t number) {
  const auto found = calls_.find(number);
  if (found == calls_.end())
    return {};
  auto entries = std::move(found->second);
  calls_.erase(found);
  for (const auto& id : entries)
    groups_.at(places_.at(id).key).in_flight = false;
  return entries;
}

void send_queue::answered(std::uint64_t number, std::span<const outcome> outcomes, time_point now,
                          std::uint64_t random) {
  const auto entries = release(number);
  assert(entries.size() == outcomes.size());
  failures_ = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto at = places_.find(entries[i]);
    const auto g = groups_.find(at->second.key);
    const auto m = g->second.line.find({at->second.sequence, entries[i]});
    if (outcomes[i] != outcome::over) {
      ++m->second.attempts;
      if (outcomes[i] == outcome::alone)
        m->second.alone = true; // and at once
      else
        g->second.retry_at = std::max(g->second.retry_at, now + wait(m->second.attempts, random));
      continue;
    }
    g->second.line.erase(m);
    if (g->second.line.empty())
      groups_.erase(g);
    places_.erase(at);
  }
}

void send_queue::failed(std::uint64_t number, bool patient, time_point now, std::uint64_t random) {
  if (release(number).empty())
    return;
  ++failures_;
  const auto time =
      patient ? std::max(wait(failures_, random), rules_.wait_max / 2) : wait(failures_, random);
  rests_until_ = std::max(rests_until_, now + time);
}

} // namespace tiketi::sqs
