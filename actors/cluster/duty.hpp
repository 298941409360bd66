#pragma once

#include "actors/cluster/node_state.hpp"
#include "actors/cluster/shard_map.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

namespace tiketi::cluster {

/// Is it this node's turn to do what only one node does at a time: feed an outbox on, look for what
/// has run out? Cheap; ask before each round of work. Between two rounds it may go to another
/// node, so the work has to be safe when two do it for a moment. Null or a node that is alone: yes.
using on_duty = std::function<bool()>;

/// The key of a duty by its name (FNV-1a, part of the protocol).
constexpr std::uint64_t duty_key(std::string_view name) noexcept {
  std::uint64_t hash = 14'695'981'039'346'656'037ULL;
  for (const char c : name) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1'099'511'628'211ULL;
  }
  return hash;
}

/// True while this node serves the shard of `key` and its lease holds. Thread-safe.
inline bool serves_key(const node_state& state, std::uint64_t key) {
  if (!state.may_serve())
    return false;
  const auto routes = state.routes();
  const auto* role = routes->find(sale_role);
  if (role == nullptr || role->map.shards() == 0)
    return false;
  return role->states[shard_of(key, role->map.shards())] == shard_state::serving;
}

/// `state` null: this node is alone.
inline on_duty duty_of(std::shared_ptr<const node_state> state, std::string_view name) {
  if (!state)
    return {};
  return [state = std::move(state), key = duty_key(name)] { return serves_key(*state, key); };
}

} // namespace tiketi::cluster
