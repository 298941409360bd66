#include "net/http/client_address.hpp"

#include <charconv>

namespace tiketi::net {

namespace {

namespace ip = boost::asio::ip;

/// IPv4 in its mapped form, so that one comparison serves both.
ip::address_v6 widen(const ip::address& address) {
  return address.is_v4() ? ip::make_address_v6(ip::v4_mapped, address.to_v4()) : address.to_v6();
}

ip::address narrow(const ip::address_v6& address) {
  if (address.is_v4_mapped())
    return ip::make_address_v4(ip::v4_mapped, address);
  return address;
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

} // namespace

result<trusted_proxies> trusted_proxies::parse(const std::vector<std::string>& networks) {
  trusted_proxies out;
  for (const auto& text : networks) {
    const failure bad{errc::invalid_request, "not an address or network: " + text};
    const auto slash = text.find('/');
    boost::system::error_code ec;
    const auto base = ip::make_address(text.substr(0, slash), ec);
    if (ec)
      return bad;
    const unsigned most = base.is_v4() ? 32 : 128;
    unsigned bits = most;
    if (slash != std::string::npos) {
      const char* const end = text.data() + text.size();
      const auto [last, error] = std::from_chars(text.data() + slash + 1, end, bits);
      if (error != std::errc{} || last != end || bits > most)
        return bad;
    }
    out.networks_.push_back({widen(base), bits + 128 - most});
  }
  return out;
}

bool trusted_proxies::contains(const ip::address& address) const noexcept {
  const auto bytes = widen(address).to_bytes();
  for (const auto& net : networks_) {
    const auto base = net.base.to_bytes();
    unsigned left = net.bits;
    bool same = true;
    for (std::size_t i = 0; same && i < bytes.size() && left > 0; ++i) {
      const unsigned take = left < 8 ? left : 8;
      const unsigned mask = (0xffu << (8 - take)) & 0xffu;
      same = (bytes[i] & mask) == (base[i] & mask);
      left -= take;
    }
    if (same)
      return true;
  }
  return false;
}

ip::address trusted_proxies::client(const ip::address& peer, std::string_view forwarded_for) const {
  ip::address at = narrow(widen(peer));
  // Each trusted proxy vouches for the entry that it appended, which is the last one left.
  while (!forwarded_for.empty() && contains(at)) {
    const auto comma = forwarded_for.rfind(',');
    const auto entry =
        trim(comma == std::string_view::npos ? forwarded_for : forwarded_for.substr(comma + 1));
    forwarded_for =
        comma == std::string_view::npos ? std::string_view{} : forwarded_for.substr(0, comma);
    boost::system::error_code ec;
    const auto next = ip::make_address(entry, ec);
    if (ec)
      break;
    at = narrow(widen(next));
  }
  return at;
}

} // namespace tiketi::net
