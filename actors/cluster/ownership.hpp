#pragma once

#include "actors/cluster/membership.hpp"
#include "actors/cluster/shard_map.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace tiketi::cluster {

/// What one node does with one shard of one role.
enum class shard_state : std::uint8_t {
  elsewhere, ///< not ours
  acquiring, ///< ours by the view; the store still has to give it to us
  serving,
  draining, ///< somebody else's by the view; our actors finish what they have begun
  releasing,
};

struct ownership_limits {
  std::size_t handoffs_max = 32; ///< shards that drain or are being released at once
  /// Shards in one call to the store: no renewal is sent meanwhile, so even with a slow database a
  /// call must be over long before the lease.
  std::size_t acquires_max = 256;
  milliseconds retry{100}; ///< until a shard that its owner still keeps is asked for again
};

/// Give up a shard, for a member or (nil `to`) for whoever wants it.
struct shard_release {
  shard_id shard = 0;
  std::uint64_t epoch = 0;
  node_key to;
};

struct owned_shard {
  shard_id shard = 0;
  std::uint64_t epoch = 0;
};

struct ownership_work {
  std::vector<shard_id> acquire;
  std::vector<shard_id> drain; ///< tell the actors, then call `drained`
  std::vector<shard_release> release;

  bool empty() const { return acquire.empty() && drain.empty() && release.empty(); }
};

/// The shards of one role on this node. A node serves a shard from the store's word until it has
/// given it up in the store, and only while `membership::may_serve`. So a shard changes hands when
/// the owner before has released it or its lease was ended, whatever the views say meanwhile.
class ownership {
public:
  ownership(std::string role, shard_id shards, ownership_limits limits);

  /// Who should own what. `self`: this node; an empty name while it is no member.
  void view_changed(const cluster_view& view, const node_key& self);

  /// What to do now. Shards that are handed out here are under way until one of the functions below
  /// says what became of them.
  ownership_work due(mono now);

  /// The store says that the shard is ours under this epoch.
  void acquired(shard_id shard, std::uint64_t epoch);
  /// Somebody else has it still, or the store did not answer.
  /// `holder`: who; empty: not known.
  void not_acquired(shard_id shard, mono now, std::string holder = {});
  /// Its actors of this lease are gone.
  void drained(shard_id shard, std::uint64_t epoch);
  void released(shard_id shard);
  void not_released(shard_id shard, mono now);
  /// Others have ended this node's lease: nothing is ours any more. What the store answers to
  /// earlier calls must not be passed on.
  void lost();

  /// All shards that the store says are ours, read while no call was under way. The store has the
  /// last word: what it gave us and we do not want (an answer was lost, or the view has changed
  /// since) is released, what it gave to somebody else is not served any more. Returns the latter.
  std::vector<owned_shard> reconcile(std::span<const owned_shard> ours);

  bool serves(shard_id shard) const noexcept;
  shard_state state(shard_id shard) const noexcept;
  /// Of the shard's lease, which grows with every change of owner. 0: not ours.
  std::uint64_t lease_epoch(shard_id shard) const noexcept;
  /// Commands that were routed by an older view were meant for an earlier time or another owner.
  std::uint64_t since_epoch(shard_id shard) const noexcept;

  /// Of shards that are being acquired: who had them when the store was asked last.
  std::map<shard_id, std::string> holders() const;
  std::size_t count(shard_state state) const noexcept;
  const std::string& role() const noexcept { return role_; }
  const shard_map& map() const noexcept { return map_; }

private:
  friend struct state_probe; // the search over all interleavings compares whole states

  struct entry {
    shard_state state = shard_state::elsewhere;
    bool under_way = false;  ///< a call to the store, or the actors
    bool wanted = false;     ///< ours by the view
    std::uint64_t lease = 0; ///< epoch
    std::uint64_t since = 0; ///< of the view since which it is wanted
    mono retry{};
    std::string holder; ///< see `holders`
  };

  bool busy(shard_id shard) const;

  std::string role_;
  ownership_limits limits_;
  std::string self_;
  shard_map map_;
  cluster_view view_;
  std::vector<entry> entries_;
};

} // namespace tiketi::cluster
