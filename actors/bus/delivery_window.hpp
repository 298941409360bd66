#pragma once

#include "actors/bus/messages.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tiketi {

/// What one consumer still has to apply of one outbox: order per key, several keys at once, and a
/// low-water mark that never passes an event that is not applied. Pure: time is an argument.
class delivery_window {
public:
  /// Starts behind `cursor`. Holds `held_max` events at most, `in_flight_max` of them in flight.
  /// With `orders_itself` the consumer keeps the order of a key, so all events of a key may be in
  /// flight together, handed out in ascending order.
  delivery_window(std::int64_t cursor, std::size_t held_max, std::size_t in_flight_max,
                  bool orders_itself = false);

  /// Every event up to and including this sequence is applied.
  std::int64_t cursor() const noexcept;
  /// The outbox was read up to here.
  std::int64_t read_to() const noexcept { return read_to_; }
  /// How many more events may be added.
  std::size_t room() const noexcept;
  std::size_t held() const noexcept { return entries_.size(); }
  std::size_t in_flight() const noexcept { return flying_.size(); }
  /// When the first event happened that is held; nothing: none is.
  std::optional<time_point> oldest() const;

  /// Events come in ascending order; one that was read before is ignored.
  void add(domain_event event);
  /// The outbox holds nothing for this consumer up to `sequence`.
  void skip_to(std::int64_t sequence);

  struct delivery {
    domain_event event;
    std::uint32_t attempt = 0; ///< 1 for the first
  };

  /// The deliveries to start now: the first event of each key that is neither in flight nor
  /// backing off. They are overdue after `patience`.
  std::vector<delivery> take(time_point now, milliseconds patience);

  /// Whatever attempt it was. False: not outstanding, so nothing changes.
  bool applied(std::int64_t sequence);

  /// The attempt failed; the key waits until `retry_at`. False: that attempt is not in flight.
  bool failed(std::int64_t sequence, std::uint32_t attempt, time_point retry_at);

  /// Deliveries without an answer, by sequence and attempt.
  std::vector<std::pair<std::int64_t, std::uint32_t>> overdue(time_point now) const;

private:
  struct entry {
    domain_event event;
    std::uint32_t attempts = 0;
    std::optional<time_point> deadline; ///< set while in flight
    std::optional<time_point> retry_at; ///< set while backing off
  };

  std::size_t held_max_;
  std::size_t in_flight_max_;
  bool orders_itself_;
  std::int64_t read_to_;
  std::map<std::int64_t, entry> entries_;
  std::unordered_map<std::string, std::deque<std::int64_t>> keys_;
  std::set<std::int64_t> ready_;
  std::set<std::pair<time_point, std::int64_t>> delayed_;
  std::set<std::pair<time_point, std::int64_t>> flying_;
};

/// Doubles from `min` with every attempt, up to `max`.
milliseconds back_off(std::uint32_t attempt, milliseconds min, milliseconds max) noexcept;

} // namespace tiketi
