#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <nlohmann/json.hpp>

namespace tiketi::test {

struct http_reply {
  int status = 0; ///< 0: no answer came, the outcome is unknown
  std::map<std::string, std::string, std::less<>> headers; ///< names in lower case
  std::vector<std::string> cookies;                        ///< each Set-Cookie
  std::string body;

  bool ok() const noexcept { return status >= 200 && status < 300; }
  bool unknown() const noexcept { return status == 0; }
  /// The body as JSON; a null value where it is none.
  nlohmann::json json() const;
};

using header_list = std::vector<std::pair<std::string, std::string>>;

/// One keep-alive connection to a server on this machine. Connects on first use and again after
/// any failure. One request at a time. Of a cluster (spread.hpp) it has one to each node, and asks
/// them in turn.
class http_connection {
public:
  http_connection(boost::asio::any_io_executor executor, std::uint16_t port);
  ~http_connection();
  http_connection(http_connection&&) noexcept;

  /// Headers sent with every request.
  header_list common;

  /// Who hears nothing for so long takes the server for gone.
  std::chrono::milliseconds patience{30'000};

  /// Always asks the node of the port that it was made with.
  bool one_node = false;

  boost::asio::awaitable<http_reply> send(std::string_view method, std::string target,
                                          std::string body = {}, header_list headers = {});

  boost::asio::awaitable<http_reply> get(std::string target, header_list headers = {});
  boost::asio::awaitable<http_reply> post(std::string target, const nlohmann::json& body,
                                          header_list headers = {});

  void close();

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

/// The same, one request after the other on the calling thread.
class http_client {
public:
  explicit http_client(std::uint16_t port);
  ~http_client();

  header_list common;
  std::chrono::milliseconds patience{30'000};
  bool one_node = false;

  http_reply send(std::string_view method, std::string target, std::string body = {},
                  header_list headers = {});
  http_reply get(std::string target, header_list headers = {});
  http_reply post(std::string target, const nlohmann::json& body, header_list headers = {});
  http_reply post(std::string target) { return send("POST", std::move(target)); }

  void close(); ///< the next request opens a new connection

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace tiketi::test
