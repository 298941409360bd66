#include "net/http/http_metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace tiketi::net {

namespace {

const prometheus::Histogram::BucketBoundaries& bounds() {
  // Up to the alert's three seconds and the client's patience of fifteen.
  static const prometheus::Histogram::BucketBoundaries out{
      0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0};
  return out;
}

std::string_view outcome(int status) {
  if (status < 200)
    return "INFORMATIONAL";
  if (status < 300)
    return "SUCCESS";
  if (status < 400)
    return "REDIRECTION";
  return status < 500 ? "CLIENT_ERROR" : "SERVER_ERROR";
}

prometheus::Counter& refused(prometheus::Registry& registry, const std::string& application,
                             const char* reason) {
  return prometheus::BuildCounter()
      .Name("tiketi_http_refused_total")
      .Help("Connections and requests refused before they reached a handler")
      .Register(registry)
      .Add({{"application", application}, {"reason", reason}});
}

prometheus::Gauge& gauge(prometheus::Registry& registry, const std::string& application,
                         const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add(
      {{"application", application}});
}

} // namespace

http_metrics::http_metrics(prometheus::Registry& registry, const std::string& app)
    : requests(prometheus::BuildHistogram()
                   .Name("http_server_requests_seconds")
                   .Help("From the last byte of a request to the last byte of its answer")
                   .Register(registry)),
      connections(
          gauge(registry, app, "tiketi_http_connections", "Open connections of HTTP clients")),
      in_flight(gauge(registry, app, "tiketi_http_requests_in_flight",
                      "Requests that a handler or an actor still holds")),
      refused_connections(refused(registry, app, "connections")),
      refused_overload(refused(registry, app, "overload")),
      refused_malformed(refused(registry, app, "malformed")),
      refused_timeout(refused(registry, app, "timeout")),
      rate_limited(refused(registry, app, "rate_limit")),
      application(app) {}

prometheus::Histogram& route_metrics::find(std::string_view uri, verb method, int status) {
  return metrics_.requests.Add({{"application", metrics_.application},
                                {"exception", "none"},
                                {"method", std::string(to_string_view(method))},
                                {"outcome", std::string(outcome(status))},
                                {"status", std::to_string(status)},
                                {"uri", std::string(uri)}},
                               bounds());
}

void route_metrics::observe(const route* r, verb method, int status,
                            std::chrono::nanoseconds took) {
  const double seconds = std::chrono::duration<double>(took).count();
  // HEAD shares the route of GET but not its label; it is rare enough for the look-up.
  if (!r || method != r->method) {
    find(r ? std::string_view{r->pattern} : "UNKNOWN", method, status).Observe(seconds);
    return;
  }
  auto& of_route = known_[r->index];
  for (const auto& [code, histogram] : of_route) {
    if (code == status) {
      histogram->Observe(seconds);
      return;
    }
  }
  auto& added = find(r->pattern, method, status);
  of_route.emplace_back(status, &added);
  added.Observe(seconds);
}

} // namespace tiketi::net
