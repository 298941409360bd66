#pragma once

#include "storage/memory/ticket_store.hpp" // commit_fault
#include "storage/outbox.hpp"
#include "storage/payment_store.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tiketi::memory {

/// What the payment role's database holds: only what is committed.
struct payment_state {
  std::map<payment_id, payment::payment_view> payments;
  std::vector<std::pair<payment_id, payment::audit_entry>> log;
  std::set<uuid> processed; ///< events applied by the consumer "payment"
  std::vector<domain_event> outbox;
  std::int64_t last_sequence = 0;
  std::map<std::string, std::int64_t> cursors;
  std::vector<ticket_state::dead_event> dead;
};

/// The payment store without a database, with the same semantics as the one in SQL, for
/// simulations and tests. The state outlives whoever uses it, as a disk would. Thread-safe, except
/// `state`.
class payment_store final : public payment::payment_writes {
public:
  payment_store();

  std::vector<payment::payment_written> commit(std::vector<payment::payment_write>& batch) override;

  /// Asked before every batch; empty: nothing goes wrong. Called with the store locked.
  void on_batch(std::function<commit_fault(const std::vector<payment::payment_write>&)> hook);

  /// While away, every write is `failed` and every read answers `unavailable`.
  void set_away(bool away);

  /// More connections to the same state. They may outlive this object.
  std::unique_ptr<payment::payment_queries> queries() const;
  std::unique_ptr<outbox_store> outbox() const;

  /// For checks between two steps of a simulation: nobody may write meanwhile.
  const payment_state& state() const;

private:
  struct shared;
  class query_view;
  class outbox_view;

  std::shared_ptr<shared> shared_;
};

} // namespace tiketi::memory
