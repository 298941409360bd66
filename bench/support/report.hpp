#pragma once

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace tiketi::bench {

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// One line of JSON on standard output, which `tools/bench` collects.
inline void report_ratio(const std::string& name, double ratio, const std::string& baseline) {
  std::puts(
      nlohmann::json{{"name", name}, {"ratio", ratio}, {"unit", "ratio"}, {"baseline", baseline}}
          .dump()
          .c_str());
  std::fflush(stdout);
}

inline void report_value(const std::string& name, double value, const std::string& unit,
                         const std::string& baseline = "") {
  std::puts(nlohmann::json{{"name", name}, {"value", value}, {"unit", unit}, {"baseline", baseline}}
                .dump()
                .c_str());
  std::fflush(stdout);
}

} // namespace tiketi::bench
