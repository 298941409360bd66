#include "actors/cluster/view.hpp"

#include <algorithm>

namespace tiketi::cluster {

bool member::has_role(std::string_view role) const {
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

const member* cluster_view::find(std::string_view node) const {
  for (const auto& one : members)
    if (one.key.node == node)
      return &one;
  return nullptr;
}

std::vector<candidate> candidates_of(const cluster_view& view, std::string_view role) {
  std::vector<candidate> out;
  for (const auto& one : view.members)
    if (!one.draining && one.has_role(role))
      out.push_back({one.key.node, one.weight});
  return out;
}

} // namespace tiketi::cluster
