#include "net/http/target.hpp"

#include <utility>

namespace tiketi::net {

namespace {

constexpr std::size_t query_parameters_max = 100;

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

failure refused(const char* why) {
  return {errc::invalid_request, why};
}

bool append_decoded(std::string_view text, bool plus_is_blank, std::string& out) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size())
        return false;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0)
        return false;
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      out.push_back(plus_is_blank && text[i] == '+' ? ' ' : text[i]);
    }
  }
  return true;
}

bool is_control(char c) noexcept {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/// Proxies send `http://host/path`; only the path matters here.
std::string_view strip_authority(std::string_view raw) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!raw.starts_with(scheme))
      continue;
    raw.remove_prefix(scheme.size());
    const auto path = raw.find_first_of("/?");
    return path == std::string_view::npos ? std::string_view{"/"} : raw.substr(path);
  }
  return raw;
}

result<void> parse_path(std::string_view raw, std::string& out) {
  if (raw.empty() || raw.front() != '/')
    return refused("The path must start with a slash");
  bool plain = true;
  for (const char c : raw) {
    if (c == '\\' || c == ';' || c == '#')
      return refused("The path contains a character that is not allowed");
    plain = plain && c != '%' && static_cast<unsigned char>(c) < 0x80 && !is_control(c);
  }
  out.clear();
  if (plain) {
    out = raw;
  } else {
    // Segment by segment, so that an encoded slash is seen before it could become one.
    std::string_view rest = raw;
    while (!rest.empty()) {
      rest.remove_prefix(1);
      const auto end = rest.find('/');
      const auto segment = rest.substr(0, end);
      rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end);
      out.push_back('/');
      const auto begin = out.size();
      if (!append_decoded(segment, false, out))
        return refused("The path contains a broken percent code");
      for (std::size_t i = begin; i < out.size(); ++i)
        if (out[i] == '/' || out[i] == '\\' || out[i] == ';' || is_control(out[i]))
          return refused("The path contains an encoded character that is not allowed");
    }
    if (!is_utf8(out))
      return refused("The path is not UTF-8");
  }
  std::string_view left = out;
  while (!left.empty()) {
    left.remove_prefix(1);
    const auto end = left.find('/');
    const auto segment = left.substr(0, end);
    left = end == std::string_view::npos ? std::string_view{} : left.substr(end);
    // Only the last one may be empty: one trailing slash, or the root.
    if ((segment.empty() && !left.empty()) || segment == "." || segment == "..")
      return refused("The path contains an empty or a dot segment");
  }
  if (out.size() > 1 && out.back() == '/')
    out.pop_back();
  constexpr std::string_view versioned = "/api/v1/";
  if (out.starts_with(versioned))
    out.erase(4, 3);
  return {};
}

result<void> parse_query(std::string_view raw,
                         std::vector<std::pair<std::string, std::string>>& out) {
  out.clear();
  while (!raw.empty()) {
    const auto end = raw.find('&');
    const auto pair = raw.substr(0, end);
    raw = end == std::string_view::npos ? std::string_view{} : raw.substr(end + 1);
    if (pair.empty())
      continue;
    if (out.size() == query_parameters_max)
      return refused("Too many query parameters");
    const auto equals = pair.find('=');
    auto& [name, value] = out.emplace_back();
    const bool decoded = append_decoded(pair.substr(0, equals), true, name)
                         && (equals == std::string_view::npos
                             || append_decoded(pair.substr(equals + 1), true, value));
    if (!decoded)
      return refused("The query contains a broken percent code");
    if (!is_utf8(name) || !is_utf8(value))
      return refused("The query is not UTF-8");
    if (name.find('\0') != std::string::npos || value.find('\0') != std::string::npos)
      return refused("The query contains a NUL character");
  }
  return {};
}

} // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank) {
  std::string out;
  if (!append_decoded(text, plus_is_blank, out))
    return std::nullopt;
  return out;
}

bool is_utf8(std::string_view text) noexcept {
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = p + text.size();
  while (p != end) {
    if (*p < 0x80) {
      ++p;
      continue;
    }
    int more = 0;
    std::uint32_t value = 0;
    std::uint32_t least = 0;
    if ((*p & 0xe0) == 0xc0) {
      more = 1;
      value = *p & 0x1fu;
      least = 0x80;
    } else if ((*p & 0xf0) == 0xe0) {
      more = 2;
      value = *p & 0x0fu;
      least = 0x800;
    } else if ((*p & 0xf8) == 0xf0) {
      more = 3;
      value = *p & 0x07u;
      least = 0x10000;
    } else {
      return false;
    }
    if (end - p <= more)
      return false;
    for (int i = 1; i <= more; ++i) {
      if ((p[i] & 0xc0) != 0x80)
        return false;
      value = value << 6 | (p[i] & 0x3fu);
    }
    if (value < least || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
      return false;
    p += more + 1;
  }
  return true;
}

result<void> parse_target(std::string_view raw, request& out) {
  if (raw == "*" && out.method == verb::options) {
    out.path = "*";
    out.query.clear();
    return {};
  }
  raw = strip_authority(raw);
  const auto question = raw.find('?');
  auto path = raw.substr(0, question);
  if (path.empty() && question == 0)
    path = "/";
  if (auto done = parse_path(path, out.path); !done)
    return done;
  const auto query =
      question == std::string_view::npos ? std::string_view{} : raw.substr(question + 1);
  if (query.find('#') != std::string_view::npos)
    return refused("The query contains a character that is not allowed");
  return parse_query(query, out.query);
}

} // namespace tiketi::net
