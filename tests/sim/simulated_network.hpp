#pragma once

#include "actors/cluster/messages.hpp"
#include "tests/sim/stage.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/response_promise.hpp>

namespace tiketi::sim {

/// To a connector, from the network: a connection stands, or not (null).
struct dialled {
  std::uint64_t number = 0;
  caf::actor peer;
};

/// What the nodes' links and gateways talk through in place of CAF's middleman. Messages arrive in
/// order and late; a partition holds them up, and whoever hears nothing of the other end for long
/// enough ends the connection, as CAF does. What was sent before an end arrives before it, also at
/// a process that was stopped meanwhile.
class simulated_network {
public:
  using process = stage::process;

  simulated_network(stage& world, milliseconds silence_max);

  /// A process listens; returns its port. `place`: its machine.
  std::uint16_t listen(process p, std::size_t place, caf::actor gateway);
  /// What links ask for connections; belongs to the process that runs.
  caf::actor spawn_connector(std::size_t place);

  /// The process is gone; its kernel says so to everybody whom it reaches.
  void gone(process p);

  void cut(std::size_t place, std::size_t other, bool on);
  void heal() { cuts_.clear(); }
  /// Extra delay of all messages.
  void slow(milliseconds by) { slow_ = by; }

  std::size_t connections() const noexcept { return connections_.size(); }

private:
  struct end {
    process of = 0;
    std::size_t place = 0;
    caf::actor actor;    ///< who gets what the other end says
    caf::actor stand_in; ///< the other end, as this one sees it
    bool open = true;
    milliseconds heard{};
    std::deque<std::pair<milliseconds, std::function<void(const end&)>>> coming; ///< null: the end
    bool scheduled = false;
  };

  struct connection {
    end ends[2];
  };

  struct listener {
    process of = 0;
    std::size_t place = 0;
    caf::actor gateway;
  };

  bool reaches(const end& from, const end& to) const;
  bool is_cut(std::size_t a, std::size_t b) const;
  caf::actor spawn_stand_in(std::uint64_t number, int to);
  void said(std::uint64_t number, int to, std::function<void(const end&)> what);
  void deliver(std::uint64_t number, int to);
  void close(std::uint64_t number, int which);
  void dial(process from, std::size_t place, const caf::actor& connector, const caf::actor& link,
            std::uint16_t port, std::uint64_t number);
  void keep_alive();

  stage& world_;
  milliseconds silence_max_;
  milliseconds slow_{0};
  std::map<std::uint16_t, listener> listeners_;
  std::map<std::uint64_t, connection> connections_;
  std::set<std::pair<std::size_t, std::size_t>> cuts_;
  std::uint16_t last_port_ = 1000;
  std::uint64_t last_ = 0;
};

} // namespace tiketi::sim

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::sim::dialled)
