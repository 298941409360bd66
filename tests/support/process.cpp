#include "tests/support/process.hpp"

#include "tests/support/http_client.hpp"
#include "tests/support/kafka_broker.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace tiketi::test {

server_process::server_process(options o) : options_(std::move(o)) {
  if (options_.port == 0)
    options_.port = free_port();
  if (options_.log.empty())
    options_.log = options_.data / "server.log";
  const char* bus = std::getenv("TIKETI_TEST_BUS");
  if (bus != nullptr && std::string_view{bus} == "kafka")
    use_kafka();
}

/// Events of one data directory stay apart from those of others on the same broker.
void server_process::use_kafka() {
  const auto name = std::to_string(std::hash<std::string>{}(options_.data.string()));
  const std::map<std::string, std::string> wanted{
      {"TIKETI_BUS_KIND", "kafka"},
      {"TIKETI_KAFKA_BROKERS", shared_kafka_broker().address()},
      {"TIKETI_KAFKA_TOPIC_PREFIX", name + "-"},
      {"TIKETI_KAFKA_GROUP_PREFIX", name + "-"},
      {"TIKETI_KAFKA_PARTITIONS", "2"},
      {"TIKETI_KAFKA_SESSION_TIMEOUT_MS", "2000"}};
  options_.environment.insert(wanted.begin(), wanted.end());
}

server_process::~server_process() {
  kill();
}

bool server_process::start(std::chrono::milliseconds timeout) {
  std::filesystem::create_directories(options_.data);
  std::vector<std::string> words{TIKETI_BINARY, "--port=" + std::to_string(options_.port),
                                 "--data=" + options_.data.string()};
  words.insert(words.end(), options_.arguments.begin(), options_.arguments.end());
  std::vector<char*> argv;
  for (auto& word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);

  std::vector<std::string> variables;
  for (char** v = environ; *v != nullptr; ++v) {
    const std::string entry{*v};
    if (!options_.environment.contains(entry.substr(0, entry.find('='))))
      variables.push_back(entry);
  }
  for (const auto& [name, value] : options_.environment)
    variables.push_back(name + "=" + value);
  std::vector<char*> envp;
  for (auto& v : variables)
    envp.push_back(v.data());
  envp.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, options_.log.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  const int rc = ::posix_spawn(&pid_, TIKETI_BINARY, &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  if (rc != 0) {
    pid_ = -1;
    return false;
  }

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
  std::ifstream in{options_.log, std::ios::binary | std::ios::ate};
  if (!in)
    return "(no log)";
  const auto size = static_cast<std::size_t>(in.tellg());
  const auto from = size > bytes ? size - bytes : 0;
  in.seekg(static_cast<std::streamoff>(from));
  return std::string(std::istreambuf_iterator<char>{in}, {});
}

} // namespace tiketi::test
