#pragma once

#include "actors/base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tiketi::remote {

using http_headers = std::vector<std::pair<std::string, std::string>>;

/// The value of the first header of this name (any case), or empty.
std::string_view find_header(const http_headers& headers, std::string_view name) noexcept;

/// How the transport signs a request (AWS Signature Version 4), at the moment it sends it.
struct aws_signature {
  std::string scope; ///< `aws:amz:<region>:<service>`; empty: nothing is signed
  std::string key_id;
  std::string secret;
};

struct http_request {
  std::string method = "GET"; ///< GET or POST
  std::string url;            ///< http or https
  http_headers headers;       ///< all of them are signed, where anything is
  std::string body;
  aws_signature sign = {};
};

/// Why there is no answer.
enum class http_failure : std::uint8_t {
  none,
  refused,      ///< no connection: certainly not sent
  untrusted,    ///< TLS could not be established: certainly not sent
  timed_out,    ///< may have arrived
  lost,         ///< broken off, or the answer is no HTTP: may have arrived
  too_large,    ///< the answer is over the limit
  rejected,     ///< the request is malformed, or the program ends: certainly not sent
  circuit_open, ///< the target failed too often: certainly not sent
  overloaded,   ///< too many calls to this target: certainly not sent
  forbidden,    ///< the host has only addresses that may not be called: certainly not sent
};

std::string_view to_string_view(http_failure f) noexcept;

/// False: the other side certainly saw nothing of it.
constexpr bool may_have_arrived(http_failure f) noexcept {
  return f == http_failure::none || f == http_failure::timed_out || f == http_failure::lost
         || f == http_failure::too_large;
}

/// One request, once.
struct transfer {
  http_request request;
  milliseconds connect_timeout{2000};
  milliseconds timeout{4000}; ///< from here to the last byte of the answer
  std::size_t response_bytes_max = 1 << 20;
  /// Sending it twice does no harm. Otherwise it gets a connection of its own, because HTTP
  /// libraries repeat a request by themselves when a kept connection turns out to be dead.
  bool repeatable = false;
};

struct transfer_result {
  http_failure error = http_failure::none;
  int status = 0; ///< of an answer
  http_headers headers;
  std::string body;
  std::string text; ///< what went wrong, for a log: no secret, no body
};

/// Moves requests and answers. Thread-safe.
class transport {
public:
  using done_fn = std::function<void(transfer_result)>;

  virtual ~transport() = default;

  /// Returns at once. `done` is called exactly once, on any thread, and must not block.
  virtual void start(transfer t, done_fn done) = 0;

  /// Ends everything that is under way with `rejected`, and whatever is started afterwards.
  /// No `done` is called any more when it returns.
  virtual void shutdown() = 0;
};

} // namespace tiketi::remote
