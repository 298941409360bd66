#include "tests/support/process.hpp"

#include "tests/support/http_client.hpp"
#include "tests/support/production_parts.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace tiketi::test {

namespace {

pid_t spawn_program(const std::vector<std::string>& arguments,
                    const std::map<std::string, std::string>& environment,
                    const std::filesystem::path& log) {
  std::vector<std::string> words{TIKETI_BINARY};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (auto& word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);

  std::vector<std::string> variables;
  for (char** v = environ; *v != nullptr; ++v) {
    const std::string entry{*v};
    const auto name = entry.substr(0, entry.find('='));
    if (!environment.contains(name) && name != "TIKETI_TEST_BACKEND")
      variables.push_back(entry);
  }
  for (const auto& [name, value] : environment)
    variables.push_back(name + "=" + value);
  std::vector<char*> envp;
  for (auto& v : variables)
    envp.push_back(v.data());
  envp.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  pid_t pid = -1;
  const int rc = ::posix_spawn(&pid, TIKETI_BINARY, &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  return rc == 0 ? pid : -1;
}

} // namespace

server_process::server_process(options o) : options_(std::move(o)) {
  if (options_.port == 0)
    options_.port = free_port();
  if (options_.log.empty())
    options_.log = options_.data / "server.log";
}

server_process::~server_process() {
  kill();
}

bool server_process::start(std::chrono::milliseconds timeout) {
  std::filesystem::create_directories(options_.data);
  std::vector<std::string> arguments{"--port=" + std::to_string(options_.port),
                                     "--data=" + options_.data.string()};
  arguments.insert(arguments.end(), options_.arguments.begin(), options_.arguments.end());
  auto environment = options_.environment;
  if (on_production())
    environment.merge(production_parts(options_.data));
  pid_ = spawn_program(arguments, environment, options_.log);
  if (pid_ < 0)
    return false;

  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (std::chrono::steady_clock::now() < deadline) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return false;
    }
    http_client probe{options_.management_port ? options_.management_port : options_.port};
    if (probe.get("/actuator/health/readiness").status == 200)
      return true;
    // Nothing tells when another process starts to listen; the pause only saves processor time.
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
  return false;
}

void server_process::kill() {
  if (pid_ <= 0)
    return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

int server_process::stop(std::chrono::milliseconds timeout) {
  if (pid_ <= 0)
    return -1;
  ::kill(pid_, SIGTERM);
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (std::chrono::steady_clock::now() < deadline) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  kill();
  return -1;
}

std::string server_process::log_tail(std::size_t bytes) const {
  return end_of_file(options_.log, bytes);
}

int run_program(const std::vector<std::string>& arguments,
                const std::map<std::string, std::string>& environment,
                const std::filesystem::path& log) {
  const pid_t pid = spawn_program(arguments, environment, log);
  if (pid < 0)
    return -1;
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0)
    if (errno != EINTR)
      return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

} // namespace tiketi::test
