#pragma once

#include "actors/base/result.hpp"
#include "actors/cluster/node_state.hpp"
#include "actors/system/actor_config.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <caf/actor.hpp>
#include <caf/fwd.hpp>

namespace tiketi::cluster {

/// How nodes reach each other. All nodes have the same times here.
struct transport_options {
  std::string bind = "127.0.0.1";
  std::uint16_t port = 4710; ///< 0: any free one
  /// A CA of the cluster's own, and this node's certificate: whoever has one of that CA is a member
  /// for the transport, because CAF compares no names.
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;
  /// Without certificates nodes talk on the loopback interface only, unless this is set.
  bool plain = false;

  milliseconds heartbeat{500};
  milliseconds silence_max{2000}; ///< a peer that says nothing for so long is given up
  milliseconds probe_timeout{500};
  milliseconds connect_timeout{2000};
  milliseconds retry_min{50};
  milliseconds retry_max{2000};
  milliseconds tick{50};
  std::size_t window = 512;                         ///< commands in flight per peer
  std::size_t payload_max = std::size_t{256} << 10; ///< of a command
  std::size_t answer_max = std::size_t{16} << 20;   ///< of an answer: the map of a large hall
  /// Messages that wait in the mailbox of a gateway or link; over it commands are refused.
  std::size_t waiting_max = 20'000;

  bool tls() const noexcept { return !certificate_file.empty(); }
};

/// Why nodes cannot talk that way; nothing: they can.
std::optional<std::string> problem_of(const transport_options& options);

/// Settings of CAF that the transport needs; before the actor system is made. Whoever links this
/// has node ids that differ between any two actor systems, also in containers, where all processes
/// have the same number.
void prepare(actor_config& config, const transport_options& options);

/// Lets other nodes connect to `gateway`. Fails with a text for a person; returns the port.
result<std::uint16_t> publish(caf::actor_system& sys, const caf::actor& gateway,
                              const transport_options& options);

struct host_and_port {
  std::string host;
  std::uint16_t port = 0;
};

/// Reads `host:port` and `[v6]:port`.
std::optional<host_and_port> parse_address(const std::string& address);

/// Is somebody there who answers at once? Blocks up to the time-out. A process that is stopped
/// takes connections, too, so this waits for the other side's first bytes; with certificates, for
/// the end of a handshake. CAF would block all of a node's connects, or spin, on such a peer.
bool probe(const host_and_port& address, const transport_options& options);

} // namespace tiketi::cluster
