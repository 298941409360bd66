#pragma once

#include "actors/bus/messages.hpp"
#include "actors/bus/type_ids.hpp"
#include "actors/webhook/messages.hpp"
#include "actors/webhook/type_ids.hpp"

#include <caf/typed_actor.hpp>

namespace tiketi::webhook {

/// Webhooks and their deliveries. A superset of `consumer_actor`: each domain event becomes one
/// delivery per webhook that wants it, once. What a command changed is durable when answered.
using webhook_actor = caf::typed_actor<caf::replies_to<deliver>::with<applied>,
                                       caf::replies_to<create_webhook>::with<webhook_secret>,
                                       caf::replies_to<change_webhook>::with<webhook_view>,
                                       caf::replies_to<list_webhooks>::with<webhook_list>,
                                       caf::replies_to<get_webhook>::with<webhook_view>,
                                       caf::replies_to<delete_webhook>::with<webhook_deleted>,
                                       caf::replies_to<rotate_secret>::with<webhook_secret>,
                                       caf::replies_to<test_webhook>::with<test_result>,
                                       caf::replies_to<list_deliveries>::with<delivery_page>,
                                       caf::replies_to<replay_dead_letters>::with<replayed>>;

} // namespace tiketi::webhook
