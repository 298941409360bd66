#pragma once

#include "storage/memory/queue_journal.hpp"
#include "storage/memory/ticket_store.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace tiketi::sim {

/// A promise that was broken. Never thrown through an actor, which would end instead.
struct violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void require(bool holds, const std::string& what);

/// The part of an id that differs.
std::string brief(const uuid& id);
template <class Tag>
std::string brief(const basic_id<Tag>& id) {
  return to_string(id).substr(19); // random part: reservations share their time
}

/// P1, P3 and P6 of what is stored of seats, stock and reservations, and that a repeated hold found
/// the first one (P2). Looks again and again, because tokens and states have a direction. Throws
/// `violation`.
class sale_promises {
public:
  /// `every_commit`: the one looked at last was the commit before.
  void check(const memory::ticket_state& s, bool every_commit = true);
  /// P6, where not every commit is looked at: this hold was committed now.
  void held(const ticket::reservation_view& v);

private:
  void check_history(const reservation_id& id, const ticket::reservation_view& v,
                     bool every_commit);

  std::map<reservation_id, ticket::reservation_status> statuses_;
  std::map<seat_id, std::uint64_t> last_token_;
  std::map<seat_id, std::uint64_t> last_hold_;
};

/// P4: the lines as the journal was given them.
class line_promises {
public:
  /// What is written, batch by batch. Throws `violation`.
  void written(const std::vector<queue::queue_write>& batch);

  /// This user has a place or a slot, or had one.
  bool joined(const user_id& user) const { return joined_.contains(user); }
  bool entered(const user_id& user) const { return entered_.contains(user); }

private:
  std::map<event_id, std::map<std::uint64_t, user_id>> lines_;
  std::set<user_id> joined_;
  std::set<user_id> entered_;
};

/// How many have a slot at `now`, by the journal.
std::ptrdiff_t active_at(const memory::queue_rows& rows, time_point now);

} // namespace tiketi::sim
