#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

namespace tiketi::test {

/// A real PostgreSQL server on a free port of the loopback interface, with data of its own in a
/// temporary folder. Commits are flushed to the disk, as in earnest. It ends, and its folder goes
/// away, with this object, and also when this process is killed. One thread at a time; the one that
/// starts it must not end before it.
class postgres_server {
public:
  struct options {
    std::filesystem::path folder{};                ///< empty: below the system's temporary one
    std::map<std::string, std::string> settings{}; ///< of postgresql.conf, besides the usual
    std::chrono::milliseconds timeout{60'000};     ///< for each start and stop
  };

  postgres_server() : postgres_server(options{}) {}
  /// Makes the data and starts. Throws std::runtime_error with the server's words.
  explicit postgres_server(options o);
  ~postgres_server();
  postgres_server(const postgres_server&) = delete;
  postgres_server& operator=(const postgres_server&) = delete;

  const std::string& host() const noexcept { return host_; }
  std::uint16_t port() const noexcept { return port_; }
  const std::string& administrator() const noexcept { return administrator_; }
  const std::string& password() const noexcept { return password_; } ///< the administrator's

  /// On the same data and port. Recovers after a crash.
  void start();
  /// In order; sessions are ended, transactions in progress undone.
  void stop();
  /// SIGKILL to all its processes, as a power cut would.
  void kill();
  /// SIGSTOP and SIGCONT to all its processes: it is there but does not answer.
  void pause();
  void resume();
  bool running() const noexcept { return pid_ > 0; }
  pid_t pid() const noexcept { return pid_; } ///< not positive: it does not run

  /// Runs statements as the administrator; returns the rows of the last one, NULL as empty text.
  std::vector<std::vector<std::string>> run(const std::string& database,
                                            const std::string& statements) const;

  /// The end of the server's log.
  std::string log_tail(std::size_t bytes = 4000) const;

  /// The server of this process, started when first asked for and ended with the process. It
  /// commits without a flush, unless `shared_options` says otherwise before that: killing its
  /// processes loses nothing that was written, only a machine without power would.
  static postgres_server& shared();
  static options& shared_options();

private:
  std::vector<pid_t> processes() const;
  void make_data();
  void guard();
  void wait_until_ready();
  void wait_until_gone(pid_t pid);

  options options_;
  std::string host_ = "127.0.0.1";
  std::string administrator_ = "postgres";
  std::string password_;
  std::filesystem::path folder_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
  pid_t guard_ = -1;
  int guard_pipe_ = -1;
};

} // namespace tiketi::test
