#pragma once

#include "tests/support/places.hpp"
#include "tests/support/single_process.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include <sys/types.h>

namespace tiketi::test {

class cluster_process;

/// The real program, as its own process. Killed with SIGKILL when destroyed while running. With
/// TIKETI_TEST_BACKEND=production it runs on real servers, which start with the first one (see
/// production_parts.hpp). With TIKETI_TEST_BACKEND=cluster it is three processes on such servers,
/// one system, and what follows is about all of them.
class server_process {
public:
  using options = process_options;

  explicit server_process(options o); ///< throws std::runtime_error without the broker it needs
  ~server_process();
  server_process(const server_process&) = delete;
  server_process& operator=(const server_process&) = delete;

  /// Of a cluster: another node's with each call; a client of it asks all of them in turn.
  std::uint16_t port() const noexcept;
  pid_t pid() const noexcept; ///< of a cluster: the first node's

  /// Starts it and waits until it is ready. False when it ended or the time ran out first.
  bool start(std::chrono::milliseconds timeout = std::chrono::seconds{60});

  /// SIGKILL, as a power cut would: nothing is flushed, nothing said good-bye. Of a cluster: every
  /// node, so that what a test says about a restart holds.
  void kill();

  /// SIGTERM; returns the exit status, or -1 when it had to be killed after `timeout`.
  int stop(std::chrono::milliseconds timeout = std::chrono::seconds{30});

  /// The end of the log, for a failure message.
  std::string log_tail(std::size_t bytes = 4000) const;

private:
  std::unique_ptr<single_process> alone_;
  std::unique_ptr<cluster_process> cluster_;
};

} // namespace tiketi::test
