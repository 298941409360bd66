#pragma once

#include "actors/queue/line_updates.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tiketi::queue {

/// What happened to a line, for copies of it on other nodes. Nothing is kept before the first of
/// them asks. Pure; not thread-safe.
class line_log {
public:
  /// `nonce` tells this log from those of other owners.
  explicit line_log(std::uint64_t nonce = 1) : nonce_(nonce == 0 ? 1 : nonce) {}

  void add(line_change what, std::uint64_t sequence);

  /// What was before does not lead to what is now.
  void restart();

  /// The changes after the first `since` of log `nonce`, into `out`. False: not known any more, so
  /// the whole line has to be told.
  bool since(std::uint64_t nonce, std::uint64_t since, std::vector<std::uint64_t>& out) const;

  /// Somebody has a copy: from now on changes are kept.
  void followed() { followed_ = true; }

  std::uint64_t nonce() const noexcept { return nonce_; }
  std::uint64_t changes() const noexcept { return base_ + log_.size(); }

private:
  static constexpr std::size_t keep_max = 65'536;

  std::uint64_t nonce_;
  bool followed_ = false;
  std::uint64_t base_ = 0; ///< changes dropped from the front of `log_`
  std::vector<std::uint64_t> log_;
};

} // namespace tiketi::queue
