#pragma once

#include "storage/vwr_store.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

namespace tiketi::memory {

/// The waiting rooms' rows in memory, for tests and simulation: what it holds outlives the actors,
/// as a database would. Thread-safe.
class room_store final : public vwr::room_writes {
public:
  /// What happens to the next batch. `committed` and `unknown` write it, `failed` does not;
  /// `lost` writes nothing and answers `unknown`.
  enum class fate : std::uint8_t { committed, failed, unknown, lost };

  /// Asked before each batch; empty: always `committed`. Runs on the writer's thread.
  void set_fate(std::function<fate(const std::vector<vwr::save_room>&)> f);
  /// While true every read fails.
  void set_unreadable(bool unreadable);

  std::vector<vwr::room_saved> commit(std::vector<vwr::save_room>& batch) override;

  vwr::stored_room row(const event_id& event) const;
  /// As if another owner had written it.
  void put(const event_id& event, const vwr::room_row& row);
  std::size_t batches() const;

  result<vwr::stored_room> load(const vwr::load_room& query) const;
  result<vwr::room_list> all() const;

private:
  mutable std::mutex mutex_;
  std::map<event_id, vwr::room_row> rows_;
  std::function<fate(const std::vector<vwr::save_room>&)> fate_;
  std::size_t batches_ = 0;
  bool unreadable_ = false;
};

/// Reads what `store` holds.
std::unique_ptr<vwr::room_queries> make_room_queries(std::shared_ptr<const room_store> store);

} // namespace tiketi::memory
