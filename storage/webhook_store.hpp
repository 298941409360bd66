#pragma once

#include "actors/base/result.hpp"
#include "actors/store/group_commit.hpp"
#include "actors/webhook/messages.hpp"
#include "actors/webhook/schedule.hpp"
#include "actors/webhook/verdict.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

// What the webhook role needs from a database, by use case.

namespace tiketi::webhook {

struct webhook_row {
  webhook_view view;
  std::string secret;
  std::string old_secret; ///< empty: none
};

struct webhook_limits {
  std::int64_t webhooks_max = 100;          ///< of all organisers
  std::int64_t webhooks_per_organiser = 20; ///< by who made them
  std::int64_t pending_max = 10'000;        ///< of one webhook; over it: suspended
  std::int64_t dead_max = 10'000;           ///< of one webhook; over it: suspended
};

/// One event, once: a delivery for every active webhook that wants it, together with the mark that
/// it was processed. One that is not active misses it, which is counted. Over a bound the webhook
/// is suspended. An event that no webhook wants leaves no trace.
struct fan_out {
  uuid event;
  std::string key;
  std::string type;
  event_id about;
  time_point occurred_at;
  std::string trace;
  std::string body;
};

/// Refused with limit_exceeded.
struct insert_webhook {
  webhook_row row;
};

/// Refused with not_found.
struct edit_webhook {
  change_webhook change;
};
struct remove_webhook {
  webhook_id hook;
};
struct replace_secret {
  webhook_id hook;
  std::string secret;
  time_point old_until; ///< the secret of now signs until then, too
};

/// What came of attempt `attempt` of a delivery; never `unsent`. Without effect when that attempt
/// was settled before, so it may be repeated. Moves the lane on.
struct settle {
  webhook_id hook;
  std::int64_t sequence = 0;
  std::int32_t attempt = 0; ///< from 1
  verdict outcome;
};

/// Oldest first, each in its old place. Refused with not_found.
struct replay {
  webhook_id hook;
  bool all = false;
  std::vector<uuid> deliveries;
  std::int64_t rows_max = 1000;
};

/// Removes what ended before, and secrets that sign no longer.
struct purge {
  time_point delivered_before;
  time_point dead_before;
  time_point processed_before;
  std::int64_t rows_max = 1000; ///< of each kind
};

struct webhook_write {
  std::variant<fan_out, insert_webhook, edit_webhook, remove_webhook, replace_secret, settle,
               replay, purge>
      command;
  time_point now;
  webhook_limits limits;
};

struct webhook_written {
  commit_status status = commit_status::failed;
  std::optional<failure> refused; ///< rejected: why
  bool duplicate = false;         ///< of fan_out: was applied before
  std::vector<webhook_row> hooks; ///< all that it changed, as they are now
  std::vector<webhook_id> queued; ///< webhooks for which something may be due
  std::int64_t rows = 0;          ///< deliveries made, replayed or removed
  bool more = false;              ///< of purge: it stopped at rows_max
};

/// Implementations reconnect by themselves.
using webhook_writes = commit_target<webhook_write, webhook_written>;

/// The first delivery of a lane.
struct due_delivery {
  delivery_schedule::head lane;
  uuid event;
  std::string type;
  std::string trace;
  std::string body;
  std::int32_t attempts = 0; ///< made
  time_point queued_at;
};

struct due_page {
  std::vector<due_delivery> heads; ///< by due time
  std::optional<time_point> next;  ///< when the next lane that is not due will be
};

/// One connection for reading; one thread at a time. Sees only committed state.
class webhook_queries {
public:
  virtual ~webhook_queries() = default;

  /// All webhooks, oldest first.
  virtual result<std::vector<webhook_row>> webhooks() = 0;
  virtual result<due_page> due(webhook_id hook, time_point now, std::size_t limit) = 0;
  virtual result<delivery_page> deliveries(const list_deliveries& query) = 0;
};

} // namespace tiketi::webhook

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::webhook::webhook_write)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::webhook::webhook_written)

namespace tiketi::webhook {

using webhook_writer = writer_actor<webhook_write, webhook_written>;

} // namespace tiketi::webhook
