#pragma once

#include "actors/base/result.hpp"
#include "actors/base/uuid.hpp"
#include "actors/cluster/membership.hpp"
#include "actors/cluster/ownership.hpp"
#include "actors/cluster/view.hpp"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// What a cluster needs from a database: members and shards, moved by compare-and-set. Nothing in it
// is decided by a clock (see `lease_rules`).

namespace tiketi::cluster {

struct join_request {
  std::string node; ///< 1 to 64 of a-z, 0-9, '.', '-' and '_'
  uuid boot;        ///< of this process: a repeated request is known by it
  std::string address;
  std::vector<std::string> roles;
  std::uint32_t weight = weight_default;
  software runs;
  milliseconds lease = lease_rules{}.lease;
};

/// Why no store can take it; nothing: it can.
std::optional<std::string> problem_of(const join_request& request);

struct shard_lease {
  shard_id shard = 0;
  node_key owner; ///< empty name: nobody
  std::uint64_t epoch = 0;

  friend bool operator==(const shard_lease&, const shard_lease&) = default;
};

/// One connection, one thread at a time. Every call is one transaction and may be repeated when its
/// answer was lost. Fails with `unavailable`, and heals by itself.
class cluster_store {
public:
  virtual ~cluster_store() = default;

  /// Makes the process a member, under the next incarnation of its name. A name whose lease nobody
  /// has ended is taken, also by its own process before; who cannot work together with every member
  /// does not come in.
  virtual result<join_answer> join(const join_request& request) = 0;

  virtual result<renew_answer> renew(const node_key& self) = 0;

  /// Ends each lease that has not been renewed since it was seen. Returns the view afterwards.
  virtual result<cluster_view> end_leases(std::span<const seen_lease> leases) = 0;

  /// Ends the node's own lease. Its shards are free with it.
  virtual result<void> leave(const node_key& self) = 0;

  /// False: no such member.
  virtual result<bool> set_draining(std::string_view node, bool draining) = 0;

  /// False: no such member. `weight` up to `weight_max`.
  virtual result<bool> set_weight(std::string_view node, std::uint32_t weight) = 0;

  virtual result<cluster_view> view() = 0;

  /// The database's time: what `member::renewed_at` is compared with, for people.
  virtual result<time_point> clock() = 0;

  /// Takes each shard that nobody owns; one that is `self`'s already stays so, under the same
  /// epoch. Returns who owns each afterwards, in the order asked.
  virtual result<std::vector<shard_lease>>
  acquire(std::string_view role, std::span<const shard_id> shards, const node_key& self) = 0;

  /// Gives up each shard that is `self`'s under the epoch named: to `to` where that is a member
  /// then, otherwise to nobody. What is not `self`'s under that epoch stays as it is: it was given
  /// up before.
  virtual result<void> release(std::string_view role, std::span<const shard_release> shards,
                               const node_key& self) = 0;

  /// Every shard of the role that ever had an owner, by number.
  virtual result<std::vector<shard_lease>> shards(std::string_view role) = 0;

  /// The shards of the role that are `self`'s.
  virtual result<std::vector<owned_shard>> owned(std::string_view role, const node_key& self) = 0;
};

} // namespace tiketi::cluster
