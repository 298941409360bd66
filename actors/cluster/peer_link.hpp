#pragma once

#include "actors/base/environment.hpp"
#include "actors/cluster/messages.hpp"
#include "actors/cluster/node_state.hpp"
#include "actors/cluster/transport.hpp"
#include "actors/cluster/type_ids.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/behavior.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/response_promise.hpp>
#include <caf/stateful_actor.hpp>

namespace tiketi::cluster {

/// To a link: send this to the node at the other end. Answered by a `command_reply`, always, at the
/// command's deadline at the latest.
struct forward_command {
  envelope command;
};

/// To a link: what the view says about the node now. Another incarnation or address ends the
/// connection.
struct peer_is {
  node_key key;
  std::string address;
};

/// To a link, by itself.
struct link_tick {};
struct send_calls {};
struct probed {
  std::uint64_t attempt = 0;
  bool answers = false;
};

enum class link_state : std::uint8_t {
  waiting, ///< until the next attempt
  probing,
  connecting,
  greeting,
  up,
};

/// To a link, for operators and tests. Answered by `link_report`.
struct ask_link {};
struct link_report {
  node_key peer;
  link_state state = link_state::waiting;
  std::size_t in_flight = 0;
  std::uint64_t connects = 0; ///< times that it came up
  std::uint64_t failures = 0; ///< attempts since, in vain
  std::string refusal;        ///< the other side's last words against us
};

/// What all links and the gateway of a node share.
struct transport_context {
  environment* env = nullptr;
  std::shared_ptr<const node_state> state;
  software runs;
  transport_options options;
  /// Told how long each answer of another node took; may be empty. From any thread.
  std::function<void(std::chrono::nanoseconds)> answered;
  /// Asked for connections in place of CAF's middleman, in its words, without probing; null: CAF.
  caf::actor connector;
};
using transport_context_ptr = std::shared_ptr<const transport_context>;

/// The connection to one node, and the only actor that knows the handle behind it. CAF neither
/// fails requests when a peer is gone nor bounds what waits for one, so the link has a table of its
/// own: at most `window` commands, each with its deadline, all failed at once when the connection
/// ends. Commands that wait in its mailbox together leave in one message.
struct link_data {
  link_data() = default;

  struct waiting_command {
    caf::response_promise promise;
    mono deadline{};
    mono sent{};
  };

  transport_context_ptr context;
  node_key peer;
  std::string address;
  link_state state = link_state::waiting;
  caf::actor remote;
  std::uint64_t attempt = 0; ///< answers to earlier ones count for nothing
  std::uint64_t failures = 0;
  std::uint64_t connects = 0;
  mono next_attempt{};
  mono state_until{}; ///< what takes longer has failed
  std::uint64_t last_number = 0;
  std::unordered_map<std::uint64_t, waiting_command> in_flight;
  gathered<remote_calls> leaving; ///< of those in flight: not sent yet
  bool will_send = false;         ///< a `send_calls` is in the mailbox
  std::string refusal;
};

caf::behavior peer_link(caf::stateful_actor<link_data>* self, transport_context_ptr context,
                        peer_is peer);

} // namespace tiketi::cluster

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::forward_command)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::peer_is)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::link_tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::send_calls)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::probed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::ask_link)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::link_report)
