#include "actors/queue/role.hpp"

#include "actors/store/store_metrics.hpp"

#include <chrono>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/spawn_options.hpp>

namespace tiketi::queue {

queue_role start_queue(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                       queue_options options, queue_dependencies dependencies) {
  queue_role role;
  role.metrics = std::make_shared<queue_metrics>(registry);
  auto observe = count_commits(registry, "queue");
  if (dependencies.detached) {
    role.writer =
        sys.spawn<caf::detached>(writer<queue_write, queue_written>, std::move(dependencies.writes),
                                 options.writer, std::move(observe));
    role.reader = sys.spawn<caf::detached>(queue_reading, std::move(dependencies.queries));
  } else {
    role.writer = sys.spawn(writer<queue_write, queue_written>, std::move(dependencies.writes),
                            options.writer, std::move(observe));
    role.reader = sys.spawn(queue_reading, std::move(dependencies.queries));
  }

  auto context = std::make_shared<queue_context>();
  auto& o = context->options;
  o.room.slots.ttl = options.active_ttl;
  o.room.slots.session_max = options.session_max;
  o.room.slots.renewal_interval =
      std::min(options.renewal_interval, milliseconds{options.active_ttl} / 4);
  o.room.threshold = options.threshold;
  o.room.seen_ttl = options.seen_ttl;
  o.room.leave_grace = options.leave_grace;
  o.room.admission_batch_max = options.admission_batch;
  o.room.line_max = options.line_max;
  o.admission_interval = options.admission_interval;
  o.brief_ttl = options.brief_ttl;
  o.opens_before_sale = options.opens_before_sale;
  o.idle_after = options.idle_after;
  context->env = &env;
  context->metrics = role.metrics;
  context->writer = role.writer;
  context->reader = role.reader;
  context->catalog = std::move(dependencies.catalog);
  context->mirror = std::move(dependencies.mirror);
  context->relay = std::move(dependencies.relay);
  role.region = spawn_queue_region(sys, std::move(context), {.queues_max = options.queues_max},
                                   std::move(dependencies.shards),
                                   std::make_shared<cluster::replica_metrics>(registry, "queue"));
  return role;
}

void stop(const queue_role& role) {
  caf::anon_send_exit(role.region, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(role.reader, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(role.writer, caf::exit_reason::user_shutdown);
}

} // namespace tiketi::queue
