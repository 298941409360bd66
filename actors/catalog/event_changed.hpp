#pragma once

#include "actors/base/result.hpp"
#include "storage/catalog_store.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiketi::catalog {

inline constexpr std::string_view catalog_topic = "catalog-events";
inline constexpr std::string_view event_changed_type = "EVENT_CHANGED";

/// Payload of EVENT_CHANGED: everything other roles may know about an event, so that the last one
/// of a key says all. Its key is the event's id.
struct event_changed {
  event_row
      event; ///< id, texts, times, cancelled, layout, artist, poster; the rest stays in the catalog
  std::optional<layout_row> layout;
  std::vector<ticket_type_row> types;
};

std::string to_json(const event_changed& change);

/// Fails with invalid_request and a text that names the field.
result<event_changed> parse_event_changed(std::string_view json);

} // namespace tiketi::catalog
