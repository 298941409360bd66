#pragma once

#include "actors/event/messages.hpp"

#include <cstdint>
#include <optional>

namespace tiketi::ticket {

/// What a seat promises to one reservation that claimed it.
struct seat_claim {
  std::uint64_t floor = 0;   ///< the new fencing token must be greater
  std::uint32_t version = 0; ///< the one the hold will write

  friend bool operator==(const seat_claim&, const seat_claim&) = default;
};

/// One seat: who may have it, with which fencing token. No clock, no I/O.
///
///     available --claim--> granted --settle--> held --sell--> sold
///         ^------------------+----- release ----+---------------+
///
/// `granted` is provisional: it lasts until the commit is known, however long it stays in doubt.
/// Reservations are told apart by id, not by user: a second hold by the same user is a conflict
/// like any other, and giving it up cannot touch the first.
class seat {
public:
  enum class phase : std::uint8_t { available, granted, held, sold };

  seat() = default;

  /// As the store has it.
  seat(seat_status status, std::uint32_t version, std::uint64_t token, reservation_id holder);

  /// Nothing: somebody has it. A repeat by the holder of the grant gives the same claim.
  std::optional<seat_claim> claim(const reservation_id& who);

  /// The hold is durable. False and no change unless `who` has the grant and the token is newer
  /// than every one before.
  bool settle(const reservation_id& who, std::uint64_t token);

  /// Holder and token are the ones of a hold or a sale.
  bool verify(const reservation_id& who, std::uint64_t token) const;

  /// The sale is durable. False and no change unless verified; a repeat is fine.
  bool sell(const reservation_id& who, std::uint64_t token);

  /// Gives the seat back. A grant needs only its holder, a hold or a sale the token too. A token
  /// that was issued and not used is remembered, so that the next one is greater.
  bool release(const reservation_id& who, std::uint64_t token);

  phase state() const noexcept { return phase_; }
  const reservation_id& holder() const noexcept { return holder_; }
  std::uint64_t token() const noexcept { return token_; }
  std::uint32_t version() const noexcept { return version_; }

private:
  phase phase_ = phase::available;
  reservation_id holder_;
  std::uint64_t token_ = 0;
  std::uint32_t version_ = 0;
};

} // namespace tiketi::ticket
