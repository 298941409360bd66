#pragma once

#include "actors/base/time.hpp"
#include "actors/base/uuid.hpp"
#include "actors/cluster/routing.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace tiketi::cluster {

/// What became of a command that was sent to the owner of its key. Travels between nodes: append
/// only.
enum class reply_code : std::uint8_t {
  done = 1,    ///< the owner's answer is the payload
  failed,      ///< so is its refusal
  late,        ///< its deadline had passed
  fenced,      ///< the receiver may not act at the moment
  old_epoch,   ///< it was routed for another owner, or for an earlier time of this one
  not_owner,   ///< by the receiver's view it belongs to somebody else
  moving,      ///< the shard is on its way to or from the receiver
  overloaded,  ///< a bound is reached
  unreachable, ///< no connection; nothing was sent
  too_large,
  no_region,    ///< the receiver does not know such commands
  lost,         ///< sent, but the answer did not come: it may have been applied
  forgotten,    ///< applied before; its answer is not kept any more
  bad_deadline, ///< further away than commands are remembered
};

std::string_view to_string_view(reply_code code) noexcept;

/// Certainly not applied, and worth trying again until the deadline, with a newer view.
bool may_try_again(reply_code code) noexcept;

/// Perhaps or certainly applied: only a repetition under the same command id may follow.
bool may_be_applied(reply_code code) noexcept;

/// Set in the kind of what has no effect: it is not remembered, because repeating it does no harm.
inline constexpr std::uint32_t query_bit = 0x8000'0000U;

/// A command on its way to the owner of its key.
struct envelope {
  std::string role;
  std::uint64_t key = 0;
  std::uint64_t epoch = 0;   ///< of the view that chose the receiver
  uuid command;              ///< the same in every repetition
  std::int64_t deadline = 0; ///< in milliseconds of the cluster's time
  std::uint32_t attempt = 1; ///< 1: none before it may have been applied
  std::uint32_t kind = 0;    ///< what the payload is; the role's own numbers
  std::string payload;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, envelope& x) {
  return f(x.role, x.key, x.epoch, x.command, x.deadline, x.attempt, x.kind, x.payload);
}

struct command_reply {
  reply_code code = reply_code::lost;
  std::uint64_t epoch = 0; ///< of the receiver's view
  std::string payload;

  friend bool operator==(const command_reply&, const command_reply&) = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, command_reply& x) {
  return f(x.code, x.epoch, x.payload);
}

struct admission {
  reply_code code = reply_code::done; ///< `done`: hand it on
  bool view_is_old = false;           ///< the sender has seen a newer view
  std::string holder; ///< with `moving`: who has the shard still, as far as the receiver knows
};

/// A receiver's checks, in their order: deadline, own lease, epoch, ownership. Nothing of a command
/// is looked at before they have passed; a node that was stopped runs through them whatever was
/// waiting for it meanwhile.
admission check(const envelope& command, const routing& routes, bool may_serve, time_point now);

} // namespace tiketi::cluster
