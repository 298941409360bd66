#include "actors/idempotency/role.hpp"

#include "actors/store/store_metrics.hpp"

#include <chrono>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/spawn_options.hpp>

namespace tiketi::idempotency {

keeper_role start_keeper(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                         keeper_options options, keeper_dependencies dependencies) {
  keeper_role role;
  role.metrics = std::make_shared<keeper_metrics>(registry);
  auto observe = count_commits(registry, "gateway");
  role.writer =
      sys.spawn<caf::detached>(writer<key_write, key_written>, std::move(dependencies.writes),
                               writer_options{}, std::move(observe));
  role.reader = sys.spawn<caf::detached>(key_reading, std::move(dependencies.queries));
  auto context = std::make_shared<keeper_context>();
  context->options = options;
  context->env = &env;
  context->metrics = role.metrics;
  context->writer = role.writer;
  context->reader = role.reader;
  role.keys = spawn_keeper(sys, std::move(context));
  return role;
}

void stop(const keeper_role& role) {
  caf::anon_send_exit(role.keys, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(role.reader, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(role.writer, caf::exit_reason::user_shutdown);
}

} // namespace tiketi::idempotency
