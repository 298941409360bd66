#pragma once

#include "actors/catalog/messages.hpp"
#include "actors/catalog/type_ids.hpp"
#include "storage/catalog_store.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

namespace tiketi::catalog {

// What the front may ask. These messages never leave the process.

/// Query: `GET /api/events`.
struct get_events {
  event_filter filter;
  /// Set when the status asked for is not one that an event can have: nothing matches.
  bool nothing = false;
};

/// Query: `GET /api/events/{id}`. Fails with not_found.
struct get_event {
  event_id event;
};

/// Query: `GET /api/artists`.
struct get_artists {
  std::int32_t page = 1;
  std::int32_t limit = 50;
};

/// Query: `GET /api/artists/{id}`. Fails with not_found.
struct get_artist {
  artist_id artist;
};

/// Another node has changed the catalog.
struct catalog_changed {};

/// The whole answer, serialised once and shared by all who ask within its short life.
struct answer {
  std::shared_ptr<const std::string> body;
};

/// The catalog role: answers reads from memory for a moment, and passes writes to the store.
/// A superset of `briefs_view`.
using catalog_actor = caf::typed_actor<
    caf::replies_to<get_events>::with<answer>, caf::replies_to<get_event>::with<answer>,
    caf::replies_to<get_artists>::with<answer>, caf::replies_to<get_artist>::with<answer>,
    caf::replies_to<get_brief>::with<event_brief>,
    // Durable when answered; a rejection is an error with the store's text.
    caf::replies_to<catalog_write>::with<catalog_written>,
    // What is kept from before is given to nobody who asks after this.
    caf::reacts_to<catalog_changed>>;

/// An answer of a reader and until when it can be right.
struct read_answer {
  std::shared_ptr<const std::string> body;
  std::optional<time_point> next_change;
};

/// An event as the reader found it; availability is added by the catalog actor.
struct read_event {
  event_detail detail;
};

/// One connection for reading. Blocking, so detached; run a small pool.
using reader_actor = caf::typed_actor<caf::replies_to<get_events>::with<read_answer>,
                                      caf::replies_to<get_event>::with<read_event>,
                                      caf::replies_to<get_artists>::with<read_answer>,
                                      caf::replies_to<get_artist>::with<read_answer>>;

} // namespace tiketi::catalog

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::get_events)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::get_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::get_artists)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::get_artist)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::catalog_changed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::read_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::read_event)
