#pragma once

#include "actors/catalog/admin.hpp"
#include "actors/catalog/images.hpp"
#include "net/http/router.hpp"

#include <cstddef>
#include <string>

namespace tiketi::net {

struct image_routes {
  catalog::image_actor images;
  catalog::admin_actor admin; ///< for the audit log
  std::size_t bytes_max = 5 * 1024 * 1024;
  std::string public_address; ///< before the path in the address of an image; may be empty
};

/// POST /api/image/upload (administrators): a form with one part `image`. The kind of image follows
/// from its content. GET /api/image/files/{name}: the image, for ever the same under its name.
void add_image_routes(router& routes, image_routes deps);

} // namespace tiketi::net
