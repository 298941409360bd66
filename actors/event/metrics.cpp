#include "actors/event/metrics.hpp"

#include "actors/store/mailbox_depth.hpp"

#include <string>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

namespace tiketi::ticket {

namespace {

prometheus::Counter& counter(prometheus::Registry& registry, const std::string& name,
                             const std::string& help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Gauge& actors(prometheus::Registry& registry, const std::string& kind) {
  return prometheus::BuildGauge()
      .Name("ticket_active_actors")
      .Help("Live actors of the ticket role")
      .Register(registry)
      .Add({{"kind", kind}});
}

} // namespace

ticket_metrics::ticket_metrics(prometheus::Registry& registry)
    : created(counter(registry, "business_reservation_total", "Reservations created")),
      confirmed(counter(registry, "business_reservation_confirmed_total",
                        "Reservations confirmed by a payment")),
      cancelled(counter(registry, "business_reservation_cancelled_total",
                        "Reservations cancelled or refunded")),
      expired(counter(registry, "business_reservation_expired_total", "Reservations expired")),
      transferred(counter(registry, "business_transfer_completed_total",
                          "Tickets that changed hands through resale")),
      refused(counter(registry, "ticket_payments_refused_total", "Captured payments sent back")),
      reconciled(counter(registry, "reconciliation_mismatch_total",
                         "Payments found by asking instead of by their message")),
      holds(counter(registry, "ticket_holds_total", "Requests to hold seats or tickets")),
      conflicts(counter(registry, "ticket_hold_conflicts_total",
                        "Holds refused because somebody else was first")),
      replays(counter(registry, "ticket_idempotent_replays_total",
                      "Holds answered from an earlier use of their key")),
      doubts(counter(registry, "ticket_store_doubts_total",
                     "Writes whose outcome had to be looked up")),
      events(actors(registry, "event")),
      reservations(actors(registry, "reservation")),
      seats(actors(registry, "seat")),
      region_mailbox(mailbox_depth(registry, "event_region")),
      event_mailbox(mailbox_depth(registry, "event")) {}

} // namespace tiketi::ticket
