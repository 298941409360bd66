#include "actors/catalog/search.hpp"

#include <algorithm>
#include <cstdint>

namespace tiketi::catalog {

namespace {

constexpr char32_t replacement = 0xfffd;

/// Takes one code point off the front of a non-empty text. Anything invalid (overlong, surrogate,
/// cut off) costs one byte and gives the replacement character.
char32_t take_code_point(std::string_view& text) {
  const auto lead = static_cast<std::uint8_t>(text.front());
  std::size_t more = 0;
  char32_t value = 0;
  char32_t least = 0;
  if (lead < 0x80) {
    text.remove_prefix(1);
    return lead;
  }
  if (lead >= 0xc2 && lead <= 0xdf) {
    more = 1;
    value = lead & 0x1fu;
    least = 0x80;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    more = 2;
    value = lead & 0x0fu;
    least = 0x800;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    more = 3;
    value = lead & 0x07u;
    least = 0x10000;
  }
  bool valid = more > 0 && text.size() > more;
  for (std::size_t i = 1; valid && i <= more; ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    valid = (byte & 0xc0u) == 0x80;
    value = value << 6 | (byte & 0x3fu);
  }
  if (!valid || value < least || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
    text.remove_prefix(1);
    return replacement;
  }
  text.remove_prefix(more + 1);
  return value;
}

void append_code_point(std::string& out, char32_t c) {
  auto put = [&out](char32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | c >> 6);
    put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3f));
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  }
}

char32_t lower(char32_t c) {
  if (c >= 0xff01 && c <= 0xff5e) // full-width forms are the ASCII table, moved
    c -= 0xfee0;
  if (c >= 'A' && c <= 'Z')
    return c + 0x20;
  if (c < 0xc0)
    return c;
  if (c <= 0xde)
    return c == 0xd7 ? c : c + 0x20; // 0xd7 is the multiplication sign
  // Latin Extended-A: pairs, upper case first; even or odd depending on the stretch.
  if ((c >= 0x100 && c <= 0x12f) || (c >= 0x132 && c <= 0x137) || (c >= 0x14a && c <= 0x177))
    return c | 1;
  if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e))
    return c % 2 == 1 ? c + 1 : c;
  if (c == 0x178)
    return 0xff;
  if (c >= 0x391 && c <= 0x3a9 && c != 0x3a2) // Greek
    return c + 0x20;
  if (c >= 0x410 && c <= 0x42f) // Cyrillic
    return c + 0x20;
  if (c >= 0x400 && c <= 0x40f)
    return c + 0x50;
  return c;
}

bool is_blank(char32_t c) {
  return c <= 0x20 || (c >= 0x7f && c <= 0xa0) || (c >= 0x2000 && c <= 0x200b) || c == 0x2028
         || c == 0x2029 || c == 0x3000 || c == 0xfeff;
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/// Where `phrase` stands in `text` as a whole word; npos: nowhere. Only ASCII has word borders
/// here: Korean writes particles and neighbours without a blank.
std::size_t find_word(std::string_view text, std::string_view phrase) {
  for (auto at = text.find(phrase); at != text.npos; at = text.find(phrase, at + 1)) {
    const auto end = at + phrase.size();
    const bool glued_left = at > 0 && is_word(text[at - 1]) && is_word(phrase.front());
    const bool glued_right = end < text.size() && is_word(text[end]) && is_word(phrase.back());
    if (!glued_left && !glued_right)
      return at;
  }
  return text.npos;
}

} // namespace

std::string fold(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool gap = false;
  while (!text.empty()) {
    const auto c = take_code_point(text);
    if (is_blank(c)) {
      gap = true;
      continue;
    }
    if (gap && !out.empty())
      out += ' ';
    gap = false;
    append_code_point(out, lower(c));
  }
  return out;
}

std::vector<std::string> expand_query(std::string_view folded,
                                      std::span<const keyword_mapping> mappings) {
  std::vector<std::string> out{std::string(folded)};
  if (folded.empty())
    return out;
  auto exchange = [&](const std::string& from, const std::string& to) {
    if (from.empty() || to.empty() || from == to)
      return;
    const auto at = find_word(folded, from);
    if (at == folded.npos)
      return;
    std::string variant(folded.substr(0, at));
    variant += to;
    variant += folded.substr(at + from.size());
    if (std::ranges::find(out, variant) == out.end())
      out.push_back(std::move(variant));
  };
  for (const auto& mapping : mappings) {
    const auto korean = fold(mapping.korean);
    const auto english = fold(mapping.english);
    if (out.size() < query_variants_max)
      exchange(korean, english);
    if (out.size() < query_variants_max)
      exchange(english, korean);
  }
  return out;
}

std::string like_pattern(std::string_view text) {
  std::string out = "%";
  for (const char c : text) {
    if (c == '%' || c == '_' || c == '\\')
      out += '\\';
    out += c;
  }
  out += '%';
  return out;
}

} // namespace tiketi::catalog
