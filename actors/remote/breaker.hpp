#pragma once

#include "actors/base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace tiketi::remote {

struct breaker_options {
  std::size_t window = 10;       ///< outcomes that are judged together, 1 ... 1000
  int failure_percent = 50;      ///< opens at this share of failures, 1 ... 100
  int slow_percent = 80;         ///< opens at this share of slow calls, 1 ... 100
  milliseconds slow_after{3000}; ///< a call that takes longer is slow
  milliseconds open_for{10'000}; ///< then trial calls are let through
  std::size_t trials = 3;        ///< trial calls, and successes to close again
};

enum class breaker_state : std::uint8_t { closed, open, half_open };

constexpr std::string_view to_string_view(breaker_state s) noexcept {
  constexpr std::string_view words[] = {"closed", "open", "half_open"};
  return words[static_cast<std::size_t>(s)];
}

enum class call_outcome : std::uint8_t {
  success,
  failure,
  abandoned, ///< says nothing about the other side
};

/// A circuit breaker (Nygard, "Release It!"): a target that fails is left alone for a while, so
/// that callers hear at once and the target can recover. Pure: time is an argument.
///
///     closed --(window full of trouble)--> open --(open_for)--> half_open --(trials well)-->
///     closed
///                                            ^-------(trials in trouble)------+
class breaker {
public:
  explicit breaker(breaker_options options);

  /// Whether a call may be made. Report what came of every granted one, exactly once.
  struct permit {
    bool granted = false;
    std::uint64_t generation = 0; ///< of the state it was granted in
    milliseconds wait{0};         ///< refused: until asking again makes sense
  };
  permit acquire(time_point now);

  /// An outcome of a generation that is over changes nothing: it tells about another time.
  void record(const permit& p, call_outcome outcome, milliseconds took, time_point now);

  /// `half_open` as soon as the next call would be a trial.
  breaker_state state(time_point now) const noexcept;

private:
  struct sample {
    bool failed = false;
    bool slow = false;
  };

  void enter(breaker_state next, time_point now);
  bool in_trouble(std::size_t total) const;

  breaker_options options_;
  breaker_state state_ = breaker_state::closed;
  std::uint64_t generation_ = 1;
  time_point opened_at_;
  std::vector<sample> samples_; ///< closed: the last `window`, a ring; half-open: of the trials
  std::size_t next_sample_ = 0;
  std::size_t trials_out_ = 0; ///< granted and not reported
};

} // namespace tiketi::remote
