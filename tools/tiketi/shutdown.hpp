#pragma once

#include <chrono>
#include <memory>

namespace tiketi {

/// SIGTERM and SIGINT as a call that returns. Construct before any other thread starts: the signals
/// are blocked from then on in every thread, and only `wait` and the watch after it take them.
class shutdown_signal {
public:
  shutdown_signal();

  /// Returns the first SIGTERM or SIGINT.
  int wait();

  /// Ends the process at once, with one line on standard error and exit code 1, when another signal
  /// comes or `deadline` passes while this object lives.
  class watch {
  public:
    explicit watch(std::chrono::seconds deadline);
    ~watch();
    watch(const watch&) = delete;
    watch& operator=(const watch&) = delete;

  private:
    struct impl;
    std::unique_ptr<impl> impl_;
  };
};

} // namespace tiketi
