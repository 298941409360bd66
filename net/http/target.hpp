#pragma once

#include "actors/base/result.hpp"
#include "net/http/message.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace tiketi::net {

/// Reads the target of a request line into `path` and `query`, once and for all: every check and
/// every handler sees only the result.
///
/// The path is percent-decoded, loses one trailing slash, and `/api/v1/…` becomes `/api/…`. What
/// could be read in two ways is refused: dot segments, empty segments, `;`, backslashes, encoded
/// slashes, control characters, broken percent codes and bytes that are not UTF-8. In the query
/// `+` is a blank; at most 100 parameters.
/// Fails with invalid_request. `OPTIONS *` gives the path `*`.
result<void> parse_target(std::string_view raw, request& out);

/// Decodes `%XX` (and `+` where `plus_is_blank`); nothing where a code is broken.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank);

/// Without overlong forms and surrogates.
bool is_utf8(std::string_view text) noexcept;

} // namespace tiketi::net
