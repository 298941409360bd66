#include "tests/support/metrics.hpp"

#include "tests/support/http_client.hpp"
#include "tests/support/spread.hpp"

#include <algorithm>
#include <map>
#include <sstream>

namespace tiketi::test {

namespace {

std::string page_of(std::uint16_t port) {
  http_client node{port};
  node.one_node = true;
  return node.get("/actuator/prometheus").body;
}

} // namespace

std::string metrics_page(std::uint16_t port) {
  const auto nodes = nodes_behind(port);
  if (nodes.size() == 1)
    return page_of(port);
  std::map<std::string, double> sums;
  for (const auto node : nodes) {
    std::istringstream lines{page_of(node)};
    for (std::string line; std::getline(lines, line);)
      if (const auto end = line.rfind(' '); end != line.npos && !line.starts_with('#'))
        sums[line.substr(0, end)] += std::stod(line.substr(end + 1));
  }
  std::ostringstream out;
  out.precision(15);
  for (const auto& [sample, sum] : sums)
    out << sample << ' ' << sum << '\n';
  return out.str();
}

double metric(std::uint16_t port, const std::string& name, const std::string& labels) {
  std::istringstream lines{metrics_page(port)};
  double sum = -1;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name) || (line[name.size()] != ' ' && line[name.size()] != '{'))
      continue;
    if (line.find(labels) != std::string::npos)
      sum = std::max(sum, 0.0) + std::stod(line.substr(line.rfind(' ') + 1));
  }
  return sum;
}

} // namespace tiketi::test
