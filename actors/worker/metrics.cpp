#include "actors/worker/metrics.hpp"

#include <string>

namespace tiketi::worker {

namespace {

prometheus::Counter& messages(prometheus::Registry& registry, const std::string& outcome) {
  return prometheus::BuildCounter()
      .Name("worker_messages_total")
      .Help("Messages of the worker's queue, by what became of them")
      .Register(registry)
      .Add({{"outcome", outcome}});
}

} // namespace

worker_metrics::worker_metrics(prometheus::Registry& registry)
    : reserved(messages(registry, "reserved")),
      replayed(messages(registry, "replayed")),
      noted(messages(registry, "noted")),
      unknown(messages(registry, "unknown")),
      rejected(messages(registry, "rejected")),
      failed(messages(registry, "failed")),
      left(messages(registry, "left")),
      call_failures(prometheus::BuildCounter()
                        .Name("worker_call_failures_total")
                        .Help("Calls for messages, or to delete them, that failed")
                        .Register(registry)
                        .Add({})),
      running(prometheus::BuildGauge()
                  .Name("worker_messages_running")
                  .Help("Messages being run")
                  .Register(registry)
                  .Add({})),
      delay(prometheus::BuildHistogram()
                .Name("worker_message_delay_seconds")
                .Help("From sending a message to its end")
                .Register(registry)
                .Add({}, prometheus::Histogram::BucketBoundaries{0.025, 0.05, 0.1, 0.25, 0.5, 1,
                                                                 2.5, 5, 10, 30, 60, 300})) {}

} // namespace tiketi::worker
