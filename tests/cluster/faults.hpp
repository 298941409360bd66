#pragma once

#include "tests/support/cluster_process.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tiketi::test {

enum class fault_kind {
  kill,                ///< kill -9 of a node, and started again later
  stop_longer,         ///< SIGSTOP for longer than its lease, then SIGCONT
  stop_and_empty,      ///< the same, and Redis has lost everything meanwhile
  part_from_nodes,     ///< a node from all others
  part_two_nodes,      ///< two nodes that both reach the rest
  part_from_postgres,  ///< a node
  lose_postgres_links, ///< of a node, all at once; new ones can be made
  part_from_redis,     ///< a node
  empty_redis,         ///< restarted without its data
  restart_redis,       ///< it is away for a while
  kill_postgres,       ///< as by a power cut, and started again
  restart_postgres,    ///< in order
  rolling_restart,     ///< of all nodes, one after the other
};

struct fault {
  fault_kind kind = fault_kind::kill;
  std::size_t node = 0;
  std::size_t other = 0;
  std::chrono::milliseconds lasts{0};
  std::chrono::milliseconds calm{0}; ///< before it
};

std::string describe(const fault& f);

/// The same for the same seed. Every kind that is possible with so many nodes comes before any
/// comes again.
std::vector<fault> plan_faults(std::uint64_t seed, std::size_t count, std::size_t nodes,
                               std::chrono::milliseconds lease);

/// Plays it and heals it: afterwards all nodes run and reach everything. Returns what went wrong,
/// or nothing. On the thread that started the servers.
std::string play(const fault& f, cluster_process& cluster);

} // namespace tiketi::test
