#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tiketi::test {

struct local_request {
  std::string method;
  std::string target;
  std::map<std::string, std::string> headers; ///< names in lower case
  std::string body;
};

/// How the server answers, well or badly.
struct local_reply {
  enum class manner : std::uint8_t {
    whole,
    half,    ///< the header and half of the body, then the end of the connection
    reset,   ///< a TCP reset instead of an answer
    silence, ///< nothing at all, the connection stays open
    garbage, ///< bytes that are no HTTP
  };

  int status = 200;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  manner how = manner::whole;
  std::chrono::milliseconds delay{0}; ///< before the answer; the handler has run by then
};

/// A real HTTP server on a free port of the loopback, on one thread of its own. The handler runs
/// on that thread.
class local_server {
public:
  using handler = std::function<local_reply(const local_request&)>;

  /// With `tls`, speaks HTTPS with a certificate for 127.0.0.1 that it made and signed itself.
  explicit local_server(handler handle, bool tls = false);
  ~local_server();

  local_server(const local_server&) = delete;
  local_server& operator=(const local_server&) = delete;

  /// `http://127.0.0.1:<port>`, without a slash at the end.
  std::string url() const;
  std::size_t connections() const;        ///< accepted so far
  const std::string& certificate() const; ///< PEM; empty without TLS

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace tiketi::test
