#pragma once

#include "storage/queue_journal.hpp"
#include "storage/sql/database.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace tiketi::sql {

/// PostgreSQL: what a batch of the queue's journal leaves of each row, written in a number of
/// statements that does not depend on how many operations there were. Inside the caller's
/// transaction. Throws SOCI's exceptions, and std::runtime_error for a place that is taken twice.
class queue_batch {
public:
  explicit queue_batch(database& db) : db_(db) {}

  /// False: an operation on a whole event. Everything before it has to be written first, and it
  /// has to be run by itself.
  bool take(const event_id& event, const queue::journal_op& op);

  void write();

private:
  using place = std::pair<std::string, std::int64_t>; ///< event, sequence
  using person = std::pair<std::string, std::string>; ///< event, user

  struct waiting_change {
    bool remove = false;             ///< a row of before the batch
    std::optional<std::string> user; ///< to be inserted
  };
  struct active_change {
    enum class kind { put, renew, drop } what = kind::drop;
    std::int64_t expires = 0;
    std::int64_t ends = 0;
  };

  void apply(const std::string& event, const queue::join_line& op);
  void apply(const std::string& event, const queue::admit_user& op);
  void apply(const std::string& event, const queue::renew_slot& op);
  void apply(const std::string& event, const queue::mark_leaving& op);
  void apply(const std::string& event, const queue::unmark_leaving& op);
  void apply(const std::string& event, const queue::drop_waiting& op);
  void apply(const std::string& event, const queue::drop_active& op);
  void leave_line(const std::string& event, std::uint64_t sequence);

  void write_waiting();
  void write_active();
  void write_leaving();

  database& db_;
  std::map<place, waiting_change> waiting_;
  std::map<person, active_change> active_;
  std::map<person, std::optional<std::int64_t>> leaving_; ///< since when; nothing: no mark
};

} // namespace tiketi::sql
