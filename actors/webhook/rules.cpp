#include "actors/webhook/rules.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace tiketi::webhook {

namespace {

void enter(webhook_view& hook, webhook_state state, std::string reason, time_point now) {
  hook.state = state;
  hook.state_reason = std::move(reason);
  hook.state_since = now;
  hook.missed = 0;
}

} // namespace

bool wants(const webhook_view& hook, std::string_view type, const event_id& about) {
  return (hook.event.is_nil() || hook.event == about)
         && std::binary_search(hook.types.begin(), hook.types.end(), type);
}

bool accept(webhook_view& hook, const webhook_limits& limits, time_point now) {
  if (hook.state == webhook_state::active) {
    if (hook.pending >= limits.pending_max)
      enter(hook, webhook_state::suspended, fmt::format("{} deliveries wait", hook.pending), now);
    else if (hook.dead >= limits.dead_max)
      enter(hook, webhook_state::suspended, fmt::format("{} deliveries are dead", hook.dead), now);
  }
  if (hook.state != webhook_state::active) {
    ++hook.missed;
    return false;
  }
  ++hook.pending;
  return true;
}

void apply(webhook_view& hook, const change_webhook& change, time_point now) {
  if (change.url)
    hook.url = *change.url;
  if (change.description)
    hook.description = *change.description;
  if (change.types)
    hook.types = *change.types;
  if (change.event)
    hook.event = *change.event;
  if (change.active) {
    if (*change.active && hook.state != webhook_state::active)
      enter(hook, webhook_state::active, {}, now);
    else if (!*change.active && hook.state != webhook_state::paused)
      enter(hook, webhook_state::paused, "paused by an administrator", now);
  }
  hook.updated_at = now;
}

void rotate(webhook_row& hook, const replace_secret& change, time_point now) {
  const bool overlap = change.old_until > now;
  hook.old_secret = overlap ? std::move(hook.secret) : std::string{};
  hook.view.old_secret_until = overlap ? change.old_until : time_point{};
  hook.secret = change.secret;
  hook.view.updated_at = now;
}

void apply(webhook_view& hook, const verdict& outcome, time_point now) {
  switch (outcome.what) {
  case settlement::delivered:
    --hook.pending;
    break;
  case settlement::dead:
    --hook.pending;
    ++hook.dead;
    break;
  case settlement::gone:
    if (hook.state != webhook_state::disabled)
      enter(hook, webhook_state::disabled, "the receiver said 410 Gone", now);
    break;
  case settlement::retry:
  case settlement::unsent:
    break;
  }
}

} // namespace tiketi::webhook
