#pragma once

#include "storage/memory/ticket_store.hpp" // commit_fault
#include "storage/webhook_store.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tiketi::memory {

/// What the webhook role's database holds: only what is committed.
struct webhook_data {
  struct delivery {
    webhook::webhook_id hook;
    webhook::delivery_view view;
    std::string trace;
    std::string body;
  };
  struct lane {
    std::int64_t head = 0;
    time_point due_at;
  };

  std::vector<webhook::webhook_row> hooks; ///< oldest first
  std::map<std::int64_t, delivery> deliveries;
  std::map<std::pair<webhook::webhook_id, std::string>, lane> lanes;
  std::map<uuid, time_point> processed;
  std::int64_t last_sequence = 0;
};

/// The webhook store without a database, with the same semantics as the one in SQL, for tests. The
/// state outlives whoever uses it, as a disk would. Thread-safe, except `state`.
class webhook_store final : public webhook::webhook_writes {
public:
  webhook_store();

  std::vector<webhook::webhook_written> commit(std::vector<webhook::webhook_write>& batch) override;

  /// Asked before every batch; empty: nothing goes wrong. Called with the store locked.
  void on_batch(std::function<commit_fault(const std::vector<webhook::webhook_write>&)> hook);

  /// While away, every write is `failed` and every read answers `unavailable`.
  void set_away(bool away);

  /// One more connection to the same state. It may outlive this object.
  std::unique_ptr<webhook::webhook_queries> queries() const;

  /// For checks between two steps: nobody may write meanwhile.
  const webhook_data& state() const;

private:
  struct shared;
  class query_view;

  std::shared_ptr<shared> shared_;
};

} // namespace tiketi::memory
