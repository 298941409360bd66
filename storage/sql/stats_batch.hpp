#pragma once

#include "storage/sql/database.hpp"
#include "storage/stats_store.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace tiketi::sql {

/// A reservation as the ledger has it.
struct ledger_row {
  std::string status;
  time_point created_at;
  std::int64_t units = 0; ///< seats and tickets
  std::string event;
};

/// PostgreSQL: the ledger of reservations through one batch of facts, read before it and written
/// after it in a number of statements that does not depend on how many facts there are. Inside the
/// caller's transaction. Throws SOCI's exceptions.
class stats_batch {
public:
  explicit stats_batch(database& db) : db_(db) {}

  /// Marks the messages of these facts as processed and reads the reservations they are about.
  void load(std::span<const stats::stats_write> batch);

  /// True once for each message that was not processed before the batch.
  bool is_new(const uuid& message) { return fresh_.erase(to_string(message)) == 1; }

  std::optional<ledger_row> find(const std::string& reservation) const;
  void create(const stats::reservation_fact& x, time_point at);
  /// `column`: which time it is, `confirmed_at` or `ended_at`.
  void move(const std::string& reservation, std::string_view status, std::string_view column,
            time_point at);
  /// The seats of the reservation are sold (1) or not any more (-1).
  void sell_rows(const std::string& reservation, const std::string& event, int sign);

  void write();

private:
  struct change {
    std::string status;
    std::int64_t confirmed_at = 0; ///< 0: unchanged
    std::int64_t ended_at = 0;
  };

  void write_created();
  void write_moved();
  void write_sold();

  database& db_;
  std::unordered_set<std::string> fresh_;
  std::unordered_map<std::string, ledger_row> ledger_;
  std::vector<std::pair<stats::reservation_fact, time_point>> created_;
  std::map<std::string, change> moved_;
  std::map<std::string, std::pair<std::string, std::int64_t>> sold_; ///< event, times
};

} // namespace tiketi::sql
