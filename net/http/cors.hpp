#pragma once

#include "net/http/message.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tiketi::net {

/// Which web origins may call, with credentials. Exact matches only; thread-safe.
class cors_policy {
public:
  explicit cors_policy(std::vector<std::string> origins);

  bool allows(std::string_view origin) const noexcept;

  /// The headers, each line with its end, that every answer to an allowed origin carries.
  std::string_view headers_for(std::string_view origin) const noexcept;

  static bool is_preflight(const request& req);

  /// 204 with what is allowed; 403 for another origin, method or header.
  response preflight(const request& req) const;

private:
  struct entry {
    std::string origin;
    std::string headers;
  };

  std::vector<entry> entries_;
};

/// May a call that rests on cookies alone change something? Yes without an Origin header (no
/// browser sent it across sites), from an allowed origin, and from the site itself.
bool is_origin_trusted(const request& req, const cors_policy& cors);

} // namespace tiketi::net
