#include "actors/payment/role.hpp"

#include "actors/payment/payment_actor.hpp"
#include "actors/store/mailbox_depth.hpp"
#include "actors/store/store_metrics.hpp"

#include <memory>
#include <stdexcept>
#include <utility>

#include <caf/all.hpp>
#include <prometheus/counter.h>
#include <prometheus/registry.h>

namespace tiketi::payment {
namespace {

struct reader_state {
  reader_state() = default;

  std::shared_ptr<payment_queries> queries;
};

caf::result<payment_list> list_of(result<std::vector<payment_view>> rows) {
  if (!rows)
    return to_caf(rows.error());
  const auto total = static_cast<std::int64_t>(rows->size());
  return payment_list{std::move(*rows), total};
}

caf::result<payment_list> list_of(result<std::optional<payment_view>> row) {
  if (!row)
    return to_caf(row.error());
  payment_list list;
  if (*row) {
    list.payments.push_back(std::move(**row));
    list.total = 1;
  }
  return list;
}

reader_actor::behavior_type reader(reader_actor::stateful_pointer<reader_state> self,
                                   std::shared_ptr<payment_queries> queries) {
  self->state.queries = std::move(queries);
  return {
      [self](const load_payments& x) {
        return list_of(self->state.queries->payments_of(x.subject));
      },
      [self](const find_order& x) {
        return list_of(self->state.queries->find_by_order(x.order_id));
      },
      [self](const find_key_or_id& x) {
        auto& queries_ = *self->state.queries;
        if (const auto id = parse_id<payment_id>(x.key_or_id)) {
          auto found = queries_.find(*id);
          if (!found || *found)
            return list_of(std::move(found));
        }
        return list_of(queries_.find_by_key(x.key_or_id));
      },
      [self](const list_payments& x) -> caf::result<payment_list> {
        auto page = self->state.queries->payments_by(x.user, x.limit, x.offset);
        if (!page)
          return to_caf(page.error());
        return payment_list{std::move(page->payments), page->total};
      },
      [self](const list_unfinished& x) {
        return list_of(self->state.queries->unfinished(x.after, x.limit));
      },
  };
}

template <class... Ts>
auto spawn_blocking(caf::actor_system& sys, bool detached, Ts&&... xs) {
  return detached ? sys.spawn<caf::detached>(std::forward<Ts>(xs)...)
                  : sys.spawn(std::forward<Ts>(xs)...);
}

prometheus::Counter* counter(prometheus::Registry& registry, const char* name, const char* help) {
  return &prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

} // namespace

payment_metrics::payment_metrics(prometheus::Registry& registry)
    : processed(counter(registry, "business_payment_processed_total", "Payments captured")),
      failed(counter(registry, "business_payment_failed_total", "Payments declined")),
      refunded(counter(registry, "business_payment_refunded_total", "Payments given back")),
      region_mailbox(&mailbox_depth(registry, "payment_region")) {}

subscription payment_role::consumer() const {
  return {"*", "payment", region, events_of_payments()};
}

payment_role start_payment(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                           payment_options options, payment_dependencies dependencies) {
  if (!dependencies.writes || !dependencies.region_queries || !dependencies.front_queries
      || !dependencies.outbox || !dependencies.money.handle || dependencies.money.name.empty()
      || !dependencies.tickets)
    throw std::invalid_argument("start_payment: a dependency is missing");
  payment_role role;
  auto writes = spawn_blocking(sys, options.detached, writer<payment_write, payment_written>,
                               std::move(dependencies.writes), options.writer,
                               count_commits(registry, "payment"));
  auto own_reader =
      spawn_blocking(sys, options.detached, reader,
                     std::shared_ptr<payment_queries>(std::move(dependencies.region_queries)));
  role.reader =
      spawn_blocking(sys, options.detached, reader,
                     std::shared_ptr<payment_queries>(std::move(dependencies.front_queries)));
  auto box = spawn_outbox(sys, env, std::move(dependencies.outbox), options.detached);
  options.relay.role = "payment";
  options.relay.registry = &registry;
  role.relay = spawn_relay(sys, env, box, std::move(dependencies.subscriptions), options.relay);
  role.others = {caf::actor_cast<caf::actor>(writes), caf::actor_cast<caf::actor>(own_reader),
                 caf::actor_cast<caf::actor>(role.reader),
                 caf::actor_cast<caf::actor>(dependencies.money.handle)};
  auto context = std::make_shared<payment_context>(
      payment_context{&env, options, std::move(writes), std::move(own_reader), role.relay,
                      std::move(dependencies.money), std::move(dependencies.tickets),
                      std::move(dependencies.transfers), std::move(dependencies.memberships),
                      payment_metrics{registry}});
  role.region = spawn_payment_region(sys, std::move(context), std::move(dependencies.shards));
  return role;
}

void stop_payment(const payment_role& role) {
  caf::anon_send_exit(role.region, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(role.relay, caf::exit_reason::user_shutdown);
  for (const auto& a : role.others)
    caf::anon_send_exit(a, caf::exit_reason::user_shutdown);
}

} // namespace tiketi::payment
