#include "tests/support/postgres_server.hpp"

#include "tests/support/places.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace tiketi::test {

namespace {

constexpr auto step = std::chrono::milliseconds{10};

/// Where the server's programs are; the package keeps them out of PATH.
std::filesystem::path programs() {
  for (const char* folder : {"/usr/lib/postgresql/15/bin", "/usr/pgsql-15/bin", "/usr/bin"})
    if (::access((std::filesystem::path{folder} / "initdb").c_str(), X_OK) == 0)
      return folder;
  throw std::runtime_error("PostgreSQL 15 is not installed; tools/setup installs it");
}

/// The server refuses to run as root: then it runs as the account its package makes.
const passwd* other_account() {
  if (::geteuid() != 0)
    return nullptr;
  const passwd* account = ::getpwnam("postgres");
  if (account == nullptr)
    throw std::runtime_error("PostgreSQL does not run as root, and there is no account 'postgres'");
  return account;
}

std::vector<std::string> as_other(std::vector<std::string> words) {
  if (const auto* account = other_account()) {
    const std::vector<std::string> drop{
        "/usr/bin/setpriv", "--reuid=" + std::to_string(account->pw_uid),
        "--regid=" + std::to_string(account->pw_gid), "--init-groups", "--pdeathsig=SIGQUIT"};
    words.insert(words.begin(), drop.begin(), drop.end());
  } else {
    words.insert(words.begin(), {"/usr/bin/setpriv", "--pdeathsig=SIGQUIT"});
  }
  return words;
}

/// A new process with its output in `log` and nothing else of this one's; -1 when it cannot start.
pid_t spawn(const std::vector<std::string>& words, const std::string& log, int input = -1) {
  std::vector<std::string> texts = words;
  std::vector<char*> argv;
  for (auto& text : texts)
    argv.push_back(text.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (input >= 0)
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  else
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  // What is sent to the test's process group, as by Ctrl-C, is not meant for it.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  pid_t pid = -1;
  const int rc = ::posix_spawn(&pid, argv[0], &actions, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return rc == 0 ? pid : -1;
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0)
    if (errno != EINTR)
      return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string random_word() {
  std::random_device random;
  std::string out;
  for (int i = 0; i < 24; ++i)
    out += "abcdefghijklmnopqrstuvwxyz"[random() % 26];
  return out;
}

struct process_state {
  char state = 'X'; ///< as in /proc/<pid>/stat; X: gone, Z: over
  int parent = -1;
};

process_state state_of(pid_t pid) {
  std::ifstream in{"/proc/" + std::to_string(pid) + "/stat"};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  const auto end = text.rfind(')'); // the name before it may hold anything
  process_state out;
  if (end == std::string::npos
      || std::sscanf(text.c_str() + end + 1, " %c %d", &out.state, &out.parent) != 2)
    return {};
  return out;
}

} // namespace

postgres_server::postgres_server(options o) : options_(std::move(o)) {
  const auto base =
      options_.folder.empty() ? std::filesystem::temp_directory_path() : options_.folder;
  auto pattern = (base / "tiketi-postgres-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr)
    throw std::runtime_error("cannot create a temporary directory: " + pattern);
  folder_ = pattern;
  if (const auto* account = other_account())
    if (::chown(folder_.c_str(), account->pw_uid, account->pw_gid) != 0)
      throw std::runtime_error("cannot give " + pattern + " to another account");
  password_ = random_word();
  port_ = free_port();
  guard();
  make_data();
  start();
}

postgres_server::~postgres_server() {
  if (running()) {
    ::kill(pid_, SIGCONT);
    ::kill(pid_, SIGQUIT); // at once, but it removes its shared memory
    try {
      wait_until_gone(pid_);
    } catch (const std::exception&) {
      // The guard does what is left.
    }
  }
  ::close(guard_pipe_);
  if (guard_ > 0)
    wait_for(guard_);
}

/// A process that waits for the end of this one, however it comes, and clears up after it.
void postgres_server::guard() {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    throw std::runtime_error("no pipe");
  // The server removes its shared memory when it stops by itself; after a SIGKILL its number stands
  // in the seventh line of its file.
  const std::string script = "cat >/dev/null\n"
                             "pid=$(sed -n 1p \"$1/data/postmaster.pid\" 2>/dev/null)\n"
                             "memory=$(sed -n '7s/.* //p' \"$1/data/postmaster.pid\" 2>/dev/null)\n"
                             "if [ -n \"$pid\" ]; then\n"
                             // The number may belong to somebody else by now.
                             "  ours() { [ \"$(readlink /proc/$pid/cwd)\" = \"$1/data\" ]; }\n"
                             "  if ours \"$1\"; then\n"
                             "    kill -CONT \"$pid\"; kill -QUIT \"$pid\"; n=0\n"
                             "    while ours \"$1\" && [ $n -lt 100 ]; do\n"
                             "      sleep 0.05; n=$((n + 1))\n"
                             "    done\n"
                             "    ours \"$1\" && kill -KILL \"$pid\"\n"
                             "  fi\n"
                             "  [ -z \"$memory\" ] || ipcrm -m \"$memory\"\n"
                             "fi 2>/dev/null\n"
                             "rm -rf \"$1\"\n";
  guard_ = spawn({"/bin/sh", "-c", script, "guard", folder_.string()}, "/dev/null", ends[0]);
  ::close(ends[0]);
  guard_pipe_ = ends[1];
  if (guard_ < 0)
    throw std::runtime_error("cannot start /bin/sh");
}

void postgres_server::make_data() {
  const auto secret = folder_ / "password";
  {
    std::ofstream out{secret};
    out << password_ << '\n';
  }
  if (const auto* account = other_account())
    if (::chown(secret.c_str(), account->pw_uid, account->pw_gid) != 0)
      throw std::runtime_error("cannot give a file to another account");
  // Only the making is not flushed; the server itself flushes.
  const auto pid =
      spawn(as_other({(programs() / "initdb").string(), "--pgdata=" + (folder_ / "data").string(),
                      "--username=" + administrator_, "--pwfile=" + secret.string(),
                      "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"}),
            (folder_ / "initdb.log").string());
  if (pid < 0 || wait_for(pid) != 0)
    throw std::runtime_error("initdb failed: " + end_of_file(folder_ / "initdb.log", 2000));
}

void postgres_server::start() {
  std::vector<std::string> words{(programs() / "postgres").string(), "-D",
                                 (folder_ / "data").string()};
  std::map<std::string, std::string> settings{
      {"port", std::to_string(port_)}, {"listen_addresses", host_},
      {"unix_socket_directories", ""}, {"max_connections", "300"},
      {"shared_buffers", "64MB"},      {"log_line_prefix", "%m %a %p "},
  };
  for (const auto& [name, value] : options_.settings)
    settings[name] = value;
  for (const auto& [name, value] : settings) {
    words.emplace_back("-c");
    words.push_back(name + "=" + value);
  }
  pid_ = spawn(as_other(std::move(words)), (folder_ / "server.log").string());
  if (pid_ < 0)
    throw std::runtime_error("cannot start postgres");
  wait_until_ready();
}

void postgres_server::wait_until_ready() {
  const auto deadline = std::chrono::steady_clock::now() + options_.timeout;
  const auto address = "host=" + host_ + " port=" + std::to_string(port_) + " dbname=postgres";
  while (std::chrono::steady_clock::now() < deadline) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      throw std::runtime_error("postgres ended: " + log_tail());
    }
    if (::PQping(address.c_str()) == PQPING_OK)
      return;
    // Nothing tells when another process starts to listen; the pause only saves processor time.
    std::this_thread::sleep_for(step);
  }
  throw std::runtime_error("postgres did not get ready: " + log_tail());
}

void postgres_server::wait_until_gone(pid_t pid) {
  const auto deadline = std::chrono::steady_clock::now() + options_.timeout;
  while (std::chrono::steady_clock::now() < deadline) {
    if (::waitpid(pid, nullptr, WNOHANG) == pid)
      return;
    std::this_thread::sleep_for(step);
  }
  throw std::runtime_error("postgres did not stop: " + log_tail());
}

void postgres_server::stop() {
  if (!running())
    return;
  ::kill(pid_, SIGINT); // "fast"
  wait_until_gone(pid_);
  pid_ = -1;
}

std::vector<pid_t> postgres_server::processes() const {
  std::vector<pid_t> out;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", gone)) {
    const auto name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos)
      continue;
    const auto pid = static_cast<pid_t>(std::stol(name));
    if (state_of(pid).parent == pid_)
      out.push_back(pid);
  }
  return out;
}

void postgres_server::kill() {
  if (!running())
    return;
  // Stopped first, so that it starts no others meanwhile. Each of its processes is the leader of a
  // group of its own.
  ::kill(pid_, SIGSTOP);
  const auto all = processes();
  for (const auto pid : all)
    ::kill(pid, SIGKILL);
  ::kill(pid_, SIGKILL);
  wait_for(pid_);
  pid_ = -1;
  // Those are not this process' children: they are gone when the system says so.
  for (const auto pid : all)
    for (auto now = state_of(pid).state; now != 'X' && now != 'Z'; now = state_of(pid).state)
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
}

void postgres_server::pause() {
  ::kill(pid_, SIGSTOP);
  for (const auto pid : processes())
    ::kill(pid, SIGSTOP);
}

void postgres_server::resume() {
  for (const auto pid : processes())
    ::kill(pid, SIGCONT);
  ::kill(pid_, SIGCONT);
}

std::vector<std::vector<std::string>> postgres_server::run(const std::string& database,
                                                           const std::string& statements) const {
  const auto address = "host=" + host_ + " port=" + std::to_string(port_) + " dbname=" + database
                       + " user=" + administrator_ + " password=" + password_;
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection{::PQconnectdb(address.c_str()),
                                                                &PQfinish};
  if (::PQstatus(connection.get()) != CONNECTION_OK)
    throw std::runtime_error(::PQerrorMessage(connection.get()));
  const std::unique_ptr<PGresult, decltype(&PQclear)> result{
      ::PQexec(connection.get(), statements.c_str()), &PQclear};
  const auto status = ::PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
    throw std::runtime_error(statements + ": " + ::PQerrorMessage(connection.get()));
  std::vector<std::vector<std::string>> rows;
  for (int r = 0; r < ::PQntuples(result.get()); ++r) {
    auto& row = rows.emplace_back();
    for (int c = 0; c < ::PQnfields(result.get()); ++c)
      row.emplace_back(::PQgetvalue(result.get(), r, c));
  }
  return rows;
}

std::string postgres_server::log_tail(std::size_t bytes) const {
  return end_of_file(folder_ / "server.log", bytes);
}

postgres_server::options& postgres_server::shared_options() {
  static options chosen{.folder = {}, .settings = {{"fsync", "off"}, {"full_page_writes", "off"}}};
  return chosen;
}

postgres_server& postgres_server::shared() {
  static postgres_server server{shared_options()};
  return server;
}

} // namespace tiketi::test
