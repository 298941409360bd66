#pragma once

#include "actors/base/result.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiketi::net {

/// One part of a form (RFC 7578). Points into the body it was read from.
struct form_part {
  std::string name;
  std::optional<std::string> file_name;
  std::string content_type; ///< empty: not said
  std::string_view data;
};

/// The boundary of a `multipart/form-data` content type; nothing for any other, or a boundary that
/// RFC 2046 does not allow.
std::optional<std::string> multipart_boundary(std::string_view content_type);

/// Reads a whole form. Fails with invalid_request: not closed, a broken header, more than
/// `parts_max` parts.
result<std::vector<form_part>> parse_multipart(std::string_view body, std::string_view boundary,
                                               std::size_t parts_max = 16);

} // namespace tiketi::net
