#include "net/http/filters.hpp"

#include "actors/base/trace.hpp"
#include "net/http/target.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <stdexcept>
#include <utility>

#include <nlohmann/json.hpp>
#include <openssl/crypto.h>
#include <openssl/sha.h>

namespace tiketi::net {

namespace {

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return std::tolower(static_cast<unsigned char>(x))
                  == std::tolower(static_cast<unsigned char>(y));
         });
}

/// The token of `Authorization: Bearer <token>`.
std::optional<std::string_view> bearer(std::string_view header) {
  constexpr std::string_view scheme = "bearer ";
  if (header.size() <= scheme.size()
      || !equals_ignoring_case(header.substr(0, scheme.size()), scheme))
    return std::nullopt;
  header.remove_prefix(scheme.size());
  while (!header.empty() && header.front() == ' ')
    header.remove_prefix(1);
  return header;
}

bool changes_state(verb method) {
  return method != verb::get && method != verb::head && method != verb::options;
}

bool is_json(std::string_view content_type) {
  auto type = content_type.substr(0, content_type.find(';'));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t'))
    type.remove_suffix(1);
  constexpr std::string_view suffix = "+json";
  return equals_ignoring_case(type, "application/json")
         || (type.size() > suffix.size()
             && equals_ignoring_case(type.substr(type.size() - suffix.size()), suffix));
}

rate_client client_of(const request& req, const boost::asio::ip::address& address) {
  rate_client out;
  if (req.who) {
    out.is_user = true;
    out.bytes = req.who->user.value.bytes;
  } else if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    // The mapped form: no IPv6 network shares its first 64 bits with it.
    out.bytes[10] = 0xff;
    out.bytes[11] = 0xff;
    std::copy(bytes.begin(), bytes.end(), out.bytes.begin() + 12);
  } else {
    const auto bytes = address.to_v6().to_bytes();
    std::copy_n(bytes.begin(), 8, out.bytes.begin());
  }
  return out;
}

} // namespace

filters::filters(filter_options options, std::shared_ptr<const router> routes, environment& env)
    : routes_(std::move(routes)),
      env_(env),
      record_spans_(options.record_spans),
      sampled_share_(options.sampled_share),
      cors_(std::move(options.cors_origins)),
      internal_tokens_(std::move(options.internal_tokens)) {
  auto proxies = trusted_proxies::parse(options.trusted_proxies);
  if (!proxies)
    throw std::invalid_argument("trusted proxies: " + proxies.error().text);
  proxies_ = std::move(*proxies);
  std::erase(internal_tokens_, std::string{});
}

void filters::join_trace(request& req) const {
  req.parent_span.clear();
  const auto trace = req.header("traceparent");
  if (!trace || !is_traceparent(*trace)) {
    req.trace = make_traceparent(env_);
    if (record_spans_ && belongs_to_sample(req.trace, sampled_share_))
      set_sampled(req.trace);
    return;
  }
  if (!record_spans_) {
    req.trace = *trace;
    return;
  }
  req.trace = child_traceparent(*trace, env_);
  req.parent_span = span_id_of(*trace);
}

std::optional<response> filters::enter(request& req, std::string_view target,
                                       const boost::asio::ip::address& peer, token_cache& tokens,
                                       passage& out) const {
  join_trace(req);
  out.cors_headers = cors_headers(req);
  if (cors_policy::is_preflight(req))
    return cors_.preflight(req);

  if (auto parsed = parse_target(target, req); !parsed)
    return error_response(parsed.error());

  const auto forwarded = req.header("x-forwarded-for");
  const auto address = forwarded ? proxies_.client(peer, *forwarded) : peer;
  if (forwarded || req.peer.empty())
    req.peer = address.to_string();

  if (req.path == "*") {
    response any;
    any.status = 204;
    any.headers.emplace_back("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    return any;
  }
  auto match = routes_->find(req.method, req.path);
  const bool is_internal = match.found && match.found->who == access::internal;
  const auto identify = [&](std::string_view token) {
    if (auto known = tokens.find(token, env_.now()))
      req.who = std::move(known->who);
  };
  if (!is_internal) {
    // A header, whatever it holds, wins over the cookie.
    if (const auto header = req.header("authorization")) {
      if (const auto token = bearer(*header))
        identify(*token);
    } else if (const auto cookie = req.cookie("access_token"); cookie && !cookie->empty()) {
      identify(*cookie);
    }
  }
  if (!match.found) {
    if (match.allow.empty())
      return error_response(errc::not_found);
    response refused;
    if (req.method == verb::options)
      refused.status = 204;
    else
      refused = error_response(errc::method_not_allowed);
    refused.headers.emplace_back("Allow", std::move(match.allow));
    return refused;
  }
  out.found = match.found;
  req.captures = std::move(match.captures);
  out.client = client_of(req, address);
  return check_access(req, *match.found);
}

std::optional<response> filters::check_access(const request& req, const route& r) const {
  if (r.who == access::open)
    return std::nullopt;
  if (r.who == access::internal) {
    const auto header = req.header("authorization");
    auto token = header ? bearer(*header) : std::nullopt;
    // An older way to say the same; it wins when it is there.
    if (const auto own = req.header("x-internal-token"); own && !own->empty())
      token = *own;
    if (!token)
      return error_response({errc::unauthenticated, "Internal token required"});
    if (!is_internal_token(*token))
      return error_response({errc::forbidden, "Invalid internal token"});
    return std::nullopt;
  }
  if (!req.who)
    return error_response(errc::unauthenticated);
  if (r.who == access::admin && !req.who->is_admin()) {
    if (r.refused)
      r.refused(req);
    return error_response(errc::admin_required);
  }
  return std::nullopt;
}

bool filters::is_internal_token(std::string_view token) const {
  // Digests have one length, so the comparison tells nothing about the tokens, not even theirs.
  const auto digest = [](std::string_view text) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> out{};
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data());
    return out;
  };
  const auto given = digest(token);
  bool found = false;
  for (const auto& known : internal_tokens_) {
    const auto expected = digest(known);
    found |= CRYPTO_memcmp(given.data(), expected.data(), given.size()) == 0;
  }
  return found;
}

std::optional<response> filters::leave(const request& req, const passage& seen) const {
  // A browser adds cookies by itself, so a call that rests on them must come from a page of ours.
  if (changes_state(req.method) && seen.found->who != access::internal
      && !req.header("authorization") && req.header("cookie") && !is_origin_trusted(req, cors_))
    return error_response({errc::forbidden, "This origin may not make this call"});
  if (seen.found->body != body_rule::none && !req.body.empty())
    if (const auto type = req.header("content-type"); type && !type->empty() && !is_json(*type))
      return error_response(errc::unsupported_media_type);
  return std::nullopt;
}

std::string_view filters::cors_headers(const request& req) const {
  const auto origin = req.header("origin");
  return origin ? cors_.headers_for(*origin) : std::string_view{};
}

response filters::rate_limited(const rate_verdict& verdict) {
  const auto wait = (verdict.retry_after.count() + 999) / 1000;
  const auto& entry = info(errc::rate_limited);
  auto out = json_response(
      entry.status,
      {{"error", entry.text}, {"message", entry.text}, {"code", entry.name}, {"retryAfter", wait}});
  out.headers.emplace_back("Retry-After", std::to_string(wait));
  return out;
}

} // namespace tiketi::net
