#include "actors/auth/metrics.hpp"

#include <string>

namespace tiketi::auth {

namespace {

prometheus::Counter& counter(prometheus::Registry& registry, const std::string& name,
                             const std::string& help, const prometheus::Labels& labels = {}) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add(labels);
}

prometheus::Counter& login(prometheus::Registry& registry, const std::string& result) {
  return counter(registry, "auth_logins_total", "Logins by result", {{"result", result}});
}

prometheus::Counter& refresh(prometheus::Registry& registry, const std::string& result) {
  return counter(registry, "auth_refreshes_total", "Presented refresh tokens by result",
                 {{"result", result}});
}

} // namespace

auth_metrics::auth_metrics(prometheus::Registry& registry)
    : logins(login(registry, "success")),
      logins_refused(login(registry, "credentials")),
      logins_throttled(login(registry, "throttled")),
      registrations(counter(registry, "auth_registrations_total", "Accounts opened")),
      rotated(refresh(registry, "rotated")),
      siblings(refresh(registry, "sibling")),
      refresh_refused(refresh(registry, "refused")),
      reused(refresh(registry, "reuse")),
      logouts(counter(registry, "auth_logouts_total", "Sessions ended by logout")),
      hashes_refused(counter(registry, "auth_hash_overloaded_total",
                             "Requests refused because the hashing pool was full")),
      hash_queue(prometheus::BuildGauge()
                     .Name("auth_hash_queue_depth")
                     .Help("Password hashes waiting or running")
                     .Register(registry)
                     .Add({})),
      purged(counter(registry, "auth_purged_rows_total", "Expired tokens and sessions removed")) {}

} // namespace tiketi::auth
