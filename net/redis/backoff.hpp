#pragma once

#include "actors/base/time.hpp"

#include <cstdint>

namespace tiketi::net {

struct backoff_options {
  milliseconds first{50};
  milliseconds max{5'000};
};

/// Waits between attempts: each twice as long as the one before, up to the longest, and of each a
/// random half is left out, so that many who lost the same server do not come back together.
class backoff {
public:
  explicit backoff(backoff_options options);

  milliseconds next(std::uint64_t chance);
  void reset() noexcept { wait_ = options_.first; }

private:
  backoff_options options_;
  milliseconds wait_;
};

} // namespace tiketi::net
