#pragma once

#include "actors/base/environment.hpp"
#include "actors/base/span.hpp"
#include "actors/remote/messages.hpp"
#include "actors/remote/retry.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <caf/fwd.hpp>

namespace prometheus {
class Registry;
}

namespace tiketi::remote {

struct remote_options {
  milliseconds connect_timeout{2000}; ///< 50 ... 30000
  milliseconds attempt_timeout{4000}; ///< one attempt, 100 ... 60000
  std::size_t response_bytes_max = 1 << 20;
  std::size_t in_flight_max = 256; ///< calls per target, waiting ones included; over it: overloaded
  /// Circuits with names of their own per target; over it the one that was unused for longest is
  /// forgotten, and with none unused: overloaded.
  std::size_t circuits_max = 256;
  std::chrono::minutes circuit_idle{60}; ///< a circuit that was not used for this long is forgotten
  breaker_options breaker;
  retry_options retry;
  trace::sink* spans = nullptr; ///< one for each sampled call; outlives the actor
  milliseconds tick{20};        ///< how often waits are looked at while there are any
};

/// Starts the actor that makes all calls to other systems: one circuit breaker per target, retries
/// of what may be repeated. `env`, `registry` and `via` outlive it. Metrics per target:
/// `resilience4j_circuitbreaker_state{name,state}` and `remote_*{target}`; a circuit of its own is
/// called `<target>/<circuit>`.
client_actor start_remote(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                          remote_options options, std::shared_ptr<transport> via,
                          std::vector<std::string> targets);

/// Answers every call with `rejected` and ends. Returns at once; then shut the transport down.
void stop_remote(const client_actor& client);

} // namespace tiketi::remote
