#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

namespace tiketi::test {

/// A real redis-server on a free port of the loopback, with a folder of its own. Neither process
/// nor folder outlives the test, however that ends. One thread at a time, and the one that made it:
/// the kernel ends the server together with that thread.
class redis_server {
public:
  struct options {
    std::string password;               ///< empty: none
    std::vector<std::string> arguments; ///< further words of the command line
  };

  /// Starts it. Throws std::runtime_error when it cannot be started.
  redis_server();
  explicit redis_server(options o);
  ~redis_server();
  redis_server(const redis_server&) = delete;
  redis_server& operator=(const redis_server&) = delete;

  std::uint16_t port() const noexcept { return port_; }
  const std::string& password() const noexcept { return options_.password; }
  bool running() const noexcept { return pid_ > 0; }
  pid_t pid() const noexcept { return pid_; } ///< not positive: it does not run

  /// On the same port, with the data that was saved. Returns when it answers.
  void start();
  void kill();              ///< SIGKILL: nothing is saved, nothing said good-bye
  void restart_empty();     ///< kill -9, and its data is gone
  void restart_with_data(); ///< saved before the end
  void pause();             ///< SIGSTOP: connections stay, nothing is answered
  void resume();

  /// Sends a command over a connection of its own and returns the answer as text: numbers in
  /// decimal, nothing as `(nil)`, lists separated by blanks. Throws std::runtime_error with the
  /// server's words for an error.
  std::string command(const std::vector<std::string>& words);

private:
  struct connection;

  bool spawn();
  std::string log_tail() const;

  options options_;
  std::filesystem::path folder_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
  int sweeper_ = -1; ///< when this closes, a helper removes the folder
  std::unique_ptr<connection> connection_;
};

} // namespace tiketi::test
