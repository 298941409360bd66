#pragma once

#include <prometheus/counter.h>
#include <prometheus/registry.h>

namespace tiketi::community {

/// Looked up once; references stay valid as long as the registry.
struct community_metrics {
  explicit community_metrics(prometheus::Registry& registry);

  prometheus::Counter& news;           ///< community_written_total{kind="news"}
  prometheus::Counter& posts;          ///< … "post"
  prometheus::Counter& comments;       ///< … "comment"
  prometheus::Counter& deletions;      ///< community_deleted_total
  prometheus::Counter& points_awarded; ///< community_points_total{direction="awarded"}
  prometheus::Counter& points_revoked; ///< … "revoked"
  prometheus::Counter& over_limit;     ///< community_points_over_limit_total
  prometheus::Counter& views_lost;     ///< community_view_writes_failed_total
};

} // namespace tiketi::community
