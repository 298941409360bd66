#pragma once

#include "actors/auth/id_token.hpp"

#include <optional>
#include <string_view>
#include <vector>

namespace tiketi::auth {

struct key_set_options {
  seconds age_min{300};      ///< keys are used at least this long, whatever their answer said
  seconds age_max{86'400};   ///< and at most this long, before they are fetched again
  seconds stale_max{86'400}; ///< beyond that, while they cannot be fetched
  seconds refetch_wait{60};  ///< between two fetches because of an unknown key
  seconds failure_wait{5};   ///< between two fetches while they fail
};

/// How long the answer of a key server may be kept: `max-age` less its age. Nothing: not said.
std::optional<seconds> freshness(std::string_view cache_control, std::string_view age);

/// The keys of an issuer, and when to fetch them again. Pure: time is an argument.
class key_set {
public:
  explicit key_set(key_set_options options = {}) : options_(options) {}

  enum class advice : std::uint8_t {
    use,
    fetch,       ///< and ask again
    unknown_key, ///< the keys are up to date and this is none of them
    unavailable, ///< there is nothing to check it with
  };
  struct choice {
    advice what = advice::unavailable;
    rsa_key key;
  };
  choice find(std::string_view key_id, time_point now) const;

  void fetching(time_point now) { last_fetch_ = now; }
  void fetched(std::vector<named_key> keys, std::optional<seconds> fresh_for, time_point now);
  void failed() { failing_ = true; }

private:
  bool may_fetch(seconds wait, time_point now) const {
    // A clock that was set back must not keep it from fetching.
    return !last_fetch_ || now >= *last_fetch_ + wait || now < *last_fetch_;
  }

  key_set_options options_;
  std::vector<named_key> keys_;
  std::optional<time_point> fresh_until_; ///< nothing: never fetched
  std::optional<time_point> last_fetch_;
  bool failing_ = false;
};

} // namespace tiketi::auth
