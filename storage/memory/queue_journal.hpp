#pragma once

#include "storage/queue_journal.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace tiketi::memory {

/// What one event's journal holds.
struct queue_rows {
  std::uint32_t threshold = 0; ///< 0: the default
  std::map<std::uint64_t, user_id> waiting;
  std::map<user_id, std::pair<time_point, time_point>> active; ///< expires, ends
  std::map<user_id, std::uint32_t> leaving;
};

/// The queue's journal in memory, for tests and simulation: what it holds outlives the actors, as
/// a database would. Thread-safe.
class queue_journal final : public queue::queue_writes {
public:
  /// What happens to the next batch. `committed` and `unknown` write it, `failed` does not;
  /// `lost` writes nothing and answers `unknown`.
  enum class fate : std::uint8_t { committed, failed, unknown, lost };

  /// Asked before each batch; empty: always `committed`. Runs on the writer's thread.
  void set_fate(std::function<fate(const std::vector<queue::queue_write>&)> f);

  /// While true every read fails.
  void set_unreadable(bool unreadable);

  std::vector<queue::queue_written> commit(std::vector<queue::queue_write>& batch) override;

  /// A copy of the committed state.
  queue_rows rows(const event_id& event) const;
  std::size_t batches() const;
  /// The committed domain events, in order.
  std::vector<domain_event> outbox() const;

  result<queue::queue_page> load(const queue::load_page& query) const;
  result<queue::busy_events> busy() const;

private:
  mutable std::mutex mutex_;
  std::map<event_id, queue_rows> events_;
  std::vector<domain_event> outbox_;
  std::function<fate(const std::vector<queue::queue_write>&)> fate_;
  std::size_t batches_ = 0;
  bool unreadable_ = false;
};

/// Reads what `journal` holds.
std::unique_ptr<queue::queue_queries>
make_queue_queries(std::shared_ptr<const queue_journal> journal);

} // namespace tiketi::memory
