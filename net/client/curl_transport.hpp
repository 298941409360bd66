#pragma once

#include "actors/remote/transport.hpp"

#include <cstddef>
#include <memory>
#include <string>

namespace tiketi::net {

struct curl_options {
  std::size_t connections_max = 64;          ///< open at once; further transfers wait for one
  std::size_t connections_per_host_max = 32; ///< kept ones included
  std::size_t waiting_max = 4096;            ///< transfers at once; one more is `overloaded`
  std::size_t header_bytes_max = 64 * 1024;  ///< of an answer
  std::string ca_file = {};                  ///< PEM; empty: the system's certificates
  /// Refuse to connect to machines that are not on the public internet, whatever name stands for
  /// them: the address is checked when the connection is made, so a name cannot change its meaning
  /// between a check and the call.
  bool public_addresses_only = false;
};

/// HTTP through libcurl, all transfers on one thread of its own. Certificates are verified,
/// redirects are answers like any other, cookies and proxies of the environment are not used.
/// Throws std::runtime_error when libcurl cannot be set up.
std::shared_ptr<remote::transport> make_curl_transport(curl_options options);

} // namespace tiketi::net
