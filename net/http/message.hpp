#pragma once

#include "actors/base/ids.hpp"
#include "actors/base/result.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace tiketi::net {

class stream_source;

enum class verb : std::uint8_t { get, head, post, put, patch, del, options, other };

/// Who is calling, after the access token was checked.
struct identity {
  user_id user;
  std::string email;
  std::string role;

  bool is_admin() const noexcept { return role == "admin"; }
};

/// A request after all filters: path normalised, `/api/v1` rewritten to `/api`.
struct request {
  verb method = verb::get;
  std::string path;                                         ///< decoded, no query
  std::vector<std::pair<std::string, std::string>> query;   ///< decoded, in order
  std::vector<std::pair<std::string, std::string>> headers; ///< names in lower case
  std::vector<std::string> captures;                        ///< `{...}` of the route, in order
  std::string body;
  std::string peer; ///< client address, proxies considered
  /// W3C traceparent: the client's or a new one; while spans are recorded one of our own span in
  /// that trace.
  std::string trace;
  std::string parent_span; ///< id of the client's span; empty: there was none
  std::optional<identity> who;

  std::optional<std::string_view> header(std::string_view name) const;
  std::optional<std::string_view> query_value(std::string_view name) const;
  std::optional<std::string> cookie(std::string_view name) const;
};

struct response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  /// Where set, sent instead of `body`: hot answers are serialised once and shared.
  std::shared_ptr<const std::string> shared_body;
  std::vector<std::pair<std::string, std::string>> headers;
  /// Where set, there is no body: what comes out of it is sent as it comes, and the connection ends
  /// with it. Not for HEAD.
  std::shared_ptr<stream_source> stream = nullptr;
};

/// A field of the request and what is wrong with it.
struct field_error {
  std::string field;
  std::string text;
};

response json_response(int status, const nlohmann::json& body);
response json_response(const nlohmann::json& body);

/// `{"error","message","code"}` with the status of the code; Retry-After on 429 and 503.
response error_response(const failure& f);

/// 400 that lists every field; `error` and `message` carry the first one's text.
response validation_response(const std::vector<field_error>& errors);

/// One request and its one answer. `reply` may be called from any thread; only the first call
/// counts. Destroyed without an answer it answers 500, so that no client waits for ever.
class exchange {
public:
  virtual ~exchange() = default;

  virtual const request& req() const noexcept = 0;
  virtual void reply(response r) = 0;
};

using exchange_ptr = std::shared_ptr<exchange>;

} // namespace tiketi::net
