#pragma once

#include "actors/event/type_ids.hpp"
#include "actors/transfer/messages.hpp"
#include "actors/transfer/type_ids.hpp"

#include <caf/typed_actor.hpp>

namespace tiketi::ticket {

/// Resale as the payment role sees it.
using transfers_view = caf::typed_actor<
    // Amount of a listing that this user may buy now.
    caf::replies_to<check_transfer>::with<payable>,
    // The ticket changes hands, or the money must go back. Durable when answered.
    caf::replies_to<apply_transfer_payment>::with<payment_outcome>,
    caf::replies_to<apply_transfer_refund>::with<refund_applied>,
    // Ends the reservation for its present owner.
    caf::replies_to<give_up_bought>::with<reservation_view>>;

/// All of it. A superset of `transfers_view`.
using transfer_desk =
    caf::typed_actor<caf::replies_to<create_listing>::with<transfer_view>,
                     caf::replies_to<cancel_listing>::with<listing_cancelled>,
                     caf::replies_to<list_transfers>::with<transfer_page>,
                     caf::replies_to<list_own_transfers>::with<transfer_page>,
                     caf::replies_to<get_transfer>::with<transfer_view>,
                     caf::replies_to<check_transfer>::with<payable>,
                     caf::replies_to<apply_transfer_payment>::with<payment_outcome>,
                     caf::replies_to<apply_transfer_refund>::with<refund_applied>,
                     caf::replies_to<give_up_bought>::with<reservation_view>>;

} // namespace tiketi::ticket
