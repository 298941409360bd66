#pragma once

#include "config/settings.hpp"

#include <string>
#include <vector>

namespace tiketi::config {

enum class action { serve, migrate, print, list_dead_letters, replay_dead_letters, cluster };

/// What `tiketi cluster` is to do.
struct cluster_order {
  std::string word; ///< status, shards, drain or join
  std::string node; ///< whom drain and join are about
  bool json = false;
  int wait_seconds = 0; ///< drain: until the node owns nothing; 0: not
};

struct start_request {
  action what = action::serve;
  settings values;
  std::string text;                  ///< to print: help, version, dump
  std::vector<std::string> warnings; ///< for the log
  bool create = false;               ///< migrate: databases and users are made first
  std::string topic{};               ///< of the dead letters
  cluster_order cluster{};
};

/// Reads file, environment and arguments, in this order of weight, and decides what to do. Secrets
/// are not checked here but by `check`. Throws settings_error.
start_request read_command_line(const std::vector<std::string>& arguments,
                                const environment_map& variables, const std::string& version);

/// This process' environment.
environment_map process_environment();

/// With `demo.enabled`: the demo payment provider where none is named, and for each missing
/// required secret one from `<data>/demo-secrets.env` (mode 0600), which is made on first use.
/// Returns the path of that file, or nothing when it was not needed. Throws settings_error.
std::string complete_for_demo(settings& values);

} // namespace tiketi::config
