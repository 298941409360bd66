#pragma once

#include "actors/base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/address.hpp>

namespace tiketi::net {

/// The proxies in front of this server whose `X-Forwarded-For` is believed. Thread-safe.
class trusted_proxies {
public:
  /// Each an address or a network: `10.0.0.0/8`, `::1`. Fails with invalid_request.
  static result<trusted_proxies> parse(const std::vector<std::string>& networks);

  bool contains(const boost::asio::ip::address& address) const noexcept;

  /// Who is calling: the peer, or, where a chain of trusted proxies forwarded the request, the
  /// last address in front of that chain. Text that is no address ends the walk.
  boost::asio::ip::address client(const boost::asio::ip::address& peer,
                                  std::string_view forwarded_for) const;

private:
  struct network {
    boost::asio::ip::address_v6 base;
    unsigned bits = 128;
  };

  std::vector<network> networks_;
};

} // namespace tiketi::net
