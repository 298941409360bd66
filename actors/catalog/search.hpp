#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tiketi::catalog {

/// The form in which texts are stored for searching and queries are compared with them: valid
/// UTF-8; Latin, Greek and Cyrillic letters in lower case, full-width Latin as ASCII; control
/// characters and runs of blanks as one blank; trimmed. `fold(fold(x)) == fold(x)`.
std::string fold(std::string_view text);

/// Two words for the same thing, such as a Korean and an English name.
struct keyword_mapping {
  std::string korean;
  std::string english;
  std::string entity_type; ///< artist, venue, general
};

inline constexpr std::size_t query_variants_max = 8;

/// The folded query and what it becomes when words of it are exchanged for their counterparts, in
/// both directions. Never empty, no doubles, `query_variants_max` at most. Latin words are
/// exchanged as whole words only (`iu` is not in `aquarius`).
std::vector<std::string> expand_query(std::string_view folded,
                                      std::span<const keyword_mapping> mappings);

/// Pattern for `LIKE ... ESCAPE '\'` that finds `text` anywhere, taken literally.
std::string like_pattern(std::string_view text);

} // namespace tiketi::catalog
