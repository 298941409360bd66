#pragma once

#include "actors/webhook/messages.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tiketi::webhook {

struct schedule_options {
  std::size_t per_webhook_max = 8; ///< keys of one webhook in flight, at least 1
  /// In flight over all webhooks, beyond the first of each: one that answers slowly can take these,
  /// never the place that every other one has for itself.
  std::size_t shared_max = 64;
};

/// Which deliveries start now. A lane is what one webhook gets of one key, in order; the store
/// knows the first delivery of each lane (its head) and when it is due. This decides which webhook
/// to read heads of, which of them to start, and that a lane has one in flight at most. It
/// remembers lanes in flight only, so its size does not depend on how much waits.
/// Pure: time is an argument.
///
///     reads -> the store -> page -> (send) -> the outcome is durable -> settled -> reads ...
class delivery_schedule {
public:
  explicit delivery_schedule(schedule_options options);

  /// Deliveries of this webhook may start; the store will be asked for some.
  void open(webhook_id hook);
  /// None starts any more; what is in flight goes on.
  void close(webhook_id hook);
  /// It is gone, with all that is in flight.
  void forget(webhook_id hook);

  /// Something of an open webhook may have become due.
  void poke(webhook_id hook);
  /// Nothing of it starts before `until`.
  void hold(webhook_id hook, time_point until);

  struct read {
    webhook_id hook;
    std::size_t limit = 0; ///< due heads to read
  };

  /// What to read now: for each of these call `page` or `read_failed`, once. Webhooks take turns.
  std::vector<read> reads(time_point now);

  struct head {
    std::string key;
    std::int64_t sequence = 0;
  };

  /// The answer: the due heads by due time, `limit` at most, and when the next one of the others is
  /// due. Returns the places in `due` of those that start now and are in flight from here on.
  std::vector<std::size_t> page(webhook_id hook, const std::vector<head>& due,
                                std::optional<time_point> next_due, time_point now);
  void read_failed(webhook_id hook, time_point retry_at);

  /// The outcome of the delivery in flight is durable, or it was never sent: its lane may go on.
  void settled(webhook_id hook, const std::string& key);

  std::size_t in_flight() const noexcept { return in_flight_; }
  std::size_t in_flight(webhook_id hook) const;

private:
  struct entry {
    bool is_open = false;
    bool dirty = false;   ///< something may be due
    bool reading = false; ///< an answer of the store is awaited
    std::size_t granted = 0;
    std::size_t limit = 0;
    std::optional<time_point> wake;
    std::optional<time_point> held_until;
    std::set<std::string> flying;
    /// Lanes that went on while the store was read: what it says of them may be old.
    std::set<std::string> settled_meanwhile;
  };

  std::size_t shared_used() const;

  schedule_options options_;
  std::map<webhook_id, entry> hooks_;
  webhook_id last_served_;
  std::size_t in_flight_ = 0;
};

} // namespace tiketi::webhook
