#include "actors/catalog/images.hpp"

#include "actors/system/caf_error.hpp"

#include <utility>

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace tiketi::catalog {

namespace {

struct image_state {
  image_state() = default;

  std::shared_ptr<image_store> store;
};

image_actor::behavior_type images(image_actor::stateful_pointer<image_state> self,
                                  std::shared_ptr<image_store> store, std::size_t waiting_max) {
  self->state.store = std::move(store);
  return {
      [self, waiting_max](const store_image& m) -> caf::result<stored_image> {
        if (self->mailbox().size() > waiting_max)
          return to_caf(errc::overloaded);
        auto name = self->state.store->put(*m.bytes, extension(m.type));
        if (!name)
          return to_caf(name.error());
        return stored_image{std::move(*name)};
      },
      [self, waiting_max](const load_image& m) -> caf::result<loaded_image> {
        if (self->mailbox().size() > waiting_max)
          return to_caf(errc::overloaded);
        const auto type = type_of_name(m.name);
        if (!type)
          return to_caf({errc::not_found, "Image not found"});
        auto bytes = self->state.store->get(m.name);
        if (!bytes)
          return to_caf(bytes.error());
        return loaded_image{std::make_shared<const std::string>(std::move(*bytes)), *type};
      },
  };
}

} // namespace

image_actor start_images(caf::actor_system& sys, std::shared_ptr<image_store> store, bool detached,
                         std::size_t waiting_max) {
  return detached ? sys.spawn<caf::detached>(images, std::move(store), waiting_max)
                  : sys.spawn(images, std::move(store), waiting_max);
}

} // namespace tiketi::catalog
