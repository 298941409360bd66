#include "tests/support/metrics.hpp"

#include "tests/support/http_client.hpp"

#include <algorithm>
#include <sstream>

namespace tiketi::test {

double metric(std::uint16_t port, const std::string& name, const std::string& labels) {
  std::istringstream lines{http_client{port}.get("/actuator/prometheus").body};
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
