#pragma once

#include "actors/event/messages.hpp"
#include "actors/reservation/reservation.hpp"
#include "actors/seat/messages.hpp"
#include "actors/ticket_type/messages.hpp"
#include "actors/transfer/handle.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

namespace tiketi::ticket {

// What an event and its reservations say to each other. Never leaves the node.

/// Everything a reservation actor starts with.
struct reservation_start {
  reservation_view view;
  bool stored = false; ///< false: a new hold, which begins at once
  std::string idempotency_key;
  std::string trace = {};               ///< of the hold
  std::vector<seat_actor> seats;        ///< beside the items; null where there is nothing to tell
  std::vector<ticket_type_actor> types; ///< the same
};

/// To the event: what came of a hold. After `failed` the reservation is gone.
struct hold_finished {
  enum class kind : std::uint8_t { held, failed, in_doubt };

  reservation_id reservation;
  kind what = kind::failed;
  reservation_view view; ///< with the tokens that were given; in_doubt: empty
  reservation::hold_failure failure;
  std::optional<time_point> wake_at;
};

/// To the event: where a held reservation stands. Sent when something of it changed.
struct reservation_moved {
  reservation_id reservation;
  reservation_status status = reservation_status::pending;
  user_id user; ///< its owner: resale changes that
  std::optional<time_point> wake_at;
  bool resting = false;      ///< ended or confirmed, and nothing under way
  std::uint64_t handled = 0; ///< commands answered so far
};

/// To the event: an actor of it broke down; only a new start from the store is sound.
struct child_failed {};

/// Notice: something is due.
struct wake_reservation {};

/// Query: the reservation as it is, as the answer to a repeated request.
struct replay_reservation {};

using reservation_parent =
    caf::typed_actor<caf::reacts_to<hold_finished>, caf::reacts_to<reservation_moved>,
                     caf::reacts_to<child_failed>>;

using reservation_actor =
    caf::typed_actor<caf::replies_to<cancel_reservation>::with<reservation_view>,
                     caf::replies_to<end_reservation>::with<reservation_view>,
                     caf::replies_to<check_payable>::with<payable>,
                     caf::replies_to<apply_payment>::with<payment_outcome>,
                     caf::replies_to<apply_refund>::with<refund_applied>,
                     caf::replies_to<list_ticket>::with<reservation_view>,
                     caf::replies_to<unlist_ticket>::with<reservation_view>,
                     caf::replies_to<check_listing>::with<payable>,
                     caf::replies_to<buy_listed>::with<payment_outcome>,
                     caf::replies_to<replay_reservation>::with<reservation_view>,
                     caf::reacts_to<wake_reservation>>;

} // namespace tiketi::ticket

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::hold_finished)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::reservation_moved)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::child_failed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::wake_reservation)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::replay_reservation)
