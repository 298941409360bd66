#include "actors/trace/span_buffer.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace tiketi::trace {

span_buffer::span_buffer(std::size_t spans_max, prometheus::Counter& dropped)
    : spans_max_(spans_max), dropped_(dropped) {
  // All at once, so that recording never has to make room.
  spans_.reserve(spans_max);
}

void span_buffer::record(span s) noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (spans_.size() < spans_max_) {
      spans_.push_back(std::move(s));
      return;
    }
  }
  dropped_.Increment();
}

std::vector<span> span_buffer::take(std::size_t count) {
  const std::lock_guard lock(mutex_);
  const auto end = spans_.begin() + static_cast<std::ptrdiff_t>(std::min(count, spans_.size()));
  std::vector<span> out(std::make_move_iterator(spans_.begin()), std::make_move_iterator(end));
  spans_.erase(spans_.begin(), end);
  return out;
}

std::size_t span_buffer::size() const {
  const std::lock_guard lock(mutex_);
  return spans_.size();
}

} // namespace tiketi::trace
