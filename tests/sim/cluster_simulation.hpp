#pragma once

#include "actors/base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tiketi::sim {

/// Bugs of a cluster, planted in the simulated surroundings of the nodes, to show that the
/// simulation would notice.
enum class cluster_bug : std::uint8_t {
  nothing,
  /// The nodes' clock stands still while their process does, so a woken owner goes on with a lease
  /// that is over.
  clock_stops,
  /// The same, and a database that does not compare versions: its last word is gone, too. That the
  /// lease was over is not looked at, so P1 has to show it.
  clock_stops_unchecked,
  /// The guard takes tokens from Redis without the database's floor.
  token_without_floor,
  /// What a shard is doing when it begins to move is never answered.
  hand_over_loses_answers,
  /// Owners do not remember commands. What remains is the hold's key.
  commands_forgotten,
  /// Nor do holds have their key any more when they reach the owner.
  commands_forgotten_unkeyed,
};

enum class weather : std::uint8_t {
  storm, ///< everything happens
  /// Nodes come and go in order, one by one. Then no request may fail.
  rolling_restart,
  /// Connections break; else all is well.
  broken_lines,
};

struct cluster_plan {
  std::uint64_t seed = 1;
  std::size_t nodes = 64;
  std::size_t events = 48;
  milliseconds trouble{30'000}; ///< how long things happen; afterwards all heals
  weather sky = weather::storm;
  cluster_bug bug = cluster_bug::nothing;
};

struct cluster_run {
  std::string violation; ///< empty: every promise held
  std::vector<std::string> trace;
  // What the run came to, so that a test can see that it was no idle one.
  std::size_t asked = 0;    ///< what people wanted
  std::size_t repeated = 0; ///< attempts that somebody had to make again
  std::size_t holds = 0;
  std::size_t refused = 0; ///< seats that somebody else had
  std::size_t confirmed = 0;
  std::size_t refunded = 0;
  std::size_t cancelled = 0;
  std::size_t expired = 0;
  std::size_t queued = 0;
  std::size_t served_elsewhere = 0; ///< commands that owners had from other nodes
  std::size_t moves = 0;            ///< shards that changed hands
  std::size_t kills = 0;
  std::size_t freezes = 0;
  std::size_t partitions = 0;
  std::size_t drains = 0;
  std::size_t faults = 0; ///< of databases and Redis
  std::uint64_t messages = 0;
};

/// A whole cluster that sells: the real actors of every node (membership, gateway, links, courier,
/// home, events, queues, guard) on one database, one Redis and one network, all simulated, with
/// clocks that run at different rates. Which actor runs next, what people do, and every fault
/// follow from the seed. P1 to P7, that no shard is served twice, and that nobody writes for a
/// shard of another are checked all the time; at the end, when everything had time to heal, also
/// that every seat can be bought again.
cluster_run simulate_cluster(const cluster_plan& plan);

} // namespace tiketi::sim
