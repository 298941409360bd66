#pragma once

#include "actors/cluster/agent.hpp"
#include "storage/memory/cluster_store.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tiketi::cluster::test {

/// How a rule may be broken on purpose, to show that the search would notice.
enum class planted : std::uint8_t {
  nothing,
  no_margin,
  serves_after_waking,   ///< does not look at its own clock
  counts_from_answer,    ///< the lease begins when the answer comes
  ends_without_recheck,  ///< a lease that was renewed meanwhile is ended all the same
  keeps_after_loss,      ///< a lost lease is joined again with the shards of before
  serves_while_releasing ///< the release is under way
};

/// A few nodes, their database, and everything that can happen between them, one step at a time.
/// Time is true time; nodes see it through clocks that run too fast or too slow. A node that is
/// stopped is one that has no step for a while.
class small_world {
public:
  struct setup {
    std::vector<int> rates; ///< per node: its clock's sevenths of true time
    shard_id shards = 1;
    planted bug = planted::nothing;
    int losses = 2;   ///< calls whose fate the caller does not learn
    int restarts = 0; ///< processes that die and come back under their name
    int drains = 0;
  };

  explicit small_world(setup s);

  /// Number of kinds of steps: `step(0)` to `step(steps() - 1)`.
  std::size_t steps() const noexcept { return 1 + 7 * nodes_.size(); }
  /// False: certainly not possible now. Cheaper than to try.
  bool can(std::size_t which) const;
  /// False: it was not possible; nothing that matters has changed.
  bool step(std::size_t which);
  std::string name_of(std::size_t which) const;

  /// A shard that two nodes serve at this moment, if there is one.
  std::optional<shard_id> served_twice() const;
  /// The nodes that serve the shard.
  std::vector<std::size_t> servers(shard_id shard) const;

  std::string fingerprint() const;

  std::int64_t now() const noexcept { return now_; }

private:
  struct call {
    store_request request;
    node_key key;
    bool done = false;
    store_answer answer;
  };

  struct node {
    agent a;
    std::int64_t rate;
    std::int64_t boots = 0;
    std::optional<call> pending;
    std::optional<call> ghost; ///< given up by its caller, still on its way
  };

  mono clock(const node& n) const;
  agent make_agent(std::size_t i, std::int64_t boot) const;
  void carry_out(const node& n, call& c);
  bool start(node& n);
  bool answer(node& n);
  bool lose(node& n);
  bool restart(std::size_t i);
  bool serves(const node& n, shard_id shard) const;

  setup setup_;
  std::int64_t now_ = 0;
  memory::cluster_tables tables_;
  std::vector<node> nodes_;
};

} // namespace tiketi::cluster::test
