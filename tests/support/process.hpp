#pragma once

#include "tests/support/places.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

namespace tiketi::test {

/// Runs the program to its end; returns its exit status, 128 + n after signal n, -1 when it could
/// not start. What it says is appended to `log`.
int run_program(const std::vector<std::string>& arguments,
                const std::map<std::string, std::string>& environment,
                const std::filesystem::path& log);

/// The real program, as its own process. Killed with SIGKILL when destroyed while running. With
/// TIKETI_TEST_BACKEND=production it runs on real servers, which start with the first one (see
/// production_parts.hpp).
class server_process {
public:
  struct options {
    std::filesystem::path data{};
    std::uint16_t port = 0; ///< 0: a free one
    std::vector<std::string> arguments{};
    std::map<std::string, std::string> environment{}; ///< added to this process' own
    std::filesystem::path log{};                      ///< empty: `<data>/server.log`, appended to
    std::uint16_t management_port = 0;                ///< where readiness is asked; 0: on `port`
  };

  explicit server_process(options o); ///< throws std::runtime_error without the broker it needs
  ~server_process();
  server_process(const server_process&) = delete;
  server_process& operator=(const server_process&) = delete;

  std::uint16_t port() const noexcept { return options_.port; }
  pid_t pid() const noexcept { return pid_; }

  /// Starts it and waits until it is ready. False when it ended or the time ran out first.
  bool start(std::chrono::milliseconds timeout = std::chrono::seconds{60});

  /// SIGKILL, as a power cut would: nothing is flushed, nothing said good-bye.
  void kill();

  /// SIGTERM; returns the exit status, or -1 when it had to be killed after `timeout`.
  int stop(std::chrono::milliseconds timeout = std::chrono::seconds{30});

  /// The end of the log, for a failure message.
  std::string log_tail(std::size_t bytes = 4000) const;

private:
  options options_;
  pid_t pid_ = -1;
};

} // namespace tiketi::test
