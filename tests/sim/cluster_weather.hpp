#pragma once

#include "tests/sim/cluster_people.hpp"
#include "tests/sim/cluster_world.hpp"

#include <cstddef>

namespace tiketi::sim {

/// What happens to the nodes and to what is between them.
class cluster_weather {
public:
  cluster_weather(cluster_world& world, cluster_people& people) : world_(world), people_(people) {}

  /// Until `until`; what has begun ends later.
  void begin(milliseconds until);

  /// Everybody is started who is not there; nobody is stopped any more.
  void end();

private:
  void storm(milliseconds until);
  void strike();
  void die(life& l);
  void come_back(std::size_t place, milliseconds after);
  void part();
  void drain(life& l, const std::function<void()>& then);
  void wait_until_empty(life& l, milliseconds until, const std::function<void()>& then);
  void go(life& l, const std::function<void()>& then);
  void roll(std::size_t place, milliseconds until);
  void roll_on(std::size_t place, milliseconds until);
  void break_lines(milliseconds until);

  cluster_world& world_;
  cluster_people& people_;
  bool over_ = false;
  bool draining_ = false;
};

} // namespace tiketi::sim
