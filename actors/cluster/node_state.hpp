#pragma once

#include "actors/cluster/membership.hpp"
#include "actors/cluster/routing.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace tiketi::cluster {

/// CLOCK_BOOTTIME of this machine: goes on while the process or the machine is stopped.
mono since_boot();

using mono_clock = std::function<mono()>;

/// What the membership actor tells everybody on this node, and what is read without asking it: on
/// every command. Thread-safe.
class node_state {
public:
  explicit node_state(mono_clock clock = since_boot) : clock_(std::move(clock)) {}
  node_state(const node_state&) = delete;
  node_state& operator=(const node_state&) = delete;

  mono now() const { return clock_(); }

  /// True while this node's lease holds, less the margin. Nothing has to be told for it to end.
  bool may_serve() const {
    return clock_().count() < serves_until_.load(std::memory_order_acquire);
  }

  /// When that ends without another renewal; for people.
  mono serves_until() const { return mono{serves_until_.load(std::memory_order_acquire)}; }

  /// The time that all nodes share; the epoch before the first answer of the database.
  time_point cluster_now() const {
    return time_point{std::chrono::floor<milliseconds>(
        clock_() + std::chrono::nanoseconds{clock_offset_.load(std::memory_order_acquire)})};
  }

  /// Never null.
  std::shared_ptr<const routing> routes() const { return routes_.load(); }

  // By the membership actor only:
  void set_serves_until(mono until) {
    serves_until_.store(until.count(), std::memory_order_release);
  }
  void set_clock_offset(std::chrono::nanoseconds offset) {
    clock_offset_.store(offset.count(), std::memory_order_release);
  }
  void set_routes(std::shared_ptr<const routing> routes) { routes_.store(std::move(routes)); }

private:
  mono_clock clock_;
  std::atomic<std::int64_t> serves_until_{0};
  std::atomic<std::int64_t> clock_offset_{0};
  std::atomic<std::shared_ptr<const routing>> routes_{std::make_shared<const routing>()};
};

} // namespace tiketi::cluster
