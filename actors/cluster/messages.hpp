#pragma once

#include "actors/cluster/envelope.hpp"
#include "actors/cluster/version.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

// What nodes say to each other, and what is said to a node's own cluster actors. No actor handles
// and no addresses of actors travel: keys do.

namespace tiketi::cluster {

/// From a link to the gateway at its other end, before anything else.
struct hello {
  std::string cluster;
  std::string node; ///< who calls
  std::uint64_t incarnation = 0;
  std::string expected; ///< whom he wants to talk to
  std::string version;
  std::uint32_t protocol = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, hello& x) {
  return f(x.cluster, x.node, x.incarnation, x.expected, x.version, x.protocol);
}

/// The answer. `refusal` empty: the link is up.
struct welcome {
  std::string node;
  std::uint64_t incarnation = 0;
  std::string refusal;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, welcome& x) {
  return f(x.node, x.incarnation, x.refusal);
}

/// A command, and later its answer: matched by the link's own number.
struct remote_call {
  std::uint64_t number = 0;
  envelope command;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, remote_call& x) {
  return f(x.number, x.command);
}

struct remote_answer {
  std::uint64_t number = 0;
  command_reply reply;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, remote_answer& x) {
  return f(x.number, x.reply);
}

/// What travels: a message between nodes costs more than most commands, so those that come about
/// at the same time share one.
struct remote_calls {
  std::vector<remote_call> all;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, remote_calls& x) {
  return f(x.all);
}

struct remote_answers {
  std::vector<remote_answer> all;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, remote_answers& x) {
  return f(x.all);
}

/// One such message until it leaves.
template <class Message>
struct gathered {
  static constexpr std::size_t count_max = 64;
  static constexpr std::size_t bytes_max = std::size_t{64} << 10; ///< of payloads

  /// True: it is full and has to leave.
  template <class One>
  bool add(One one, std::size_t payload) {
    bytes += payload;
    message.all.push_back(std::move(one));
    return message.all.size() >= count_max || bytes >= bytes_max;
  }

  Message message;
  std::size_t bytes = 0;
};

} // namespace tiketi::cluster
