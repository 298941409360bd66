#include "actors/cluster/envelope.hpp"

namespace tiketi::cluster {

std::string_view to_string_view(reply_code code) noexcept {
  switch (code) {
  case reply_code::done:
    return "done";
  case reply_code::failed:
    return "failed";
  case reply_code::late:
    return "late";
  case reply_code::fenced:
    return "fenced";
  case reply_code::old_epoch:
    return "old_epoch";
  case reply_code::not_owner:
    return "not_owner";
  case reply_code::moving:
    return "moving";
  case reply_code::overloaded:
    return "overloaded";
  case reply_code::unreachable:
    return "unreachable";
  case reply_code::too_large:
    return "too_large";
  case reply_code::no_region:
    return "no_region";
  case reply_code::lost:
    return "lost";
  case reply_code::forgotten:
    return "forgotten";
  case reply_code::bad_deadline:
    return "bad_deadline";
  }
  return "unknown";
}

bool may_try_again(reply_code code) noexcept {
  switch (code) {
  case reply_code::fenced:
  case reply_code::old_epoch:
  case reply_code::not_owner:
  case reply_code::moving:
  case reply_code::overloaded:
  case reply_code::unreachable:
    return true;
  default:
    return false;
  }
}

bool may_be_applied(reply_code code) noexcept {
  return code == reply_code::done || code == reply_code::lost || code == reply_code::forgotten;
}

admission check(const envelope& command, const routing& routes, bool may_serve, time_point now) {
  admission out;
  out.view_is_old = command.epoch > routes.view.epoch;
  const auto refused = [&out](reply_code code) {
    out.code = code;
    return out;
  };
  if (to_millis(now) >= command.deadline)
    return refused(reply_code::late);
  if (!may_serve || routes.self.incarnation == 0)
    return refused(reply_code::fenced);
  const auto* role = routes.find(command.role);
  if (role == nullptr || role->states.empty())
    return refused(reply_code::no_region);
  const auto shard = shard_of(command.key, static_cast<shard_id>(role->states.size()));
  const auto state = role->states[shard];
  // A view that changed without touching this shard stops nobody: only what was routed before the
  // shard became ours was meant for somebody else.
  if (state != shard_state::elsewhere && command.epoch < role->since[shard])
    return refused(reply_code::old_epoch);
  switch (state) {
  case shard_state::serving:
    return out;
  case shard_state::elsewhere:
    return refused(out.view_is_old ? reply_code::moving : reply_code::not_owner);
  default:
    if (state == shard_state::acquiring)
      if (const auto held = role->holders.find(shard); held != role->holders.end())
        out.holder = held->second;
    return refused(reply_code::moving);
  }
}

} // namespace tiketi::cluster
