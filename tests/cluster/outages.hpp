#pragma once

#include "tests/cluster/trickle.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tiketi::test {

/// Kills owners of events under a trickle, and measures how long their events stand still.
class outages {
public:
  outages(sale_cluster& sale, trickle& load) : sale_(sale), load_(load) {}

  /// kill -9 of the node; waits until its events are served by others, starts it again, and waits
  /// until it has events of its own. Visitors ask the other nodes meanwhile. Returns what went
  /// wrong, or nothing. On the thread that started the servers.
  std::string kill(std::size_t node);

  /// The node that owns most halls now.
  std::size_t busiest() const;

  /// From each kill to the first answer of a hold that began after it and worked, by event.
  const std::vector<std::chrono::milliseconds>& waits() const noexcept { return waits_; }

  /// The failures that are no dead node's: those of events of others, and those of its own events
  /// before the kill and after they were served again.
  std::vector<trickle::failure> unexpected(const trickle::tally& sum) const;

private:
  /// The event of a hall and the last failures that its visitor saw.
  std::string told(std::size_t hall) const;

  struct window {
    std::size_t hall = 0;
    std::int64_t begin = 0;
    std::int64_t end = 0;
  };

  sale_cluster& sale_;
  trickle& load_;
  std::vector<std::chrono::milliseconds> waits_;
  std::vector<window> windows_;
};

/// The value that this share of them does not exceed; 0 of none.
std::chrono::milliseconds percentile(std::vector<std::chrono::milliseconds> values, double share);

} // namespace tiketi::test
