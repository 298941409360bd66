#pragma once

#include "actors/base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace tiketi::net {

/// How much of one budget was used lately: here, and on other nodes as far as they told. The window
/// is cut into slices of equal length, numbered from 1970, so that what others used ages by itself
/// when nobody tells any more. Pure; bounded by the slices of a window.
class rate_shares {
public:
  struct timing {
    milliseconds slice{5'000};
    std::int64_t slices = 12; ///< of a window
  };
  using counts = std::vector<std::pair<std::int64_t, std::int64_t>>; ///< slice, requests

  static std::int64_t slice_at(time_point now, const timing& t) {
    return to_millis(now) / t.slice.count();
  }

  /// A request passed here.
  void used(time_point now, const timing& t);

  /// In the window: here and elsewhere.
  std::int64_t own(time_point now, const timing& t) const;
  std::int64_t others(time_point now, const timing& t) const;

  /// Until the oldest slice that counts has left the window; 0: none counts.
  milliseconds until_less(time_point now, const timing& t) const;

  /// What was not told yet, which counts as told from here on.
  counts take_report(time_point now, const timing& t);

  /// It certainly did not arrive, so it is to be told again.
  void put_back(const counts& report);

  /// What all nodes used, this one's reports included.
  void learn(const counts& all);

  /// Forgets slices that are over. True: nothing is left.
  bool expire(time_point now, const timing& t);

private:
  struct row {
    std::int64_t slice = 0;
    std::int64_t own = 0;
    std::int64_t told = 0;
    std::int64_t others = 0;
  };
  row& at(std::int64_t slice);

  std::vector<row> rows_; ///< unordered, few
};

} // namespace tiketi::net
