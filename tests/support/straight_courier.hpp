#pragma once

#include "actors/cluster/courier.hpp"
#include "actors/cluster/home.hpp"
#include "actors/system/caf_error.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/message.hpp>

namespace tiketi::test {

/// To a straight courier: not silent any more, and what it kept goes on its way.
struct release_kept {};

} // namespace tiketi::test

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::test::release_kept)

namespace tiketi::test {

/// A courier without a network: what it is given is done by the regions of `offered`, after a trip
/// through the codec, or fails as `away` says.
struct straight_courier {
  cluster::services offered;
  std::optional<errc> away;
  bool silent = false; ///< keeps what comes; see `release_kept`
  std::size_t carried = 0;
  std::vector<milliseconds> patiences; ///< of all that was carried
  std::vector<std::function<void()>> kept;

  static caf::actor spawn(caf::actor_system& sys, std::shared_ptr<straight_courier> state) {
    return sys.spawn([state](caf::event_based_actor* self) -> caf::behavior {
      return {[self, state](cluster::outgoing& order) -> caf::result<caf::message> {
                auto promise = self->make_response_promise();
                ++state->carried;
                state->patiences.push_back(order.patience);
                auto go = [self, state, promise, order = std::move(order)]() mutable {
                  const auto* serve = state->offered.find(order.kind);
                  if (state->away || serve == nullptr) {
                    promise.deliver(to_caf(state->away.value_or(errc::internal)));
                    return;
                  }
                  cluster::routed_command routed;
                  routed.command.payload = order.payload;
                  (*serve)(self, routed,
                           [self, promise,
                            open = order.open](const cluster::command_reply& reply) mutable {
                             if (reply.code != cluster::reply_code::done) {
                               promise.deliver(to_caf(cluster::decode_failure(reply.payload)));
                               return;
                             }
                             auto message = open(self->system(), reply.payload);
                             if (message)
                               promise.deliver(std::move(*message));
                             else
                               promise.deliver(to_caf(errc::internal));
                           });
                };
                if (state->silent)
                  state->kept.emplace_back(std::move(go));
                else
                  go();
                return caf::delegated<caf::message>{};
              },
              [state](release_kept) {
                state->silent = false;
                for (auto& one : std::exchange(state->kept, {}))
                  one();
              }};
    });
  }
};

} // namespace tiketi::test
