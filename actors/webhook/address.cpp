#include "actors/webhook/address.hpp"

#include "actors/remote/address.hpp"
#include "actors/webhook/messages.hpp"

#include <algorithm>
#include <charconv>

namespace tiketi::webhook {

namespace {

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > 253 || host.front() == '.' || host.front() == '-'
      || host.find("..") != std::string_view::npos)
    return false;
  return std::all_of(host.begin(), host.end(),
                     [](char c) { return is_alnum(c) || c == '.' || c == '-'; });
}

/// Its last label is a number: such a text is an address in some notation, also `127.1` and `0x7f`.
bool looks_like_an_address(std::string_view host) {
  if (host.ends_with('.'))
    host.remove_suffix(1);
  const auto dot = host.rfind('.');
  const auto last = dot == std::string_view::npos ? host : host.substr(dot + 1);
  return !last.empty() && last.front() >= '0' && last.front() <= '9';
}

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
  return ec == std::errc{} && end == text.data() + text.size() && port >= 1 && port <= 65535;
}

bool is_path_character(char c) {
  constexpr std::string_view never = "\"<>\\^`{|}#";
  return c > 0x20 && c < 0x7f && never.find(c) == std::string_view::npos;
}

} // namespace

std::string complaint_about(std::string_view url, const address_rules& rules) {
  if (url.size() > url_bytes_max)
    return "must have at most 2048 characters";
  const bool plain = url.starts_with("http://");
  if (!plain && !url.starts_with("https://"))
    return rules.http ? "must begin with https:// or http://" : "must begin with https://";
  if (plain && !rules.http)
    return "must begin with https://";
  url.remove_prefix(plain ? 7 : 8);
  const auto slash = std::min(url.find_first_of("/?#"), url.size());
  auto authority = url.substr(0, slash);
  const auto path = url.substr(slash);
  if (!std::all_of(path.begin(), path.end(), is_path_character))
    return "must be printable ASCII without a fragment";
  if (authority.find('@') != std::string_view::npos)
    return "must not name a user";
  std::string_view host = authority;
  std::string_view port;
  bool literal = false;
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    if (end == std::string_view::npos)
      return "must name a host";
    host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
    literal = true;
  } else if (const auto colon = authority.find(':'); colon != std::string_view::npos) {
    host = authority.substr(0, colon);
    port = authority.substr(colon);
  }
  if (!port.empty() && (port.front() != ':' || !is_port(port.substr(1))))
    return "must have a port from 1 to 65535, or none";
  if (!literal && !is_host_name(host))
    return "must name a host";
  if (literal || looks_like_an_address(host)) {
    const auto kind = remote::kind_of_address(host);
    if (kind == remote::address_kind::none)
      return "must name a host";
    if (kind == remote::address_kind::inside && !rules.private_addresses)
      return "must not be an address inside a network";
  }
  return {};
}

} // namespace tiketi::webhook
