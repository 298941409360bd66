#pragma once

#include "actors/event/messages.hpp"
#include "actors/event/type_ids.hpp"

#include <caf/typed_actor.hpp>

namespace tiketi::ticket {

/// The ticket role as the payment role sees it. The region of the events implements it (and more:
/// actors/event/region_actor.hpp).
using payments_view = caf::typed_actor<
    // Amount and owner of a reservation that may be paid now.
    caf::replies_to<check_payable>::with<payable>,
    // Confirms, or says that the money must go back. Durable when answered.
    caf::replies_to<apply_payment>::with<payment_outcome>,
    // Ends the reservation whose money went back. Durable when answered.
    caf::replies_to<apply_refund>::with<refund_applied>>;

} // namespace tiketi::ticket
