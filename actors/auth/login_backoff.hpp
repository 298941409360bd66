#pragma once

#include "actors/base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>

namespace tiketi::auth {

struct backoff_options {
  std::uint32_t free_failures = 5;    ///< without any wait
  milliseconds delay_first{1000};     ///< after the next one; doubles with each
  milliseconds delay_max{60'000};     ///< an account is never locked for longer
  milliseconds forget_after{900'000}; ///< without a failure
  std::uint32_t parallel_max = 16;    ///< attempts in progress per account
  std::size_t accounts_max = 50'000;  ///< remembered; over it the longest unused is forgotten
};

/// Slows down guessing of one account's password, whoever guesses from wherever. Known and
/// unknown accounts are treated alike, so it tells nothing. Not thread-safe.
class login_backoff {
public:
  explicit login_backoff(backoff_options options) : options_(options) {}

  /// Nothing: go on, and call `succeeded`, `failed` or `abandoned` once. Otherwise how long to
  /// wait.
  std::optional<milliseconds> begin(const std::string& email, time_point now);

  void succeeded(const std::string& email);
  void failed(const std::string& email, time_point now);
  /// Neither: the attempt could not be judged.
  void abandoned(const std::string& email);

  std::size_t size() const noexcept { return entries_.size(); }

private:
  struct entry {
    std::uint32_t failures = 0;
    std::uint32_t in_progress = 0;
    time_point last_failure;
    time_point open_at; ///< no attempt before
    std::list<std::string>::iterator used;
  };
  using table = std::unordered_map<std::string, entry>;

  void end_attempt(table::iterator it);
  milliseconds delay_after(std::uint32_t failures) const;

  backoff_options options_;
  table entries_;
  std::list<std::string> by_use_; ///< longest unused first
};

} // namespace tiketi::auth
