#include "net/routes/docs.hpp"

#include "net/routes/seats.hpp"

#include <memory>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace tiketi::net {

namespace {

std::string_view to_string_view(access who) noexcept {
  switch (who) {
  case access::open:
    return "open";
  case access::user:
    return "user";
  case access::admin:
    return "admin";
  case access::internal:
    return "internal";
  }
  return "";
}

std::string_view to_string_view(rate_category limit) noexcept {
  switch (limit) {
  case rate_category::general:
    return "general";
  case rate_category::auth:
    return "auth";
  case rate_category::queue:
    return "queue";
  case rate_category::booking:
    return "booking";
  case rate_category::exempt:
    return "exempt";
  }
  return "";
}

std::string_view to_string_view(body_rule body) noexcept {
  switch (body) {
  case body_rule::none:
    return "none";
  case body_rule::json:
    return "json";
  case body_rule::optional:
    return "optional";
  }
  return "";
}

std::string_view to_string_view(repeatable repeats) noexcept {
  switch (repeats) {
  case repeatable::no:
    return "no";
  case repeatable::safely:
    return "safely";
  case repeatable::once:
    return "once";
  }
  return "";
}

route open_route(std::string pattern, handler handle) {
  route r;
  r.pattern = std::move(pattern);
  r.limit = rate_category::exempt;
  r.handle = std::move(handle);
  return r;
}

void add_document(router& routes, std::string pattern, const embedded_document& document) {
  std::string joined;
  for (const auto piece : document.pieces)
    joined += piece;
  routes.add(open_route(std::move(pattern), [&document, body = std::make_shared<const std::string>(
                                                            std::move(joined))](
                                                front&, const exchange_ptr& x) {
    response out;
    out.content_type = document.content_type;
    // The address stays when the content changes with the program, so a copy is checked.
    out.headers = {{"ETag", std::string{document.etag}}, {"Cache-Control", "public, no-cache"}};
    if (!document.security_policy.empty())
      out.headers.emplace_back("Content-Security-Policy", std::string{document.security_policy});
    const auto known = x->req().header("if-none-match");
    if (known && matches_etag(*known, document.etag))
      out.status = 304;
    else
      out.shared_body = body;
    x->reply(std::move(out));
  }));
}

} // namespace

void add_docs_routes(router& routes) {
  add_document(routes, "/openapi.json", openapi_document);
  add_document(routes, "/docs", docs_document);
}

void add_mappings_route(router& routes, const router& listed) {
  routes.add(open_route("/actuator/mappings", [&listed](front&, const exchange_ptr& x) {
    auto list = nlohmann::json::array();
    for (const auto& r : listed.all())
      list.push_back({{"method", net::to_string_view(r->method)},
                      {"path", r->pattern},
                      {"access", to_string_view(r->who)},
                      {"limit", to_string_view(r->limit)},
                      {"body", to_string_view(r->body)},
                      {"repeats", to_string_view(r->repeats)}});
    x->reply(json_response({{"routes", std::move(list)}}));
  }));
}

} // namespace tiketi::net
