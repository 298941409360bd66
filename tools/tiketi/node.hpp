#pragma once

#include "config/settings.hpp"
#include "tools/tiketi/data_directory.hpp"

#include <cstdint>
#include <memory>

namespace tiketi {

/// Everything that runs: databases, actors, server. Serves from the end of the constructor on.
class node {
public:
  /// Migrates the databases, starts all roles, and last listens. Throws std::runtime_error with a
  /// sentence for a person. `data` outlives the node.
  node(const config::settings& values, const data_directory& data);
  ~node(); ///< stops, if `stop` was not called

  node(const node&) = delete;
  node& operator=(const node&) = delete;

  std::uint16_t port() const noexcept;

  /// In order: no new connections, requests in flight finished, actors gone, writers done. Blocks.
  void stop();

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace tiketi
