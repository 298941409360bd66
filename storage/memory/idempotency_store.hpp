#pragma once

#include "storage/idempotency_store.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

namespace tiketi::memory {

/// The kept answers in memory, for tests and simulation: what it holds outlives the actors, as a
/// database would. Thread-safe.
class key_store final : public idempotency::key_writes {
public:
  /// What happens to the next batch. `committed` and `unknown` write it, `failed` does not;
  /// `lost` writes nothing and answers `unknown`.
  enum class fate : std::uint8_t { committed, failed, unknown, lost };

  /// Asked before each batch; empty: always `committed`. Runs on the writer's thread.
  void set_fate(std::function<fate(const std::vector<idempotency::key_write>&)> f);
  /// While true every read fails.
  void set_unreadable(bool unreadable);

  std::vector<idempotency::key_written> commit(std::vector<idempotency::key_write>& batch) override;

  result<idempotency::found_key> find(const idempotency::find_key& query) const;
  result<idempotency::key_counts> counts() const;
  std::size_t size() const;
  std::size_t batches() const;

private:
  bool apply(const idempotency::key_write& command, idempotency::key_written& out);

  mutable std::mutex mutex_;
  std::map<idempotency::digest, idempotency::key_record> rows_;
  std::function<fate(const std::vector<idempotency::key_write>&)> fate_;
  std::size_t batches_ = 0;
  bool unreadable_ = false;
};

/// Reads what `store` holds.
std::unique_ptr<idempotency::key_queries> make_key_queries(std::shared_ptr<const key_store> store);

} // namespace tiketi::memory
