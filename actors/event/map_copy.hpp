#pragma once

#include "actors/event/map_updates.hpp"
#include "actors/event/messages.hpp"
#include "actors/event/seat_map.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace tiketi::ticket {

/// The seat map of an event of another node: the owner's bytes under the owner's versions. Pure.
class map_copy {
public:
  explicit map_copy(event_id event) : event_(event) {}

  /// What to ask the owner next.
  follow_seat_map question() const;

  /// The answer to `question`. True: the copy is what the owner was when it answered; false: ask
  /// again. What makes no sense starts the copy from the beginning.
  bool take(const seat_map_update& update);

  bool empty() const noexcept { return !map_; }
  seat_map_view publish() { return map_->publish(); }
  seat_changes changes(const get_seat_changes& query) { return answer(*map_, query); }

  /// Times it began from the beginning.
  std::uint64_t beginnings() const noexcept { return beginnings_; }

private:
  event_id event_;
  std::optional<seat_map> map_; ///< of `frame_version_` or later
  std::string frame_;           ///< as far as it has come; empty where there is `map_`
  std::string frame_version_;
  std::uint64_t beginnings_ = 0;
};

} // namespace tiketi::ticket
