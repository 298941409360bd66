#pragma once

#include "actors/bus/type_ids.hpp"
#include "actors/catalog/layout.hpp"
#include "storage/ticket_store.hpp"

#include <functional>
#include <string_view>
#include <vector>

#include <caf/actor_system.hpp>

namespace tiketi::ticket {

/// Called on the consumer's thread after the change of an event has become durable (and again when
/// it is delivered again, because the first call may have been lost with the process).
using event_changed_fn = std::function<void(event_id)>;

/// The ticket role's consumer of `catalog-events`: events, layouts and ticket types go into the
/// ticket store together with the seats of the layout, once per message. Other types of event are
/// accepted and ignored. A payload that cannot be read is an invalid_request, now and later.
/// Depends on nothing but the writer; its name as a consumer is "ticket".
consumer_actor start_catalog_consumer(caf::actor_system& sys, ticket_writer writer,
                                      event_changed_fn changed);

/// The seats of an event, by section as planned, row and number: label `<section>-<row>-<seat>`,
/// and an id that follows from event, section, row and number.
std::vector<seat_row> generate_seats(event_id event, const catalog::seat_plan& plan);

/// What an EVENT_CHANGED message asks of the ticket store. Fails with invalid_request.
result<change_catalog> to_change(const domain_event& event);

} // namespace tiketi::ticket
