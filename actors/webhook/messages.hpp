#pragma once

#include "actors/base/ids.hpp"
#include "actors/base/time.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include <caf/meta/type_name.hpp>
#include <caf/optional.hpp>

namespace tiketi::webhook {

using webhook_id = basic_id<struct webhook_tag>;

inline constexpr std::size_t description_characters_max = 500;
inline constexpr std::size_t url_bytes_max = 2048;
inline constexpr std::size_t replay_ids_max = 1000;

/// What a webhook does with new events and with what waits for it.
enum class webhook_state : std::uint8_t {
  active,    ///< takes events, deliveries go out
  paused,    ///< by an administrator: takes none, what waits stays
  suspended, ///< too much waits or died: takes none, what waits still goes out
  disabled,  ///< the receiver said 410 Gone: takes none, what waits stays
};

inline std::string to_string(webhook_state s) {
  constexpr const char* words[] = {"active", "paused", "suspended", "disabled"};
  return words[static_cast<std::size_t>(s)];
}

constexpr bool sends(webhook_state s) noexcept {
  return s == webhook_state::active || s == webhook_state::suspended;
}

enum class delivery_status : std::uint8_t {
  pending,   ///< waits for its turn, for a repeat, or for an answer
  delivered, ///< a 2xx came
  dead,      ///< given up; can be replayed
};

inline std::string to_string(delivery_status s) {
  constexpr const char* words[] = {"pending", "delivered", "dead"};
  return words[static_cast<std::size_t>(s)];
}

/// A webhook without its secrets.
struct webhook_view {
  webhook_id id;
  std::string url;
  std::string description;
  std::vector<std::string> types; ///< of events it wants; sorted, not empty
  event_id event;                 ///< only what is about this event; nil: all
  webhook_state state = webhook_state::active;
  std::string state_reason; ///< empty while active
  time_point state_since;
  std::int64_t pending = 0;
  std::int64_t dead = 0;
  std::int64_t missed = 0; ///< events it would have got, had it been active, since `state_since`
  user_id created_by;
  time_point created_at;
  time_point updated_at;
  time_point old_secret_until; ///< both secrets sign until then; the epoch: there is only one
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, webhook_view& x) {
  return f(caf::meta::type_name("webhook_view"), x.id, x.url, x.description, x.types, x.event,
           x.state, x.state_reason, x.state_since, x.pending, x.dead, x.missed, x.created_by,
           x.created_at, x.updated_at, x.old_secret_until);
}

/// One event on its way to one webhook.
struct delivery_view {
  uuid id; ///< of the event: what the receiver sees as Tiketi-Event-Id
  std::string type;
  std::string key;
  delivery_status status = delivery_status::pending;
  std::int32_t attempts = 0;    ///< since it was queued or replayed
  std::int32_t replays = 0;     ///< how often it was taken back from the dead
  std::int32_t last_status = 0; ///< of the last answer; 0: there was none
  std::string last_error;       ///< empty: none
  time_point occurred_at;
  time_point queued_at;
  time_point next_attempt_at; ///< the epoch: not its turn, or over
  time_point ended_at;        ///< the epoch: not yet
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, delivery_view& x) {
  return f(caf::meta::type_name("delivery_view"), x.id, x.type, x.key, x.status, x.attempts,
           x.replays, x.last_status, x.last_error, x.occurred_at, x.queued_at, x.next_attempt_at,
           x.ended_at);
}

/// Command, answered by `webhook_secret`; limit_exceeded. The fields were checked.
struct create_webhook {
  user_id by;
  std::string url;
  std::string description;
  std::vector<std::string> types;
  event_id event;
  bool active = true;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, create_webhook& x) {
  return f(caf::meta::type_name("create_webhook"), x.by, x.url, x.description, x.types, x.event,
           x.active);
}

/// The only answer with a secret: right after it was made.
struct webhook_secret {
  webhook_view webhook;
  std::string secret;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, webhook_secret& x) {
  return f(caf::meta::type_name("webhook_secret"), x.webhook, x.secret);
}

/// Command, answered by `webhook_view`; not_found. What is absent stays. `active` also ends a
/// suspension and a 410.
struct change_webhook {
  webhook_id id;
  user_id by;
  caf::optional<std::string> url;
  caf::optional<std::string> description;
  caf::optional<std::vector<std::string>> types;
  caf::optional<event_id> event; ///< nil: all
  caf::optional<bool> active;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, change_webhook& x) {
  return f(caf::meta::type_name("change_webhook"), x.id, x.by, x.url, x.description, x.types,
           x.event, x.active);
}

/// Answered by `webhook_list`: all, oldest first.
struct list_webhooks {};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, list_webhooks&) {
  return f(caf::meta::type_name("list_webhooks"));
}

struct webhook_list {
  std::vector<webhook_view> webhooks;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, webhook_list& x) {
  return f(caf::meta::type_name("webhook_list"), x.webhooks);
}

/// Answered by `webhook_view`; not_found.
struct get_webhook {
  webhook_id id;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_webhook& x) {
  return f(caf::meta::type_name("get_webhook"), x.id);
}

/// Command, answered by `webhook_deleted`; not_found. Its deliveries go with it; one that is being
/// sent may still arrive.
struct delete_webhook {
  webhook_id id;
  user_id by;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, delete_webhook& x) {
  return f(caf::meta::type_name("delete_webhook"), x.id, x.by);
}

struct webhook_deleted {};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, webhook_deleted&) {
  return f(caf::meta::type_name("webhook_deleted"));
}

/// Command, answered by `webhook_secret`; not_found. For a while the old one signs, too.
struct rotate_secret {
  webhook_id id;
  user_id by;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, rotate_secret& x) {
  return f(caf::meta::type_name("rotate_secret"), x.id, x.by);
}

/// Command: one PING at once, outside of all order, whatever the state. Answered by `test_result`;
/// not_found.
struct test_webhook {
  webhook_id id;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, test_webhook& x) {
  return f(caf::meta::type_name("test_webhook"), x.id);
}

struct test_result {
  bool delivered = false;
  std::int32_t status = 0; ///< 0: no answer
  std::string error;       ///< empty: none
  std::int64_t took_ms = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, test_result& x) {
  return f(caf::meta::type_name("test_result"), x.delivered, x.status, x.error, x.took_ms);
}

/// Answered by `delivery_page`; not_found. Newest first, dead ones oldest first.
struct list_deliveries {
  webhook_id id;
  caf::optional<delivery_status> status; ///< nothing: all
  std::int32_t page = 1;
  std::int32_t limit = 20;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, list_deliveries& x) {
  return f(caf::meta::type_name("list_deliveries"), x.id, x.status, x.page, x.limit);
}

struct delivery_page {
  std::vector<delivery_view> deliveries;
  std::int64_t total = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, delivery_page& x) {
  return f(caf::meta::type_name("delivery_page"), x.deliveries, x.total);
}

/// Command: queue dead letters again, each in its old place among those of its key. Oldest first,
/// as many as one transaction and the bound on what may wait allow. Answered by `replayed`;
/// not_found.
struct replay_dead_letters {
  webhook_id id;
  user_id by;
  bool all = false;
  std::vector<uuid> deliveries; ///< `replay_ids_max` at most; not used with `all`
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, replay_dead_letters& x) {
  return f(caf::meta::type_name("replay_dead_letters"), x.id, x.by, x.all, x.deliveries);
}

struct replayed {
  std::int64_t count = 0;
  std::int64_t remaining = 0; ///< dead letters there are now
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, replayed& x) {
  return f(caf::meta::type_name("replayed"), x.count, x.remaining);
}

} // namespace tiketi::webhook
