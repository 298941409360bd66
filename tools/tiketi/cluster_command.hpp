#pragma once

#include "config/command_line.hpp"

namespace tiketi {

/// `tiketi cluster`: reads or changes the cluster's database, whatever the nodes do, and prints
/// what it found. Returns the exit code: 0, 1 when it could not be done, 3 when `status` finds a
/// cluster that is not well. Throws std::runtime_error, or config::settings_error, with a sentence.
int run_cluster_command(const config::settings& values, const config::cluster_order& order);

} // namespace tiketi
