#pragma once

#include "tests/support/single_process.hpp"
#include "tests/support/tcp_proxy.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

namespace tiketi::test {

struct cluster_options {
  process_options node{}; ///< what all nodes have; the first one has its port and data folder
  std::size_t nodes = 3;
  /// Each node reaches PostgreSQL, Redis and its peers through proxies of its own, which can cut it
  /// off; else directly.
  bool behind_proxies = true;
};

/// Several processes of the real program that form one system, on the real servers of this test
/// process (production_parts.hpp): the databases, keys and topics are those of the data folder. One
/// thread at a time, but for `any_port`.
class cluster_process {
public:
  explicit cluster_process(cluster_options o);
  ~cluster_process();
  cluster_process(const cluster_process&) = delete;
  cluster_process& operator=(const cluster_process&) = delete;

  std::size_t size() const noexcept { return nodes_.size(); }
  std::uint16_t port(std::size_t node) const noexcept;
  std::uint16_t any_port() const noexcept; ///< the next node's with each call
  pid_t pid(std::size_t node) const noexcept;
  static std::string name(std::size_t node); ///< as in `cluster.node`

  /// All that do not run, and waits until they are ready. The first start of all begins with the
  /// first node alone: it makes what the nodes share.
  bool start(std::chrono::milliseconds timeout = std::chrono::seconds{60});
  void kill();
  /// SIGTERM to all at once. 0 when all ended with 0, else what the first one did that did not.
  int stop(std::chrono::milliseconds timeout = std::chrono::seconds{30});

  bool start(std::size_t node, std::chrono::milliseconds timeout = std::chrono::seconds{60});
  void kill(std::size_t node);
  int stop(std::size_t node, std::chrono::milliseconds timeout = std::chrono::seconds{30});
  void pause(std::size_t node);
  void resume(std::size_t node);
  bool alive(std::size_t node);
  bool is_ready(std::size_t node) const;

  /// Between two nodes, or a node and a server, nothing passes any more, in either direction; the
  /// connections stay, and what was sent meanwhile arrives afterwards, as it does when a network
  /// loses packets. Behind proxies only.
  void part(std::size_t one, std::size_t other, bool on);
  void part_from_postgres(std::size_t node, bool on);
  void part_from_redis(std::size_t node, bool on);
  /// All of a node's connections to the server end at once, in an error; new ones are made.
  void cut_from_postgres(std::size_t node);
  /// No partition any more, and nobody paused.
  void heal();

  /// The ends of all nodes' logs.
  std::string log_tail(std::size_t bytes = 4000) const;

private:
  struct member;

  void prepare();
  bool wait_for_all(std::chrono::milliseconds timeout);
  int who(std::uint16_t proxy_port, std::uint16_t client_port) const;

  cluster_options options_;
  std::vector<std::unique_ptr<member>> nodes_;
  bool prepared_ = false;
  bool seeded_ = false;
  mutable std::atomic<std::size_t> next_{0};
};

} // namespace tiketi::test
