#pragma once

#include "actors/base/environment.hpp"
#include "actors/cluster/gateway.hpp"
#include "actors/cluster/node_state.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/behavior.hpp>
#include <caf/message.hpp>
#include <caf/response_promise.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_actor.hpp>

namespace prometheus {
class Registry;
}

namespace tiketi::cluster {

struct sharing_metrics;

/// To a courier: have this done by the owner of `key`, wherever that is. Answered by the message
/// that `open` makes of the answer's payload, or by an error.
struct outgoing {
  std::uint64_t key = 0;
  std::uint32_t kind = 0;
  std::string payload;
  /// For who has waited already: of the courier's own patience, no more than this.
  milliseconds patience = milliseconds::max();
  /// Nothing: the answer cannot be read.
  std::function<std::optional<caf::message>(caf::actor_system&, const std::string&)> open;
};

/// A courier as those see it who wait for a `Reply`.
template <class Reply>
using courier_of = caf::typed_actor<caf::replies_to<outgoing>::with<Reply>>;

struct courier_options {
  /// From the first attempt on. Longer than a lease and its margin, so that callers outlive the
  /// death of an owner; shorter than an HTTP request may take.
  milliseconds patience{8000};
  milliseconds back_off_min{10};
  milliseconds back_off_max{250};
  std::size_t waiting_max = 20'000; ///< commands in its hands; over it: overloaded
  milliseconds tick{10};
};

struct courier_tick {};

struct courier_data {
  courier_data() = default;

  struct parcel {
    envelope command;
    std::function<std::optional<caf::message>(caf::actor_system&, const std::string&)> open;
    caf::response_promise promise;
    milliseconds wait{};
    bool in_doubt = false; ///< an attempt may have been applied
    std::string to;        ///< who is said to hold the shard
    std::size_t redirects = 0;
  };

  environment* env = nullptr;
  std::shared_ptr<const node_state> state;
  caf::actor gateway;
  courier_options options;
  std::shared_ptr<sharing_metrics> metrics;
  std::map<std::uint64_t, parcel> parcels; ///< by number
  std::multimap<time_point, std::uint64_t> due;
  std::uint64_t last = 0;
  bool ticking = false;
};

/// Repeats a command, under one id, until its owner has answered it or its time is over: through a
/// hand-over, the death of an owner, and a connection that is gone. What comes of it then:
/// `unavailable` when it was certainly not done, `in_doubt` when it may have been. `env` outlives
/// it.
caf::behavior courier(caf::stateful_actor<courier_data>* self, environment* env,
                      std::shared_ptr<const node_state> state, caf::actor gateway,
                      courier_options options, std::shared_ptr<sharing_metrics> metrics);

} // namespace tiketi::cluster

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::outgoing)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::cluster::courier_tick)
