#include "tests/support/redis_server.hpp"

#include "tests/support/places.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tiketi::test {

namespace {

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (auto& word : words)
    out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

/// Removes `folder` as soon as the returned descriptor is closed, by whatever end of the process.
int start_sweeper(const std::filesystem::path& folder) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    throw std::runtime_error("no pipe");
  std::vector<std::string> words{"/bin/sh", "-c", "cat >/dev/null; rm -rf -- \"$0\"",
                                 folder.string()};
  auto argv = pointers(words);
  const auto child = ::fork();
  if (child == 0) {
    ::setsid(); // a signal to the test's process group must not stop the clearing up
    ::dup2(ends[0], STDIN_FILENO);
    // Whoever waits for the test's output must not wait for this one too.
    const int nowhere = ::open("/dev/null", O_WRONLY);
    ::dup2(nowhere, STDOUT_FILENO);
    ::dup2(nowhere, STDERR_FILENO);
    if (::fork() == 0)
      ::execv(argv[0], argv.data());
    ::_exit(0); // its own child is init's, so nobody has to collect it
  }
  ::close(ends[0]);
  if (child < 0)
    throw std::runtime_error("no process");
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return ends[1];
}

std::string to_text(const redisReply& r) {
  switch (r.type) {
  case REDIS_REPLY_INTEGER:
    return std::to_string(r.integer);
  case REDIS_REPLY_NIL:
    return "(nil)";
  case REDIS_REPLY_ARRAY: {
    std::string out;
    for (std::size_t i = 0; i < r.elements; ++i)
      out += (i ? " " : "") + to_text(*r.element[i]);
    return out;
  }
  default:
    return {r.str, r.len};
  }
}

} // namespace

struct redis_server::connection {
  redisContext* context = nullptr;
  ~connection() {
    if (context)
      redisFree(context);
  }
};

redis_server::redis_server() : redis_server(options{}) {}

redis_server::redis_server(options o) : options_(std::move(o)) {
  auto pattern = (std::filesystem::temp_directory_path() / "tiketi-redis-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr)
    throw std::runtime_error("cannot create a temporary directory: " + pattern);
  folder_ = pattern;
  sweeper_ = start_sweeper(folder_);
  // Between choosing a port and listening on it somebody else may take it.
  for (int attempt = 0; attempt < 5; ++attempt) {
    port_ = free_port();
    if (spawn())
      return;
  }
  const auto why = log_tail();
  ::close(sweeper_);
  throw std::runtime_error("redis-server does not start (tools/setup installs it): " + why);
}

redis_server::~redis_server() {
  kill();
  ::close(sweeper_);
}

bool redis_server::spawn() {
  std::vector<std::string> words{"redis-server",
                                 "--port",
                                 std::to_string(port_),
                                 "--bind",
                                 "127.0.0.1",
                                 "--save",
                                 "",
                                 "--appendonly",
                                 "no",
                                 "--enable-debug-command",
                                 "yes",
                                 "--daemonize",
                                 "no",
                                 "--dir",
                                 folder_.string(),
                                 "--logfile",
                                 (folder_ / "redis.log").string()};
  if (!options_.password.empty())
    words.insert(words.end(), {"--requirepass", options_.password});
  words.insert(words.end(), options_.arguments.begin(), options_.arguments.end());
  auto argv = pointers(words);
  const auto parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) // it died before the line above
      ::_exit(1);
    const int nowhere = ::open("/dev/null", O_RDWR);
    ::dup2(nowhere, STDIN_FILENO);
    ::dup2(nowhere, STDOUT_FILENO);
    ::dup2(nowhere, STDERR_FILENO);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  if (pid_ < 0)
    throw std::runtime_error("no process");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (std::chrono::steady_clock::now() < deadline) {
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      return false;
    }
    try {
      if (command({"PING"}) == "PONG")
        return true;
    } catch (const std::runtime_error&) {
      // Not listening yet, or reading its data.
    }
    // Nothing tells when another process starts to listen; the pause only saves processor time.
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  kill();
  return false;
}

void redis_server::start() {
  if (!running() && !spawn())
    throw std::runtime_error("redis-server does not start again: " + log_tail());
}

void redis_server::kill() {
  connection_.reset();
  if (pid_ <= 0)
    return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

void redis_server::restart_empty() {
  kill();
  std::error_code missing;
  std::filesystem::remove(folder_ / "dump.rdb", missing);
  start();
}

void redis_server::restart_with_data() {
  command({"SAVE"});
  kill();
  start();
}

void redis_server::pause() {
  ::kill(pid_, SIGSTOP);
}

void redis_server::resume() {
  ::kill(pid_, SIGCONT);
}

std::string redis_server::command(const std::vector<std::string>& words) {
  const auto run = [this](const std::vector<std::string>& all) {
    std::vector<const char*> data;
    std::vector<std::size_t> sizes;
    for (const auto& word : all) {
      data.push_back(word.data());
      sizes.push_back(word.size());
    }
    const std::unique_ptr<void, void (*)(void*)> reply{
        redisCommandArgv(connection_->context, static_cast<int>(all.size()), data.data(),
                         sizes.data()),
        freeReplyObject};
    if (!reply) {
      const std::string why = connection_->context->errstr;
      connection_.reset();
      throw std::runtime_error("redis: " + why);
    }
    const auto& r = *static_cast<const redisReply*>(reply.get());
    auto text = to_text(r);
    if (r.type == REDIS_REPLY_ERROR)
      throw std::runtime_error(text);
    return text;
  };
  if (!connection_) {
    auto fresh = std::make_unique<connection>();
    const timeval patience{5, 0};
    fresh->context = redisConnectWithTimeout("127.0.0.1", port_, patience);
    if (!fresh->context || fresh->context->err != 0)
      throw std::runtime_error(std::string("redis: ")
                               + (fresh->context ? fresh->context->errstr : "no memory"));
    redisSetTimeout(fresh->context, patience);
    connection_ = std::move(fresh);
    if (!options_.password.empty())
      run({"AUTH", options_.password});
  }
  return run(words);
}

std::string redis_server::log_tail() const {
  std::ifstream in{folder_ / "redis.log"};
  std::string out;
  for (std::string line; std::getline(in, line);)
    out = line;
  return out;
}

} // namespace tiketi::test
