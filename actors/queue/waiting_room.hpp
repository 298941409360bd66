#pragma once

#include "actors/queue/admission.hpp"
#include "actors/queue/line_log.hpp"
#include "actors/queue/waiting_line.hpp"
#include "storage/queue_journal.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace tiketi::queue {

struct room_rules {
  slot_rules slots;
  std::uint32_t threshold = 1000;        ///< most active users, where the event has no own value
  milliseconds seen_ttl{600'000};        ///< a waiting user not heard of this long is dropped
  milliseconds leave_grace{10'000};      ///< a user who left and comes back in time keeps all
  std::size_t admission_batch_max = 100; ///< admitted per tick
  std::size_t line_max = 5'000'000;      ///< over this: errc::overloaded
};

inline constexpr std::uint32_t threshold_max = 1'000'000;

enum class place : std::uint8_t { none, waiting, active };

/// Everything that is true about the queue of one event. Decides, and follows what was journaled:
///
///     auto op = room.decide_enter(user, now, open);  // changes nothing but what is under way
///     room.begin(*op);                               // the operation goes to the journal
///     room.apply(*op, now) or room.abandon(*op);     // what became of it
///
/// Between `begin` and its end the operation's user is `busy`: nothing else may be decided about
/// this user. Users under admission count as active. Pure: no clock, no I/O; not thread-safe.
class waiting_room {
public:
  /// `nonce`: see `line_log`.
  explicit waiting_room(room_rules rules, std::uint64_t nonce = 1);

  // -- what is true --------------------------------------------------------------------------

  place place_of(const user_id& user) const;
  /// 1-based; 0: not waiting.
  std::size_t position(const user_id& user) const { return line_.position(user); }
  std::size_t line_size() const noexcept { return line_.size(); }
  std::size_t active_size() const noexcept { return active_.size(); }
  const active_slot* slot_of(const user_id& user) const { return active_.find(user); }
  std::uint32_t threshold() const noexcept { return threshold_; }
  bool busy(const user_id& user) const { return busy_.contains(user); }
  bool leaving(const user_id& user) const;
  /// For a copy of the room: the line after a sequence number, and who has a slot.
  std::vector<waiting_user> line_after(std::uint64_t sequence, std::size_t count) const {
    return line_.front(count, sequence);
  }
  std::vector<user_id> active_users() const { return active_.users(); }
  std::int64_t estimated_wait(std::size_t position, time_point now) {
    return rate_.estimated_wait(position, now);
  }
  /// Nobody is here, nothing is under way, nothing is left to clean up.
  bool empty() const noexcept;
  std::size_t line_bytes() const noexcept { return line_.bytes(); }

  /// For a copy on another node; who was heard of there is `touch`ed. Call `expire` before.
  line_update tell(const follow_line& query, time_point now);

  // -- decisions -----------------------------------------------------------------------------

  /// A user without a place: a slot at once when `open` and nobody waits and one is free, else a
  /// place in line. Fails with `overloaded` when the line is full.
  result<journal_op> decide_enter(const user_id& user, time_point now, bool open);

  /// The first in line, as many as there is room for and `count_max` at most. One batch at a time.
  std::vector<journal_op> decide_admissions(time_point now, std::size_t count_max);

  /// Users whose grace has ended, 1,000 at most.
  std::vector<journal_op> decide_departures(time_point now);

  /// Some of the waiting users who were not heard of for too long; the whole line is looked at in
  /// about fifteen calls, and 1,000 users at most are found by one.
  std::vector<journal_op> decide_stale(time_point now);

  /// Says goodbye, or gives the slot back now. Nothing: there is nothing to do.
  std::optional<journal_op> decide_leave(const user_id& user, time_point now) const;
  std::optional<journal_op> decide_release(const user_id& user) const;

  /// Removes what is left in the journal of slots that expired. Nothing: nothing is due.
  std::optional<journal_op> decide_purge(time_point now);

  /// Slots that ran out are gone. Call it before looking at anything.
  std::size_t expire(time_point now);

  /// A waiting user was heard of.
  void touch(const user_id& user, time_point now) { line_.touch(user, line_seconds(now)); }

  /// An active user was heard of. Nothing: the slot needs no renewal now.
  std::optional<journal_op> decide_renewal(const user_id& user, time_point now);

  // -- what became of them -------------------------------------------------------------------

  void begin(const journal_op& op);

  /// The operation is durable. False: memory and journal disagree, so load again.
  bool apply(const journal_op& op, time_point now);

  /// The operation certainly did not happen.
  void abandon(const journal_op& op);

  // -- restart -------------------------------------------------------------------------------

  /// Forgets everybody; sequence numbers go on.
  void reset();

  /// Takes over a page of the journal, the first page first. Returns what should be removed from
  /// the journal. Waiting users count as heard of now.
  std::vector<journal_op> restore(const queue_page& page, time_point now);

  /// After the last page.
  void restored();

private:
  struct goodbye {
    std::uint32_t since_s;
    user_id user;
  };

  std::optional<std::uint32_t> leaving_since(const user_id& user) const;
  void tell_whole(line_update& out) const;
  void end(const journal_op& op);

  room_rules rules_;
  std::uint32_t threshold_;
  waiting_line line_;
  line_log log_;
  active_set active_;
  admission_rate rate_;
  std::deque<goodbye> goodbyes_; ///< by time; one that no longer holds is skipped when due
  std::unordered_map<user_id, std::uint32_t> busy_; ///< operations under way
  std::size_t joining_ = 0;
  std::size_t admitting_ = 0; ///< slots promised but not journaled yet
  std::size_t admitting_from_line_ = 0;
  std::uint64_t sequence_ = 0;         ///< last number given out
  std::unordered_set<user_id> ghosts_; ///< their slot ran out while they were leaving
  std::optional<time_point> purge_at_;
  time_point last_expired_; ///< rows up to here are of slots that ran out
};

/// The user an operation is about; nothing for those about the whole event, and for renewals,
/// which do not stand in the way of anything.
std::optional<user_id> locked_user(const journal_op& op);

} // namespace tiketi::queue
