#pragma once

#include "actors/base/span.hpp"

#include <span>
#include <string>

namespace tiketi::trace {

/// What the spans of one process have in common.
struct resource {
  std::string service;  ///< `service.name`
  std::string instance; ///< `service.instance.id`
  std::string version;  ///< `service.version`
};

/// The body of one OTLP/HTTP request in JSON (OpenTelemetry protocol 1.x,
/// `ExportTraceServiceRequest`): ids in hex, times in nanoseconds as text. Attributes follow the
/// semantic conventions for HTTP.
std::string to_otlp(const resource& from, std::span<const span> spans);

} // namespace tiketi::trace
