#include "actors/cluster/ownership.hpp"

#include <algorithm>
#include <utility>

namespace tiketi::cluster {

ownership::ownership(std::string role, shard_id shards, ownership_limits limits)
    : role_(std::move(role)), limits_(limits), entries_(std::min(shards, shards_max)) {}

void ownership::view_changed(const cluster_view& view, const node_key& self) {
  if (view.epoch < view_.epoch)
    return;
  if (view.epoch != map_.epoch() || map_.shards() == 0)
    map_ =
        shard_map{view.epoch, candidates_of(view, role_), static_cast<shard_id>(entries_.size())};
  view_ = view;
  self_ = self.node;
  for (shard_id shard = 0; shard < entries_.size(); ++shard) {
    auto& e = entries_[shard];
    const bool wanted = !self_.empty() && map_.owner(shard) == self_;
    if (wanted && !e.wanted)
      e.since = view.epoch;
    e.wanted = wanted;
    if (wanted && e.state == shard_state::elsewhere) {
      e.state = shard_state::acquiring;
      e.retry = {};
    } else if (!wanted && e.state == shard_state::acquiring && !e.under_way) {
      e.state = shard_state::elsewhere;
    }
  }
}

ownership_work ownership::due(mono now) {
  ownership_work work;
  auto handoffs = count(shard_state::draining) + count(shard_state::releasing);
  for (shard_id shard = 0; shard < entries_.size(); ++shard) {
    auto& e = entries_[shard];
    if (e.under_way)
      continue;
    if (e.state == shard_state::acquiring && now >= e.retry
        && work.acquire.size() < limits_.acquires_max) {
      e.under_way = true;
      work.acquire.push_back(shard);
    } else if (e.state == shard_state::serving && !e.wanted && handoffs < limits_.handoffs_max) {
      ++handoffs;
      e.state = shard_state::draining;
      e.under_way = true;
      work.drain.push_back(shard);
    } else if (e.state == shard_state::releasing && now >= e.retry) {
      e.under_way = true;
      shard_release release{shard, e.lease, {}};
      if (const auto* next = view_.find(map_.owner(shard)))
        release.to = next->key;
      work.release.push_back(std::move(release));
    }
  }
  return work;
}

bool ownership::busy(shard_id shard) const {
  return shard < entries_.size() && entries_[shard].under_way;
}

void ownership::acquired(shard_id shard, std::uint64_t epoch) {
  if (!busy(shard) || entries_[shard].state != shard_state::acquiring)
    return;
  auto& e = entries_[shard];
  e.under_way = false;
  e.state = shard_state::serving;
  e.lease = epoch;
}

void ownership::not_acquired(shard_id shard, mono now, std::string holder) {
  if (!busy(shard) || entries_[shard].state != shard_state::acquiring)
    return;
  auto& e = entries_[shard];
  e.under_way = false;
  e.retry = now + limits_.retry;
  e.holder = std::move(holder);
  if (!e.wanted)
    e.state = shard_state::elsewhere;
}

void ownership::drained(shard_id shard, std::uint64_t epoch) {
  if (!busy(shard) || entries_[shard].state != shard_state::draining
      || entries_[shard].lease != epoch)
    return;
  auto& e = entries_[shard];
  e.under_way = false;
  e.retry = {};
  // It never left us, so it need not be acquired again.
  e.state = e.wanted ? shard_state::serving : shard_state::releasing;
}

void ownership::released(shard_id shard) {
  if (!busy(shard) || entries_[shard].state != shard_state::releasing)
    return;
  auto& e = entries_[shard];
  e.under_way = false;
  e.lease = 0;
  e.retry = {};
  e.state = e.wanted ? shard_state::acquiring : shard_state::elsewhere;
}

void ownership::not_released(shard_id shard, mono now) {
  if (!busy(shard) || entries_[shard].state != shard_state::releasing)
    return;
  // Whether the store did it is not known, so it must not be served again before it is acquired.
  auto& e = entries_[shard];
  e.under_way = false;
  e.retry = now + limits_.retry;
}

void ownership::lost() {
  self_.clear();
  for (auto& e : entries_)
    e = {};
}

std::vector<owned_shard> ownership::reconcile(std::span<const owned_shard> ours) {
  std::vector<std::uint64_t> epochs(entries_.size(), 0);
  for (const auto& one : ours)
    if (one.shard < epochs.size())
      epochs[one.shard] = one.epoch;
  std::vector<owned_shard> gone;
  for (shard_id shard = 0; shard < entries_.size(); ++shard) {
    auto& e = entries_[shard];
    const auto epoch = epochs[shard];
    if (e.state == shard_state::elsewhere && epoch != 0) {
      e.state = shard_state::releasing;
      e.under_way = false;
      e.lease = epoch;
      e.retry = {};
    } else if (e.lease != 0 && e.lease != epoch) {
      if (e.state != shard_state::releasing)
        gone.push_back({shard, e.lease});
      e.state = e.wanted ? shard_state::acquiring : shard_state::elsewhere;
      e.under_way = false;
      e.lease = 0;
      e.retry = {};
    }
  }
  return gone;
}

bool ownership::serves(shard_id shard) const noexcept {
  return shard < entries_.size() && entries_[shard].state == shard_state::serving;
}

shard_state ownership::state(shard_id shard) const noexcept {
  return shard < entries_.size() ? entries_[shard].state : shard_state::elsewhere;
}

std::uint64_t ownership::lease_epoch(shard_id shard) const noexcept {
  return shard < entries_.size() ? entries_[shard].lease : 0;
}

std::uint64_t ownership::since_epoch(shard_id shard) const noexcept {
  return shard < entries_.size() ? entries_[shard].since : 0;
}

std::map<shard_id, std::string> ownership::holders() const {
  std::map<shard_id, std::string> out;
  for (shard_id shard = 0; shard < entries_.size(); ++shard)
    if (const auto& e = entries_[shard]; e.state == shard_state::acquiring && !e.holder.empty())
      out.emplace(shard, e.holder);
  return out;
}

std::size_t ownership::count(shard_state state) const noexcept {
  return static_cast<std::size_t>(std::count_if(
      entries_.begin(), entries_.end(), [state](const entry& e) { return e.state == state; }));
}

} // namespace tiketi::cluster
