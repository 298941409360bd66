#include "tests/support/single_process.hpp"

#include "tests/support/http_client.hpp"
#include "tests/support/places.hpp"

#include <cerrno>
#include <csignal>
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
  // It ends with the thread that started it: after a crash of the test it would go on for ever,
  // complaining into its log that its servers are gone.
  std::vector<std::string> words{"/usr/bin/setpriv", "--pdeathsig=SIGKILL", TIKETI_BINARY};
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
  const int rc = ::posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  return rc == 0 ? pid : -1;
}

int status_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

} // namespace

single_process::single_process(process_options o) : options_(std::move(o)) {
  if (options_.port == 0)
    options_.port = free_port();
  if (options_.log.empty())
    options_.log = options_.data / "server.log";
}

single_process::~single_process() {
  kill();
}

void single_process::add(std::map<std::string, std::string> environment) {
  options_.environment.merge(std::move(environment));
}

bool single_process::launch() {
  std::filesystem::create_directories(options_.data);
  std::vector<std::string> arguments{"--port=" + std::to_string(options_.port),
                                     "--data=" + options_.data.string()};
  arguments.insert(arguments.end(), options_.arguments.begin(), options_.arguments.end());
  pid_ = spawn_program(arguments, options_.environment, options_.log);
  return pid_ > 0;
}

bool single_process::is_ready() const {
  http_client probe{options_.management_port ? options_.management_port : options_.port};
  probe.patience = std::chrono::seconds{1};
  probe.one_node = true;
  return probe.get("/actuator/health/readiness").status == 200;
}

bool single_process::alive() {
  if (pid_ <= 0)
    return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) == pid_)
    pid_ = -1;
  return pid_ > 0;
}

bool single_process::wait_until_ready(std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (std::chrono::steady_clock::now() < deadline && alive()) {
    if (is_ready())
      return true;
    // Nothing tells when another process starts to listen; the pause only saves processor time.
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
  return false;
}

void single_process::kill() {
  if (pid_ <= 0)
    return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

void single_process::pause() {
  if (pid_ > 0)
    ::kill(pid_, SIGSTOP);
}

void single_process::resume() {
  if (pid_ > 0)
    ::kill(pid_, SIGCONT);
}

void single_process::ask_to_stop() {
  if (pid_ > 0)
    ::kill(pid_, SIGTERM);
}

int single_process::wait_for_end(std::chrono::milliseconds timeout) {
  if (pid_ <= 0)
    return -1;
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (std::chrono::steady_clock::now() < deadline) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return status_of(status);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  kill();
  return -1;
}

std::string single_process::log_tail(std::size_t bytes) const {
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
  return status_of(status);
}

} // namespace tiketi::test
