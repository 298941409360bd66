#pragma once

#include "tests/support/places.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include <sys/types.h>

namespace tiketi::test {

/// Apache Kafka itself, one process in KRaft mode (broker and controller), on free ports of the
/// loopback, with data in a temporary folder. The process dies with the one that started it,
/// however that ends. A start takes several seconds: one broker per test program.
class kafka_broker {
public:
  kafka_broker();
  ~kafka_broker();
  kafka_broker(const kafka_broker&) = delete;
  kafka_broker& operator=(const kafka_broker&) = delete;

  /// Have its jars been fetched (`tools/setup --tests`)?
  static bool available();

  /// `127.0.0.1:<port>`; the same over restarts.
  std::string address() const;
  std::uint16_t port() const noexcept { return port_; }
  bool running() const noexcept { return pid_ > 0; }
  pid_t pid() const noexcept { return pid_; } ///< not positive: it does not run

  /// Starts it, with the data of before where there is any, and waits until it answers. False when
  /// it ended or the time ran out first.
  bool start(std::chrono::milliseconds timeout = std::chrono::seconds{120});

  /// SIGKILL.
  void kill();

  /// SIGTERM, and SIGKILL after `timeout`.
  void stop(std::chrono::milliseconds timeout = std::chrono::seconds{20});

  /// SIGSTOP and SIGCONT: the ports stay open and nobody answers.
  void freeze();
  void thaw();

  /// The end of the log, for a failure message.
  std::string log_tail(std::size_t bytes = 4000) const;

private:
  class keeper;

  void write_files();
  bool answers() const;
  bool has_ended();

  temp_dir folder_;
  std::uint16_t port_ = 0;
  std::uint16_t controller_port_ = 0;
  pid_t pid_ = -1;
  std::unique_ptr<keeper> keeper_;
};

/// The broker of this test program: started by the first call, ended with the program. Throws
/// std::runtime_error when it does not start.
kafka_broker& shared_kafka_broker();

} // namespace tiketi::test
