#include "actors/cluster/agent.hpp"

#include <algorithm>
#include <utility>

namespace tiketi::cluster {

agent::agent(join_request self, agent_options options)
    : self_(std::move(self)), options_(options), membership_(self_.node, options.lease) {
  self_.lease = options.lease.lease;
  for (const auto& role : self_.roles)
    roles_.push_back({ownership{role, options_.shards, options_.limits}});
}

std::optional<store_request> agent::next(mono now) {
  store_request out;
  if (const auto call = membership_.due(now)) {
    out.call = *call;
    return out;
  }
  if (out.leases = membership_.ended(now); !out.leases.empty()) {
    out.what = store_request::kind::end_leases;
    return out;
  }
  // Without a lease in force whatever the store gave could not be served anyway.
  if (membership_.stands() != standing::member || !membership_.may_serve(now))
    return std::nullopt;
  for (auto& part : roles_) {
    auto work = part.shards.due(now);
    changed_ = changed_ || !work.empty();
    for (const auto shard : work.drain)
      tell(shard_event::kind::draining, part, shard, part.shards.lease_epoch(shard));
    out.role = part.shards.role();
    if (!work.release.empty()) {
      // What was to be acquired goes back, for the next turn: one call at a time.
      for (const auto shard : work.acquire)
        part.shards.not_acquired(shard, now - options_.limits.retry);
      out.what = store_request::kind::release;
      out.releases = std::move(work.release);
      return out;
    }
    if (!work.acquire.empty()) {
      out.what = store_request::kind::acquire;
      out.shards = std::move(work.acquire);
      return out;
    }
    if (part.reconcile || now >= part.reconcile_at) {
      part.reconcile = false;
      part.reconcile_at = now + options_.reconcile;
      out.what = store_request::kind::reconcile;
      return out;
    }
  }
  return std::nullopt;
}

void agent::answered(const store_request& request, const store_answer& answer, mono now) {
  const bool failed = std::holds_alternative<std::monostate>(answer);
  auto* part = find(request.role);
  switch (request.what) {
  case store_request::kind::membership:
    if (const auto* joined = std::get_if<join_answer>(&answer)) {
      membership_.joined(request.call, *joined, now);
      take_view();
    } else if (const auto* renewed = std::get_if<renew_answer>(&answer)) {
      membership_.renewed(request.call, *renewed, now);
      if (!renewed->alive)
        close_all();
      take_view();
    } else if (std::holds_alternative<store_done>(answer)) {
      membership_.has_left(request.call);
    } else {
      membership_.failed(request.call, now);
    }
    return;
  case store_request::kind::end_leases:
    if (const auto* view = std::get_if<cluster_view>(&answer)) {
      membership_.saw(*view, now);
      take_view();
    } else {
      // Not again before the store has answered something else.
      membership_.put_off_end(now);
    }
    return;
  case store_request::kind::acquire:
    if (part == nullptr)
      return;
    changed_ = true;
    if (const auto* leases = std::get_if<std::vector<shard_lease>>(&answer)) {
      apply(*leases, request, now);
    } else {
      for (const auto shard : request.shards)
        part->shards.not_acquired(shard, now);
      part->reconcile = true; // perhaps it was done
    }
    return;
  case store_request::kind::release:
    if (part == nullptr)
      return;
    changed_ = true;
    for (const auto& one : request.releases)
      if (failed)
        part->shards.not_released(one.shard, now);
      else
        part->shards.released(one.shard);
    return;
  case store_request::kind::reconcile:
    if (part == nullptr)
      return;
    if (const auto* ours = std::get_if<std::vector<owned_shard>>(&answer)) {
      for (const auto& [shard, epoch] : part->shards.reconcile(*ours))
        tell(shard_event::kind::closed, *part, shard, epoch);
      changed_ = true;
    } else {
      part->reconcile_at = now + options_.limits.retry;
    }
    return;
  }
}

void agent::apply(const std::vector<shard_lease>& leases, const store_request& request, mono now) {
  auto* part = find(request.role);
  const auto self = membership_.key();
  for (std::size_t i = 0; i < request.shards.size(); ++i) {
    const auto shard = request.shards[i];
    if (i < leases.size() && leases[i].shard == shard && leases[i].owner == self) {
      part->shards.acquired(shard, leases[i].epoch);
      tell(shard_event::kind::opened, *part, shard, leases[i].epoch);
    } else {
      const bool known = i < leases.size() && leases[i].shard == shard;
      part->shards.not_acquired(shard, now, known ? leases[i].owner.node : std::string{});
      changed_ = changed_ || known;
    }
  }
}

void agent::take_view() {
  const auto key = membership_.stands() == standing::member ? membership_.key() : node_key{};
  for (auto& part : roles_) {
    if (membership_.view().epoch != part.shards.map().epoch())
      part.reconcile = true;
    part.shards.view_changed(membership_.view(), key);
  }
  changed_ = true;
}

void agent::saw(const cluster_view& view, mono now) {
  if (membership_.stands() != standing::member)
    return;
  const auto before = membership_.view().epoch;
  membership_.saw(view, now);
  if (membership_.view().epoch != before)
    take_view();
}

void agent::close_all() {
  for (auto& part : roles_) {
    for (shard_id shard = 0; shard < options_.shards; ++shard)
      if (const auto state = part.shards.state(shard);
          state == shard_state::serving || state == shard_state::draining)
        tell(shard_event::kind::closed, part, shard, part.shards.lease_epoch(shard));
    part.shards.lost();
  }
}

void agent::drained(std::string_view role, shard_id shard, std::uint64_t epoch) {
  auto* part = find(role);
  if (part == nullptr)
    return;
  part->shards.drained(shard, epoch);
  if (part->shards.serves(shard))
    tell(shard_event::kind::resumed, *part, shard, epoch);
  changed_ = true;
}

void agent::leave() {
  close_all();
  membership_.leave();
  changed_ = true;
}

std::vector<shard_event> agent::take_events() {
  return std::exchange(events_, {});
}

bool agent::take_changed() {
  return std::exchange(changed_, false);
}

routing agent::routes() const {
  routing out;
  if (membership_.stands() == standing::member)
    out.self = membership_.key();
  else
    out.self.node = self_.node;
  out.cluster = membership_.cluster();
  out.view = membership_.view();
  for (const auto& part : roles_) {
    role_routing one{part.shards.role(), part.shards.map(), {}, {}, part.shards.holders()};
    one.states.reserve(options_.shards);
    one.since.reserve(options_.shards);
    for (shard_id shard = 0; shard < options_.shards; ++shard) {
      one.states.push_back(part.shards.state(shard));
      one.since.push_back(part.shards.since_epoch(shard));
    }
    out.roles.push_back(std::move(one));
  }
  return out;
}

bool agent::empty() const {
  return std::all_of(roles_.begin(), roles_.end(), [this](const role_part& part) {
    return part.shards.count(shard_state::elsewhere) == options_.shards;
  });
}

bool agent::serves(std::string_view role, shard_id shard, mono now) const {
  if (!membership_.may_serve(now))
    return false;
  return std::any_of(roles_.begin(), roles_.end(), [&](const role_part& part) {
    return part.shards.role() == role && part.shards.serves(shard);
  });
}

std::uint64_t agent::lease_epoch(std::string_view role, shard_id shard) const {
  for (const auto& part : roles_)
    if (part.shards.role() == role)
      return part.shards.lease_epoch(shard);
  return 0;
}

agent::role_part* agent::find(std::string_view role) {
  for (auto& part : roles_)
    if (part.shards.role() == role)
      return &part;
  return nullptr;
}

void agent::tell(shard_event::kind what, const role_part& part, shard_id shard,
                 std::uint64_t epoch) {
  events_.push_back({what, part.shards.role(), shard, epoch});
}

store_answer perform(cluster_store& store, const join_request& self, const node_key& key,
                     const store_request& request) {
  const auto answer = [](auto outcome) -> store_answer {
    if (!outcome)
      return {};
    return std::move(*outcome);
  };
  const auto done = [](const result<void>& outcome) -> store_answer {
    return outcome ? store_answer{store_done{}} : store_answer{};
  };
  switch (request.what) {
  case store_request::kind::membership:
    switch (request.call.what) {
    case store_call::kind::join:
      return answer(store.join(self));
    case store_call::kind::renew:
      return answer(store.renew(key));
    case store_call::kind::leave:
      return done(store.leave(key));
    }
    return {};
  case store_request::kind::end_leases:
    return answer(store.end_leases(request.leases));
  case store_request::kind::acquire:
    return answer(store.acquire(request.role, request.shards, key));
  case store_request::kind::release:
    return done(store.release(request.role, request.releases, key));
  case store_request::kind::reconcile:
    return answer(store.owned(request.role, key));
  }
  return {};
}

} // namespace tiketi::cluster
