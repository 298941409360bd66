#pragma once

#include "storage/memory/ticket_store.hpp"

#include <optional>

// Resale and memberships in the memory ticket store: what its commands do to the state.

namespace tiketi::memory {

std::optional<ticket::transfer_status> status_of_listing(const ticket_state& s, transfer_id id);

/// The check of `change_reservation::listing`. True where it has no effect.
bool may_change_listing(const ticket_state& s, const ticket::change_reservation& c);
/// Only after the check.
void change_listing(ticket_state& s, const ticket::change_reservation& c);
/// The listing, and how the ticket changed hands.
void add_resale(const ticket_state& s, ticket::reservation_view& view);

ticket::ticket_written apply(ticket_state& s, const membership::change_membership& c);
ticket::ticket_written apply(ticket_state& s, const membership::post_points& c);
ticket::ticket_written apply(ticket_state& s, const membership::put_artist_card& c);

} // namespace tiketi::memory
