#pragma once

#include "actors/base/ids.hpp"
#include "actors/base/result.hpp"
#include "actors/bus/messages.hpp"
#include "actors/store/group_commit.hpp"

#include <cstdint>
#include <variant>
#include <vector>

// What the queue role needs from a database: a journal of everything it has promised.

namespace tiketi::queue {

// -- writes ------------------------------------------------------------------------------------

/// The user stands in line. Sequence numbers of one event strictly increase.
struct join_line {
  user_id user;
  std::uint64_t sequence = 0;
  bool unmark = false; ///< an old leaving mark goes
};

/// The user has a slot, and no place in the line any more.
struct admit_user {
  user_id user;
  std::uint64_t sequence = 0; ///< of the place given up; 0: entered without waiting
  time_point expires_at;
  time_point ends_at;
  bool unmark = false; ///< an old leaving mark goes
};

/// The slot lives longer. Nothing happens to a user without a slot.
struct renew_slot {
  user_id user;
  time_point expires_at;
};

/// The user said goodbye, but keeps place or slot through the grace period.
struct mark_leaving {
  user_id user;
  std::uint32_t since_s = 0; ///< line seconds
};

/// Came back in time, or is gone for good.
struct unmark_leaving {
  user_id user;
};

struct drop_waiting {
  user_id user;
  std::uint64_t sequence = 0;
  bool leaving = false; ///< the leaving mark goes too
};

struct drop_active {
  user_id user;
  bool leaving = false; ///< the leaving mark goes too
};

struct set_limit {
  std::uint32_t threshold = 0;
};

/// Removes everybody; the threshold stays.
struct clear_line {};

/// Removes slots whose journaled life ended at or before `before`.
struct purge_expired {
  time_point before;
};

using journal_op = std::variant<join_line, admit_user, renew_slot, mark_leaving, unmark_leaving,
                                drop_waiting, drop_active, set_limit, clear_line, purge_expired>;

/// Operations on one event, in order, all or none.
struct queue_write {
  event_id event;
  std::vector<journal_op> ops;
  std::vector<domain_event> events{}; ///< for the outbox, in the same transaction
};

struct queue_written {
  commit_status status = commit_status::failed; ///< never `rejected`
};

/// Implementations reconnect by themselves: while the database is away every command is `failed`
/// (not started) or `unknown` (lost in the commit).
using queue_writes = commit_target<queue_write, queue_written>;

// -- reads -------------------------------------------------------------------------------------

struct waiting_row {
  user_id user;
  std::uint64_t sequence = 0;
};

struct active_row {
  user_id user;
  time_point expires_at;
  time_point ends_at;
};

struct leaving_row {
  user_id user;
  std::uint32_t since_s = 0;
};

/// Query: the line of an event after `after`, `limit` places at most; everything else comes with
/// the first page (`after` = 0).
struct load_page {
  event_id event;
  std::uint64_t after = 0;
  std::size_t limit = 0;
};

struct queue_page {
  std::uint32_t threshold = 0;      ///< 0: the default
  std::vector<waiting_row> waiting; ///< by sequence; fewer than `limit`: the last page
  std::vector<active_row> active;
  std::vector<leaving_row> leaving;
};

/// Query: the events that have anybody in line, active or leaving.
struct list_busy {};

struct busy_events {
  std::vector<event_id> events;
};

/// One connection for reading; one thread at a time. Sees every committed write.
class queue_queries {
public:
  virtual ~queue_queries() = default;

  virtual result<queue_page> load(const load_page& query) = 0;
  virtual result<busy_events> busy() = 0;
};

} // namespace tiketi::queue

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::queue::queue_write)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::queue::queue_written)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::queue::load_page)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::queue::queue_page)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::queue::list_busy)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::queue::busy_events)

namespace tiketi::queue {

using queue_writer = writer_actor<queue_write, queue_written>;

/// Blocks, so run it detached.
using queue_reader = caf::typed_actor<caf::replies_to<load_page>::with<queue_page>,
                                      caf::replies_to<list_busy>::with<busy_events>>;

} // namespace tiketi::queue
