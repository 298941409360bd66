#include "tests/support/cluster_process.hpp"

#include "tests/support/postgres_server.hpp"
#include "tests/support/production_parts.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <optional>
#include <stdexcept>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tiketi::test {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

milliseconds left(steady_clock::time_point deadline) {
  return std::max(milliseconds{0},
                  std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now()));
}

/// The socket of a connection on the loopback interface, as in /proc/<pid>/fd; empty: gone.
std::string socket_of(std::uint16_t from, std::uint16_t to) {
  std::ifstream in{"/proc/net/tcp"};
  std::string line;
  std::getline(in, line); // names of the columns
  while (std::getline(in, line)) {
    unsigned local = 0;
    unsigned remote = 0;
    unsigned long inode = 0;
    if (std::sscanf(line.c_str(), " %*d: %*x:%x %*x:%x %*x %*x:%*x %*x:%*x %*x %*u %*u %lu", &local,
                    &remote, &inode)
            == 3
        && local == from && remote == to && inode != 0)
      return "socket:[" + std::to_string(inode) + "]";
  }
  return {};
}

/// A port that nobody has, and that no outgoing connection gets before the node listens, or while
/// it is being started again: the kernel takes those from 32768 up.
std::uint16_t steady_port() {
  constexpr int first = 20'000;
  constexpr int count = 12'000;
  static std::atomic<int> next{static_cast<int>(::getpid()) * 37};
  for (int tries = 0; tries < count; ++tries) {
    const auto port = static_cast<std::uint16_t>(first + (next++ & 0xffffff) % count);
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    const bool free = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    if (free)
      return port;
  }
  throw std::runtime_error("no free port");
}

bool has_socket(pid_t pid, const std::string& socket) {
  std::error_code gone;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd", gone))
    if (std::filesystem::read_symlink(entry.path(), gone) == socket)
      return true;
  return false;
}

} // namespace

struct cluster_process::member {
  explicit member(process_options o) : process(std::move(o)) {}

  // Before the process, which ends first.
  std::optional<tcp_proxy> peers;
  std::optional<tcp_proxy> postgres;
  std::optional<tcp_proxy> redis;
  single_process process;
  std::atomic<pid_t> pid{-1}; ///< for the threads of the proxies
};

cluster_process::cluster_process(cluster_options o) : options_(std::move(o)) {
  for (std::size_t i = 0; i < options_.nodes; ++i) {
    auto node = options_.node;
    if (i > 0) {
      node.data = options_.node.data / name(i);
      node.port = steady_port();
      node.log.clear();
      if (node.management_port != 0) {
        node.management_port = steady_port();
        node.arguments.push_back("--http.management_port=" + std::to_string(node.management_port));
      }
    }
    if (node.port == 0)
      node.port = steady_port();
    nodes_.push_back(std::make_unique<member>(std::move(node)));
  }
}

cluster_process::~cluster_process() {
  heal();
  kill();
}

std::string cluster_process::name(std::size_t node) {
  return "node-" + std::to_string(node + 1);
}

std::uint16_t cluster_process::port(std::size_t node) const noexcept {
  return nodes_[node]->process.port();
}

std::uint16_t cluster_process::any_port() const noexcept {
  return port(next_++ % nodes_.size());
}

pid_t cluster_process::pid(std::size_t node) const noexcept {
  return nodes_[node]->process.pid();
}

/// Servers first: the proxies stand before them.
void cluster_process::prepare() {
  if (std::exchange(prepared_, true))
    return;
  const auto parts = production_parts(options_.node.data);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    auto& node = *nodes_[i];
    const auto port = steady_port();
    auto environment = parts;
    environment["TIKETI_CLUSTER_ENABLED"] = "true";
    environment["TIKETI_CLUSTER_NODE"] = name(i);
    environment["TIKETI_CLUSTER_PORT"] = std::to_string(port);
    environment["TIKETI_UPLOADS_DIRECTORY"] =
        (std::filesystem::absolute(options_.node.data) / "uploads").string();
    if (options_.behind_proxies) {
      node.peers.emplace(port);
      node.peers->tell_apart([this, before = node.peers->port()](std::uint16_t client) {
        return who(before, client);
      });
      node.postgres.emplace(postgres_server::shared().port());
      node.redis.emplace(shared_redis_server().port());
      environment["TIKETI_CLUSTER_ADVERTISE"] = "127.0.0.1:" + std::to_string(node.peers->port());
      environment["TIKETI_DATABASE_PORT"] = std::to_string(node.postgres->port());
      environment["TIKETI_REDIS_PORT"] = std::to_string(node.redis->port());
    }
    node.process.add(std::move(environment));
  }
}

/// Which node has just connected to a proxy; -1: nobody of the cluster.
int cluster_process::who(std::uint16_t proxy_port, std::uint16_t client_port) const {
  const auto socket = socket_of(client_port, proxy_port);
  if (socket.empty())
    return -1;
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    if (const pid_t pid = nodes_[i]->pid; pid > 0 && has_socket(pid, socket))
      return static_cast<int>(i);
  return -1;
}

bool cluster_process::start(milliseconds timeout) {
  prepare(); // making servers and databases is not the program's time
  const auto deadline = steady_clock::now() + timeout;
  if (!std::exchange(seeded_, true)) {
    if (!start(0, timeout))
      return false;
    // The nodes have the same secrets; those that --demo makes lie in the first one's folder.
    const auto secrets = nodes_[0]->process.settings().data / "demo-secrets.env";
    for (std::size_t i = 1; i < nodes_.size(); ++i) {
      const auto& data = nodes_[i]->process.settings().data;
      std::filesystem::create_directories(data);
      if (std::filesystem::exists(secrets))
        std::filesystem::copy_file(secrets, data / secrets.filename(),
                                   std::filesystem::copy_options::overwrite_existing);
    }
  }
  for (auto& node : nodes_)
    if (!node->process.alive()) {
      if (!node->process.launch())
        return false;
      node->pid = node->process.pid();
    }
  return wait_for_all(left(deadline));
}

bool cluster_process::wait_for_all(milliseconds timeout) {
  const auto deadline = steady_clock::now() + timeout;
  return std::all_of(nodes_.begin(), nodes_.end(), [&](const auto& node) {
    return node->process.wait_until_ready(left(deadline));
  });
}

void cluster_process::kill() {
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    kill(i);
}

int cluster_process::stop(milliseconds timeout) {
  const auto deadline = steady_clock::now() + timeout;
  for (auto& node : nodes_)
    node->process.ask_to_stop();
  int out = 0;
  for (auto& node : nodes_) {
    const int status = node->process.wait_for_end(left(deadline));
    node->pid = -1;
    if (out == 0)
      out = status;
  }
  return out;
}

bool cluster_process::start(std::size_t node, milliseconds timeout) {
  prepare();
  auto& n = *nodes_[node];
  if (!n.process.launch())
    return false;
  n.pid = n.process.pid();
  return n.process.wait_until_ready(timeout);
}

void cluster_process::kill(std::size_t node) {
  nodes_[node]->pid = -1;
  nodes_[node]->process.kill();
}

int cluster_process::stop(std::size_t node, milliseconds timeout) {
  nodes_[node]->process.ask_to_stop();
  const int status = nodes_[node]->process.wait_for_end(timeout);
  nodes_[node]->pid = -1;
  return status;
}

void cluster_process::pause(std::size_t node) {
  nodes_[node]->process.pause();
}

void cluster_process::resume(std::size_t node) {
  nodes_[node]->process.resume();
}

bool cluster_process::alive(std::size_t node) {
  return nodes_[node]->process.alive();
}

bool cluster_process::is_ready(std::size_t node) const {
  return nodes_[node]->process.is_ready();
}

void cluster_process::part(std::size_t one, std::size_t other, bool on) {
  nodes_[one]->peers->silence(static_cast<int>(other), on);
  nodes_[other]->peers->silence(static_cast<int>(one), on);
}

void cluster_process::part_from_postgres(std::size_t node, bool on) {
  nodes_[node]->postgres->freeze(on);
}

void cluster_process::part_from_redis(std::size_t node, bool on) {
  nodes_[node]->redis->freeze(on);
}

void cluster_process::cut_from_postgres(std::size_t node) {
  nodes_[node]->postgres->cut();
}

void cluster_process::heal() {
  for (auto& node : nodes_)
    node->process.resume();
  if (!prepared_ || !options_.behind_proxies)
    return;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    part_from_postgres(i, false);
    part_from_redis(i, false);
    for (std::size_t j = 0; j < nodes_.size(); ++j)
      nodes_[i]->peers->silence(static_cast<int>(j), false);
  }
}

std::string cluster_process::log_tail(std::size_t bytes) const {
  std::string out;
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    out += "--- " + name(i) + "\n" + nodes_[i]->process.log_tail(bytes / nodes_.size()) + "\n";
  return out;
}

} // namespace tiketi::test
