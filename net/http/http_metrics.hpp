#pragma once

#include "net/http/router.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
template <typename T>
class Family;
} // namespace prometheus

namespace tiketi::net {

/// The families of the HTTP server. Thread-safe.
struct http_metrics {
  http_metrics(prometheus::Registry& registry, const std::string& application);

  prometheus::Family<prometheus::Histogram>& requests; ///< http_server_requests_seconds
  prometheus::Gauge& connections;
  prometheus::Gauge& in_flight;
  prometheus::Counter& refused_connections;
  prometheus::Counter& refused_overload;
  prometheus::Counter& refused_malformed;
  prometheus::Counter& refused_timeout;
  prometheus::Counter& rate_limited;
  std::string application;
};

/// Finds the histogram of a route and status without a lock or a label look-up. One thread only.
class route_metrics {
public:
  route_metrics(http_metrics& metrics, std::size_t routes) : metrics_(metrics), known_(routes) {}

  /// `r`: nothing where the request reached no route.
  void observe(const route* r, verb method, int status, std::chrono::nanoseconds took);

private:
  prometheus::Histogram& find(std::string_view uri, verb method, int status);

  http_metrics& metrics_;
  /// By index of the route; a route answers with few different codes.
  std::vector<std::vector<std::pair<int, prometheus::Histogram*>>> known_;
};

} // namespace tiketi::net
