#pragma once

#include "actors/event/messages.hpp"

#include <cstdint>
#include <map>

namespace tiketi::ticket {

/// The stock of one ticket type: never grants more than there is. No clock, no I/O.
class ticket_type {
public:
  ticket_type() = default;

  /// As the store has it; a remainder outside 0…total is brought inside.
  ticket_type(std::int32_t total, std::int32_t remaining);

  /// Takes `quantity` for a reservation that is not durable yet. False: not enough, or a quantity
  /// below one, or this reservation has some already.
  bool take(const reservation_id& who, std::int32_t quantity);

  /// The reservation is durable: what it took is gone for good. False: it has nothing open.
  bool settle(const reservation_id& who);

  /// The reservation failed: what it took comes back, once. False: it has nothing open.
  bool put_back(const reservation_id& who);

  /// A durable reservation ended and its `quantity` is free again; never above the total.
  void restock(std::int32_t quantity);

  /// The catalog changed the total; what is sold or granted stays, so it never falls below that.
  void resize(std::int32_t total);

  std::int32_t total() const noexcept { return total_; }
  std::int32_t remaining() const noexcept { return remaining_; }
  /// Reservations with an open grant.
  std::size_t open() const noexcept { return open_.size(); }

private:
  std::int32_t total_ = 0;
  std::int32_t remaining_ = 0;
  std::map<reservation_id, std::int32_t> open_;
};

} // namespace tiketi::ticket
