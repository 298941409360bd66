#pragma once

#include "actors/redis/client.hpp"

#include <array>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

namespace prometheus {
class Registry;
}

namespace tiketi::net {

/// Looked up once at the start.
struct redis_metrics {
  explicit redis_metrics(prometheus::Registry& registry);

  prometheus::Gauge& ready; ///< connections that answer
  prometheus::Counter& lost;
  prometheus::Gauge& slots_away; ///< of a cluster
  prometheus::Gauge& in_flight;
  prometheus::Counter& moved;
  prometheus::Counter& asked;
  prometheus::Histogram& seconds;
  std::array<prometheus::Counter*, 6> calls; ///< by `redis::call_error`

  void count(redis::call_error e) { calls[static_cast<std::size_t>(e)]->Increment(); }

private:
  redis_metrics(prometheus::Family<prometheus::Counter>& redirections,
                prometheus::Registry& registry);
};

} // namespace tiketi::net
