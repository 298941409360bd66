#pragma once

#include "tests/support/http_client.hpp"

#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace tiketi::test {

/// One virtual user of a load script: an own connection and a jar of cookies, nothing else. It
/// sends no bearer token, no entry token and no Origin, as the scripts do.
class virtual_user {
public:
  virtual_user(boost::asio::any_io_executor executor, std::uint16_t port);

  /// `path` follows `/api/v1`; an empty body is sent as no body.
  boost::asio::awaitable<http_reply> call(std::string_view method, std::string path,
                                          std::string body = {});

  /// Forgets every cookie: a new iteration.
  void forget() { jar_.clear(); }

private:
  void keep(const std::string& cookie);

  http_connection http_;
  header_list jar_;
};

} // namespace tiketi::test
