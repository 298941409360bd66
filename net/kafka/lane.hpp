#pragma once

#include "actors/bus/delivery_window.hpp"
#include "net/kafka/options.hpp"
#include "net/kafka/record.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tiketi::kafka {

/// What a record turned out to be.
struct arrival {
  record raw;                   ///< where it stood; its whole content only if `error` is set
  domain_event event;           ///< without meaning if `error` is set
  std::optional<failure> error; ///< it cannot be read: a dead letter
  bool passed_over = false;     ///< it is for somebody else
};

/// Reads a record for `consumer`; an empty list of types means all of them.
arrival read_arrival(record r, const std::string& consumer, const std::vector<std::string>& types);

/// The records of one partition on their way into one consumer: order per key, several keys at
/// once, and an offset to commit that never passes what is not applied. Pure.
class lane {
public:
  /// `epoch` tells this assignment of the partition from the ones before.
  /// `orders_itself`: see `subscription`.
  lane(std::uint64_t epoch, std::int64_t first_offset, const consumer_options& options,
       bool orders_itself = false);

  std::uint64_t epoch() const noexcept { return epoch_; }
  /// Everything before this offset is applied.
  std::int64_t next_offset() const noexcept { return window_.cursor() + 1; }
  std::size_t held() const noexcept { return window_.held(); }
  std::size_t in_flight() const noexcept { return window_.in_flight(); }

  /// Offsets ascend; one that was there before is ignored.
  void add(arrival a);

  struct delivery {
    std::int64_t offset = 0;
    std::uint32_t attempt = 0;
    domain_event event;               ///< as its producer wrote it
    std::optional<record> unreadable; ///< set: nothing to deliver, a dead letter
    std::string why;                  ///< it is unreadable
  };

  /// What to start now. Nothing more once the lane is closed.
  std::vector<delivery> take(time_point now, milliseconds patience);

  void applied(std::int64_t offset);
  /// The attempt failed; the key waits until `retry_at`.
  void failed(std::int64_t offset, std::uint32_t attempt, time_point retry_at);
  std::vector<std::pair<std::int64_t, std::uint32_t>> overdue(time_point now) const;

  void close() noexcept { closed_ = true; }
  bool closed() const noexcept { return closed_; }

private:
  std::uint64_t epoch_;
  delivery_window window_;
  std::map<std::int64_t, std::int64_t> sequences_; ///< offset: position in the producer's outbox
  std::map<std::int64_t, std::pair<record, std::string>> unreadable_;
  bool closed_ = false;
};

} // namespace tiketi::kafka
