#pragma once

#include "actors/base/environment.hpp"
#include "net/http/client_address.hpp"
#include "net/http/cors.hpp"
#include "net/http/rate_limiter.hpp"
#include "net/http/router.hpp"
#include "net/http/token_cache.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiketi::net {

struct filter_options {
  /// Web origins that may call with credentials, exact: `http://localhost:3000`.
  std::vector<std::string> cors_origins{"http://localhost:3000"};
  /// Proxies whose X-Forwarded-For counts: addresses or networks.
  std::vector<std::string> trusted_proxies;
  /// Tokens of internal callers; two while they are being rotated. Empty: nobody gets in.
  std::vector<std::string> internal_tokens;
  bool record_spans = false; ///< each request is a span of its own in its trace
  /// Share of the traces that begin here which are sampled, 0 to 1. What the client's traceparent
  /// says is followed.
  double sampled_share = 0;
};

/// What the filters found out about a request.
struct passage {
  const route* found = nullptr;
  std::string_view cors_headers; ///< lines for the answer; points into the policy
  rate_client client;
};

/// What stands between a parsed request and its handler, in this order: CORS, path, identity,
/// route, access; then the caller asks the rate limiter; then origin and media type. Thread-safe.
class filters {
public:
  /// Throws std::invalid_argument for proxies that are no networks.
  filters(filter_options options, std::shared_ptr<const router> routes, environment& env);

  /// From CORS to access. `req` has method, headers, body; gets path, query, captures, peer, trace
  /// and who. An answer ends the request here.
  std::optional<response> enter(request& req, std::string_view target,
                                const boost::asio::ip::address& peer, token_cache& tokens,
                                passage& out) const;

  /// What follows the rate limiter.
  std::optional<response> leave(const request& req, const passage& seen) const;

  /// The lines for an answer that is given before `enter`.
  std::string_view cors_headers(const request& req) const;

  static response rate_limited(const rate_verdict& verdict);

private:
  std::optional<response> check_access(const request& req, const route& r) const;
  bool is_internal_token(std::string_view token) const;

  void join_trace(request& req) const;

  std::shared_ptr<const router> routes_;
  environment& env_;
  bool record_spans_;
  double sampled_share_;
  cors_policy cors_;
  trusted_proxies proxies_;
  std::vector<std::string> internal_tokens_;
};

} // namespace tiketi::net
