#pragma once

#include "actors/base/result.hpp"
#include "actors/membership/membership.hpp"

#include <cstddef>
#include <optional>
#include <vector>

// Memberships in the ticket role's database. What is written goes through the role's one writer
// (storage/ticket_store.hpp); `change_membership` and `post_points` are declared with their rules.

namespace tiketi::membership {

/// What `catalog-events` says about an artist.
struct put_artist_card {
  uuid message; ///< at most once per consumer "ticket"
  artist_card artist;
  bool removed = false; ///< only `artist.id` counts then
};

/// One connection for reading; one thread at a time. Sees only committed state.
class membership_queries {
public:
  virtual ~membership_queries() = default;

  virtual result<std::optional<membership_view>> find(membership_id id) = 0;
  virtual result<std::optional<membership_view>> find_of(user_id user, artist_id artist) = 0;
  /// By join date, newest first.
  virtual result<std::vector<membership_view>> memberships_of(user_id user, std::size_t limit) = 0;
  /// Newest first.
  virtual result<std::vector<point_entry>> points_of(membership_id id, std::size_t limit) = 0;
  /// Has the membership an entry of points for this reference, such as a payment?
  virtual result<bool> has_points_for(membership_id id, const uuid& reference) = 0;
  virtual result<std::optional<artist_card>> artist(artist_id id) = 0;
  /// Nil: the event is unknown or has none.
  virtual result<artist_id> artist_of(event_id event) = 0;
  /// Active, and over at `now`; by end.
  virtual result<std::vector<membership_row>> over(time_point now, std::size_t limit) = 0;
};

} // namespace tiketi::membership
