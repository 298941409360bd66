#pragma once

#include "storage/cluster_store.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

namespace tiketi::memory {

/// The tables of `cluster_store` as a value, so that a search over all interleavings can copy them.
class cluster_tables {
public:
  cluster::join_answer join(const cluster::join_request& request, time_point now);
  cluster::renew_answer renew(const cluster::node_key& self, time_point now);
  cluster::cluster_view end_leases(std::span<const cluster::seen_lease> leases);
  void leave(const cluster::node_key& self);
  bool set_draining(std::string_view node, bool draining);
  bool set_weight(std::string_view node, std::uint32_t weight);
  cluster::cluster_view view() const;
  std::vector<cluster::shard_lease> acquire(std::string_view role,
                                            std::span<const cluster::shard_id> shards,
                                            const cluster::node_key& self);
  void release(std::string_view role, std::span<const cluster::shard_release> shards,
               const cluster::node_key& self);
  std::vector<cluster::shard_lease> shards(std::string_view role) const;
  std::vector<cluster::owned_shard> owned(std::string_view role,
                                          const cluster::node_key& self) const;

private:
  struct node_row {
    cluster::member values;
    uuid boot;
    bool is_member = false;
  };

  bool is_member(const cluster::node_key& key) const;

  std::uint64_t epoch_ = 0;
  std::map<std::string, node_row, std::less<>> nodes_;
  std::map<std::pair<std::string, cluster::shard_id>, cluster::shard_lease> shards_;
};

/// Members and shards in memory, for simulation and tests: what it holds outlives the nodes, as a
/// database would. Thread-safe.
class cluster_database {
public:
  /// What happens to a node's next call. `lost`: it is carried out, but the answer fails.
  enum class fate : std::uint8_t { done, failed, lost };

  /// `now`: the database's clock.
  explicit cluster_database(std::function<time_point()> now);

  /// A node is cut off from the database until it is healed.
  void cut_off(const std::string& node, bool on);
  /// Asked before each call of a node that is not cut off; empty: always `done`.
  void set_fate(std::function<fate(const std::string& node)> f);

  template <class T, class F>
  result<T> run(const std::string& node, F call) {
    const std::lock_guard lock{mutex_};
    auto what = cut_.contains(node) ? fate::failed : fate_ ? fate_(node) : fate::done;
    if (what == fate::failed)
      return failure{errc::unavailable};
    if constexpr (std::is_void_v<T>) {
      call(tables_, now_());
      if (what == fate::done)
        return {};
    } else {
      T out = call(tables_, now_());
      if (what == fate::done)
        return out;
    }
    return failure{errc::unavailable};
  }

private:
  std::mutex mutex_;
  std::function<time_point()> now_;
  std::set<std::string> cut_;
  std::function<fate(const std::string&)> fate_;
  cluster_tables tables_;
};

/// A node's connection.
std::unique_ptr<cluster::cluster_store>
make_cluster_store(std::shared_ptr<cluster_database> database, std::string node);

} // namespace tiketi::memory
