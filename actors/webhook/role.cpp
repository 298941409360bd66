#include "actors/webhook/role.hpp"

#include "actors/store/store_metrics.hpp"
#include "actors/webhook/payload.hpp"

#include <stdexcept>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/send.hpp>

namespace tiketi::webhook {

namespace {

reader_actor::behavior_type reader(reader_actor::pointer self,
                                   std::shared_ptr<webhook_queries> store,
                                   std::size_t waiting_max) {
  // The mailbox is the queue; its length is asked before the database is.
  const auto full = [self, waiting_max] { return self->mailbox().size() > waiting_max; };
  return {
      [store](const load_webhooks&) -> caf::result<webhook_rows> {
        auto rows = store->webhooks();
        if (!rows)
          return to_caf(rows.error());
        return webhook_rows{std::move(*rows)};
      },
      [store](const load_due& query) -> caf::result<due_page> {
        auto page = store->due(query.hook, query.now, query.limit);
        if (!page)
          return to_caf(page.error());
        return std::move(*page);
      },
      [store, full](const list_deliveries& query) -> caf::result<delivery_page> {
        if (full())
          return to_caf(errc::overloaded);
        auto page = store->deliveries(query);
        if (!page)
          return to_caf(page.error());
        return std::move(*page);
      },
  };
}

template <class... Ts>
auto spawn_blocking(caf::actor_system& sys, bool detached, Ts&&... xs) {
  return detached ? sys.spawn<caf::detached>(std::forward<Ts>(xs)...)
                  : sys.spawn(std::forward<Ts>(xs)...);
}

} // namespace

subscription webhook_role::consumer() const {
  return {"*", "webhook", webhooks, known_types()};
}

webhook_role start_webhook(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                           webhook_options options, remote::remote_options calls,
                           webhook_dependencies dependencies) {
  if (!dependencies.writes || !dependencies.own_queries || !dependencies.front_queries
      || !dependencies.via)
    throw std::invalid_argument("start_webhook: a dependency is missing");
  auto metrics = std::make_shared<webhook_metrics>(registry);
  // One attempt per call: whether and when there is another is written down first.
  calls.retry.attempts_max = 1;
  calls.attempt_timeout = options.attempt_timeout;
  // A receiver that takes its time is no receiver that fails.
  calls.breaker.slow_after = options.attempt_timeout;
  calls.in_flight_max = options.schedule.shared_max + options.tests_max
                        + static_cast<std::size_t>(options.limits.webhooks_max);
  // Each webhook has one for its deliveries and may have one for its tests.
  calls.circuits_max = 2 * static_cast<std::size_t>(options.limits.webhooks_max) + 1;
  webhook_neighbours others;
  others.writer = spawn_blocking(sys, options.detached, writer<webhook_write, webhook_written>,
                                 std::move(dependencies.writes), options.writer,
                                 count_commits(registry, "webhook"));
  others.own_reader =
      spawn_blocking(sys, options.detached, reader,
                     std::shared_ptr<webhook_queries>(std::move(dependencies.own_queries)),
                     options.queries_waiting_max);
  others.front_reader =
      spawn_blocking(sys, options.detached, reader,
                     std::shared_ptr<webhook_queries>(std::move(dependencies.front_queries)),
                     options.queries_waiting_max);
  others.calls = remote::start_remote(sys, env, registry, calls, std::move(dependencies.via),
                                      {std::string{remote_target}});
  return {spawn_webhook(sys, env, std::move(metrics), options, std::move(others))};
}

void stop(const webhook_role& role) {
  caf::anon_send_exit(role.webhooks, caf::exit_reason::user_shutdown);
}

} // namespace tiketi::webhook
