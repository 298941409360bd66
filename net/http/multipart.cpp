#include "net/http/multipart.hpp"

#include <algorithm>
#include <cctype>

namespace tiketi::net {

namespace {

constexpr std::size_t header_bytes_max = 8 * 1024;
constexpr std::size_t boundary_max = 70;

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return std::tolower(static_cast<unsigned char>(x))
                  == std::tolower(static_cast<unsigned char>(y));
         });
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Takes the next `; name=value` off a header's parameters. The value may be quoted; `\"` and `\\`
/// stand for themselves inside quotes. False: no more, or broken.
bool next_parameter(std::string_view& rest, std::string& name, std::string& value) {
  rest = trim(rest);
  if (rest.empty() || rest.front() != ';')
    return false;
  rest = trim(rest.substr(1));
  const auto equals = rest.find('=');
  if (equals == std::string_view::npos)
    return false;
  name = std::string{trim(rest.substr(0, equals))};
  rest = trim(rest.substr(equals + 1));
  value.clear();
  if (rest.empty() || rest.front() != '"') {
    const auto end = rest.find(';');
    value = std::string{trim(rest.substr(0, end))};
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end);
    return !name.empty();
  }
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return !name.empty();
    }
    if (rest[i] == '\\' && i + 1 < rest.size() && (rest[i + 1] == '"' || rest[i + 1] == '\\'))
      ++i;
    value += rest[i];
  }
  return false; // the quote is not closed
}

failure broken(const char* what) {
  return {errc::invalid_request, what};
}

result<form_part> read_header(std::string_view header) {
  form_part out;
  bool named = false;
  while (!header.empty()) {
    const auto end = header.find("\r\n");
    const auto line = header.substr(0, end);
    header = end == std::string_view::npos ? std::string_view{} : header.substr(end + 2);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || line.find('\0') != std::string_view::npos)
      return broken("A part of the form has a broken header");
    const auto key = trim(line.substr(0, colon));
    const auto value = trim(line.substr(colon + 1));
    if (equals_ignoring_case(key, "content-type"))
      out.content_type = std::string{value};
    if (!equals_ignoring_case(key, "content-disposition"))
      continue;
    const auto kind = trim(value.substr(0, value.find(';')));
    if (named || !equals_ignoring_case(kind, "form-data"))
      return broken("A part of the form has a broken header");
    auto rest = value.substr(std::min(value.size(), value.find(';')));
    std::string name;
    std::string text;
    while (next_parameter(rest, name, text)) {
      if (equals_ignoring_case(name, "name")) {
        out.name = text;
        named = true;
      } else if (equals_ignoring_case(name, "filename")) {
        out.file_name = text;
      }
    }
    if (!trim(rest).empty())
      return broken("A part of the form has a broken header");
  }
  if (!named)
    return broken("A part of the form has no name");
  return out;
}

/// Where the next delimiter begins. Bytes that only look like the beginning of one are data: a
/// boundary is followed by nothing but blanks and a line end, or by the two dashes of the last one.
std::size_t find_delimiter(std::string_view body, std::string_view delimiter) {
  auto at = body.find(delimiter);
  while (at != std::string_view::npos) {
    auto rest = body.substr(at + delimiter.size());
    if (rest.starts_with("--"))
      return at;
    rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of(" \t")));
    if (rest.starts_with("\r\n"))
      return at;
    at = body.find(delimiter, at + 1);
  }
  return at;
}

} // namespace

std::optional<std::string> multipart_boundary(std::string_view content_type) {
  const auto semicolon = content_type.find(';');
  if (!equals_ignoring_case(trim(content_type.substr(0, semicolon)), "multipart/form-data")
      || semicolon == std::string_view::npos)
    return std::nullopt;
  auto rest = content_type.substr(semicolon);
  std::string name;
  std::string value;
  while (next_parameter(rest, name, value)) {
    if (!equals_ignoring_case(name, "boundary"))
      continue;
    constexpr std::string_view allowed = "'()+_,-./:=? ";
    const bool sound = !value.empty() && value.size() <= boundary_max && value.back() != ' '
                       && std::all_of(value.begin(), value.end(), [&](char c) {
                            return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
                                   || (c >= 'A' && c <= 'Z')
                                   || allowed.find(c) != std::string_view::npos;
                          });
    return sound ? std::optional(value) : std::nullopt;
  }
  return std::nullopt;
}

result<std::vector<form_part>> parse_multipart(std::string_view body, std::string_view boundary,
                                               std::size_t parts_max) {
  const auto delimiter = "\r\n--" + std::string{boundary};
  std::vector<form_part> out;
  // The first delimiter may stand at the very beginning, without a line end before it.
  const std::string_view first = std::string_view{delimiter}.substr(2);
  if (body.starts_with(first)) {
    body.remove_prefix(first.size());
  } else {
    const auto at = find_delimiter(body, delimiter);
    if (at == std::string_view::npos)
      return broken("The form has no parts");
    body.remove_prefix(at + delimiter.size());
  }
  for (;;) {
    if (body.starts_with("--"))
      return out;
    // Blanks may follow a boundary.
    const auto text = body.find_first_not_of(" \t");
    if (text == std::string_view::npos || !body.substr(text).starts_with("\r\n"))
      return broken("The form is not closed");
    body.remove_prefix(text + 2);
    if (out.size() == parts_max)
      return broken("The form has too many parts");
    std::string_view header;
    if (body.starts_with("\r\n")) {
      body.remove_prefix(2);
    } else {
      const auto end = body.substr(0, header_bytes_max).find("\r\n\r\n");
      if (end == std::string_view::npos)
        return broken("A part of the form has a broken header");
      header = body.substr(0, end);
      body.remove_prefix(end + 2); // the empty line also ends an empty part
    }
    auto part = read_header(header);
    if (!part)
      return part.error();
    const auto end = find_delimiter(body, delimiter);
    if (end == std::string_view::npos)
      return broken("The form is not closed");
    part->data = body.substr(std::min<std::size_t>(2, end), end - std::min<std::size_t>(2, end));
    out.push_back(std::move(*part));
    body.remove_prefix(end + delimiter.size());
  }
}

} // namespace tiketi::net
