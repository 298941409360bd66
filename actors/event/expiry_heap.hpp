#pragma once

#include "actors/base/ids.hpp"

#include <cstddef>
#include <functional>
#include <queue>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tiketi::ticket {

/// When each live reservation wants to be woken: one min-heap per event, so that one tick replaces
/// one timer per reservation. Same time: by id, so a run can be replayed.
class expiry_heap {
public:
  /// Sets or moves the wake-up of `id`.
  void set(const reservation_id& id, time_point at) {
    due_[id] = at;
    heap_.emplace(at, id);
    // Moved entries stay behind in the heap; they are swept before they outnumber the rest.
    if (heap_.size() > 2 * due_.size() + 64)
      rebuild();
  }

  void remove(const reservation_id& id) { due_.erase(id); }

  /// Takes out at most `limit` ids that are due at `now`, earliest first.
  std::vector<reservation_id> pop_due(time_point now, std::size_t limit) {
    std::vector<reservation_id> out;
    while (!heap_.empty() && out.size() < limit && heap_.top().first <= now) {
      const auto [at, id] = heap_.top();
      heap_.pop();
      const auto found = due_.find(id);
      if (found == due_.end() || found->second != at)
        continue;
      due_.erase(found);
      out.push_back(id);
    }
    return out;
  }

  /// Reservations with a wake-up.
  std::size_t size() const noexcept { return due_.size(); }
  /// Entries kept, stale ones included: at most twice the size and a few.
  std::size_t entries() const noexcept { return heap_.size(); }

private:
  using entry = std::pair<time_point, reservation_id>;

  void rebuild() {
    std::vector<entry> live;
    live.reserve(due_.size());
    for (const auto& [id, at] : due_)
      live.emplace_back(at, id);
    heap_ = decltype(heap_)(std::greater<>{}, std::move(live));
  }

  std::priority_queue<entry, std::vector<entry>, std::greater<>> heap_;
  std::unordered_map<reservation_id, time_point> due_;
};

} // namespace tiketi::ticket
