#include "actors/trace/otlp.hpp"

#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

namespace tiketi::trace {

namespace {

using nlohmann::json;

json text(std::string_view key, std::string value) {
  return {{"key", key}, {"value", {{"stringValue", std::move(value)}}}};
}

json number(std::string_view key, std::int64_t value) {
  // 64-bit integers are texts in the JSON of protocol buffers.
  return {{"key", key}, {"value", {{"intValue", std::to_string(value)}}}};
}

std::string nanoseconds(std::chrono::nanoseconds since_epoch) {
  return std::to_string(since_epoch.count());
}

json to_json(const span& s) {
  // SPAN_KIND_SERVER, SPAN_KIND_CLIENT
  const int kind = s.kind == span_kind::server ? 2 : 3;
  // A server is to blame for 5xx only, a caller sees 4xx as its own failure too.
  const bool failed =
      !s.error.empty() || s.status >= 500 || (s.kind == span_kind::client && s.status >= 400);
  auto attributes = json::array({text("http.request.method", s.method)});
  if (!s.route.empty())
    attributes.push_back(text("http.route", s.route));
  if (!s.peer.empty())
    attributes.push_back(text("peer.service", s.peer));
  if (s.status != 0)
    attributes.push_back(number("http.response.status_code", s.status));
  if (failed)
    attributes.push_back(text("error.type", s.error.empty() ? std::to_string(s.status) : s.error));
  const auto start =
      std::chrono::duration_cast<std::chrono::nanoseconds>(s.start.time_since_epoch());
  json out{{"traceId", s.trace.substr(3, 32)},
           {"spanId", s.trace.substr(36, 16)},
           {"name", s.name},
           {"kind", kind},
           {"startTimeUnixNano", nanoseconds(start)},
           {"endTimeUnixNano", nanoseconds(start + s.took)},
           {"attributes", std::move(attributes)},
           {"status", failed ? json{{"code", 2}} : json::object()}};
  if (!s.parent.empty())
    out["parentSpanId"] = s.parent;
  return out;
}

} // namespace

std::string to_otlp(const resource& from, std::span<const span> spans) {
  auto list = json::array();
  for (const auto& s : spans)
    list.push_back(to_json(s));
  const json out{
      {"resourceSpans",
       json::array({{{"resource",
                      {{"attributes", json::array({text("service.name", from.service),
                                                   text("service.instance.id", from.instance),
                                                   text("service.version", from.version)})}}},
                     {"scopeSpans",
                      json::array({{{"scope", {{"name", "tiketi"}, {"version", from.version}}},
                                    {"spans", std::move(list)}}})}}})}};
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

} // namespace tiketi::trace
