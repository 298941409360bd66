#pragma once

#include "actors/base/time.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace tiketi::trace {

enum class span_kind : std::uint8_t {
  server, ///< a request that was answered
  client, ///< a call to another system, its repetitions included
};

/// One piece of work of a trace, finished.
struct span {
  std::string trace;  ///< `traceparent` that the work itself handed on: its trace and its own id
  std::string parent; ///< id of the span that led to it, 16 hex digits; empty: it began the trace
  span_kind kind = span_kind::server;
  std::string name;   ///< `GET /api/events/{id}`: never with values of a client
  std::string method; ///< of HTTP
  std::string route;  ///< the template of the path; empty: none was found
  std::string peer;   ///< target of a call; empty for requests
  std::string error;  ///< what went wrong where there is no status; empty: nothing
  int status = 0;     ///< of HTTP; 0: there was no answer
  time_point start;
  std::chrono::nanoseconds took{};
};

/// Where finished spans go. Thread-safe; never waits and never throws.
class sink {
public:
  virtual ~sink() = default;

  virtual void record(span s) noexcept = 0;
};

} // namespace tiketi::trace
