#pragma once

#include "actors/cluster/membership.hpp"
#include "actors/cluster/ownership.hpp"
#include "actors/cluster/routing.hpp"
#include "storage/cluster_store.hpp"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace tiketi::cluster {

struct agent_options {
  lease_rules lease;
  shard_id shards = shards_default;
  ownership_limits limits;
  /// Between two looks at what the store says is ours, beside those after a view has changed.
  milliseconds reconcile{2000};
};

/// One call to the store. Which members count follows from `what`.
struct store_request {
  enum class kind : std::uint8_t { membership, end_leases, acquire, release, reconcile };
  kind what = kind::membership;
  store_call call;
  std::vector<seen_lease> leases;
  std::string role;
  std::vector<shard_id> shards;
  std::vector<shard_release> releases;
};

struct store_done {};

/// An empty one: the call failed, or its answer was lost.
using store_answer = std::variant<std::monostate, join_answer, renew_answer, cluster_view,
                                  std::vector<shard_lease>, std::vector<owned_shard>, store_done>;

/// What the actors of a role have to know.
struct shard_event {
  enum class kind : std::uint8_t {
    opened,   ///< the shard is this node's: serve it
    draining, ///< finish what has begun, take nothing new, then say `drained`
    resumed,  ///< it stays after all: serve it
    closed,   ///< it is or may be somebody else's: forget everything, write nothing more
  };
  kind what = kind::opened;
  std::string role;
  shard_id shard = 0;
  std::uint64_t epoch = 0; ///< of the shard's lease

  friend bool operator==(const shard_event&, const shard_event&) = default;
};

/// One node's part in the cluster: its membership, and its shards of every role it has. Decides
/// which call to the store comes next, one at a time, renewals first. No clock, no I/O.
class agent {
public:
  /// `self` is valid: see `problem_of`.
  agent(join_request self, agent_options options);

  std::optional<store_request> next(mono now);
  void answered(const store_request& request, const store_answer& answer, mono now);

  /// Answers a `draining`.
  void drained(std::string_view role, shard_id shard, std::uint64_t epoch);

  /// A view that was read beside the calls that `next` asks for; `now`: after it was read.
  void saw(const cluster_view& view, mono now);

  /// Renews as soon as possible, to see a newer view.
  void refresh() { membership_.refresh(); }

  /// Serves nothing from now on, and tells the others.
  void leave();

  /// What happened to the shards since the last call, in order.
  std::vector<shard_event> take_events();

  /// True once after the routing has changed.
  bool take_changed();
  routing routes() const;

  /// `ownership::lease_epoch`.
  std::uint64_t lease_epoch(std::string_view role, shard_id shard) const;
  const membership& member() const noexcept { return membership_; }
  const join_request& self() const noexcept { return self_; }
  /// True when no shard of this node is left and none is on its way.
  bool empty() const;
  /// May this node act for the shard at this moment?
  bool serves(std::string_view role, shard_id shard, mono now) const;

private:
  friend struct state_probe; // the search over all interleavings compares whole states

  struct role_part {
    ownership shards;
    bool reconcile = false; ///< as soon as possible
    mono reconcile_at{};
  };

  void take_view();
  void close_all();
  void apply(const std::vector<shard_lease>& leases, const store_request& request, mono now);
  role_part* find(std::string_view role);
  void tell(shard_event::kind what, const role_part& part, shard_id shard, std::uint64_t epoch);

  join_request self_;
  agent_options options_;
  membership membership_;
  std::vector<role_part> roles_;
  std::vector<shard_event> events_;
  bool changed_ = true;
};

/// Carries a request out.
store_answer perform(cluster_store& store, const join_request& self, const node_key& key,
                     const store_request& request);

} // namespace tiketi::cluster
