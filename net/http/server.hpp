#pragma once

#include "actors/base/environment.hpp"
#include "actors/base/result.hpp"
#include "actors/base/span.hpp"
#include "net/http/filters.hpp"
#include "net/http/rate_limiter.hpp"
#include "net/http/router.hpp"
#include "net/http/token_cache.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace caf {
class actor_system;
}

namespace prometheus {
class Registry;
}

namespace tiketi::net {

struct server_options {
  std::string address = "127.0.0.1"; ///< to listen on; `0.0.0.0` or `::` for all
  std::uint16_t port = 3001;         ///< 0: any free one, see `server::port`
  std::size_t threads = 2;           ///< for sockets, 1 to 64
  std::size_t fronts = 4;            ///< front actors, 1 to 64
  std::size_t connections_max = 16'384;
  /// Requests that a handler or an actor holds; over it 503. A request counts until the last
  /// actor let go of it, even where its client was answered 504 before.
  std::size_t requests_in_flight_max = 4'096;
  std::size_t header_bytes_max = 16 * 1024;
  std::size_t body_bytes_max = 1024 * 1024;
  std::size_t bodies_bytes_max = 256 * 1024 * 1024; ///< of all requests together; over it 503
  milliseconds header_timeout{10'000};              ///< from the first byte to the end of it
  milliseconds body_timeout{20'000};                ///< for a whole body
  milliseconds idle_timeout{75'000};                ///< between two requests
  milliseconds request_timeout{10'000};             ///< in the handlers; over it 504
  milliseconds write_timeout{20'000};               ///< for a whole answer
  milliseconds linger_timeout{2'000};     ///< for a client to read why its request was cut off
  std::size_t tokens_cached_max = 65'536; ///< checked access tokens kept
  std::string application = "tiketi";     ///< label of the metrics
  filter_options filters{};
};

/// What a server is built from.
struct server_parts {
  std::shared_ptr<const router> routes;
  token_verifier verify;                   ///< empty: everybody is anonymous
  std::shared_ptr<rate_limiter> limits;    ///< empty: no limits
  std::shared_ptr<trace::sink> spans = {}; ///< one for each sampled request; empty: none
};

/// An HTTP/1.1 server: sockets on threads of its own, handlers in a pool of front actors.
///
/// Each connection lives on one thread, has at most one request in the handlers and answers in
/// order. Declare the environment and the registry before it, and destroy it before the actor
/// system; whoever still holds an exchange after that may answer it, and the answer goes nowhere.
class server {
public:
  /// Throws std::invalid_argument for options out of their bounds.
  server(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
         server_parts parts, server_options options);
  ~server(); ///< stops at once

  server(const server&) = delete;
  server& operator=(const server&) = delete;

  /// Listens and starts the threads. Fails with unavailable, and then nothing was started.
  result<std::uint16_t> start();

  std::uint16_t port() const noexcept;

  /// From now on readiness is false, connections close after their answer; new ones still get in
  /// until the balancer has noticed. Any thread.
  void drain();
  bool is_draining() const noexcept;

  /// Stops to accept, closes what is idle, waits up to `patience` for what is in flight, closes
  /// the rest. Blocks; not on the server's own threads. The second call does nothing.
  void stop(milliseconds patience);

  std::size_t connections() const noexcept;
  std::size_t requests_in_flight() const noexcept;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace tiketi::net
