#pragma once

#include "actors/base/time.hpp"

#include <cstddef>
#include <list>
#include <string>
#include <unordered_map>
#include <utility>

namespace tiketi::catalog {

/// The most recently used answers, each until its time is over. Bounded; no clock of its own; not
/// thread-safe.
template <class Value>
class answer_cache {
public:
  explicit answer_cache(std::size_t entries_max) : entries_max_(entries_max) {}

  /// Null: not there, or no longer (or not yet: the clock went back) valid at `now`.
  const Value* find(const std::string& key, time_point now) {
    const auto found = index_.find(key);
    if (found == index_.end())
      return nullptr;
    const auto at = found->second;
    if (now >= at->until || now < at->from) {
      entries_.erase(at);
      index_.erase(found);
      return nullptr;
    }
    entries_.splice(entries_.begin(), entries_, at);
    return &at->value;
  }

  /// Keeps `value` for readers at [`now`, `until`); drops the least recently used one when full.
  void put(const std::string& key, Value value, time_point now, time_point until) {
    if (until <= now || entries_max_ == 0)
      return;
    if (const auto found = index_.find(key); found != index_.end()) {
      entries_.erase(found->second);
      index_.erase(found);
    }
    if (entries_.size() >= entries_max_) {
      index_.erase(entries_.back().key);
      entries_.pop_back();
    }
    entries_.push_front({key, std::move(value), now, until});
    index_.emplace(key, entries_.begin());
  }

  void clear() {
    index_.clear();
    entries_.clear();
  }

  std::size_t size() const noexcept { return entries_.size(); }

private:
  struct entry {
    std::string key;
    Value value;
    time_point from;
    time_point until;
  };

  std::size_t entries_max_;
  std::list<entry> entries_;
  std::unordered_map<std::string, typename std::list<entry>::iterator> index_;
};

} // namespace tiketi::catalog
