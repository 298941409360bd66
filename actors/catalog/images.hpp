#pragma once

#include "actors/catalog/image_type.hpp"
#include "storage/image_store.hpp"

#include <cstddef>
#include <memory>
#include <string>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>

namespace tiketi::catalog {

/// Command: keep this image. Answered by `stored_image` when it is durable; unavailable.
struct store_image {
  std::shared_ptr<const std::string> bytes;
  image_type type = image_type::jpeg;
};

struct stored_image {
  std::string name; ///< see `type_of_name`
};

/// Query by name. Fails with not_found.
struct load_image {
  std::string name;
};

struct loaded_image {
  std::shared_ptr<const std::string> bytes;
  image_type type = image_type::jpeg;
};

using image_actor = caf::typed_actor<caf::replies_to<store_image>::with<stored_image>,
                                     caf::replies_to<load_image>::with<loaded_image>>;

/// Blocks on the store, so it gets a thread of its own unless `detached` is false. Over
/// `waiting_max` messages: overloaded. Names that `type_of_name` does not know are not looked for.
image_actor start_images(caf::actor_system& sys, std::shared_ptr<image_store> store,
                         bool detached = true, std::size_t waiting_max = 256);

} // namespace tiketi::catalog

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::store_image)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::stored_image)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::load_image)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::loaded_image)
