#include "actors/stats/metrics.hpp"

#include "actors/store/mailbox_depth.hpp"

#include <string>

namespace tiketi::stats {

namespace {

prometheus::Counter& counter(prometheus::Registry& registry, const std::string& name,
                             const std::string& help, const prometheus::Labels& labels = {}) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add(labels);
}

prometheus::Counter& events(prometheus::Registry& registry, const std::string& result) {
  return counter(registry, "urr_stats_events_consumed_total",
                 "Domain events given to the statistics role", {{"result", result}});
}

} // namespace

stats_metrics::stats_metrics(prometheus::Registry& registry)
    : consumed(events(registry, "applied")),
      duplicates(events(registry, "duplicate")),
      unreadable(events(registry, "unreadable")),
      queries(counter(registry, "urr_stats_queries_total", "Reports asked for")),
      query_errors(counter(registry, "urr_stats_queries_errors_total", "Reports that failed")),
      mailbox(mailbox_depth(registry, "stats")) {}

} // namespace tiketi::stats
