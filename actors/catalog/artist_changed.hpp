#pragma once

#include "actors/base/result.hpp"
#include "storage/catalog_store.hpp"

#include <string>
#include <string_view>

namespace tiketi::catalog {

inline constexpr std::string_view artist_changed_type = "ARTIST_CHANGED";

/// Payload of ARTIST_CHANGED (topic `catalog-events`, key: the artist's id): what other roles may
/// know about an artist, so that the last one of a key says all.
std::string to_json(const artist_row& artist);

/// ARTIST_REMOVED, same topic and key: there is no such artist any more.
inline constexpr std::string_view artist_removed_type = "ARTIST_REMOVED";
std::string removed_artist(const artist_id& artist);
/// Fails with invalid_request.
result<artist_id> parse_artist_removed(std::string_view json);

/// Only what `to_json` writes. Fails with invalid_request and a text that names the field.
result<artist_row> parse_artist_changed(std::string_view json);

} // namespace tiketi::catalog
