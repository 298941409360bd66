#include "actors/webhook/metrics.hpp"

#include "actors/store/mailbox_depth.hpp"

#include <string>

namespace tiketi::webhook {

namespace {

prometheus::Counter& counter(prometheus::Registry& registry, const std::string& name,
                             const std::string& help, const prometheus::Labels& labels = {}) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add(labels);
}

prometheus::Counter& attempts(prometheus::Registry& registry, const std::string& outcome) {
  return counter(registry, "webhook_deliveries_total",
                 "Attempts to deliver an event to a webhook, by what came of them",
                 {{"outcome", outcome}});
}

prometheus::Gauge& gauge(prometheus::Registry& registry, const std::string& name,
                         const std::string& help, const prometheus::Labels& labels = {}) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add(labels);
}

prometheus::Gauge* hooks(prometheus::Registry& registry, webhook_state state) {
  return &gauge(registry, "webhook_webhooks", "Webhooks, by state", {{"state", to_string(state)}});
}

} // namespace

webhook_metrics::webhook_metrics(prometheus::Registry& registry)
    : delivered(attempts(registry, "delivered")),
      retried(attempts(registry, "retried")),
      dead(attempts(registry, "dead")),
      gone(attempts(registry, "gone")),
      unsent(attempts(registry, "unsent")),
      replayed(counter(registry, "webhook_replayed_total", "Dead letters that were queued again")),
      queued(counter(registry, "webhook_queued_total", "Deliveries made of domain events")),
      pending(gauge(registry, "webhook_deliveries_pending", "Deliveries that wait")),
      dead_letters(gauge(registry, "webhook_dead_letters", "Deliveries that were given up")),
      in_flight(gauge(registry, "webhook_deliveries_in_flight", "Deliveries being sent")),
      webhooks{hooks(registry, webhook_state::active), hooks(registry, webhook_state::paused),
               hooks(registry, webhook_state::suspended), hooks(registry, webhook_state::disabled)},
      mailbox(mailbox_depth(registry, "webhook")) {}

} // namespace tiketi::webhook
