#include "actors/idempotency/metrics.hpp"

namespace tiketi::idempotency {

namespace {

prometheus::Counter& result(prometheus::Registry& registry, const char* name) {
  return prometheus::BuildCounter()
      .Name("idempotency_requests_total")
      .Help("Requests with an Idempotency-Key, by what they came to")
      .Register(registry)
      .Add({{"result", name}});
}

} // namespace

keeper_metrics::keeper_metrics(prometheus::Registry& registry)
    : runs(result(registry, "run")),
      replays(result(registry, "replayed")),
      running(result(registry, "in_progress")),
      mismatches(result(registry, "mismatch")),
      interrupted(result(registry, "interrupted")),
      limited(result(registry, "limited")),
      unkept(prometheus::BuildCounter()
                 .Name("idempotency_unkept_total")
                 .Help("Answers that could not be stored for a repeat")
                 .Register(registry)
                 .Add({})),
      keys(prometheus::BuildGauge()
               .Name("idempotency_keys")
               .Help("Live idempotency keys")
               .Register(registry)
               .Add({})) {}

void keeper_metrics::count(verdict v) {
  switch (v) {
  case verdict::run:
    return runs.Increment();
  case verdict::replay:
    return replays.Increment();
  case verdict::running:
    return running.Increment();
  case verdict::mismatch:
    return mismatches.Increment();
  case verdict::interrupted:
    return interrupted.Increment();
  case verdict::owner_full:
  case verdict::full:
    return limited.Increment();
  case verdict::look_up:
  case verdict::note:
    return;
  }
}

} // namespace tiketi::idempotency
