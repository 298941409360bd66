#include "tests/support/spread.hpp"

#include <algorithm>
#include <mutex>

namespace tiketi::test {

namespace {

std::mutex lock;
std::vector<std::vector<std::uint16_t>> systems;

} // namespace

void spread_requests(const std::vector<std::uint16_t>& ports) {
  const std::lock_guard only_one{lock};
  // A port that was somebody else's before is not any more.
  std::erase_if(systems, [&](const auto& other) {
    return std::find_first_of(other.begin(), other.end(), ports.begin(), ports.end())
           != other.end();
  });
  systems.push_back(ports);
}

std::vector<std::uint16_t> nodes_behind(std::uint16_t port) {
  const std::lock_guard only_one{lock};
  for (auto nodes : systems)
    if (const auto found = std::find(nodes.begin(), nodes.end(), port); found != nodes.end()) {
      std::rotate(nodes.begin(), found, nodes.end());
      return nodes;
    }
  return {port};
}

} // namespace tiketi::test
