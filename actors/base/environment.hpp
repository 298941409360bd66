#pragma once

#include "actors/base/time.hpp"

#include <cstdint>
#include <functional>
#include <memory>

namespace tiketi {

/// Time and chance of one actor system: the only source of both, so that a test can run hours in
/// milliseconds and replay any run from its seed. Thread-safe; outlives the actor system.
class environment {
public:
  virtual ~environment() = default;

  virtual time_point now() const = 0;

  /// 64 unpredictable bits; cryptographically strong in production.
  virtual std::uint64_t random() = 0;
};

/// The system clock and the operating system's random numbers.
std::unique_ptr<environment> make_system_environment();

/// Replayable: time is what `clock` says, chance follows from `seed`.
std::unique_ptr<environment> make_seeded_environment(std::uint64_t seed,
                                                     std::function<time_point()> clock);

} // namespace tiketi
