#pragma once

#include "actors/base/time.hpp"
#include "actors/base/uuid.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tiketi::community {

struct view_limits {
  std::chrono::milliseconds period{1'800'000}; ///< one viewer adds one view per item in this time
  std::size_t viewers_max = 100'000;           ///< remembered; over it the oldest are forgotten
  std::size_t items_max = 10'000;              ///< with views not stored yet; over it none is added
};

/// Views that are counted but not stored yet. Time is an argument. Ids of all kinds of items are
/// unique, so one counter serves them all.
class view_counter {
public:
  explicit view_counter(view_limits limits) : limits_(limits) {}

  /// Adds a view unless this viewer looked at the item within the period. An empty viewer is never
  /// counted.
  void seen(const uuid& item, const std::string& viewer, time_point now);

  /// What readers of the store must add.
  std::int64_t unsaved(const uuid& item) const;

  /// What is to be stored now. Empty while an earlier part is under way. It stays in `unsaved`
  /// until `stored`.
  std::vector<std::pair<uuid, std::int64_t>> take();

  /// The end of what `take` gave: not in the store means that it is given again.
  void stored(bool in_store);

  std::size_t viewers() const noexcept { return last_.size(); }

private:
  struct look {
    time_point at;
    std::string key;
  };

  void forget_before(time_point horizon);

  view_limits limits_;
  std::unordered_map<std::string, time_point> last_;
  std::deque<look> order_; ///< oldest first; one entry for each counted view
  std::unordered_map<uuid, std::int64_t> waiting_;
  std::unordered_map<uuid, std::int64_t> under_way_;
};

} // namespace tiketi::community
