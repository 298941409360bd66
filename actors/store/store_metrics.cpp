#include "actors/store/store_metrics.hpp"

#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

namespace tiketi {

batch_observer count_commits(prometheus::Registry& registry, const std::string& store) {
  using boundaries = prometheus::Histogram::BucketBoundaries;
  const prometheus::Labels labels{{"store", store}};
  auto& seconds =
      prometheus::BuildHistogram()
          .Name("tiketi_store_commit_seconds")
          .Help("Duration of one group commit")
          .Register(registry)
          .Add(labels, boundaries{0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5});
  auto& commands = prometheus::BuildHistogram()
                       .Name("tiketi_store_batch_commands")
                       .Help("Commands in one group commit")
                       .Register(registry)
                       .Add(labels, boundaries{1, 2, 4, 8, 16, 32, 64, 128, 256});
  auto& waiting = prometheus::BuildGauge()
                      .Name("tiketi_store_waiting")
                      .Help("Commands waiting for the next group commit when one ended")
                      .Register(registry)
                      .Add(labels);
  return [&seconds, &commands, &waiting](const batch_report& batch) {
    seconds.Observe(std::chrono::duration<double>(batch.took).count());
    commands.Observe(static_cast<double>(batch.commands));
    waiting.Set(static_cast<double>(batch.waiting));
  };
}

} // namespace tiketi
