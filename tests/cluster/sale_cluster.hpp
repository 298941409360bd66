#pragma once

#include "tests/cluster/fault_load.hpp"
#include "tests/support/cluster_process.hpp"
#include "tests/support/places.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace tiketi::test {

/// A cluster with a sale on it, for tests that break it.
struct sale_cluster {
  struct options {
    std::size_t nodes = 3;
    std::chrono::milliseconds lease{1500};
    std::chrono::milliseconds margin{300};
    std::chrono::milliseconds hold_ttl{3000};
    std::size_t halls = 8;
    std::size_t seats_per_hall = 10;
    std::size_t line_threshold = 3;
    std::vector<std::string> arguments{}; ///< besides
    bool behind_proxies = true;
  };

  explicit sale_cluster(options o);

  /// Starts the nodes and finds halls. Returns what went wrong, or nothing.
  std::string start();

  rows_reader rows() const;

  /// By hall, the node that owns it by the database; the number of nodes: nobody.
  std::vector<std::size_t> owners() const;
  std::size_t shards_of(std::size_t node) const; ///< of its present life

  options wanted;
  temp_dir data;
  cluster_process cluster;
  std::vector<hall> halls;
  std::string queue; ///< an event with a short line
};

/// TIKETI_TEST_NODES, or three.
std::size_t nodes_wanted();

} // namespace tiketi::test
