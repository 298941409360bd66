#pragma once

#include "actors/base/environment.hpp"
#include "net/http/router.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <caf/actor.hpp>

namespace caf {
class actor_system;
}

namespace prometheus {
class Registry;
}

namespace tiketi::net {

/// Asks whether something that the program depends on is there. `run` must not block; it calls
/// `done` once, from any thread, with an empty text or a short reason that holds no internals.
/// (Ask an actor, and let its answer call `done`.)
struct health_probe {
  std::string name;     ///< key in `dependencies`, `postgresql`
  bool required = true; ///< false: without it the program still serves, only worse
  std::function<void(std::function<void(std::string error)> done)> run;
};

struct health_options {
  std::string service = "gateway-service";
  milliseconds every{1'000};   ///< between two rounds of probes
  milliseconds timeout{2'000}; ///< a probe without an answer counts as failed
};

/// Runs the probes in the background and keeps what they said, so that asking costs nothing and
/// never waits. Thread-safe.
class health_monitor {
public:
  /// Starts an actor, whose first round begins at once; `stop` before the actor system ends.
  health_monitor(caf::actor_system& sys, environment& env, health_options options,
                 std::vector<health_probe> probes);
  ~health_monitor();

  void stop();

  struct report {
    bool serving = true; ///< every required dependency is there
    bool healthy = true; ///< every dependency is there
    std::vector<std::pair<std::string, std::string>> dependencies; ///< name, `ok` or `error: …`
  };

  report current() const;
  const std::string& service() const noexcept;

private:
  struct board;
  std::shared_ptr<board> board_;
  caf::actor actor_;
};

struct actuator_deps {
  std::shared_ptr<health_monitor> health;
  std::function<bool()> is_draining; ///< readiness is false then; empty: never
  std::shared_ptr<prometheus::Registry> registry;
  std::string application = "tiketi"; ///< label of the process metrics
  std::string data_folder = ".";      ///< whose disk is measured
  bool details = false; ///< name the dependencies under /actuator/health; keep off in public
};

/// `GET /health`: 200, or 503 where a required dependency is missing. Every port has it.
void add_health_route(router& r, std::shared_ptr<health_monitor> health);

/// `/actuator/{health,health/liveness,health/readiness,info,prometheus}`. The last one adds
/// `process_*` and `disk_*` families, read when they are scraped.
void add_actuator_routes(router& r, actuator_deps deps);

} // namespace tiketi::net
