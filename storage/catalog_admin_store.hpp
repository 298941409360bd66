#pragma once

#include "storage/catalog_store.hpp"

#include <cstdint>
#include <optional>
#include <vector>

// What the administration of the catalog reads.

namespace tiketi::catalog {

/// One connection for reading; one thread at a time. Sees only committed state. Fails with
/// `unavailable`, reconnects by itself.
class catalog_admin_queries {
public:
  virtual ~catalog_admin_queries() = default;

  /// Of all events that were not deleted, any status.
  virtual result<std::int64_t> event_count() = 0;
  /// None for a deleted one.
  virtual result<std::optional<event_row>> event(event_id id) = 0;
  virtual result<std::optional<ticket_type_detail>> ticket_type(ticket_type_id id) = 0;
  /// By name.
  virtual result<std::vector<layout_row>> layouts() = 0;
  virtual result<std::optional<layout_row>> layout(layout_id id) = 0;
  virtual result<std::optional<artist_row>> artist(artist_id id) = 0;
  /// Those without an image whose id is greater than `after`, by id, `limit` at most.
  virtual result<std::vector<artist_row>> artists_without_image(artist_id after,
                                                                std::int32_t limit) = 0;
};

} // namespace tiketi::catalog
