#pragma once

#include "actors/base/ids.hpp"
#include "actors/base/result.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tiketi::vwr {

/// What a request id says once it was found genuine.
struct numbered {
  std::uint64_t generation = 0; ///< modulo `generations`
  std::uint64_t number = 0;
};

/// Request ids hold their number themselves, so nothing is stored per waiting person: number,
/// generation and time in the clear, and a seal (HMAC-SHA-256, 54 bits) over these, the event and
/// the holder. 54 bits are enough because each guess is one request to this server. Thread-safe.
class request_ids {
public:
  /// `secret`: 32 bytes or more, else invalid_request. `life`: 1 minute to 10 years.
  static result<request_ids> make(std::string_view secret, seconds life);

  /// A version 8 uuid. `number` at most `number_max`.
  uuid seal(const event_id& event, std::string_view holder, std::uint64_t generation,
            std::uint64_t number, time_point now) const;

  /// Nothing for an id that is not ours, another event's, another holder's, or too old.
  std::optional<numbered> open(const event_id& event, std::string_view holder, const uuid& id,
                               time_point now) const;

private:
  std::uint64_t tag(const event_id& event, std::string_view holder, std::uint64_t fields,
                    std::uint64_t minute) const;

  std::array<unsigned char, 32> key_{};
  std::uint64_t life_minutes_ = 0;
};

} // namespace tiketi::vwr
