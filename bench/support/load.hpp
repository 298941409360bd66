#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace tiketi::bench {

struct load_options {
  std::uint16_t port = 0;
  std::size_t connections = 64;
  std::size_t requests = 0; ///< in all; 0: until `duration` is over
  std::chrono::milliseconds duration{0};
};

struct load_result {
  std::size_t answers = 0;
  double seconds = 0;
  std::map<int, std::size_t> by_status;
  std::size_t bytes = 0;
  double p50_ms = 0;
  double p99_ms = 0;

  double per_second() const { return seconds > 0 ? static_cast<double>(answers) / seconds : 0; }
};

/// Keep-alive connections on one thread; each sends its next request when it has read its answer.
/// `next(i)` gives the bytes of request `i`. Spends as little of the machine as it can, because the
/// server under test shares it: answers are only searched for status and length.
load_result run_load(const load_options& options,
                     const std::function<std::string(std::size_t)>& next);

} // namespace tiketi::bench
