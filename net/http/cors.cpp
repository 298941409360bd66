#include "net/http/cors.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace tiketi::net {

namespace {

constexpr std::array<std::string_view, 6> methods{"GET",    "POST",  "PUT",
                                                  "DELETE", "PATCH", "OPTIONS"};
constexpr std::array<std::string_view, 6> request_headers{"authorization",       "content-type",
                                                          "x-queue-entry-token", "accept",
                                                          "traceparent",         "idempotency-key"};

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return std::tolower(static_cast<unsigned char>(x))
                  == std::tolower(static_cast<unsigned char>(y));
         });
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool are_headers_allowed(std::string_view list) {
  while (!list.empty()) {
    const auto end = list.find(',');
    const auto name = trim(list.substr(0, end));
    list = end == std::string_view::npos ? std::string_view{} : list.substr(end + 1);
    const bool known = name.empty()
                       || std::any_of(request_headers.begin(), request_headers.end(),
                                      [&](auto x) { return equals_ignoring_case(x, name); });
    if (!known)
      return false;
  }
  return true;
}

} // namespace

cors_policy::cors_policy(std::vector<std::string> origins) {
  for (auto& origin : origins) {
    const auto text = trim(origin);
    if (text.empty())
      continue;
    std::string headers = "Access-Control-Allow-Origin: " + std::string(text)
                          + "\r\nAccess-Control-Allow-Credentials: true\r\n"
                            "Access-Control-Expose-Headers: Retry-After, traceparent\r\n";
    entries_.push_back({std::string(text), std::move(headers)});
  }
}

bool cors_policy::allows(std::string_view origin) const noexcept {
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const entry& e) { return e.origin == origin; });
}

std::string_view cors_policy::headers_for(std::string_view origin) const noexcept {
  for (const auto& e : entries_)
    if (e.origin == origin)
      return e.headers;
  return {};
}

bool cors_policy::is_preflight(const request& req) {
  return req.method == verb::options && req.header("origin")
         && req.header("access-control-request-method");
}

response cors_policy::preflight(const request& req) const {
  const auto origin = req.header("origin").value_or("");
  const auto method = req.header("access-control-request-method").value_or("");
  if (!allows(origin))
    return error_response({errc::forbidden, "Invalid CORS request: this origin is not allowed"});
  if (std::find(methods.begin(), methods.end(), method) == methods.end())
    return error_response({errc::forbidden, "Invalid CORS request: this method is not allowed"});
  if (!are_headers_allowed(req.header("access-control-request-headers").value_or("")))
    return error_response({errc::forbidden, "Invalid CORS request: a header is not allowed"});
  response out;
  out.status = 204;
  out.headers = {
      {"Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, PATCH, OPTIONS"},
      {"Access-Control-Allow-Headers",
       "Authorization, Content-Type, x-queue-entry-token, Accept, traceparent, Idempotency-Key"},
      {"Access-Control-Max-Age", "3600"},
  };
  return out;
}

bool is_origin_trusted(const request& req, const cors_policy& cors) {
  const auto origin = req.header("origin");
  if (!origin || cors.allows(*origin))
    return true;
  // A page of this very host: the browser sets both headers, so a foreign page cannot match.
  const auto host = req.header("host");
  const auto authority = origin->find("://");
  return host && authority != std::string_view::npos && origin->substr(authority + 3) == *host;
}

} // namespace tiketi::net
