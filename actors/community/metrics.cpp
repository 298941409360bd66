#include "actors/community/metrics.hpp"

#include <string>

namespace tiketi::community {

namespace {

prometheus::Counter& counter(prometheus::Registry& registry, const std::string& name,
                             const std::string& help, const prometheus::Labels& labels = {}) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add(labels);
}

prometheus::Counter& written(prometheus::Registry& registry, const std::string& kind) {
  return counter(registry, "community_written_total", "News, posts and comments written",
                 {{"kind", kind}});
}

prometheus::Counter& points(prometheus::Registry& registry, const std::string& direction) {
  return counter(registry, "community_points_total", "Membership points awarded and taken back",
                 {{"direction", direction}});
}

} // namespace

community_metrics::community_metrics(prometheus::Registry& registry)
    : news(written(registry, "news")),
      posts(written(registry, "post")),
      comments(written(registry, "comment")),
      deletions(counter(registry, "community_deleted_total", "News, posts and comments deleted")),
      points_awarded(points(registry, "awarded")),
      points_revoked(points(registry, "revoked")),
      over_limit(counter(registry, "community_points_over_limit_total",
                         "Writings without points because of the daily limit")),
      views_lost(counter(registry, "community_view_writes_failed_total",
                         "Writes of counted views that failed; they are tried again")) {}

} // namespace tiketi::community
