#pragma once

#include "actors/base/result.hpp"
#include "actors/bus/messages.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tiketi {

/// The outbox of one role's database, as its relay sees it. One thread at a time.
/// Rows are written by the role's own transactions (`sql::append_outbox`).
class outbox_store {
public:
  virtual ~outbox_store() = default;

  /// Events after `sequence`, in order, `limit` at most. Never skips a row that could still
  /// commit with a smaller sequence.
  virtual result<std::vector<domain_event>> read(std::int64_t sequence, std::size_t limit) = 0;

  /// Where each consumer stands: every event up to and including the value is applied.
  virtual result<std::map<std::string, std::int64_t>> cursors() = 0;
  virtual result<void> save_cursor(const std::string& consumer, std::int64_t sequence) = 0;

  /// Records durably that `consumer` can never apply `event`, and why; repeats change nothing.
  /// A store that keeps no such record answers `unavailable`, and the event stays where it is.
  virtual result<void> set_aside(const std::string& consumer, const domain_event& event,
                                 const std::string& reason, time_point now) {
    static_cast<void>(consumer);
    static_cast<void>(event);
    static_cast<void>(reason);
    static_cast<void>(now);
    return failure{errc::unavailable, "This outbox keeps no record of dead events"};
  }

  /// Removes rows that every consumer has applied and that are older than `before`.
  virtual result<void> purge(time_point before) = 0;
};

} // namespace tiketi
