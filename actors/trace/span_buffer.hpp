#pragma once

#include "actors/base/span.hpp"

#include <cstddef>
#include <mutex>
#include <vector>

#include <prometheus/counter.h>

namespace tiketi::trace {

/// Keeps spans until the exporter takes them. Bounded: what comes while it is full is dropped and
/// counted, because a sale is worth more than its trace.
class span_buffer final : public sink {
public:
  /// `dropped` outlives it.
  span_buffer(std::size_t spans_max, prometheus::Counter& dropped);

  void record(span s) noexcept override;

  /// The oldest spans, `count` at most. Thread-safe.
  std::vector<span> take(std::size_t count);

  std::size_t size() const;

private:
  const std::size_t spans_max_;
  prometheus::Counter& dropped_;
  mutable std::mutex mutex_;
  std::vector<span> spans_;
};

} // namespace tiketi::trace
