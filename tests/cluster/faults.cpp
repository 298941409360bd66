#include "tests/cluster/faults.hpp"

#include "tests/support/postgres_server.hpp"
#include "tests/support/production_parts.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <thread>
#include <utility>

namespace tiketi::test {

using std::chrono::milliseconds;

namespace {

constexpr std::array names{
    std::pair{fault_kind::kill, "kill -9"},
    std::pair{fault_kind::stop_longer, "SIGSTOP"},
    std::pair{fault_kind::stop_and_empty, "SIGSTOP and an emptied Redis"},
    std::pair{fault_kind::part_from_nodes, "parted from the other nodes"},
    std::pair{fault_kind::part_two_nodes, "parted from one node"},
    std::pair{fault_kind::part_from_postgres, "parted from PostgreSQL"},
    std::pair{fault_kind::lose_postgres_links, "lost its connections to PostgreSQL"},
    std::pair{fault_kind::part_from_redis, "parted from Redis"},
    std::pair{fault_kind::empty_redis, "Redis emptied"},
    std::pair{fault_kind::restart_redis, "Redis away"},
    std::pair{fault_kind::kill_postgres, "PostgreSQL killed"},
    std::pair{fault_kind::restart_postgres, "PostgreSQL restarted"},
    std::pair{fault_kind::rolling_restart, "rolling restart"},
};

bool has_node(fault_kind kind) {
  return kind < fault_kind::empty_redis;
}

bool needs_two(fault_kind kind) {
  return kind == fault_kind::part_from_nodes || kind == fault_kind::part_two_nodes;
}

// The servers and nodes are other processes: a fault simply lasts its time.
void last(milliseconds time) {
  std::this_thread::sleep_for(time);
}

std::string started(cluster_process& cluster, std::size_t node) {
  return cluster.start(node) ? std::string{} : cluster_process::name(node) + " did not start again";
}

} // namespace

std::string describe(const fault& f) {
  std::string out;
  if (has_node(f.kind))
    out += cluster_process::name(f.node) + ": ";
  out +=
      std::find_if(names.begin(), names.end(), [&](auto& n) { return n.first == f.kind; })->second;
  if (f.kind == fault_kind::part_two_nodes)
    out += " (" + cluster_process::name(f.other) + ")";
  return out + ", " + std::to_string(f.lasts.count()) + " ms";
}

std::vector<fault> plan_faults(std::uint64_t seed, std::size_t count, std::size_t nodes,
                               milliseconds lease) {
  std::mt19937_64 chance{seed};
  const auto up_to = [&](milliseconds most) {
    return milliseconds{chance() % static_cast<std::uint64_t>(most.count() + 1)};
  };
  std::vector<fault_kind> deck;
  std::vector<fault> out;
  while (out.size() < count) {
    if (deck.empty())
      for (const auto& [kind, name] : names)
        if (nodes > 1 || !needs_two(kind))
          deck.push_back(kind);
    const auto card = chance() % deck.size();
    fault f;
    f.kind = deck[card];
    deck.erase(deck.begin() + static_cast<std::ptrdiff_t>(card));
    f.node = chance() % nodes;
    f.other = nodes > 1 ? (f.node + 1 + chance() % (nodes - 1)) % nodes : f.node;
    f.calm = up_to(milliseconds{800});
    switch (f.kind) {
    case fault_kind::stop_longer:
    case fault_kind::stop_and_empty:
      f.lasts = lease + milliseconds{300} + up_to(lease);
      break;
    case fault_kind::kill:
    case fault_kind::part_from_nodes:
    case fault_kind::part_two_nodes:
    case fault_kind::part_from_postgres:
    case fault_kind::part_from_redis:
      f.lasts = up_to(2 * lease); // also for less than it takes to notice
      break;
    default:
      f.lasts = up_to(milliseconds{1500});
    }
    out.push_back(f);
  }
  return out;
}

std::string play(const fault& f, cluster_process& cluster) {
  auto& postgres = postgres_server::shared();
  auto& redis = shared_redis_server();
  switch (f.kind) {
  case fault_kind::kill:
    cluster.kill(f.node);
    last(f.lasts);
    return started(cluster, f.node);
  case fault_kind::stop_longer:
  case fault_kind::stop_and_empty:
    cluster.pause(f.node);
    last(f.lasts / 2);
    if (f.kind == fault_kind::stop_and_empty)
      redis.restart_empty();
    last(f.lasts - f.lasts / 2);
    cluster.resume(f.node);
    return {};
  case fault_kind::part_from_nodes:
    for (std::size_t i = 0; i < cluster.size(); ++i)
      if (i != f.node)
        cluster.part(f.node, i, true);
    last(f.lasts);
    for (std::size_t i = 0; i < cluster.size(); ++i)
      if (i != f.node)
        cluster.part(f.node, i, false);
    return {};
  case fault_kind::part_two_nodes:
    cluster.part(f.node, f.other, true);
    last(f.lasts);
    cluster.part(f.node, f.other, false);
    return {};
  case fault_kind::part_from_postgres:
    cluster.part_from_postgres(f.node, true);
    last(f.lasts);
    cluster.part_from_postgres(f.node, false);
    return {};
  case fault_kind::lose_postgres_links:
    cluster.cut_from_postgres(f.node);
    return {};
  case fault_kind::part_from_redis:
    cluster.part_from_redis(f.node, true);
    last(f.lasts);
    cluster.part_from_redis(f.node, false);
    return {};
  case fault_kind::empty_redis:
    redis.restart_empty();
    return {};
  case fault_kind::restart_redis:
    redis.kill();
    last(f.lasts);
    redis.start();
    return {};
  case fault_kind::kill_postgres:
    postgres.kill();
    last(f.lasts);
    postgres.start();
    return {};
  case fault_kind::restart_postgres:
    postgres.stop();
    last(f.lasts);
    postgres.start();
    return {};
  case fault_kind::rolling_restart:
    for (std::size_t i = 0; i < cluster.size(); ++i) {
      if (const int status = cluster.stop(i); status != 0)
        return cluster_process::name(i) + " ended with " + std::to_string(status);
      if (auto wrong = started(cluster, i); !wrong.empty())
        return wrong;
    }
    return {};
  }
  return "no such fault";
}

} // namespace tiketi::test
