#pragma once

#include "actors/cluster/peer_link.hpp"
#include "actors/cluster/recent_commands.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <caf/actor_addr.hpp>

namespace tiketi::cluster {

/// To a gateway, from this node's own actors: to the owner of the command's key, wherever that is.
/// `epoch` is filled in here. Who may have to repeat it counts `attempt`. Answered by a
/// `command_reply`, at the deadline at the latest where the owner is another node; the sender
/// decides whether to try again (`may_try_again`). `to`: a node that is said to hold the shard
/// (payload of `moving`), asked in place of the one that should; empty: whoever should.
struct send_command {
  envelope command;
  std::string to = {};
};

/// To a region: a command that has passed all checks. Answered by a `command_reply`: `done` or
/// `failed` with a payload, or a code of `may_try_again` when it had no effect.
struct routed_command {
  envelope command;
  bool repeated = false; ///< it may have been applied before
};

/// To a gateway: who handles commands of a role.
struct attach_region {
  std::string role;
  caf::actor region;
};

/// To a gateway: who gets `refresh_view` when somebody knows a newer view.
struct attach_membership {
  caf::actor membership;
};

/// To a gateway: `node_state::routes` has changed.
struct routes_changed {};

/// To a gateway, by itself.
struct send_answers {};

struct ask_gateway {};
struct gateway_report {
  std::size_t links = 0;
  std::size_t greeted = 0;    ///< links of other nodes to this one
  std::size_t remembered = 0; ///< commands
  std::uint64_t sent = 0;     ///< commands for other nodes that were given to a link
  std::uint64_t applied = 0;  ///< commands handed to a region
  std::uint64_t repeated = 0; ///< commands that were answered without
  std::map<reply_code, std::uint64_t> refused;
};

struct gateway_data {
  gateway_data() : recent(recent_limits{}) {}

  /// Who hears of a command's end: an actor of this node, or a link by its number.
  struct asker {
    caf::response_promise promise;
    caf::actor link;
    std::uint64_t number = 0;
  };

  transport_context_ptr context;
  caf::actor membership; ///< may be null
  std::map<std::string, caf::actor> regions;
  std::map<std::string, caf::actor> links;
  /// Links that have said hello, and how often: a link that comes back looks like the one before,
  /// whose end may be told later than its return.
  std::map<caf::actor_addr, std::size_t> greeted;
  recent_commands recent;
  std::unordered_map<uuid, std::vector<asker>> askers; ///< of commands that run

  /// Answers that came about together leave together.
  struct departure {
    caf::actor link;
    gathered<remote_answers> answers;
  };
  std::vector<departure> leaving; ///< one per link
  bool will_send = false;         ///< a `send_answers` is in the mailbox
  gateway_report counts;
};

/// A node's only actor that others can reach, and the one its own regions send through: checks
/// every command (`check`), applies each once (`recent_commands`), and keeps a link to every other
/// member.
caf::behavior gateway(caf::stateful_actor<gateway_data>* self, transport_context_ptr context,
                      recent_limits limits);

} // namespace tiketi::cluster

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::send_command)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::routed_command)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::attach_region)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::attach_membership)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::routes_changed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::send_answers)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::ask_gateway)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::gateway_report)
