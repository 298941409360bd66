#include "actors/payment/provider.hpp"

#include "actors/payment/type_ids.hpp"

#include <caf/all.hpp>

namespace tiketi::payment {
namespace {

provider_actor::behavior_type demo_provider(provider_actor::pointer, environment* env) {
  return {
      [env](const capture_money&) {
        return provider_answer{provider_outcome::approved, env->now(), "DONE", {}};
      },
      // It remembers nothing, so the capture is simply done again.
      [](const look_up_capture&) {
        return provider_answer{provider_outcome::not_found, {}, {}, {}};
      },
      [env](const refund_money&) {
        return provider_answer{provider_outcome::approved, env->now(), "CANCELED", {}};
      },
  };
}

} // namespace

provider start_demo_provider(caf::actor_system& sys, environment& env) {
  return {sys.spawn(demo_provider, &env), "demo", true, true};
}

} // namespace tiketi::payment
