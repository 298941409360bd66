#include "config/command_line.hpp"
#include "tools/tiketi/cluster_command.hpp"
#include "tools/tiketi/data_directory.hpp"
#include "tools/tiketi/databases.hpp"
#include "tools/tiketi/dead_letters.hpp"
#include "tools/tiketi/logging.hpp"
#include "tools/tiketi/node.hpp"
#include "tools/tiketi/shutdown.hpp"

#include <cstdio>
#include <exception>

#include <spdlog/spdlog.h>

namespace tiketi {
namespace {

constexpr const char* version = TIKETI_VERSION;

/// Exit codes: 0 done, 1 could not run, 2 was asked for something that is not possible.
int migrate(const config::settings& values, bool create) {
  const data_directory data{values.data_directory};
  if (create)
    create_all(values);
  const auto steps = migrate_all(data, values);
  const auto place = values.database_kind == "sqlite" ? "in " + data.path().string()
                                                      : "at " + values.database_host + ":"
                                                            + std::to_string(values.database_port);
  spdlog::info("databases {} are at this version; {} steps applied", place, steps);
  return 0;
}

int serve(config::settings values) {
  // Before any thread, so that every thread inherits the mask.
  shutdown_signal signal;
  start_logging(values.log_level, values.log_format);
  const data_directory data{values.data_directory};
  if (const auto secrets = config::complete_for_demo(values); !secrets.empty())
    spdlog::warn("demo: secrets that are not set come from {}", secrets);
  config::check(values);
  node running{values, data};
  const int number = signal.wait();
  spdlog::info("signal {}: finishing what is in flight, then stopping", number);
  const shutdown_signal::watch watch{values.runtime_shutdown_timeout};
  running.stop();
  spdlog::info("stopped");
  return 0;
}

int run(const std::vector<std::string>& arguments) {
  auto request = config::read_command_line(arguments, config::process_environment(), version);
  if (request.what == config::action::print) {
    std::fwrite(request.text.data(), 1, request.text.size(), stdout);
    return std::fflush(stdout) == 0 ? 0 : 1;
  }
  for (const auto& warning : request.warnings)
    std::fprintf(stderr, "tiketi: warning: %s\n", warning.c_str());
  if (request.what == config::action::migrate) {
    start_logging(request.values.log_level, request.values.log_format);
    return migrate(request.values, request.create);
  }
  if (request.what == config::action::list_dead_letters)
    return list_dead_letters(request.values, request.topic);
  if (request.what == config::action::replay_dead_letters)
    return replay_dead_letters(request.values, request.topic);
  if (request.what == config::action::cluster)
    return run_cluster_command(request.values, request.cluster);
  return serve(std::move(request.values));
}

/// Every line of the text with the program's name.
void complain(const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    std::fprintf(stderr, "tiketi: %s\n", text.substr(at, end - at).c_str());
    at = end + 1;
  }
}

} // namespace
} // namespace tiketi

int main(int argc, char** argv) {
  int code = 1;
  std::string error;
  try {
    code = tiketi::run({argv + 1, argv + argc});
  } catch (const tiketi::config::settings_error& e) {
    code = 2;
    error = e.what();
  } catch (const std::exception& e) {
    error = e.what();
  }
  tiketi::stop_logging();
  tiketi::complain(error);
  return code;
}
