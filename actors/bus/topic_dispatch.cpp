#include "actors/bus/topic_dispatch.hpp"

#include <utility>

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

namespace tiketi {
namespace {

struct dispatch_state {
  dispatch_state() = default;

  std::map<std::string, consumer_actor> by_topic;
};

consumer_actor::behavior_type topic_dispatch(consumer_actor::stateful_pointer<dispatch_state> self,
                                             std::map<std::string, consumer_actor> by_topic) {
  self->state.by_topic = std::move(by_topic);
  return {
      [self](deliver& m) -> caf::result<applied> {
        const auto found = self->state.by_topic.find(m.event.topic);
        if (found == self->state.by_topic.end())
          return applied{m.event.id, false};
        auto promise = self->make_response_promise<applied>();
        promise.delegate(found->second, std::move(m));
        return promise;
      },
  };
}

} // namespace

consumer_actor spawn_topic_dispatch(caf::actor_system& sys,
                                    std::map<std::string, consumer_actor> by_topic) {
  return sys.spawn(topic_dispatch, std::move(by_topic));
}

} // namespace tiketi
