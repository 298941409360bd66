#include "actors/remote/breaker.hpp"

#include <algorithm>

namespace tiketi::remote {

breaker::breaker(breaker_options options) : options_(options) {
  options_.window = std::max<std::size_t>(options_.window, 1);
  options_.trials = std::max<std::size_t>(options_.trials, 1);
}

breaker_state breaker::state(time_point now) const noexcept {
  if (state_ == breaker_state::open && now >= opened_at_ + options_.open_for)
    return breaker_state::half_open;
  return state_;
}

void breaker::enter(breaker_state next, time_point now) {
  state_ = next;
  ++generation_;
  samples_.clear();
  next_sample_ = 0;
  trials_out_ = 0;
  if (next == breaker_state::open)
    opened_at_ = now;
}

breaker::permit breaker::acquire(time_point now) {
  if (state_ == breaker_state::open) {
    if (now < opened_at_ + options_.open_for) {
      // A clock that was set back must not keep it open for longer.
      const auto wait = std::min(opened_at_ + options_.open_for - now, options_.open_for);
      if (now < opened_at_)
        opened_at_ = now;
      return {false, generation_, wait};
    }
    enter(breaker_state::half_open, now);
  }
  if (state_ == breaker_state::half_open) {
    // More trials than are judged would only load a target that is just coming back.
    if (trials_out_ + samples_.size() >= options_.trials)
      return {false, generation_, std::min(options_.slow_after, options_.open_for)};
    ++trials_out_;
  }
  return {true, generation_, milliseconds{0}};
}

/// Measured against `total` outcomes, of which some may still be missing.
bool breaker::in_trouble(std::size_t total) const {
  const auto reaches = [total](std::ptrdiff_t part, int percent) {
    return static_cast<std::size_t>(part) * 100 >= total * static_cast<std::size_t>(percent);
  };
  const auto failed =
      std::count_if(samples_.begin(), samples_.end(), [](const sample& s) { return s.failed; });
  const auto slow =
      std::count_if(samples_.begin(), samples_.end(), [](const sample& s) { return s.slow; });
  return reaches(failed, options_.failure_percent) || reaches(slow, options_.slow_percent);
}

void breaker::record(const permit& p, call_outcome outcome, milliseconds took, time_point now) {
  if (!p.granted || p.generation != generation_)
    return;
  const sample s{outcome == call_outcome::failure, took > options_.slow_after};
  if (state_ == breaker_state::half_open) {
    --trials_out_;
    if (outcome == call_outcome::abandoned)
      return;
    samples_.push_back(s);
    if (in_trouble(options_.trials))
      enter(breaker_state::open, now);
    else if (samples_.size() >= options_.trials)
      enter(breaker_state::closed, now);
    return;
  }
  if (outcome == call_outcome::abandoned)
    return;
  if (samples_.size() < options_.window)
    samples_.push_back(s);
  else
    samples_[next_sample_] = s;
  next_sample_ = (next_sample_ + 1) % options_.window;
  // One failure after a start is no share of anything yet.
  if (samples_.size() >= options_.window && in_trouble(options_.window))
    enter(breaker_state::open, now);
}

} // namespace tiketi::remote
