#pragma once

#include "actors/base/ids.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <queue>
#include <unordered_map>
#include <vector>

// Who may shop now, and how long the others wait. Pure: time is an argument.

namespace tiketi::queue {

struct slot_rules {
  milliseconds ttl{600'000};           ///< life of a slot after the user was last heard of
  milliseconds session_max{3'600'000}; ///< no renewal carries a slot further than this
  /// A renewal is written only when it gains this much, so a slot may end this much early.
  milliseconds renewal_interval{5'000};
};

/// One admitted user.
struct active_slot {
  time_point expires_at; ///< as the journal has it: a restart finds exactly this
  time_point ends_at;    ///< the session's end, whatever the user does
  bool renewing = false; ///< a renewal is on its way to the journal
  std::optional<std::uint32_t> leaving_since; ///< line seconds
  time_point wake_at; ///< when the expiry heap looks at this user; kept by `active_set`
};

/// The users who hold a slot, with a sliding life. Renewal is O(1), expiry O(log n) per slot.
class active_set {
public:
  explicit active_set(slot_rules rules) : rules_(rules) {}

  /// Call `expire` first: slots that ran out count until then.
  std::size_t size() const noexcept { return slots_.size(); }

  /// Everybody with a slot, in no order.
  std::vector<user_id> users() const;

  /// Null: no slot.
  const active_slot* find(const user_id& user) const;

  /// A new slot, or the same user's slot anew.
  void admit(const user_id& user, time_point expires_at, time_point ends_at);

  /// The user was heard of. What the slot's new end should be; nothing: it is fine as it is, or a
  /// renewal is under way. The slot changes only with `renewed`, and does not run out before that
  /// or `renewal_failed`: otherwise it could be given away and then come back from the journal.
  std::optional<time_point> renew(const user_id& user, time_point now);
  void renewed(const user_id& user, time_point until);
  void renewal_failed(const user_id& user);

  void mark_leaving(const user_id& user, std::optional<std::uint32_t> since);
  bool erase(const user_id& user);
  void clear();

  struct expired {
    std::size_t count = 0;
    std::vector<user_id> leaving; ///< those of them who had said goodbye
  };

  /// Removes what has run out.
  expired expire(time_point now);

private:
  struct wake {
    time_point at;
    user_id user;
    friend bool operator>(const wake& a, const wake& b) { return a.at > b.at; }
  };

  void insert(const user_id& user, active_slot slot);

  slot_rules rules_;
  std::unordered_map<user_id, active_slot> slots_;
  std::priority_queue<wake, std::vector<wake>, std::greater<>> wakes_;
};

/// What a waiting time is estimated from.
struct admission_figures {
  std::uint64_t admitted = 0;
  std::int64_t elapsed_ms = 0; ///< in which these were admitted
};

/// Seconds until `position` is admitted. 0 for no position; max(position div 50, 5) while fewer
/// than five seconds of data exist or nobody was admitted in the last minute.
std::int64_t estimated_wait(std::size_t position, const admission_figures& figures) noexcept;

/// Admissions of one event over the last minute.
class admission_rate {
public:
  void record(std::size_t admitted, time_point now);

  std::int64_t estimated_wait(std::size_t position, time_point now) {
    return tiketi::queue::estimated_wait(position, figures(now));
  }

  admission_figures figures(time_point now);

private:
  static constexpr std::int64_t window_s = 60;

  struct second {
    std::int64_t at = 0;
    std::size_t admitted = 0;
  };

  void forget(time_point now);

  std::array<second, window_s + 1> seconds_{}; ///< ring: one entry per second that had admissions
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  std::size_t total_ = 0;
  time_point start_;
};

/// Seconds until the next poll, by position (0: not waiting).
std::int64_t next_poll(std::size_t position) noexcept;

} // namespace tiketi::queue
