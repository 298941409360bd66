#pragma once

#include "actors/redis/client.hpp"

#include <utility>

#include <caf/actor_cast.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/send.hpp>

namespace tiketi::redis {

/// For `client::start`: sends what `make(outcome)` returns to `target`, if that still lives. `make`
/// runs on the client's thread and must touch nothing of the actor. Shut the client down before
/// the actor system ends.
template <class Handle, class Make>
client::done_fn post_to(const Handle& target, Make make) {
  return [weak = caf::actor_cast<caf::weak_actor_ptr>(target),
          make = std::move(make)](outcome out) mutable {
    if (const auto strong = weak.lock())
      caf::anon_send(caf::actor_cast<Handle>(strong), make(std::move(out)));
  };
}

} // namespace tiketi::redis
