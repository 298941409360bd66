#pragma once

#include "net/redis/slots.hpp"
#include "tests/redis/client_fixture.hpp"
#include "tests/support/redis_cluster.hpp"

#include <map>
#include <thread>

namespace tiketi::test {

/// Calls to a real cluster, which all cases of a program share: each leaves it as it found it,
/// except for the keys and for what the spare is.
class redis_cluster_calls : public redis_calls {
protected:
  static redis_cluster& cluster() {
    static redis_cluster one{"se cret"};
    return one;
  }

  redis_cluster_calls() {
    for (std::size_t i = 0; i < redis_cluster::masters; ++i)
      cluster().node(i).command({"FLUSHALL"});
  }

  net::redis_options options(std::size_t seed = 0) const {
    auto o = options_for(cluster().node(seed));
    o.cluster = true;
    o.in_flight_max = 100'000;
    // Only a test that stops a node wants to hear of it soon.
    o.silence_max = milliseconds{10'000};
    o.connect_timeout = milliseconds{10'000};
    return o;
  }

  template <class Done>
  static bool until(Done done) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline)
        return false;
      std::this_thread::yield();
    }
    return true;
  }

  /// Every slot is reached.
  static bool await_whole(const redis::client& client, std::size_t connections) {
    return until([&] {
      const auto now = client.status();
      return now.ready == connections && now.connections == connections && now.slots_away == 0;
    });
  }

  std::shared_ptr<redis::client> connect(const net::redis_options& o) {
    auto out = net::make_redis_client(*env, registry, o);
    EXPECT_TRUE(await_whole(*out, redis_cluster::masters * o.connections))
        << out->status().last_error;
    return out;
  }

  double counted(const std::string& name, const std::string& label = {}) const {
    for (const auto& family : registry.Collect())
      for (const auto& metric : family.metric)
        if (family.name == name && (label.empty() || metric.label.at(0).value == label))
          return std::max(metric.counter.value, metric.gauge.value);
    return -1;
  }
  double moved() const { return counted("redis_redirections_total", "moved"); }
  double asked() const { return counted("redis_redirections_total", "ask"); }

  /// A tag whose keys are in the slot.
  static std::string tag_in(int slot) {
    for (int i = 0;; ++i)
      if (auto tag = 't' + std::to_string(i); net::key_slot(tag) == slot)
        return '{' + tag + '}';
  }

  /// The first slot of a master of the beginning.
  static int slot_at(std::size_t node) { return redis_cluster::slots_of(node)[0]; }
};

} // namespace tiketi::test
