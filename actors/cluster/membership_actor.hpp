#pragma once

#include "actors/cluster/agent.hpp"
#include "actors/cluster/node_state.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/behavior.hpp>
#include <caf/response_promise.hpp>
#include <caf/stateful_actor.hpp>

namespace tiketi::cluster {

/// To the membership actor: `region` gets the role's shard events as messages, beginning with an
/// `opened` for each shard that is served now, and answers `draining` with `shard_drained`. It
/// answers `closed` (with whatever) when nothing of the shard can write any more: a node whose
/// lease others have ended joins again only then.
struct watch_shards {
  std::string role;
  caf::actor region;
};

/// The answer of a region to `closed`.
struct shard_let_go {};

struct shard_drained {
  std::string role;
  shard_id shard = 0;
  std::uint64_t epoch = 0; ///< of the event
};

/// To the membership actor: `watcher` gets `routes_changed` whenever it has.
struct watch_routes {
  caf::actor watcher;
};

/// To the membership actor: somebody has seen a newer view. At most one early renewal per second
/// comes of it.
struct refresh_view {};

/// To the membership actor: serve nothing any more and leave. Answered by `has_left` when the
/// others know, or when there is no hope of telling them before the lease ends by itself.
struct leave_cluster {};
struct has_left {};

struct ask_membership {};
struct membership_report {
  standing stands = standing::joining;
  std::string refusal;
  std::string cluster;
  node_key key;
  bool empty = false; ///< no shard is left, none is on its way
  std::uint64_t calls_failed = 0;
};

struct membership_tick {};

struct membership_options {
  agent_options agent;
  milliseconds tick{25};
  std::size_t calls_per_turn = 16; ///< then messages get their turn
  /// The members are read so often between two renewals: a node that died is missed, and who takes
  /// its place is known, that much earlier. 0: with renewals only.
  milliseconds look{250};
};

struct membership_data {
  membership_data() = default;

  std::unique_ptr<agent> node;
  std::shared_ptr<cluster_store> store;
  std::shared_ptr<node_state> state;
  membership_options options;
  std::map<std::string, caf::actor> regions;
  std::vector<caf::actor> watchers;
  std::vector<caf::response_promise> leaving;
  mono leave_until{};
  mono last_refresh{};
  mono last_look{};
  std::uint64_t calls_failed = 0;
  std::size_t closing = 0; ///< shards that regions were told to close and have not yet
  bool at_work = false;    ///< a tick is in the mailbox beside the rhythm
};

/// Runs a node's `agent`: makes its calls to the store, tells `state`, the regions and the
/// watchers. Blocks in the store, so run it detached; while it does, `state` fences the node by
/// itself. Its exit leaves nothing behind but a lease, which the others end.
caf::behavior membership_actor(caf::stateful_actor<membership_data>* self, join_request who,
                               std::shared_ptr<cluster_store> store,
                               std::shared_ptr<node_state> state, membership_options options);

} // namespace tiketi::cluster

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::watch_shards)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::shard_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::shard_let_go)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::shard_drained)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::watch_routes)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::refresh_view)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::leave_cluster)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::has_left)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::ask_membership)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::membership_report)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::membership_tick)
