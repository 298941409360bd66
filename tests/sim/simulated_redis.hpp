#pragma once

#include "actors/redis/client.hpp"
#include "tests/sim/stage.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace tiketi::sim {

/// What all nodes' guards draw fencing tokens from: the scripts of `lua/seat_*.lua` on a table that
/// can be emptied and out of reach.
class simulated_redis {
public:
  explicit simulated_redis(stage& world) : world_(world) {}

  void empty() { seats_.clear(); }
  void set_away(bool away) { away_ = away; }
  /// From now on answers take that long, which may be longer than the guards wait.
  void slow(milliseconds by) { slow_ = by; }

  /// A node's connection. `reached`: whether the node reaches Redis at the moment; may be empty.
  std::shared_ptr<redis::client> connect(std::function<bool()> reached);

private:
  class connection;

  struct seat {
    std::int64_t token = 0;
    std::int64_t till = 0;
    std::string reservation;
    std::string user;
  };

  redis::reply run(const redis::call& c);
  redis::reply acquire(const redis::call& c);
  redis::reply release(const redis::call& c);

  stage& world_;
  bool away_ = false;
  milliseconds slow_{0};
  std::map<std::string, seat> seats_;
};

} // namespace tiketi::sim
