#include "actors/trace/exporter.hpp"

#include <utility>

#include <caf/all.hpp>
#include <prometheus/registry.h>
#include <spdlog/spdlog.h>

namespace tiketi::trace {

namespace {

prometheus::Counter& spans_counter(prometheus::Registry& registry, const char* result) {
  return prometheus::BuildCounter()
      .Name("tiketi_trace_spans_total")
      .Help("Spans of sampled traces by what became of them")
      .Register(registry)
      .Add({{"result", result}});
}

struct exporter_state {
  exporter_state() = default;

  exporter_options options;
  std::shared_ptr<span_buffer> spans;
  remote::client_actor calls;
  prometheus::Counter* exported = nullptr;
  prometheus::Counter* failed = nullptr;
  std::vector<caf::typed_response_promise<bool>> flushing;
  bool sending = false;
  bool healthy = true; ///< so that an outage is logged once
};

using self_pointer = exporter_actor::stateful_pointer<exporter_state>;

void send_batch(self_pointer self);

void ended(self_pointer self, std::size_t count, const std::string& trouble) {
  auto& s = self->state;
  s.sending = false;
  const bool ok = trouble.empty();
  (ok ? s.exported : s.failed)->Increment(static_cast<double>(count));
  if (ok != s.healthy) {
    s.healthy = ok;
    if (ok)
      spdlog::info("trace: the collector takes spans again");
    else
      spdlog::warn("trace: the collector does not take spans, they are dropped: {}", trouble);
  }
  // What has gathered goes at once; an unwilling collector is asked again with the next tick.
  if (ok && s.spans->size() >= s.options.batch_max)
    return send_batch(self);
  if (s.flushing.empty())
    return;
  if (ok && s.spans->size() > 0)
    return send_batch(self);
  for (auto& promise : std::exchange(s.flushing, {}))
    promise.deliver(ok);
}

void send_batch(self_pointer self) {
  auto& s = self->state;
  const auto batch = s.spans->take(s.options.batch_max);
  const auto count = batch.size();
  if (count == 0)
    return ended(self, 0, {});
  remote::http_call call;
  call.target = collector;
  call.request.method = "POST";
  call.request.url = s.options.url;
  call.request.headers = s.options.headers;
  call.request.headers.emplace_back("Content-Type", "application/json");
  call.request.body = to_otlp(s.options.from, batch);
  call.repeatable = true;
  call.timeout = s.options.timeout;
  s.sending = true;
  self->request(s.calls, caf::infinite, std::move(call))
      .then(
          [self, count](const remote::http_answer& answer) {
            if (answer.error != remote::http_failure::none)
              return ended(self, count, answer.text);
            if (answer.status < 200 || answer.status >= 300)
              return ended(self, count, "HTTP status " + std::to_string(answer.status));
            ended(self, count, {});
          },
          [self, count](const caf::error& e) { ended(self, count, caf::to_string(e)); });
}

exporter_actor::behavior_type exporter(self_pointer self, exporter_options options,
                                       std::shared_ptr<span_buffer> spans,
                                       remote::client_actor calls, prometheus::Counter* exported,
                                       prometheus::Counter* failed) {
  auto& s = self->state;
  s.options = std::move(options);
  s.spans = std::move(spans);
  s.calls = std::move(calls);
  s.exported = exported;
  s.failed = failed;
  self->delayed_send(self, s.options.interval, export_tick{});
  return {
      [self](export_tick) {
        auto& state = self->state;
        self->delayed_send(self, state.options.interval, export_tick{});
        if (!state.sending && state.spans->size() > 0)
          send_batch(self);
      },
      [self](flush) -> caf::result<bool> {
        auto& state = self->state;
        auto promise = self->make_response_promise<bool>();
        state.flushing.push_back(promise);
        if (!state.sending)
          send_batch(self);
        return promise;
      },
  };
}

} // namespace

std::shared_ptr<span_buffer> make_span_buffer(prometheus::Registry& registry,
                                              std::size_t spans_max) {
  return std::make_shared<span_buffer>(spans_max, spans_counter(registry, "dropped"));
}

exporter_actor start_exporter(caf::actor_system& sys, prometheus::Registry& registry,
                              exporter_options options, std::shared_ptr<span_buffer> spans,
                              remote::client_actor calls) {
  return sys.spawn(exporter, std::move(options), std::move(spans), std::move(calls),
                   &spans_counter(registry, "exported"), &spans_counter(registry, "failed"));
}

} // namespace tiketi::trace
