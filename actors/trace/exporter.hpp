#pragma once

#include "actors/remote/messages.hpp"
#include "actors/trace/otlp.hpp"
#include "actors/trace/span_buffer.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>

namespace prometheus {
class Registry;
}

namespace tiketi::trace {

struct exporter_options {
  std::string url;              ///< `http://collector:4318/v1/traces`
  remote::http_headers headers; ///< for example an API key
  resource from;
  std::size_t spans_max = 8192; ///< kept in memory; further ones are dropped
  std::size_t batch_max = 512;  ///< spans in one request
  std::chrono::milliseconds interval{1000};
  std::chrono::milliseconds timeout{10'000}; ///< for one batch, repetitions included
};

/// To itself: look for spans.
struct export_tick {};

/// Command: send what there is now. Answered when it is sent, or has failed.
struct flush {};

} // namespace tiketi::trace

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::trace::export_tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::trace::flush)

namespace tiketi::trace {

using exporter_actor =
    caf::typed_actor<caf::reacts_to<export_tick>, caf::replies_to<flush>::with<bool>>;

/// The name of the target that `calls` must know.
inline constexpr const char* collector = "otlp";

/// `tiketi_trace_spans_total{result}`: exported, failed (the collector did not take them), dropped
/// (the buffer was full).
std::shared_ptr<span_buffer> make_span_buffer(prometheus::Registry& registry,
                                              std::size_t spans_max);

/// Sends what is recorded to a collector in batches, one request at a time. A batch that the
/// collector does not take after the usual repetitions is dropped: spans are repeatable, so the
/// call may be. `registry` outlives it.
exporter_actor start_exporter(caf::actor_system& sys, prometheus::Registry& registry,
                              exporter_options options, std::shared_ptr<span_buffer> spans,
                              remote::client_actor calls);

} // namespace tiketi::trace
