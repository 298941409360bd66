#include "actors/event/role.hpp"

#include "actors/event/payment_consumer.hpp"
#include "actors/membership/membership_actor.hpp"
#include "actors/seat/local_guard.hpp"
#include "actors/store/spread_writer.hpp"
#include "actors/store/store_metrics.hpp"
#include "actors/transfer/transfer_desk.hpp"

#include <stdexcept>
#include <utility>
#include <variant>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <prometheus/registry.h>
#include <spdlog/spdlog.h>

namespace tiketi::ticket {

namespace {

/// Metrics live as long as the registry's counters are used: longer than any actor.
struct owned_context : ticket_context {
  std::shared_ptr<ticket_metrics> owned;
};

ticket_writer spawn_writer(caf::actor_system& sys, bool detached,
                           std::shared_ptr<ticket_writes> writes, writer_options options,
                           batch_observer observe) {
  auto behavior = writer<ticket_write, ticket_written>;
  return detached
             ? sys.spawn<caf::detached>(behavior, std::move(writes), options, std::move(observe))
             : sys.spawn(behavior, std::move(writes), options, std::move(observe));
}

} // namespace

std::size_t writer_of(const ticket_write& write, std::size_t count) {
  if (const auto* c = std::get_if<create_reservation>(&write.command))
    return route_of(c->reservation.event) % count;
  if (const auto* c = std::get_if<change_reservation>(&write.command))
    return route_of(c->reservation) % count;
  if (const auto* c = std::get_if<change_catalog>(&write.command))
    return route_of(c->event.id) % count;
  if (const auto* c = std::get_if<look_up>(&write.command))
    return route_of(c->reservation) % count;
  return 0;
}

ticket_role start_ticket(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                         ticket_options options, ticket_dependencies dependencies) {
  if (!dependencies.writes || dependencies.queries.empty())
    throw std::invalid_argument("the ticket role needs a store to write and one to read");
  ticket_role role;
  role.links = std::make_shared<late_links>();
  // Once per transaction, so notices never outnumber commits.
  auto observe = [links = role.links,
                  count = count_commits(registry, "ticket")](const batch_report& batch) {
    if (const auto relay = links->relay())
      caf::anon_send(relay, outbox_grew{});
    count(batch);
  };
  role.writer = spawn_writer(sys, dependencies.detached, std::move(dependencies.writes),
                             options.writer, observe);
  if (!dependencies.more_writes.empty()) {
    role.writers.push_back(role.writer);
    for (auto& writes : dependencies.more_writes)
      role.writers.push_back(
          spawn_writer(sys, dependencies.detached, std::move(writes), options.writer, observe));
    role.writer = sys.spawn(spread_writer<ticket_write, ticket_written>, role.writers,
                            writer_choice<ticket_write>{writer_of});
  }
  std::vector<store_reader> readers;
  for (auto& queries : dependencies.queries) {
    readers.push_back(dependencies.detached ? sys.spawn<caf::detached>(reader, std::move(queries))
                                            : sys.spawn(reader, std::move(queries)));
    role.helpers.push_back(caf::actor_cast<caf::actor>(readers.back()));
  }
  store_reader pool = readers.front();
  if (readers.size() > 1) {
    pool = sys.spawn(reader_pool, readers);
    role.helpers.push_back(caf::actor_cast<caf::actor>(pool));
  }
  role.reader = pool;
  role.store = pool;
  auto guard = std::move(dependencies.guard);
  if (!guard) {
    guard = sys.spawn(local_guard);
    role.helpers.push_back(caf::actor_cast<caf::actor>(guard));
  }
  if (dependencies.memberships) {
    role.members = membership::spawn_memberships(
        sys, env, registry, dependencies.detached,
        {role.writer, std::move(dependencies.memberships), options.membership_tick});
    role.points = membership::spawn_points_consumer(sys, role.members);
  }
  auto metrics = std::make_shared<ticket_metrics>(registry);
  auto context = std::make_shared<owned_context>(
      owned_context{{env, *metrics, std::move(options), role.writer, pool, guard,
                     membership::tiers_view{role.members}, role.links},
                    metrics});
  role.region = sys.spawn(region_behavior, ticket_context_ptr{std::move(context)},
                          std::move(dependencies.shards),
                          std::make_shared<cluster::replica_metrics>(registry, "seat_map"));
  if (dependencies.transfers)
    role.transfers = spawn_transfer_desk(sys, env, dependencies.detached, role.region,
                                         std::move(dependencies.transfers),
                                         membership::tiers_view{role.members});
  role.consumer =
      sys.spawn(payment_consumer, payments_view{role.region}, transfers_view{role.transfers},
                membership::payments_view{role.members});
  role.event_changed = [region = role.region](event_id id) {
    caf::anon_send(region, ticket::event_changed{id});
  };
  return role;
}

void stop_ticket(caf::actor_system& sys, ticket_role& role, milliseconds patience) {
  const auto end = [](const auto& actor) {
    if (actor)
      caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  };
  end(role.consumer);
  end(role.transfers);
  end(role.points);
  end(role.region);
  end(role.members);
  if (role.writer) {
    // Behind everything the writer was given: its answer says that all of it is written.
    caf::scoped_actor self{sys};
    auto writers = role.writers;
    writers.insert(writers.begin(), role.writer);
    for (const auto& w : writers)
      self->request(w, patience, ticket_write{look_up{}})
          .receive([](const ticket_written&) {},
                   [](const caf::error&) {
                     spdlog::error("the ticket store did not finish its last writes in time");
                   });
  }
  end(role.writer);
  for (const auto& helper : role.helpers)
    end(helper);
  if (role.links)
    role.links->set({}, {}, {});
  role = {};
}

} // namespace tiketi::ticket
