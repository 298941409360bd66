#pragma once

#include "net/http/router.hpp"

#include <span>
#include <string_view>

namespace tiketi::net {

/// A document that was made at build time.
struct embedded_document {
  std::span<const std::string_view> pieces; ///< one behind the other
  std::string_view content_type;
  std::string_view etag;
  std::string_view security_policy; ///< Content-Security-Policy; may be empty
};

/// docs/openapi.yaml as JSON.
extern const embedded_document openapi_document;
/// The same for a reader: one page that loads nothing else.
extern const embedded_document docs_document;

/// GET /openapi.json and /docs, with ETag.
void add_docs_routes(router& routes);

/// GET /actuator/mappings on `routes`: what `listed` has, whenever it is asked; both may be the
/// same router. `listed` must outlive the server that runs `routes`.
void add_mappings_route(router& routes, const router& listed);

} // namespace tiketi::net
