#pragma once

#include <cstddef>
#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tiketi {

/// The actors of one kind that live on this node, by key: started on the first message, given up
/// when idle. Used inside a region actor's state; not thread-safe.
///
/// Passivation loses no message (the hand-shake of Akka Cluster Sharding, "Passivation"):
/// 1. an idle entity sends its region `passivate{key}`; the region calls `begin_passivation` and
///    sends the entity `stop`; messages for the key are buffered from here on;
/// 2. the entity handles what was before `stop` in its mailbox. Still idle: it quits. Otherwise it
///    sends `stay{key}`;
/// 3. the region calls `ended` (on its down message) or `stayed`, which replays the buffer.
template <class Key, class Handle>
class entity_table {
public:
  using spawn_fn = std::function<Handle(const Key&)>;
  using use_fn = std::function<void(const Handle&)>;

  entity_table(spawn_fn spawn, std::size_t buffer_max)
      : spawn_(std::move(spawn)), buffer_max_(buffer_max) {}

  /// Calls `use` with the key's actor, now or after its passivation. False: the buffer is full and
  /// `use` was dropped.
  bool with(const Key& key, use_fn use) {
    auto found = entries_.find(key);
    if (found == entries_.end())
      found = entries_.emplace(key, entry{spawn_(key), false, {}}).first;
    auto& e = found->second;
    if (!e.leaving) {
      use(e.handle);
      return true;
    }
    if (e.buffer.size() >= buffer_max_)
      return false;
    e.buffer.push_back(std::move(use));
    return true;
  }

  /// The running actor of `key`, or null.
  const Handle* find(const Key& key) const {
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : &found->second.handle;
  }

  /// The actor of `key` if messages may go straight to it, or null.
  const Handle* running(const Key& key) const {
    const auto found = entries_.find(key);
    return found == entries_.end() || found->second.leaving ? nullptr : &found->second.handle;
  }

  /// True: send `stop` to the entity now.
  bool begin_passivation(const Key& key) {
    const auto found = entries_.find(key);
    if (found == entries_.end() || found->second.leaving)
      return false;
    found->second.leaving = true;
    return true;
  }

  /// The entity changed its mind.
  void stayed(const Key& key) {
    const auto found = entries_.find(key);
    if (found == entries_.end())
      return;
    found->second.leaving = false;
    replay(std::exchange(found->second.buffer, {}), found->second.handle);
  }

  /// The entity is gone, by passivation or by failure: the next message starts it again.
  void ended(const Key& key) {
    const auto found = entries_.find(key);
    if (found == entries_.end())
      return;
    auto buffer = std::move(found->second.buffer);
    entries_.erase(found);
    if (!buffer.empty()) {
      auto& e = entries_.emplace(key, entry{spawn_(key), false, {}}).first->second;
      replay(std::move(buffer), e.handle);
    }
  }

  std::size_t size() const noexcept { return entries_.size(); }

  template <class F>
  void for_each(F f) const {
    for (const auto& [key, e] : entries_)
      f(key, e.handle);
  }

  void clear() { entries_.clear(); }

private:
  struct entry {
    Handle handle;
    bool leaving;
    std::vector<use_fn> buffer;
  };

  void replay(std::vector<use_fn> buffer, Handle handle) {
    for (auto& use : buffer)
      use(handle);
  }

  spawn_fn spawn_;
  std::size_t buffer_max_;
  std::unordered_map<Key, entry> entries_;
};

} // namespace tiketi
