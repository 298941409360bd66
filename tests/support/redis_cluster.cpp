#include "tests/support/redis_cluster.hpp"

#include "tests/support/places.hpp"

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace tiketi::test {

namespace {

constexpr int slots = 16'384;

const std::vector<std::string> slow_to_judge{"CONFIG", "SET", "cluster-node-timeout", "60000"};

/// A node of a cluster, still alone. Between choosing ports and listening there, others may come.
std::unique_ptr<redis_server> start_node(const std::string& password, std::uint16_t& bus_port) {
  for (int attempt = 0;; ++attempt) {
    bus_port = free_port();
    redis_server::options o;
    o.password = password;
    o.arguments = {"--cluster-enabled", "yes", "--cluster-port", std::to_string(bus_port),
                   "--cluster-config-file", "nodes.conf", "--cluster-require-full-coverage", "no",
                   "--cluster-replica-no-failover", "yes",
                   // While the cluster is formed: nodes tell each other twice as often.
                   "--cluster-node-timeout", "400", "--repl-diskless-sync-delay", "0"};
    if (!password.empty())
      o.arguments.insert(o.arguments.end(), {"--masterauth", password});
    try {
      return std::make_unique<redis_server>(o);
    } catch (const std::runtime_error&) {
      if (attempt == 3)
        throw;
    }
  }
}

} // namespace

redis_cluster::redis_cluster(const std::string& password) {
  bus_.resize(masters + 1);
  for (auto& port : bus_)
    nodes_.push_back(start_node(password, port));
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    node(i).command({"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
  for (std::size_t i = 0; i < masters; ++i)
    node(i).command({"CLUSTER", "ADDSLOTSRANGE", std::to_string(slots_of(i)[0]),
                     std::to_string(slots_of(i)[1])});
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    meet(i);
  await_sound();
  // From here on a node that is kept from working for a while is not given up by the others.
  for (const auto& n : nodes_)
    n->command(slow_to_judge);
}

/// Those before it.
void redis_cluster::meet(std::size_t n) {
  for (std::size_t other = 0; other < n; ++other)
    node(n).command({"CLUSTER", "MEET", "127.0.0.1", std::to_string(node(other).port()),
                     std::to_string(bus_[other])});
}

bool redis_cluster::is_replica(std::size_t n) {
  return node(n).command({"INFO", "replication"}).find("role:slave") != std::string::npos;
}

std::string redis_cluster::address(std::size_t n) const {
  return "127.0.0.1:" + std::to_string(nodes_[n]->port());
}

std::string redis_cluster::id(std::size_t n) {
  return node(n).command({"CLUSTER", "MYID"});
}

std::array<int, 2> redis_cluster::slots_of(std::size_t n) {
  const auto at = [](std::size_t i) {
    return static_cast<int>(i) * slots / static_cast<int>(masters);
  };
  return {at(n), at(n + 1) - 1};
}

void redis_cluster::begin_move(int slot, std::size_t from, std::size_t to) {
  if (to == spare && is_replica(spare)) {
    node(spare).command({"CLUSTER", "RESET"});
    meet(spare);
    await_sound();
  }
  node(to).command({"CLUSTER", "SETSLOT", std::to_string(slot), "IMPORTING", id(from)});
  node(from).command({"CLUSTER", "SETSLOT", std::to_string(slot), "MIGRATING", id(to)});
}

void redis_cluster::move_keys(int slot, std::size_t from, std::size_t to) {
  for (;;) {
    std::istringstream keys{
        node(from).command({"CLUSTER", "GETKEYSINSLOT", std::to_string(slot), "100"})};
    std::vector<std::string> words{"MIGRATE", "127.0.0.1", std::to_string(node(to).port()),
                                   "",        "0",         "5000"};
    if (!node(to).password().empty())
      words.insert(words.end(), {"AUTH", node(to).password()});
    words.emplace_back("KEYS");
    const auto before = words.size();
    for (std::string key; keys >> key;)
      words.push_back(key);
    if (words.size() == before)
      return;
    node(from).command(words);
  }
}

void redis_cluster::end_move(int slot, std::size_t from, std::size_t to) {
  const std::vector<std::string> words{"CLUSTER", "SETSLOT", std::to_string(slot), "NODE", id(to)};
  node(to).command(words); // from here on it tells the others, too
  try {
    node(from).command(words);
  } catch (const std::runtime_error&) {
    if (!is_replica(from)) // it heard of it, and that was its last slot
      throw;
  }
}

void redis_cluster::restart(std::size_t n) {
  node(n).start();
  node(n).command(slow_to_judge);
}

void redis_cluster::make_replica(std::size_t of) {
  node(spare).command({"FLUSHALL"});
  node(spare).command({"CLUSTER", "REPLICATE", id(of)});
  await("the replica is not up to date", [this] {
    return node(spare).command({"INFO", "replication"}).find("master_link_status:up")
           != std::string::npos;
  });
}

void redis_cluster::await_sound() {
  await("the cluster is not formed", [this] {
    return std::all_of(nodes_.begin(), nodes_.end(), [this](const auto& n) {
      const auto info = n->command({"CLUSTER", "INFO"});
      const auto says = [&info](const std::string& line) {
        return info.find(line + "\r\n") != std::string::npos;
      };
      return says("cluster_state:ok") && says("cluster_slots_ok:" + std::to_string(slots))
             && says("cluster_known_nodes:" + std::to_string(nodes_.size()));
    });
  });
}

void redis_cluster::await(const char* what, const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error(what);
    // Nothing tells when the nodes have agreed; the pause only saves processor time.
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
}

} // namespace tiketi::test
