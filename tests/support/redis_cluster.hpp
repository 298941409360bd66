#pragma once

#include "tests/support/redis_server.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tiketi::test {

/// A real Redis Cluster on the loopback: three masters that share the slots evenly, and a fourth
/// node without any, the spare. Slots whose master is away are refused by nobody but that. Nobody
/// fails over by himself. As with `redis_server`: nothing outlives the test, one thread at a time.
class redis_cluster {
public:
  static constexpr std::size_t masters = 3;
  static constexpr std::size_t spare = 3; ///< index of the fourth node
  static constexpr std::chrono::seconds patience{30};

  /// Returns when every node takes calls for its slots and knows all others. Throws
  /// std::runtime_error when that does not happen. `password`: of all nodes; empty: none.
  explicit redis_cluster(const std::string& password = {});

  redis_server& node(std::size_t n) { return *nodes_[n]; }
  std::string address(std::size_t n) const; ///< `host:port`
  std::string id(std::size_t n);
  /// The first and the last slot that the node had in the beginning; not of the spare.
  static std::array<int, 2> slots_of(std::size_t n);

  /// Calls for the slot are led from `from` to `to` where their key is not there any more...
  void begin_move(int slot, std::size_t from, std::size_t to);
  /// ... the keys of `from` are moved...
  void move_keys(int slot, std::size_t from, std::size_t to);
  /// ... and both are told. A node that gave its last slot away may become a replica of the other
  /// one, as Redis will have it.
  void end_move(int slot, std::size_t from, std::size_t to);

  /// With what it knows of the cluster, but no keys. It is let in again a few seconds later.
  void restart(std::size_t n);

  /// The spare becomes a replica of this master, and up to date.
  void make_replica(std::size_t of);

private:
  void meet(std::size_t n);
  bool is_replica(std::size_t n);
  void await_sound();
  void await(const char* what, const std::function<bool()>& done);

  std::vector<std::unique_ptr<redis_server>> nodes_;
  std::vector<std::uint16_t> bus_; ///< ports on which they talk to each other
};

} // namespace tiketi::test
