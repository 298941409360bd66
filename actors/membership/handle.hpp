#pragma once

#include "actors/bus/type_ids.hpp"
#include "actors/event/type_ids.hpp"
#include "actors/membership/messages.hpp"
#include "actors/membership/type_ids.hpp"

#include <caf/typed_actor.hpp>

namespace tiketi::membership {

/// Memberships as the sale sees them.
using tiers_view = caf::typed_actor<caf::replies_to<get_tier>::with<member_tier>>;

/// Memberships as the payment role sees them.
using payments_view = caf::typed_actor<
    // Amount and owner of a membership that may be paid now.
    caf::replies_to<check_membership>::with<ticket::payable>,
    // Activates, or says that the money must go back. Durable when answered.
    caf::replies_to<apply_membership_payment>::with<ticket::payment_outcome>>;

/// All of it. A superset of the two above. What is delivered are the events that change points.
using membership_actor =
    caf::typed_actor<caf::replies_to<subscribe>::with<membership_view>,
                     caf::replies_to<list_memberships>::with<membership_list>,
                     caf::replies_to<get_membership>::with<membership_detail>,
                     caf::replies_to<find_membership>::with<membership_view>,
                     caf::replies_to<get_tier>::with<member_tier>,
                     caf::replies_to<award>::with<awarded>,
                     caf::replies_to<check_membership>::with<ticket::payable>,
                     caf::replies_to<apply_membership_payment>::with<ticket::payment_outcome>,
                     caf::replies_to<deliver>::with<applied>>;

} // namespace tiketi::membership
