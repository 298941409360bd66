#include "actors/vwr/role.hpp"

#include "actors/store/store_metrics.hpp"

#include <chrono>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/spawn_options.hpp>

namespace tiketi::vwr {

room_role start_rooms(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                      room_options options, room_dependencies dependencies) {
  room_role role;
  role.metrics = std::make_shared<room_metrics>(registry);
  auto observe = count_commits(registry, "rooms");
  if (dependencies.detached) {
    role.writer =
        sys.spawn<caf::detached>(writer<save_room, room_saved>, std::move(dependencies.writes),
                                 options.writer, std::move(observe));
    role.reader = sys.spawn<caf::detached>(room_reading, std::move(dependencies.queries));
  } else {
    role.writer = sys.spawn(writer<save_room, room_saved>, std::move(dependencies.writes),
                            options.writer, std::move(observe));
    role.reader = sys.spawn(room_reading, std::move(dependencies.queries));
  }
  auto context = std::make_shared<room_context>();
  context->options.advance_batch = options.advance_batch;
  context->options.advance_interval = options.advance_interval;
  context->options.idle_after = options.idle_after;
  context->env = &env;
  context->metrics = role.metrics;
  context->writer = role.writer;
  context->reader = role.reader;
  context->catalog = std::move(dependencies.catalog);
  role.region = spawn_room_region(sys, std::move(context), {.rooms_max = options.rooms_max},
                                  std::move(dependencies.shards));
  return role;
}

void stop(const room_role& role) {
  caf::anon_send_exit(role.region, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(role.reader, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(role.writer, caf::exit_reason::user_shutdown);
}

} // namespace tiketi::vwr
