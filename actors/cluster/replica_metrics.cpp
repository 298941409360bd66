#include "actors/cluster/replica_metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace tiketi::cluster {

namespace {

prometheus::Counter& counter(prometheus::Registry& registry, const char* name, const char* help,
                             const prometheus::Labels& labels) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add(labels);
}

constexpr auto reads = "cluster_replica_reads_total";
constexpr auto reads_help = "Reads of what another node owns, from the copy here or from its owner";

} // namespace

replica_metrics::replica_metrics(prometheus::Registry& registry, const char* kind)
    : from_copy(counter(registry, reads, reads_help, {{"kind", kind}, {"from", "copy"}})),
      from_owner(counter(registry, reads, reads_help, {{"kind", kind}, {"from", "owner"}})),
      whole(counter(registry, "cluster_replica_copies_total",
                    "Times a copy was taken from the beginning", {{"kind", kind}})),
      questions(counter(registry, "cluster_replica_questions_total",
                        "Times an owner was asked what has changed", {{"kind", kind}})),
      age(prometheus::BuildHistogram()
              .Name("cluster_replica_age_seconds")
              .Help("How old answers from a copy were, at most")
              .Register(registry)
              .Add({{"kind", kind}}, prometheus::Histogram::BucketBoundaries{0.01, 0.05, 0.1, 0.25,
                                                                             0.5, 1, 2.5, 5, 10})) {
}

} // namespace tiketi::cluster
