#pragma once

#include <caf/actor_system_config.hpp>

namespace tiketi {

/// CAF's settings, made in code because CAF 0.17 silently ignores what it does not understand in
/// its own configuration file. Registers every message type and the error category.
class actor_config : public caf::actor_system_config {
public:
  /// `threads`: scheduler workers.
  explicit actor_config(std::size_t threads = 2);
};

} // namespace tiketi
