#include "actors/sqs/metrics.hpp"

#include <string>

namespace tiketi::sqs {

namespace {

prometheus::Counter& counter(prometheus::Registry& registry, const std::string& name,
                             const std::string& help, const prometheus::Labels& labels = {}) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add(labels);
}

prometheus::Counter& notices(prometheus::Registry& registry, const std::string& outcome) {
  return counter(registry, "sqs_notices_total", "Admission notices, by what became of them",
                 {{"outcome", outcome}});
}

prometheus::Gauge& gauge(prometheus::Registry& registry, const std::string& name,
                         const std::string& help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

} // namespace

sender_metrics::sender_metrics(prometheus::Registry& registry)
    : sent(notices(registry, "sent")),
      refused(notices(registry, "refused")),
      outdated(notices(registry, "outdated")),
      retries(counter(registry, "sqs_notice_retries_total",
                      "Admission notices that had to be sent once more")),
      lost_calls(counter(registry, "sqs_call_failures_total",
                         "Calls to SQS that failed, by whether waiting helps",
                         {{"cause", "unavailable"}})),
      misconfigured(counter(registry, "sqs_call_failures_total",
                            "Calls to SQS that failed, by whether waiting helps",
                            {{"cause", "misconfigured"}})),
      waiting(gauge(registry, "sqs_notices_waiting", "Admission notices in the sender's hands")),
      oldest_seconds(gauge(registry, "sqs_oldest_notice_seconds",
                           "Age of the oldest admission notice that is not sent; 0: none waits")),
      delay(prometheus::BuildHistogram()
                .Name("sqs_notice_delay_seconds")
                .Help("From an admission to the acceptance of its notice by SQS")
                .Register(registry)
                .Add({}, prometheus::Histogram::BucketBoundaries{0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                                                 1, 2.5, 5, 10, 30, 60, 300})) {}

} // namespace tiketi::sqs
