#pragma once

#include "actors/base/result.hpp"
#include "actors/transfer/messages.hpp"

#include <cstdint>
#include <optional>
#include <vector>

// Listings for resale in the ticket role's database.

namespace tiketi::ticket {

enum class listing_effect : std::uint8_t {
  keep,
  open,  ///< a new listing; a reservation has one open at most
  close, ///< the open listing ends without a buyer
  sell,  ///< the open listing ends with one: reservation and listing change in one transaction
};

/// What a change of a reservation does to its listing. Part of `change_reservation`: the listing is
/// checked (`listed`, and the seller the reservation's user) and changed in the same transaction.
struct listing_change {
  listing_effect effect = listing_effect::keep;
  transfer_terms terms;
  user_id seller;
  user_id buyer;             ///< sell
  payment_id payment;        ///< sell: the buyer's
  payment_id seller_payment; ///< sell: what the seller had paid with
  time_point at;
};

/// One connection for reading; one thread at a time. Sees only committed state.
class transfer_queries {
public:
  virtual ~transfer_queries() = default;

  virtual result<std::optional<transfer_view>> find(transfer_id id) = 0;
  /// Of one artist, or of all when nil; newest first.
  virtual result<transfer_page> listed(artist_id artist, std::int64_t limit,
                                       std::int64_t offset) = 0;
  virtual result<std::vector<transfer_view>> offered_by(user_id seller, std::int64_t limit) = 0;
  /// The artist of the reservation's event, nil without one. Nothing: no such reservation.
  virtual result<std::optional<artist_id>> artist_of(reservation_id id) = 0;
};

} // namespace tiketi::ticket
