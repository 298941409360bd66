#include "net/http/rate_reporter.hpp"

#include <utility>

#include <caf/actor_system.hpp>
#include <caf/atom.hpp>
#include <caf/event_based_actor.hpp>

namespace tiketi::net {

caf::actor spawn_rate_reporter(caf::actor_system& sys, environment& env,
                               std::shared_ptr<shared_rate_limiter> limiter,
                               milliseconds interval) {
  using tick_atom = caf::atom_constant<caf::atom("tick")>;
  return sys.spawn([&env, limiter = std::move(limiter),
                    interval](caf::event_based_actor* self) -> caf::behavior {
    self->delayed_send(self, interval, tick_atom::value);
    return {
        [self, &env, limiter, interval](tick_atom) {
          limiter->report(env.now());
          self->delayed_send(self, interval, tick_atom::value);
        },
    };
  });
}

} // namespace tiketi::net
