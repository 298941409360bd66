#pragma once

#include "actors/base/environment.hpp"
#include "actors/redis/client.hpp"
#include "net/redis/backoff.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace prometheus {
class Registry;
}

namespace tiketi::net {

struct redis_options {
  std::string host = "127.0.0.1"; ///< name or address; resolved again at each connection
  std::uint16_t port = 6379;
  std::string user = {};     ///< of an ACL; empty: the default user
  std::string password = {}; ///< empty: no AUTH
  int database = 0;          ///< of a cluster it must be 0
  /// `host` is any node of a Redis Cluster: a call goes to the master that has its key.
  bool cluster = false;
  std::size_t connections = 1; ///< of a cluster: to each master
  /// Calls whose answer has not come, late ones included; one more is `overloaded`.
  std::size_t in_flight_max = 4096;
  milliseconds connect_timeout{1'000}; ///< for name, connection and greeting together
  /// A connection on which nothing was answered for this long is given up. One without traffic is
  /// asked for a PING, so this also finds a peer that is gone without a word.
  milliseconds silence_max{2'000};
  backoff_options reconnect = {};
};

/// More of them for one call lead nowhere.
inline constexpr int redis_redirections_max = 3;

/// hiredis on one thread of its own, calls pipelined. Connects in the background and again after
/// every loss; a server that is a replica is refused, so that a fail-over is followed as soon as
/// the name leads to the new master. Every script of `redis::scripts()` is loaded at each
/// connection. `env` and `registry` outlive the client; metrics are `redis_*`.
///
/// Of a cluster the client knows who serves which slot (net/redis/servers.hpp) and follows MOVED
/// and ASK, `redis_redirections_max` times for a call and within its deadline: what was redirected
/// has not run. Then, as with every other error of Redis, the call is `refused`. A call goes by its
/// first key (of a command: the first word behind its name), one without a key to any master. Calls
/// of one route keep their order only as long as their slot stays where it is. Slots whose master
/// is not connected are `unavailable`, the others go on.
std::shared_ptr<redis::client> make_redis_client(environment& env, prometheus::Registry& registry,
                                                 redis_options options);

} // namespace tiketi::net
