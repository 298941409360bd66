#pragma once

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

struct process_options {
  std::filesystem::path data{};
  std::uint16_t port = 0; ///< 0: a free one
  std::vector<std::string> arguments{};
  std::map<std::string, std::string> environment{}; ///< added to this process' own
  std::filesystem::path log{};                      ///< empty: `<data>/server.log`, appended to
  std::uint16_t management_port = 0;                ///< where readiness is asked; 0: on `port`
};

/// One process of the real program, with exactly the settings that it is given. Killed with SIGKILL
/// when destroyed while running. One thread at a time.
class single_process {
public:
  explicit single_process(process_options o);
  ~single_process();
  single_process(const single_process&) = delete;
  single_process& operator=(const single_process&) = delete;

  std::uint16_t port() const noexcept { return options_.port; }
  pid_t pid() const noexcept { return pid_; } ///< not positive: it does not run
  const process_options& settings() const noexcept { return options_; }

  /// Environment variables for the next start; those that it has already stay.
  void add(std::map<std::string, std::string> environment);

  /// Starts it and returns at once.
  bool launch();
  /// False when it ended or the time ran out first.
  bool wait_until_ready(std::chrono::milliseconds timeout);
  bool is_ready() const; ///< what it says itself; waits for a stopped process for a second

  /// False: it does not run, or has ended by itself.
  bool alive();

  void kill();        ///< SIGKILL, also while it is paused
  void pause();       ///< SIGSTOP
  void resume();      ///< SIGCONT
  void ask_to_stop(); ///< SIGTERM
  /// After `ask_to_stop`: its exit status, 128 + n after signal n, or -1 when it had to be killed
  /// after `timeout`.
  int wait_for_end(std::chrono::milliseconds timeout);

  std::string log_tail(std::size_t bytes = 4000) const;

private:
  process_options options_;
  pid_t pid_ = -1;
};

} // namespace tiketi::test
